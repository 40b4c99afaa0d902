"""How training runs of two processes end, with the race at their end widened: a count of many runs.

    python -m tests.uses.endings                 # 200 runs of the script compiled now
    python -m tests.uses.endings --load 4        # beside four processes that only compute
    python -m tests.uses.endings --folder FOLDER # of another model.py and train.py
    python -m tests.uses.endings --plain         # at the speed that gloo's threads have

A thread of gloo that finished a reduction tells so first and drops the tensor then, for which it
needs Python. Where Python ends in between, the process aborts ("terminate called without an active
exception"). Here that thread is slow: it has the lowest priority on the core of the main thread,
which lets others use Python only after half a second.

Each run forks from this process, which has imported torch, and ends as Python ends.
"""

import argparse
import gc
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from torch import distributed as dist

from archdsl.pipeline import compile_text
from tests.uses.networks import PLAIN

SECONDS = 300  # a run that takes longer counts as one that hangs
FLAGS = ("--device", "cpu", "--synthetic", "--epochs", "1")
GLOO = "pt_gloo_runloop"  # name of the threads that reduce


def gloo_threads() -> list[int]:
    """Return the threads of gloo that this process has."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
        except FileNotFoundError:  # it ended just now
            continue
        found += [int(task.name)] * (name == GLOO)
    return found


def slow_down(core: int) -> None:
    """Let gloo's threads be late whenever something is reduced from Python."""
    reduce = dist.all_reduce

    def all_reduce(*arguments, **options):
        for thread in gloo_threads():
            os.setpriority(os.PRIO_PROCESS, thread, 19)
        return reduce(*arguments, **options)

    os.sched_setaffinity(0, {core})
    sys.setswitchinterval(0.5)
    dist.all_reduce = all_reduce


def train(folder: Path, rank: int, port: int, *, plain: bool) -> None:
    """Be one of the two processes of a run; what it says goes to a file."""
    said = os.open(folder / f"said{rank}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    sys.path.insert(0, str(folder))
    sys.argv = ["train.py", *FLAGS, "--out", str(folder / "out")]
    if not plain:
        cores = sorted(os.sched_getaffinity(0))
        slow_down(cores[rank % len(cores)])
    runpy.run_path(str(folder / "train.py"), run_name="__main__")


def ending(folder: Path, processes: list[int]) -> str:
    """Wait for a run; return how it ended."""
    deadline, codes = time.monotonic() + SECONDS, {}
    while len(codes) < len(processes) and time.monotonic() < deadline:
        for process in set(processes) - set(codes):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                codes[process] = os.waitstatus_to_exitcode(status)
        if any(codes.values()):
            break  # the other one waits for it
        time.sleep(0.01)
    for process in set(processes) - set(codes):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    if len(codes) == len(processes) and not any(codes.values()):
        return "well"
    if not any(codes.values()):
        return f"not within {SECONDS} s"
    said = [(folder / f"said{rank}").read_text().splitlines() for rank in (0, 1)]
    last = next((lines[-1] for lines in said if lines and "epoch" not in lines[-1]), "")
    return f"status {next(filter(None, codes.values()))}: {last}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_all(folder: Path, runs: int, *, plain: bool) -> Callable[[], None] | Counter[str]:
    """Return how the runs ended; in a process that was forked, what it is to do."""
    endings: Counter[str] = Counter()
    for _ in range(runs):
        shutil.rmtree(folder / "out", ignore_errors=True)  # a folder that holds a run is refused
        processes, port = [], free_port()
        for rank in (0, 1):
            process = os.fork()
            if not process:
                return partial(train, folder, rank, port, plain=plain)
            processes.append(process)
        endings[ending(folder, processes)] += 1
        print(f"\r{endings.total()}/{runs}, {endings['well']} well", end="", file=sys.stderr)
    print(file=sys.stderr)
    return endings


@contextmanager
def computing(count: int) -> Iterator[None]:
    """Have processes that only compute beside this one."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(count)]
    parent = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == parent:
            for other in others:
                other.kill()
                other.wait()


def main() -> Callable[[], None] | None:
    """Count how runs end; in a process that was forked, return what it is to do."""
    parser = argparse.ArgumentParser(description="Count how training runs of two processes end.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--load", type=int, default=0, help="processes that compute meanwhile")
    parser.add_argument("--folder", type=Path, help="of a model.py and a train.py")
    parser.add_argument("--plain", action="store_true", help="do not widen the race")
    flags = parser.parse_args()
    folder = flags.folder or Path(tempfile.mkdtemp())
    if not flags.folder:
        for name, text in compile_text(PLAIN).files("plain").items():
            (folder / name).write_text(text)
    gc.freeze()  # so that a process does not copy what it collects when it ends
    with computing(flags.load):
        found = run_all(folder, flags.runs, plain=flags.plain)
    if not isinstance(found, Counter):
        return found
    if not flags.folder:
        shutil.rmtree(folder)
    for how, count in found.most_common():
        print(f"{count:4d} of {flags.runs} ended {how}")
    if found["well"] < flags.runs:
        raise SystemExit(1)
    return None


if __name__ == "__main__":
    todo = main()
    if todo is not None:
        todo()
