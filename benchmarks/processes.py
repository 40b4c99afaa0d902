"""What a command costs: the CPU time and the peak memory of a process of its own."""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

# A new process inherits the peak of the memory that it was started from, torch and all. So a small
# one starts it: Python without `site`, which stays below what any Python with `site` takes.
LAUNCHER = """
import os, sys
command = sys.argv[1:]
process = os.posix_spawn(command[0], command, os.environ)
_, status, used = os.wait4(process, 0)
print()
print(used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


class Cost(NamedTuple):
    """What a process took."""

    cpu: float  # seconds, user and system, of all threads
    peak: int  # bytes, resident
    output: str = ""


class Command(NamedTuple):
    """A command line, its first word a path, and what to set in its environment."""

    words: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()


Progress = Callable[[str], None]


class CommandError(Exception):
    """A command that was to be measured failed; the text says how."""


def cost(command: Command) -> Cost:
    """Run a command to its end; raise CommandError with the line that says why if it fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *command.words],
        cwd=ROOT,
        env=_environment(command.variables),
        capture_output=True,
        text=True,
        check=False,
    )
    output, _, used = done.stdout.rstrip("\n").rpartition("\n")
    words = used.split()
    if done.returncode or words[2:] != ["0"]:
        said = (done.stderr.strip() or done.stdout).splitlines() or ["no output"]
        errors = [line for line in said if line.startswith("error")]
        raise CommandError(f"{' '.join(command.words)}: {(errors or said[-1:])[0]}")
    return Cost(float(words[0]), int(words[1]) * RSS_UNIT, output)


def _environment(variables: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return ours without what changes how Python starts: byte code is read and written."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "OMP_NUM_THREADS": "1", **dict(variables)}


def interleaved(
    commands: Mapping[str, Command], rounds: int, progress: Progress
) -> dict[str, list[Cost]]:
    """Run each command once a round, every second round backwards.

    A round before the first fills the disk's caches and is not kept.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        named = list(commands) if number % 2 else list(commands)[::-1]
        for name in named:
            progress(f"round {number} of {rounds}: {name}")
            found = cost(commands[name])
            if number:
                costs[name].append(found)
    return costs


def ratios(costs: Sequence[Cost], bare: Sequence[Cost]) -> Iterator[float]:
    """Yield the CPU time of each round over that of the other command in the same round."""
    for ours, theirs in zip(costs, bare, strict=True):
        yield ours.cpu / theirs.cpu


class Median(NamedTuple):
    """The middle of the rounds."""

    cpu: float
    ratio: float  # of CPU times, to bare Python
    peak: float


def median(costs: Sequence[Cost], bare: Sequence[Cost]) -> Median:
    return Median(
        statistics.median(c.cpu for c in costs),
        statistics.median(ratios(costs, bare)),
        statistics.median(c.peak for c in costs),
    )
