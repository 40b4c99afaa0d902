"""The tables of README.md: between `<!-- table NAME -->` and `<!-- end -->` stands what ran."""

import statistics
from collections.abc import Sequence

from docs.experiments.growth.plan import EXPERIMENTS, FOLDER, Arm, Experiment
from docs.experiments.growth.results import Results
from docs.experiments.growth.training import Run
from docs.experiments.page import markdown, placed, spread

PAGE = FOLDER / "README.md"
LOSSES = ["test loss", "lowest", "highest"]
ACCURACIES = ["train accuracy %", "test accuracy %", "difference"]


def updated(text: str, results: Results) -> str:
    """Return the page with the tables of these results."""
    return placed(text, {e.name: table(e, results) for e in EXPERIMENTS.values()})


def table(experiment: Experiment, results: Results) -> str:
    """Return a row for each arm: of a regression medians, else means and deviations."""
    told = ACCURACIES if experiment.data else LOSSES
    header = ["arm", "parameters", "runs", "epochs", "grown at", "train loss", *told, "CPU s"]
    rows = [_row(experiment, arm, results.of(experiment, arm)) for arm in experiment.arms]
    return markdown(header, rows)


def _row(experiment: Experiment, arm: Arm, runs: Sequence[Run]) -> list[str]:
    if not runs:
        return [arm.label, *("" for _ in range(9))]
    return [
        arm.label,
        " or ".join(f"{count:,}" for count in sorted({run.parameters for run in runs})),
        f"{len(runs)}",
        f"{runs[0].epochs[-1]}",
        _growths(arm, runs),
        *(_accuracies(runs) if experiment.data else _losses(runs)),
        f"{statistics.fmean(run.seconds[-1] for run in runs):.1f}",
    ]


def _growths(arm: Arm, runs: Sequence[Run]) -> str:
    """Return the epochs that began phases; by seed where they differ."""
    nothing = "" if arm.label.startswith("static") else "never"
    texts = [", ".join(map(str, run.growths)) or nothing for run in runs]
    return texts[0] if len({*texts}) == 1 else "; ".join(texts)


def _losses(runs: Sequence[Run]) -> list[str]:
    trained, tested = ([getattr(r, n)[-1] for r in runs] for n in ("train_loss", "test_loss"))
    found = (statistics.median(trained), statistics.median(tested), min(tested), max(tested))
    return [f"{loss:.1e}" for loss in found]


def _accuracies(runs: Sequence[Run]) -> list[str]:
    trained, tested = (
        [100 * getattr(run, name)[-1] for run in runs]
        for name in ("train_accuracy", "test_accuracy")
    )
    gaps = [train - test for train, test in zip(trained, tested, strict=True)]
    losses = spread([run.train_loss[-1] for run in runs], 3)
    return [losses, *(spread(values, 1) for values in (trained, tested, gaps))]
