"""Tables as aligned Markdown: the terminal and the page have the same."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A table with a heading and what to know about it."""

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Unavailable(Exception):  # noqa: N818 - no error: something that this machine has not
    """A benchmark cannot run here; the text says what is missing."""


def rendered(table: Table) -> str:
    """Return the heading, the note and the rows; columns of numbers are set to the right."""
    columns = list(zip(table.header, *table.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(map(_is_numeric, column[1:])) for column in columns]
    lines = _lines(table, widths, numeric)
    return "\n".join((f"### {table.title}", "", table.note, "", *lines))


def _lines(table: Table, widths: Sequence[int], numeric: Sequence[bool]) -> Iterator[str]:
    rule = [
        "-" * (width + 1) + ":" if right else "-" * (width + 2)
        for width, right in zip(widths, numeric, strict=True)
    ]
    yield _line(table.header, widths, numeric)
    yield f"|{'|'.join(rule)}|"
    for row in table.rows:
        yield _line(row, widths, numeric)


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    set_ = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    return f"| {' | '.join(set_)} |"


def _is_numeric(cell: str) -> bool:
    return not cell or cell.strip("*+-")[:1].isdigit()


def milliseconds(seconds: float) -> str:
    """Return a time with three significant digits, above a second with all."""
    value = 1000 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def mebibytes(size: float) -> str:
    return f"{size / 2**20:,.1f}"


def times(ratio: float) -> str:
    """Return a ratio as a reader wants it: `7.4`, `212`."""
    return f"{ratio:,.1f}" if ratio < 100 else f"{ratio:,.0f}"
