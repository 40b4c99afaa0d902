"""Curves of runs: test error or loss and training loss over the epochs, as SVG, PNG or PDF."""

import io
import statistics
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, assert_never, cast

from archdsl.ir.task import Task
from archdsl.record import Record
from archdsl.results.errors import RunError
from archdsl.results.log import Epoch, Log
from archdsl.results.rows import test_error, test_loss

SUFFIXES = (".svg", ".png", ".pdf")
MAX_CURVES = 20  # more, nobody tells apart

_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_COLORS = ("#000000", "#0072b2", "#d55e00", "#009e73")  # of Okabe and Ito, dark ones
_SETTINGS = {
    "svg.hashsalt": "archdsl",  # the same file for the same runs
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# What would tell when, or with which version, a file was made.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


_Number: TypeAlias = Callable[[Epoch], float | None]


class Curves(Record):
    """Runs that are one line, and its name."""

    label: str
    runs: tuple[Log, ...]
    published: float | None = None  # the paper's test error in percent


def draw(curves: tuple[Curves, ...], format: str) -> bytes:
    """Return a figure: for each of the curves the mean of its runs, and from lowest to highest.

    `format` is svg, png or pdf. Raises RunError where matplotlib is missing, and for runs of
    several tasks: an error in percent and a squared error have no axis in common.
    """
    task, *others = {run.start.task for each in curves for run in each.runs}
    if others:
        raise RunError("a plot is of one task: plot classifications and regressions apart")
    return drawn(lambda figure: _fill(figure, curves, *_tested(task)), len(curves), format)


def drawn(fill: Callable[[Any], None], num_curves: int, format: str) -> bytes:
    """Return the figure that `fill` fills; raise RunError as `draw` does."""
    if num_curves > MAX_CURVES:
        raise RunError(f"a plot has at most {MAX_CURVES} curves, not {num_curves}")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        message = "plots need matplotlib: pip install 'archdsl[plots]'"
        raise RunError(message) from None
    content = io.BytesIO()
    with cast("Any", mpl).rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a font without some letter of a name
        figure: Any = Figure(figsize=(9, 3.8), layout="constrained")
        fill(figure)
        figure.savefig(content, format=format, dpi=200, metadata=_METADATA[format])
    return content.getvalue()


def _tested(task: Task) -> tuple[str, _Number]:
    """Return what tests of a task are about: its title and its number."""
    match task:
        case Task.CLASSIFICATION:
            return "test error, %", test_error
        case Task.REGRESSION:
            return "test loss", test_loss
        case _:
            assert_never(task)


def _fill(figure: Any, curves: tuple[Curves, ...], title: str, tested: _Number) -> None:
    errors, losses = figure.subplots(1, 2)
    lines: list[Any] = []
    for number, each in enumerate(curves):
        look = look_of(number)
        lines.append(_line(errors, each, tested, look))
        _line(losses, each, _train_loss, look)
        if each.published is not None:
            _level(errors, each.published, look)
    errors.set(xlabel="epoch", ylabel=title)
    losses.set(xlabel="epoch", ylabel="training loss")
    for axes, number in ((errors, tested), (losses, _train_loss)):
        scale(axes, [value for each in curves for value in _means(each, number)])
    name_lines(figure, lines, [each.label for each in curves])


def look_of(number: int) -> dict[str, Any]:
    """Return color and style of a line by its number."""
    return {
        "color": _COLORS[number % len(_COLORS)],
        "linestyle": _STYLES[number % len(_STYLES)],
    }


def _line(axes: Any, curves: Curves, number: _Number, look: Any) -> Any:
    """Draw the mean of the runs as a line, on a band from the lowest to the highest."""
    found = _values(curves, number)
    return line_of(axes, list(found), list(found.values()), look)


def line_of(axes: Any, places: Sequence[int], values: Sequence[Sequence[float]], look: Any) -> Any:
    """Draw the mean of what there is at each place, on a band from the lowest to the highest."""
    means = [statistics.fmean(each) for each in values]
    marker = "o" if len(values) == 1 else ""
    (line,) = axes.plot(places, means, linewidth=1.3, marker=marker, markersize=4, **look)
    if any(len(each) > 1 for each in values):
        low, high = [min(each) for each in values], [max(each) for each in values]
        axes.fill_between(places, low, high, color=look["color"], alpha=0.2, linewidth=0)
    return line


def _values(curves: Curves, number: _Number) -> dict[int, list[float]]:
    """Return, by epoch, a number of the runs that have it."""
    found: dict[int, list[float]] = {}
    for run in curves.runs:
        for epoch in run.epochs:
            value = number(epoch)
            if value is not None:
                found.setdefault(epoch.epoch, []).append(value)
    return dict(sorted(found.items()))


def _means(curves: Curves, number: _Number) -> list[float]:
    return [statistics.fmean(each) for each in _values(curves, number).values()]


def _level(axes: Any, published: float, look: Any) -> None:
    axes.axhline(published, linewidth=0.6, **look)
    axes.annotate(
        f"paper {published:g}",
        (1, published),
        xycoords=axes.get_yaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        horizontalalignment="right",
        fontsize=7,
        color=look["color"],
    )


def scale(axes: Any, means: list[float]) -> None:
    """Show small differences at the end beside large ones at the start, in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    lowest = min(means, default=0)
    if lowest <= 0 or max(means) < 10 * lowest:
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.set_ylim(bottom=lowest / 2)  # a band may go down to 0
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))


def _plain(value: float, _: object) -> str:
    return f"{value:g}"


def name_lines(figure: Any, lines: Any, labels: Sequence[str]) -> None:
    """Put the names below, as they are: `$` begins no formula, and `_` hides none."""
    names = [str(number) for number in range(len(labels))]
    legend = figure.legend(
        lines, names, loc="outside lower center", frameon=False, handlelength=4, ncols=2
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)


def _train_loss(epoch: Epoch) -> float:
    return epoch.train_loss
