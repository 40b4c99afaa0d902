"""A plot of each experiment: loss or error over the steps and over the time, growths marked."""

from pathlib import Path
from typing import Any

from docs.experiments.growth.plan import EXPERIMENTS, Experiment
from docs.experiments.growth.results import Results
from docs.experiments.growth.training import Run
from docs.experiments.plots import plt, save

COLORS = ("tab:gray", "black", "tab:blue", "tab:green", "tab:red")


def write(results: Results, folder: Path) -> None:
    """Write all figures: NAME.svg."""
    for experiment in EXPERIMENTS.values():
        save(_figure(experiment, results), folder / f"{experiment.name}.svg")


def _figure(experiment: Experiment, results: Results) -> Any:
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    shown = [arm for arm in experiment.arms if arm.label in experiment.shown]
    for arm, color in zip(shown, COLORS, strict=False):
        for number, run in enumerate(results.of(experiment, arm)):
            steps = [experiment.steps * epoch for epoch in run.epochs]
            label = "" if number else arm.label  # one line of the legend for all seeds
            for axes, x in zip(panels, (steps, run.seconds), strict=True):
                _draw(axes, x, run, color, label)
    panels[0].set(xlabel="step", ylabel="test error, %" if experiment.data else "test loss")
    panels[1].set(xlabel="CPU time of the training, s")
    if not experiment.data:
        panels[0].set_yscale("log")
    if panels[0].get_legend_handles_labels()[0]:
        panels[0].legend(frameon=False)
    return figure


def _draw(axes: Any, x: Any, run: Run, color: str, label: str) -> None:
    """Draw the line of a run, with a point on the last value before each growth."""
    y = [100 - 100 * value for value in run.test_accuracy] or list(run.test_loss)
    axes.plot(x, y, color=color, label=label, linewidth=1, alpha=0.7)
    before = [max(i for i, e in enumerate(run.epochs) if e < epoch) for epoch in run.growths]
    axes.plot([x[i] for i in before], [y[i] for i in before], "o", color=color, markersize=3)
