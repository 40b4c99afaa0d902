"""What docs/experiments/__main__.py does for the experiments of growth: train, write, compare."""

import sys
from collections.abc import Sequence
from pathlib import Path

from docs.experiments.growth import page, results
from docs.experiments.growth.page import PAGE
from docs.experiments.growth.plan import Experiment, runs

BRIEF = ("--epochs", "1", "--limit", "256")


def run(
    chosen: Sequence[Experiment],
    seeds: Sequence[int] | None,
    data: Path,
    cache: Path,
    flags: tuple[str, ...],
) -> None:
    """Train what is missing, and keep it."""
    results.save(train(chosen, seeds, data, cache, flags, results.load()))


def tried(chosen: Sequence[Experiment], data: Path, cache: Path, flags: tuple[str, ...]) -> str:
    """Return the tables of one epoch of each arm, on a few of the images."""
    nothing = results.Results({}, {})
    found = train(chosen, [0], data, cache, (*flags, *BRIEF), nothing)
    return "\n\n".join(page.table(experiment, found) for experiment in chosen)


def train(
    chosen: Sequence[Experiment],
    seeds: Sequence[int] | None,
    data: Path,
    cache: Path,
    flags: tuple[str, ...],
    before: results.Results,
) -> results.Results:
    """Return earlier results with those of the chosen experiments whose data are there."""
    import torch

    from docs.experiments.growth.training import train as train_arm

    torch.set_num_threads(1)
    for experiment in chosen:
        if not _has(data, experiment):
            lacking = " nor ".join(experiment.data)
            said = f"{experiment.name}: skipped, for {data} holds no {lacking}; --data says where"
            print(said, file=sys.stderr)
            continue
        for arm, seed in runs(experiment, seeds):
            print(f"{experiment.name}: {arm.label}, seed {seed}", file=sys.stderr, flush=True)
            done = train_arm(experiment, arm, seed, cache, flags, data.resolve())
            before = before.with_runs([done])
    return before


def _has(data: Path, experiment: Experiment) -> bool:
    return not experiment.data or any((data / name).is_dir() for name in experiment.data)


def write() -> None:
    """Write the page of all results that there are."""
    PAGE.write_text(current(), "utf-8")


def plot() -> None:
    """Write the plots; raise ImportError where matplotlib is missing."""
    from docs.experiments.growth import plots

    plots.write(results.load(), page.FOLDER)


def is_current() -> bool:
    """Say whether the page has the tables of the results."""
    return current() == PAGE.read_text(encoding="utf-8")


def current() -> str:
    """Return the page as the results have it."""
    return page.updated(PAGE.read_text(encoding="utf-8"), results.load())
