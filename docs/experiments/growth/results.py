"""results.json: every run of an arm, and what it ran on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from docs.experiments.growth.plan import FOLDER, Arm, Experiment
from docs.experiments.growth.training import Run
from docs.experiments.results import here

FILE = FOLDER / "results.json"


class Results(NamedTuple):
    """The runs by arm and seed."""

    environment: Mapping[str, str]
    runs: Mapping[tuple[str, int], Run]

    def of(self, experiment: Experiment, arm: Arm) -> tuple[Run, ...]:
        """Return the runs of an arm, by seed."""
        key = experiment.key(arm)
        found = [run for (of, _), run in self.runs.items() if of == key]
        return tuple(sorted(found, key=lambda run: run.seed))

    def with_runs(self, runs: Sequence[Run]) -> "Results":
        """Return the results with runs added or replaced, as done here and now."""
        return Results(here(), {**self.runs, **{(run.arm, run.seed): run for run in runs}})


def load(file: Path = FILE) -> Results:
    """Return what the file holds; nothing where there is none."""
    if not file.exists():
        return Results({}, {})
    content = json.loads(file.read_text(encoding="utf-8"))
    runs = [_run(read) for read in content["runs"]]
    return Results(content["environment"], {(run.arm, run.seed): run for run in runs})


def _run(read: dict[str, object]) -> Run:
    lists = {name: tuple(value) for name, value in read.items() if isinstance(value, list)}
    return Run(**{"growths": (), **read, **lists})  # pyright: ignore[reportArgumentType] - as it was written


def save(results: Results, file: Path = FILE) -> None:
    """Write a line for each run, so that a change of one is a change of one line."""
    lines = [
        {name: value for name, value in results.runs[key]._asdict().items() if value != ()}
        for key in sorted(results.runs)
    ]
    runs = ",\n".join(map(json.dumps, lines))
    environment = json.dumps(results.environment)
    file.write_text(f'{{"environment": {environment},\n"runs": [\n{runs}\n]}}\n', encoding="utf-8")
