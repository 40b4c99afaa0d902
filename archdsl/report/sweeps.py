"""Sweeps as tables and as JSON."""

from collections.abc import Sequence
from fractions import Fraction

from archdsl.analyses.measures import title_of
from archdsl.analyses.swept import ShownValue, Swept, SweptMember, front
from archdsl.ir.showing import show_value
from archdsl.record import Record
from archdsl.report.document import SCHEMA
from archdsl.report.literal import written
from archdsl.report.table import Cell, Column, Format, Table, show


class ShownSweep(Record):
    """Some members of a sweep in the order in which they are shown, and those of their front."""

    swept: Swept
    members: Sequence[SweptMember]
    columns: tuple[str, ...]  # the first measures of the sweep
    front: frozenset[SweptMember] | None = None  # None: it is not asked for


def shown_sweep(
    swept: Swept, members: Sequence[SweptMember], columns: tuple[str, ...], *, with_front: bool
) -> ShownSweep:
    """Return what is shown of a sweep, with the front of all its members where that is asked."""
    return ShownSweep(swept, members, columns, front(swept.members) if with_front else None)


def sweep_text(shown: ShownSweep) -> str:
    """Return the table of a sweep, and how many members it has."""
    swept = shown.swept
    others = ", ".join(f"{name} = {written(value)}" for name, value in swept.fixed)
    call = f"{swept.network}({others})" if others else swept.network
    parts = [f"{swept.total:,} members" if swept.total != 1 else "1 member"]
    if swept.refused:
        parts.append(f"{swept.refused:,} refused")
    if swept.left_out:
        parts.append(f"{swept.left_out:,} left out")
    more = len(swept.members) - len(shown.members)
    if more:
        parts.append(f"{more:,} not shown")
    return f"{call}\n\n{show(sweep_table(shown), Format.TEXT)}\n{', '.join(parts)}\n"


def sweep_table(shown: ShownSweep) -> Table:
    """Return a row for each member: its arguments, its numbers, whether it is of the front."""
    swept, columns = shown.swept, [title_of(name) for name in shown.columns]
    heads = [
        *(Column(name, is_number=_is_numeric(values)) for name, values in swept.axes),
        *(Column(title, is_number=True) for title in columns),
    ]
    rows = [
        (*map(cell_of, swept.values(member)), *member.numbers[: len(columns)])
        for member in shown.members
    ]
    if shown.front is not None:
        heads.append(Column("front"))
        marks = (member in shown.front for member in shown.members)
        rows = [(*row, "yes" if mark else "") for row, mark in zip(rows, marks, strict=True)]
    return Table(tuple(heads), tuple(rows))


def _is_numeric(values: Sequence[ShownValue]) -> bool:
    return all(isinstance(v, int | Fraction) and not isinstance(v, bool) for v in values)


def cell_of(value: ShownValue) -> Cell:
    """Return an argument as a table has it."""
    match value:
        case bool():
            return written(value)
        case Fraction():
            return show_value(value)
        case int() | str():
            return value


def sweep_document(shown: ShownSweep) -> dict[str, object]:
    """Return the object of a sweep."""
    swept = shown.swept
    return {
        "schema": SCHEMA,
        "network": swept.network,
        "arguments": dict(swept.fixed),
        "swept": {name: [plain(value) for value in values] for name, values in swept.axes},
        "members": swept.total,
        "refused": swept.refused,
        "left_out": swept.left_out,
        "rows": [
            {
                **dict(zip(swept.names, map(plain, swept.values(member)), strict=True)),
                **dict(zip(swept.measures, member.numbers, strict=True)),
                **({} if shown.front is None else {"front": member in shown.front}),
            }
            for member in shown.members
        ],
    }


def plain(value: ShownValue) -> int | float | bool | str:
    """Return an argument as JSON has it."""
    return float(value) if isinstance(value, Fraction) else value
