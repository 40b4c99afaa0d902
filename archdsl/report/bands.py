"""A table that is wider than the terminal, as several below one another."""

from collections.abc import Iterator

from archdsl.report.table import Format, Table, show

_GAP = 2  # characters between columns


def show_within(table: Table, width: int) -> str:
    """Return the table as text; where it is wider, its columns in bands that each fit.

    Each band begins with the first column. One that fits nowhere stands alone.
    """
    return "\n".join(
        show(_columns(table, (0, *band)), Format.TEXT) for band in _bands(table, width)
    )


def _bands(table: Table, width: int) -> Iterator[tuple[int, ...]]:
    first, *rest = (_width(table, index) for index in range(len(table.columns)))
    band: list[int] = []
    free = width - first
    for index, wide in enumerate(rest, start=1):
        if band and wide + _GAP > free:
            yield tuple(band)
            band, free = [], width - first
        band.append(index)
        free -= wide + _GAP
    yield tuple(band)


def _width(table: Table, index: int) -> int:
    return max(map(len, show(_columns(table, (index,)), Format.TEXT).splitlines()))


def _columns(table: Table, chosen: tuple[int, ...]) -> Table:
    footer = table.footer
    return Table(
        tuple(table.columns[index] for index in chosen),
        tuple(tuple(row[index] for index in chosen) for row in table.rows),
        footer and tuple(footer[index] for index in chosen),
    )
