"""The experiments of growth: what docs/experiments/__main__.py does when one of them is named."""

import sys
from pathlib import Path

from docs.experiments.growth import results
from docs.experiments.growth.plan import EXPERIMENTS, Experiment, runs


def train(
    names: list[str], seeds: list[int] | None, data: Path, cache: Path, flags: tuple[str, ...]
) -> results.Results:
    """Train what is missing, and return the results so far with it."""
    import torch

    from docs.experiments.growth.training import train

    torch.set_num_threads(1)
    done = []
    for experiment in (EXPERIMENTS[name] for name in names):
        if not _has(data, experiment):
            said = f"{experiment.name}: skipped, for {data} holds no {' nor '.join(experiment.data)}"
            print(f"{said}; --data says where", file=sys.stderr)
            continue
        for arm, seed in runs(experiment, seeds):
            print(f"{experiment.name}: {arm.label}, seed {seed}", file=sys.stderr, flush=True)
            done.append(train(experiment, arm, seed, cache, flags, data.resolve()))
    return results.load().with_runs(done)


def _has(data: Path, experiment: Experiment) -> bool:
    return not experiment.data or any((data / name).is_dir() for name in experiment.data)
