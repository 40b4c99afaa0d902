"""depth.svg, scalars.svg, restarts.svg, comparisons.svg, from results.json.

Every run is a point or a line.
"""

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl

from docs.experiments.page import GROUPS
from docs.experiments.plan import BITS, DEPTHS, EXPERIMENTS, KINDS, NORMS, SCHEDULES, Experiment
from docs.experiments.results import Results
from docs.experiments.training import Scalars

mpl.use("svg")
mpl.rcParams |= {
    "svg.hashsalt": "archdsl",  # the same file for the same results
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of a backend

DIRAC = "tab:blue"
LABELS = [label for label, _, _ in KINDS]
COLORS = ["tab:red", DIRAC, "tab:green"]
CHANCE = 10  # per cent
COMPARED = ("longer", "forms", "bits", "sharing")


def write(results: Results, folder: Path) -> None:
    """Write all figures."""
    save(_depth_figure(results), folder / "depth.svg")
    save(_scalars_figure(results), folder / "scalars.svg")
    save(_restarts_figure(results), folder / "restarts.svg")
    save(_comparisons_figure(results), folder / "comparisons.svg")


def save(figure: Any, path: Path) -> None:
    """Write a figure, the same file for the same figure."""
    figure.savefig(path, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    plt.close(figure)


def _depth_figure(results: Results) -> Any:
    figure, (by_depth, deepest) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for offset, (label, color) in enumerate(zip(LABELS, COLORS, strict=True)):
        networks = EXPERIMENTS["depth"].networks[offset :: len(LABELS)]
        _lines_by_depth(by_depth, networks, results, label, color)
        for run in results.of(networks[-1]):
            epochs = range(1, len(run.train_loss) + 1)
            deepest.plot(epochs, run.train_loss, color=color, label=label)
            label = ""  # noqa: PLW2901 - one line of the legend for all seeds
    by_depth.axhline(CHANCE, color="grey", linewidth=0.8, linestyle=":")
    by_depth.set(xlabel="layers", ylabel="test accuracy, %", ylim=(0, 103), xscale="log")
    by_depth.set_xticks(DEPTHS, map(str, DEPTHS))
    by_depth.minorticks_off()
    deepest.set(xlabel="epoch", ylabel=f"training loss, {DEPTHS[-1]} layers", ylim=(0, None))
    for axes in (by_depth, deepest):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    return figure


def _lines_by_depth(axes: Any, networks: Any, results: Results, label: str, color: str) -> None:
    """Draw the means as a line, the runs as points."""
    points = {
        depth: [100 * run.test_accuracy[-1] for run in results.of(network)]
        for depth, network in zip(DEPTHS, networks, strict=True)
    }
    found = {depth: values for depth, values in points.items() if values}
    axes.plot(list(found), list(map(statistics.fmean, found.values())), color=color, label=label)
    for depth, values in found.items():
        axes.plot([depth] * len(values), values, "o", color=color, markersize=4, alpha=0.6)


def _scalars_figure(results: Results) -> Any:
    """Draw a and b of each layer over the epochs, a column for a group, as the paper's Figure 4."""
    (network,) = EXPERIMENTS["scalars"].networks
    figure, grid = plt.subplots(
        2, GROUPS, figsize=(10, 5), layout="constrained", sharex=True, sharey="row"
    )
    for name, row in zip("ab", grid, strict=True):
        row[0].set_ylabel(name)
        for run in results.of(network):
            _draw_scalars(row, getattr(run, name), network.every)
    for group, (above, below) in enumerate(grid.T, start=1):
        above.set_title(f"group {group}")
        below.set_xlabel("epoch")
        above.set_ylim(0, None)
    return figure


def _draw_scalars(row: Any, values: Scalars, every: int) -> None:
    """Draw the lines of a run; the higher a layer in its group, the deeper its color."""
    epochs = [every * kept for kept in range(len(values))]
    lines = list(zip(*values, strict=True))
    size = len(lines) // GROUPS
    for layer, line in enumerate(lines):
        shade = 0.35 + 0.65 * (layer % size) / max(1, size - 1)
        row[layer // size].plot(epochs, line, color=plt.get_cmap("Blues")(shade), linewidth=1)


def _restarts_figure(results: Results) -> Any:
    """Draw the test error after each epoch, the mean of the runs, as Figure 6 of its paper."""
    networks = EXPERIMENTS["restarts"].networks
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
    ways = [(norm, schedule) for norm, _ in NORMS for schedule, _ in SCHEDULES]
    for axes, (bits, _), first in zip(panels, BITS, (0, len(ways)), strict=True):
        for (norm, schedule), network in zip(
            ways, networks[first : first + len(ways)], strict=True
        ):
            curves = [run.test_accuracy for run in results.of(network)]
            errors = [100 - 100 * statistics.fmean(epoch) for epoch in zip(*curves, strict=True)]
            axes.plot(
                range(1, len(errors) + 1),
                errors,
                color=COLORS[norm == "constant"],
                linestyle="-" if schedule == "restarts" else ":",
                label=f"{norm}, {schedule}",
            )
        axes.set(xlabel="epoch", title=bits)
        axes.legend(frameon=False)
    panels[0].set_ylabel("test error, %")
    return figure


def _comparisons_figure(results: Results) -> Any:
    chosen = [EXPERIMENTS[name] for name in COMPARED]
    heights = [len(experiment.networks) for experiment in chosen]
    figure, rows = plt.subplots(
        len(chosen), 1, figsize=(8, 0.36 * sum(heights) + 1.5), layout="constrained",
        gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    for axes, experiment in zip(rows, chosen, strict=True):
        _strip(axes, experiment, results)
    rows[-1].set_xlabel("test accuracy, %: each run, and the mean")
    return figure


def _strip(axes: Any, experiment: Experiment, results: Results) -> None:
    """Draw a line of points for each network, the first one on top."""
    for height, network in enumerate(experiment.networks):
        values = [100 * run.test_accuracy[-1] for run in results.of(network)]
        axes.plot(values, [height] * len(values), "o", color=DIRAC, markersize=4, alpha=0.5)
        if values:
            axes.plot(statistics.fmean(values), height, "|", color="black", markersize=14)
    axes.set_yticks(
        range(len(experiment.networks)), [network.label for network in experiment.networks]
    )
    axes.set_ylim(len(experiment.networks) - 0.5, -0.5)
    axes.grid(axis="x", linewidth=0.4)
