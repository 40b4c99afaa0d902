"""The plot that `archdsl inspect --plot` writes: a and b over depth, a histogram for each layer.

Matplotlib is imported by what needs it only. The same numbers give the same bytes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import astuple

from archdsl.analyses.weights import BINS, Measured
from archdsl.ir.layers import entry_name
from archdsl.record import Record
from archdsl.source import shown

MAX_PANELS = 200  # more take long to draw, and nobody looks at them
COLUMNS = 6
WIDTH, HEIGHT = 2.0, 1.4  # inches of a panel, with the space around it
SCALARS_HEIGHT = 2.4
LEFT, BOTTOM, RIGHT, TOP = 0.5, 0.45, 0.1, 0.25  # inches around a and b
_SETTINGS = {
    "svg.hashsalt": "archdsl",  # the same file for the same numbers
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 7,
    "axes.labelsize": 8,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 7,
    "legend.frameon": False,
}


def panels(rows: Iterable[Measured]) -> dict[str, list[Measured]]:
    """Return what has a histogram, by the name of its tensor.

    That is weights of convolutions and linear layers, and where there are none all other tensors.
    """
    drawn = [row for row in rows if row.statistics.histogram]
    weights = [row for row in drawn if row.statistics.filters is not None]
    found: dict[str, list[Measured]] = {}
    for row in weights or drawn:
        found.setdefault(entry_name(row.layer.name, row.tensor), []).append(row)
    return found


def can_plot(rows: Iterable[Measured]) -> bool:
    """Whether some row is drawn: it has a histogram, or is the finite a of a Dirac layer."""
    return any(
        row.statistics.histogram or (row.tensor.name == "a" and row.statistics.moments)
        for row in rows
    )


def plot(rows: Sequence[Measured]) -> bytes:
    """Return the plot of rows as SVG: `can_plot` them, and they have MAX_PANELS at most."""
    import warnings

    import matplotlib as mpl

    settings: Any = mpl  # its types are known in part
    with settings.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters in a path that the font has not
        settings.rcdefaults()  # whatever the user has set: the same file everywhere
        settings.rcParams.update(_SETTINGS)
        return _svg(rows, panels(rows), [name for name in "ab" if _scalars(rows, name)])


def _svg(
    rows: Sequence[Measured], histograms: dict[str, list[Measured]], scalars: Sequence[str]
) -> bytes:
    import io

    from matplotlib.figure import Figure

    lines = -(-len(histograms) // COLUMNS)
    heights = [SCALARS_HEIGHT] * bool(scalars) + [HEIGHT * lines] * bool(lines)
    size = (WIDTH * COLUMNS, sum(heights))
    figure: Any = Figure(figsize=size)  # matplotlib's own layout would draw all of it twice
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights).flat
    if scalars:
        _draw_scalars(next(parts), rows, scalars)
    if lines:
        _draw_histograms(next(parts), histograms, lines)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


# ---------------------------------------------------------------- a and b


class _Point(Record):
    """An a or b of a layer: its least, mean and largest, where it has one for each filter."""

    depth: int  # of the Dirac layers that have an a, from 1
    least: float
    mean: float
    largest: float


def _scalars(rows: Sequence[Measured], name: str) -> dict[str, list[_Point]]:
    """Return the a (or b) of each Dirac layer in order, by checkpoint."""
    layers = dict.fromkeys(row.layer.name for row in rows if row.tensor.name == "a")
    depths = {layer: depth for depth, layer in enumerate(layers, start=1)}
    found: dict[str, list[_Point]] = {}
    for row in rows:
        m = row.statistics.moments
        if row.tensor.name == name and m is not None:
            point = _Point(depths[row.layer.name], m.least, m.mean, m.largest)
            found.setdefault(row.checkpoint, []).append(point)
    return found


def _draw_scalars(figure: Any, rows: Sequence[Measured], names: Sequence[str]) -> None:
    width = WIDTH * COLUMNS
    place = {
        "left": LEFT / width,
        "right": 1 - RIGHT / width,
        "bottom": BOTTOM / SCALARS_HEIGHT,
        "top": 1 - TOP / SCALARS_HEIGHT,
    }
    grid = figure.subplots(1, len(names), squeeze=False, gridspec_kw=place).flat
    for axes, name in zip(grid, names, strict=True):
        scalars = _scalars(rows, name)
        for checkpoint, points in scalars.items():
            depth, least, mean, largest = zip(*map(astuple, points), strict=True)
            axes.plot(depth, mean, marker=".", linewidth=1, label=_plain(checkpoint))
            if least != largest:
                axes.fill_between(depth, least, largest, alpha=0.2)
        axes.set(xlabel="Dirac layer", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(scalars) > 1:
            axes.legend()


# ---------------------------------------------------------------- histograms


def _draw_histograms(figure: Any, histograms: dict[str, list[Measured]], lines: int) -> None:
    height = HEIGHT * lines
    place = {
        "left": RIGHT / (WIDTH * COLUMNS),
        "right": 1 - RIGHT / (WIDTH * COLUMNS),
        "bottom": TOP / height,
        "top": 1 - TOP / height,
        "hspace": 0.6,  # of the height of a panel: its title and the numbers below the one above
        "wspace": 0.15,
    }
    grid = figure.subplots(lines, COLUMNS, squeeze=False, gridspec_kw=place).flat
    for axes, (name, rows) in zip(grid, histograms.items(), strict=False):
        for row in rows:
            _draw_histogram(axes, row)
        axes.set_title(_plain(name))
        axes.set_yticks([])
        axes.locator_params(nbins=4)
    for axes in list(figure.axes)[len(histograms) :]:
        axes.set_axis_off()


def _draw_histogram(axes: Any, row: Measured) -> None:
    found = row.statistics
    assert found.moments is not None, "what has a histogram has a range"
    least, largest = found.moments.least, found.moments.largest
    width = (largest - least) / BINS
    edges = [least + i * width for i in range(BINS + 1)]
    density = [count / (found.finite * width) for count in found.histogram]
    axes.stairs(density, edges, linewidth=0.8)


def _plain(text: str) -> str:
    """Return a text that matplotlib takes for no mathematics."""
    return shown(text).replace("$", r"\$")
