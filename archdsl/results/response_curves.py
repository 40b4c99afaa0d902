"""Curves of the responses of layers: by depth, and from the largest to the smallest."""

from typing import Any

from archdsl.record import Record
from archdsl.results.curves import drawn, line_of, look_of, name_lines, scale
from archdsl.results.responses import Layer, ranked


class ResponseCurve(Record):
    """The layers of a row, in the order of execution, and its name."""

    label: str
    layers: tuple[Layer, ...]


def draw_responses(curves: tuple[ResponseCurve, ...], format: str) -> bytes:
    """Return a figure of two panels, as figure 7 of He et al. 2015 (arXiv:1512.03385).

    In both a line is the last epoch; by depth, a thinner one is the first. `format` is svg, png or
    pdf. Raises RunError where matplotlib is missing.
    """
    return drawn(lambda figure: _fill(figure, curves), len(curves), format)


def _fill(figure: Any, curves: tuple[ResponseCurve, ...]) -> None:
    by_depth, by_size = figure.subplots(1, 2)
    lines: list[Any] = []
    for number, each in enumerate(curves):
        look = look_of(number)
        found = [layer for layer in each.layers if layer.last]
        depths, last = [layer.depth for layer in found], [layer.last for layer in found]
        lines.append(line_of(by_depth, depths, last, look))
        _draw_first(by_depth, each.layers, look["color"])
        ordered = [layer.last for layer in ranked(tuple(found))]
        line_of(by_size, range(1, len(ordered) + 1), ordered, look)
    sizes = [layer.size for each in curves for layer in each.layers if layer.size is not None]
    for axes, label in ((by_depth, "layer, by depth"), (by_size, "layer, by rank")):
        axes.set(xlabel=label, ylabel="standard deviation of the response")
        scale(axes, sizes)
    name_lines(figure, lines, [each.label for each in curves])


def _draw_first(axes: Any, layers: tuple[Layer, ...], color: str) -> None:
    """Draw the first epoch of each layer, where it differs from the last."""
    found = [layer for layer in layers if layer.first and layer.change != 0]
    means = [sum(layer.first) / len(layer.first) for layer in found]
    axes.plot([layer.depth for layer in found], means, color=color, linewidth=0.5, alpha=0.6)
