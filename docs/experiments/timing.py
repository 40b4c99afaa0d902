"""Times the training steps of networks that differ in depth and width: times.json."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import archdsl
from docs.experiments.plan import FOLDER, Subject, Timing

if TYPE_CHECKING:
    from benchmarks.steps import Step

FILE = FOLDER / "times.json"
SPECS = FOLDER.parents[1] / "specs"
Progress = Callable[[str], None]


class Timed(NamedTuple):
    """What a network is, and what its steps took."""

    label: str
    parameters: int
    macs: int  # multiply-accumulates of a forward, for one image
    seconds: tuple[float, ...]  # a step, in each round


class Times(NamedTuple):
    """The timed networks by the name of the timing."""

    environment: Mapping[str, str]
    rows: Mapping[str, tuple[Timed, ...]]

    def of(self, timing: Timing) -> tuple[Timed, ...]:
        """Return the rows of a timing; nothing where it was not made."""
        return self.rows.get(timing.name, ())


def measure(timing: Timing, device: str, progress: Progress) -> tuple[Timed, ...]:
    """Time forward and backward of each network, one after the other in each round.

    Seconds are CPU time of the one thread on a CPU, and what the wall says on CUDA.
    """
    import torch

    from benchmarks.steps import Setting, interleaved, timed_step

    torch.manual_seed(0)
    setting = Setting(device, timing.batch, 32, compiled=False, threads=1, repeats=1)
    images = torch.randn(timing.batch, 3, 32, 32, device=device)
    labels = torch.randint(10, (timing.batch,), device=device)
    compiled = {subject.label: _compiled(subject) for subject in timing.subjects}
    timed: dict[str, Step] = {
        label: timed_step(each.build(), images, labels, setting) for label, each in compiled.items()
    }
    samples = interleaved(timed, timing.rounds, progress)
    return tuple(
        Timed(
            label,
            each.parameters.total,
            each.macs,
            tuple(round(sample.seconds, 5) for sample in samples[label]),
        )
        for label, each in compiled.items()
    )


def _compiled(subject: Subject) -> archdsl.CompiledNetwork:
    return archdsl.compile(f"{SPECS}/{subject.spec}", **subject.arguments)


def load(file: Path = FILE) -> Times:
    """Return what the file holds; nothing where there is none."""
    if not file.exists():
        return Times({}, {})
    content = json.loads(file.read_text(encoding="utf-8"))
    rows = {
        name: tuple(Timed(**{**row, "seconds": tuple(row["seconds"])}) for row in read)
        for name, read in content["timings"].items()
    }
    return Times(content["environment"], rows)


def save(times: Times, file: Path = FILE) -> None:
    """Write a line for each network."""
    timings = ",\n".join(
        f"{json.dumps(name)}: [\n{_lines(rows)}\n]" for name, rows in times.rows.items()
    )
    environment = json.dumps(times.environment)
    text = f'{{"environment": {environment},\n"timings": {{\n{timings}\n}}}}\n'
    file.write_text(text, encoding="utf-8")


def _lines(rows: tuple[Timed, ...]) -> str:
    return ",\n".join(json.dumps(row._asdict()) for row in rows)
