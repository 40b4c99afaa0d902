"""What it costs to count a network: archdsl beside torchinfo, fvcore and PyTorch alone."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.installation import NOT_IMPORTED, Installation, Warm, install
from benchmarks.networks import SUBJECTS, Count, Subject
from benchmarks.processes import Command, Cost, Median, Progress, cost, interleaved, median
from benchmarks.table import Table, mebibytes, milliseconds, times

ROUNDS = 5  # of the other tools, which take seconds; archdsl gets as many times four
PEERS = ("torchinfo", "fvcore")
WARM_REPEATS = 5  # of the other tools
BARE = "python -c pass"
TORCH = 'python -c "import torch"'
REQUIRED = 12  # times the CPU time of bare Python

Costs = dict[str, list[Cost]]


class Measured(NamedTuple):
    """A tool on a network."""

    subject: Subject
    tool: str
    cold: Median
    warm: float  # seconds
    count: Count


class Here(NamedTuple):
    """What there is to measure on this machine."""

    installation: Installation
    peers: tuple[str, ...]
    torch: bool


def tables(
    progress: Progress,
    rounds: int = ROUNDS,
    subjects: Sequence[Subject] = SUBJECTS,
    *,
    in_place: bool = False,
) -> list[Table]:
    """Measure all tools on all networks, from a cold start and warm."""
    has_torch = find_spec("torch") is not None
    peers = tuple(tool for tool in PEERS if has_torch and find_spec(tool))
    with tempfile.TemporaryDirectory() as folder:
        progress("installing archdsl")
        here = Here(install(Path(folder), in_place=in_place), peers, has_torch)
        fast = interleaved(dict(_ours(here, subjects)), 4 * rounds, progress)
        slow = interleaved(dict(_theirs(here, subjects)), rounds, progress)
        warm = _warm_archdsl(here, subjects, progress)
        ours = [_archdsl(here, fast, subject, warm[subject.name]) for subject in subjects]
        theirs = [
            _peer(slow, subject, tool, progress) for subject in subjects for tool in here.peers
        ]
        truths = {s.name: _truth(s, progress) for s in subjects} if has_torch else {}
    measured = sorted((*ours, *theirs), key=lambda one: subjects.index(one.subject))
    note = " ".join(_note(here, rounds, warm))
    starts = [("", f"`{BARE}`", median(fast[BARE], fast[BARE]))]
    starts += [("", f"`{TORCH}`", median(slow[TORCH], slow[BARE]))] if has_torch else []
    return [_cold(note, starts, measured), _counted(measured, truths)]


def _ours(here: Here, subjects: Sequence[Subject]) -> Iterator[tuple[str, Command]]:
    yield BARE, here.installation.bare()
    for subject in subjects:
        yield _named("archdsl", subject), here.installation.command("params", *subject.spec)


def _theirs(here: Here, subjects: Sequence[Subject]) -> Iterator[tuple[str, Command]]:
    yield BARE, here.installation.bare()
    if here.torch:
        yield TORCH, Command((sys.executable, "-c", "import torch"))
    for subject in subjects:
        for tool in here.peers:
            yield _named(tool, subject), _command(tool, subject)


def _named(tool: str, subject: Subject) -> str:
    return f"{tool} on {subject.name}"


def _command(tool: str, subject: Subject, *repeats: str) -> Command:
    return Command((sys.executable, "-m", "benchmarks.peers", tool, subject.name, *repeats))


def _warm_archdsl(here: Here, subjects: Sequence[Subject], progress: Progress) -> dict[str, Warm]:
    found: dict[str, Warm] = {}
    for subject in subjects:
        progress(f"warm: {_named('archdsl', subject)}")
        found[subject.name] = here.installation.warm("params", *subject.spec)
    return found


def _archdsl(here: Here, costs: Costs, subject: Subject, warm: Warm) -> Measured:
    command = here.installation.command("params", *subject.spec, "--format", "json")
    report = json.loads(cost(command).output)
    count = Count(report["parameters"]["total"], report["macs"])
    cold = median(costs[_named("archdsl", subject)], costs[BARE])
    return Measured(subject, "archdsl", cold, warm.cpu, count)


def _peer(costs: Costs, subject: Subject, tool: str, progress: Progress) -> Measured:
    progress(f"warm: {_named(tool, subject)}")
    answer = _answer(_command(tool, subject, str(WARM_REPEATS)))
    count = Count(answer["parameters"], answer["macs"])
    cold = median(costs[_named(tool, subject)], costs[BARE])
    return Measured(subject, tool, cold, answer["cpu"], count)


def _truth(subject: Subject, progress: Progress) -> Count:
    """Return what is true of the module that archdsl generated."""
    progress(f"what is true of {subject.name}")
    answer = _answer(_command("torch", subject))
    return Count(answer["parameters"], answer["macs"])


def _answer(command: Command) -> dict[str, Any]:
    return json.loads(cost(command).output.splitlines()[-1])


# ---------------------------------------------------------------- tables


def _note(here: Here, rounds: int, warm: dict[str, Warm]) -> Iterator[str]:
    yield (
        f"`archdsl params` from {here.installation.described}; the others count the module that "
        "archdsl generated, with a documented call each, and one thread. Cold: a process from its "
        "start to its end, CPU time and peak memory by `wait4`, medians of interleaved rounds, "
        f"{4 * rounds} for archdsl and {rounds} for the others. x bare: over `{BARE}` in the same "
        f"round; at most {REQUIRED} required of archdsl. Warm: again in a process that has done "
        "it before."
    )
    imported = sorted({name for found in warm.values() for name in found.imported})
    if imported:
        yield f"**archdsl imported {', '.join(imported)}.**"
    else:
        yield f"archdsl imported none of {', '.join(NOT_IMPORTED)}."
    if here.peers:
        yield f"Versions: {', '.join(f'{tool} {version(tool)}' for tool in here.peers)}."
    missing = [tool for tool in PEERS if tool not in here.peers]
    if missing:
        yield f"Not installed here, so not measured: {', '.join(missing)}."


def _cold(
    note: str, starts: Sequence[tuple[str, str, Median]], measured: Sequence[Measured]
) -> Table:
    header = ("network", "tool", "cold, ms CPU", "x bare", "peak MiB", "warm, ms CPU")
    first = [(*names, *_cost_cells(start), "") for *names, start in starts]
    rows = [
        (one.subject.name, one.tool, *_cost_cells(one.cold), milliseconds(one.warm))
        for one in measured
    ]
    return Table("Counting: cost", note, header, (*first, *rows))


def _cost_cells(found: Median) -> tuple[str, str, str]:
    return milliseconds(found.cpu), times(found.ratio), mebibytes(found.peak)


def _counted(measured: Sequence[Measured], truths: dict[str, Count]) -> Table:
    note = (
        "True is what PyTorch says of the module: the elements of `module.parameters()`, and half "
        "of what `FlopCounterMode` counts. torchinfo counts too much where blocks share a layer, "
        "and it has biases and the parameters of normalization among its multiply-adds; fvcore has "
        "normalization and pooling among its flops."
    )
    if not truths:
        note = "PyTorch is not installed here: nothing to hold the counts against."
    header = ("network", "tool", "parameters", "true", "off by", "MACs", "true", "off by")
    rows = [
        (
            one.subject.name,
            one.tool,
            *_off(one.count.parameters, truth.parameters if truth else None),
            *_off(one.count.macs, truth.macs if truth else None),
        )
        for one in measured
        for truth in (truths.get(one.subject.name),)
    ]
    return Table("Counting: what comes out", note, header, tuple(rows))


def _off(count: int, truth: int | None) -> tuple[str, str, str]:
    if truth is None:
        return f"{count:,}", "", ""
    return f"{count:,}", f"{truth:,}", "0" if count == truth else f"**{count - truth:+,}**"
