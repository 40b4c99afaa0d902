"""The picture of a sweep: one argument as the axis, others as lines, the Pareto front marked."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from archdsl.analyses.measures import title_of
from archdsl.analyses.swept import ShownValue, Swept, SweptMember
from archdsl.ir.showing import show_value
from archdsl.report.literal import written
from archdsl.report.sweeps import ShownSweep
from archdsl.results.curves import drawn, look_of, name_lines

_RING = {"linestyle": "none", "marker": "o", "markersize": 8, "fillstyle": "none", "zorder": 3}


def plot(shown: ShownSweep, format: str) -> bytes:
    """Return a figure of the first column over an argument and, if there is one, over the second.

    `format` is svg, png or pdf. Raises RunError where matplotlib is missing, and for more lines
    than anybody tells apart.
    """
    axis = axis_of(shown.swept)
    lines = lines_of(shown, axis)
    return drawn(lambda figure: _fill(figure, shown, axis, lines), len(lines), format)


def axis_of(swept: Swept) -> int:
    """Return the place of the argument that is the axis: that with the most numbers."""

    def numbers(place: int) -> int:
        values = swept.axes[place][1]
        return len(values) if all(map(_is_number, values)) else 0

    return max(range(len(swept.axes)), key=numbers)


def lines_of(shown: ShownSweep, axis: int) -> Mapping[str, list[SweptMember]]:
    """Return the members by line: those that differ in the axis alone, in its order."""
    lines: dict[tuple[int, ...], list[SweptMember]] = {}
    for member in sorted(shown.members, key=lambda each: each.place):
        others = (*member.place[:axis], *member.place[axis + 1 :])
        lines.setdefault(others, []).append(member)
    return {_label(shown.swept, members[0], axis): members for members in lines.values()}


def _label(swept: Swept, member: SweptMember, axis: int) -> str:
    pairs = zip(swept.names, swept.values(member), strict=True)
    said = [f"{n} = {_said(v)}" for place, (n, v) in enumerate(pairs) if place != axis]
    return ", ".join(said) or swept.network


def _said(value: ShownValue) -> str:
    if isinstance(value, bool | str):
        return written(value)
    return show_value(value)


def _is_number(value: ShownValue) -> bool:
    return isinstance(value, int | Fraction) and not isinstance(value, bool)


def _fill(
    figure: Any, shown: ShownSweep, axis: int, lines: Mapping[str, Sequence[SweptMember]]
) -> None:
    name, values = shown.swept.axes[axis]
    titles = [title_of(column) for column in shown.columns]
    panels: Any = figure.subplots(1, min(2, len(titles)), squeeze=False)[0]
    handles: list[Any] = []
    for number, members in enumerate(lines.values()):
        places = [values[member.place[axis]] for member in members]
        across = [float(v) if _is_number(v) else _said(v) for v in places]  # pyright: ignore[reportArgumentType]
        look = look_of(number)
        handles += _line(panels[0], across, members, look)
        if len(panels) > 1:
            _line(panels[1], [member.numbers[1] for member in members], members, look)
    panels[0].set(xlabel=name, ylabel=titles[0])
    _plain(panels[0].yaxis)
    if len(panels) > 1:
        panels[1].set(xlabel=titles[1], ylabel=titles[0])
        _plain(panels[1].xaxis)
        _plain(panels[1].yaxis)
        handles += _front(panels[1], shown)
    labels = [*lines, *(["Pareto front"] if len(handles) > len(lines) else [])]
    name_lines(figure, handles, labels)


def _line(axes: Any, across: Sequence[Any], members: Sequence[SweptMember], look: Any) -> Any:
    heights = [member.numbers[0] for member in members]
    return axes.plot(across, heights, linewidth=1.2, marker="o", markersize=3, **look)


def _front(axes: Any, shown: ShownSweep) -> Any:
    """Ring the members of the front."""
    found = sorted(shown.front or (), key=lambda member: member.numbers[1])
    across = [member.numbers[1] for member in found]
    return axes.plot(across, [member.numbers[0] for member in found], color="#d55e00", **_RING)


def _plain(axis: Any) -> None:
    """Write large numbers as people do: 20M, 1.5G."""
    from matplotlib.ticker import EngFormatter

    axis.set_major_formatter(EngFormatter(sep=""))
