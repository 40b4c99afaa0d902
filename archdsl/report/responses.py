"""What `archdsl report` says of the layers of runs: a table, and an object for each in JSON."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from archdsl.record import Record
from archdsl.report.table import Cell, Column, Table, harmless
from archdsl.results.responses import Layer, layers_of, ranked
from archdsl.results.rows import RunRow, spread_of

_DECIMALS = 4  # of a change in percent that programs read
MEANING = "standard deviation of each layer's response to a fixed batch, in the last epoch\n"


class RankedLayer(Record):
    """A layer, whose it is, and how many respond more, from 1."""

    network: str
    layer: Layer
    rank: int


_Field: TypeAlias = tuple[str, bool, Callable[[RankedLayer], Cell]]

_FIELDS: tuple[_Field, ...] = (  # title, whether it is a number
    ("network", False, lambda row: row.network),
    ("layer", False, lambda row: row.layer.name),
    ("depth", True, lambda row: row.layer.depth),
    ("std", True, lambda row: _spread(row.layer.last)),
    ("at first", True, lambda row: _spread(row.layer.first)),
    ("change %", True, lambda row: _signed(row.layer.change)),
    ("since epoch", True, lambda row: row.layer.since),
)
_PLAIN_FIELDS: tuple[_Field, ...] = (  # as programs read them
    ("network", False, lambda row: harmless(row.network)),
    ("layer", False, lambda row: harmless(row.layer.name)),
    ("depth", True, lambda row: row.layer.depth),
    ("rank", True, lambda row: row.rank),
    ("std", True, lambda row: _mean(row.layer.last)),
    ("deviation", True, lambda row: _deviation(row.layer.last)),
    ("first std", True, lambda row: _mean(row.layer.first)),
    ("change", True, lambda row: _written(_rounded_to(row.layer.change))),
    ("since epoch", True, lambda row: row.layer.since),
)


def responses_table(rows: Sequence[tuple[str, RunRow]]) -> Table:
    """Return the layers of rows, by their names, from the largest response to the smallest.

    Columns that say nothing about these are left out.
    """
    found = _ranked(rows)
    needless = {"network"} if len(rows) == 1 else set[str]()
    if all(each.layer.since == found[0].layer.since for each in found):
        needless |= {"since epoch"}
    return _table([field for field in _FIELDS if field[0] not in needless], found)


def complete_responses_table(rows: Sequence[tuple[str, RunRow]]) -> Table:
    """Return the table for programs: all columns, always, numbers as they are."""
    return _table(_PLAIN_FIELDS, _ranked(rows))


def responses_object(row: RunRow) -> list[dict[str, object]] | None:
    """Return the layers of a row in order of execution, as docs/machine-readable.md has them."""
    found = _ranked([("", row)])
    by_depth = sorted(found, key=lambda each: each.layer.depth)
    return [_layer_object(each) for each in by_depth] or None


def _layer_object(row: RankedLayer) -> dict[str, object]:
    layer = row.layer
    return {
        "layer": layer.name,
        "depth": layer.depth,
        "rank": row.rank,
        "std": _spread_object(layer.last),
        "first_std": _spread_object(layer.first),
        "since_epoch": layer.since,
        "change": _rounded_to(layer.change),
    }


def _ranked(rows: Sequence[tuple[str, RunRow]]) -> list[RankedLayer]:
    return [
        RankedLayer(name, layer, rank)
        for name, row in rows
        for rank, layer in enumerate(ranked(layers_of(row)), start=1)
    ]


def _table(fields: Sequence[_Field], rows: Sequence[RankedLayer]) -> Table:
    return Table(
        tuple(Column(title, is_number=is_number) for title, is_number, _ in fields),
        tuple(tuple(cell(row) for *_, cell in fields) for row in rows),
    )


# ---------------------------------------------------------------- cells


def _spread_object(values: tuple[float, ...]) -> dict[str, float | None] | None:
    if not values:
        return None
    spread = spread_of(values)
    return {"mean": spread.mean, "deviation": spread.deviation}


def _spread(values: tuple[float, ...]) -> Cell:
    if not values:
        return "not finite"
    spread = spread_of(values)
    mean = f"{spread.mean:.3g}"
    return mean if spread.deviation is None else f"{mean} ± {spread.deviation:.2g}"


def _mean(values: tuple[float, ...]) -> Cell:
    return repr(spread_of(values).mean) if values else None


def _deviation(values: tuple[float, ...]) -> Cell:
    return _written(spread_of(values).deviation) if values else None


def _written(value: float | None) -> Cell:
    return None if value is None else repr(value)


def _signed(value: float | None) -> Cell:
    return None if value is None else f"{value:+.1f}"


def _rounded_to(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
