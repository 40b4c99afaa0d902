"""results.json: every run, and what it ran on."""

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from docs.experiments.plan import FOLDER, Network
from docs.experiments.training import Run, scalars_from

FILE = FOLDER / "results.json"


class Results(NamedTuple):
    """The runs by network and seed."""

    environment: Mapping[str, str]
    runs: Mapping[tuple[str, int], Run]

    def of(self, network: Network) -> tuple[Run, ...]:
        """Return the runs of a network, by seed."""
        found = [run for (key, _), run in self.runs.items() if key == network.key]
        return tuple(sorted(found, key=lambda run: run.seed))

    def with_runs(self, runs: Sequence[Run]) -> "Results":
        """Return the results with runs added or replaced, as done here and now."""
        return Results(here(), {**self.runs, **{(run.network, run.seed): run for run in runs}})


def load(file: Path = FILE) -> Results:
    """Return what the file holds; nothing where there is none."""
    if not file.exists():
        return Results({}, {})
    content = json.loads(file.read_text(encoding="utf-8"))
    runs = [_run(run) for run in content["runs"]]
    return Results(content["environment"], {(run.network, run.seed): run for run in runs})


def _run(read: dict[str, Any]) -> Run:
    curves = {name: tuple(read[name]) for name in ("train_loss", "test_accuracy")}
    return Run(**{**read, **curves, **scalars_from(read)})


def save(results: Results, file: Path = FILE) -> None:
    """Write a line for each run, so that a change of one is a change of one line."""
    lines = [results.runs[key]._asdict() for key in sorted(results.runs)]
    for line in lines:
        for name in "ab":
            if not line[name]:
                del line[name]  # most runs keep none
    runs = ",\n".join(map(json.dumps, lines))
    environment = json.dumps(results.environment)
    text = f'{{"environment": {environment},\n"runs": [\n{runs}\n]}}\n'
    file.write_text(text, encoding="utf-8")


def here() -> dict[str, str]:
    """Return what the results of this process are made with."""
    import torch

    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": platform.machine(),
        "threads": str(torch.get_num_threads()),
    }
