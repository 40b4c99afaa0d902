"""The table and the JSON object that `archdsl inspect` prints: a row for each tensor."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from archdsl.analyses.weights import BINS, Measured, Moments, Norms, notes
from archdsl.ir.network import Network
from archdsl.report.document import SCHEMA
from archdsl.report.table import Cell, Column, Format, Table
from archdsl.source import shown

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:-=+*#@"
BARS = 16  # of a histogram in a line

_Number: TypeAlias = Callable[[float], str]


def weights_table(
    rows: Iterable[Measured], format: Format, *, complete: bool = False, marks: str = BLOCKS
) -> Table:
    """Return the table of some tensors; `marks` draw the histograms, the lowest bar first.

    Unless it is to be complete, columns that say nothing about these rows are left out, and
    numbers are rounded to three digits. LaTeX and CSV have no histograms.
    """
    rows = tuple(rows)
    number = repr if complete else _rounded
    share = repr if complete else _percent
    words = {
        "checkpoint": [shown(row.checkpoint) for row in rows],
        "layer": [row.layer.name for row in rows],
        "kind": [row.layer.kind for row in rows],
        "tensor": [row.tensor.name for row in rows],
        "shape": [row.tensor.shape for row in rows],
    }
    numbers: dict[str, list[Cell]] = {"uses": [row.layer.uses for row in rows]}
    numbers |= {title: [_moment(row, title, number) for row in rows] for title in _MOMENTS}
    for title, norm in _NORMS.items():
        numbers[title] = [_norm(row.statistics.filters, norm, number) for row in rows]
    for sign in ("negative", "zero", "positive"):
        numbers[sign] = [_share(row, sign, share) for row in rows]
    drawn = {
        "histogram": [line(row.statistics.histogram, marks) for row in rows],
        "notes": [", ".join(notes(row)) for row in rows],
    }
    if complete or format is Format.LATEX:
        del drawn["histogram"]
    columns = {**words, **numbers, **drawn}
    kept = [title for title in columns if complete or _says_something(title, columns[title])]
    return Table(
        tuple(Column(title, is_number=title in numbers) for title in kept),
        tuple(zip(*(columns[title] for title in kept), strict=True)),
    )


def line(counts: Sequence[int], marks: str) -> str:
    """Return a histogram as BARS characters, the highest bar the last of the marks.

    A bar that is not empty is never drawn as one that is.
    """
    if not counts:
        return ""
    width = BINS // BARS
    bars = [sum(counts[at : at + width]) for at in range(0, BINS, width)]
    top = len(marks) - 1
    return "".join(marks[-(-bar * top // max(bars))] for bar in bars)


def said(rows: Iterable[Measured]) -> str:
    """Return what there is to say about some tensors of one checkpoint, one sentence."""
    rows = tuple(rows)
    layers = len({row.layer.name for row in rows})
    elements = sum(row.tensor.numel for row in rows)
    broken = sum(row.statistics.finite < row.tensor.numel for row in rows)
    numbers = f"{broken:,} of them not of finite numbers alone" if broken else "all numbers finite"
    return (
        f"{layers:,} layer{'' if layers == 1 else 's'}, "
        f"{len(rows):,} tensor{'' if len(rows) == 1 else 's'} of {elements:,} elements, {numbers}\n"
    )


def weights_document(network: Network, rows: Iterable[Measured]) -> dict[str, object]:
    """Return the JSON object: keys as in docs/machine-readable.md, which null where none is."""
    rows = tuple(rows)
    return {
        "schema": SCHEMA,
        "network": network.name,
        "arguments": dict(network.arguments),
        "checkpoints": list(dict.fromkeys(row.checkpoint for row in rows)),
        "tensors": [_row(row) for row in rows],
    }


def _row(row: Measured) -> dict[str, object]:
    found, moments, norms = row.statistics, row.statistics.moments, row.statistics.filters
    return {
        "checkpoint": row.checkpoint,
        "layer": row.layer.name,
        "kind": row.layer.kind,
        "tensor": row.tensor.name,
        "shape": row.tensor.shape,
        "uses": row.layer.uses,
        **{name: None if moments is None else getattr(moments, name) for name in _MOMENTS},
        "filter_norms": norms,
        "negative": found.negative,
        "zero": found.zero,
        "positive": found.positive,
        "nan": found.nan,
        "infinite": found.infinite,
        "histogram": found.histogram or None,
        "notes": notes(row),
    }


_MOMENTS = Moments.__struct_fields__
_NORMS: dict[str, Callable[[Norms], float]] = {
    "least filter": lambda norms: norms.least,
    "largest filter": lambda norms: norms.largest,
}


def _moment(row: Measured, name: str, number: _Number) -> str:
    moments = row.statistics.moments
    return "" if moments is None else number(getattr(moments, name))


def _norm(norms: Norms | None, norm: Callable[[Norms], float], number: _Number) -> str:
    return "" if norms is None else number(norm(norms))


def _share(row: Measured, sign: str, share: _Number) -> str:
    finite = row.statistics.finite
    return share(getattr(row.statistics, sign) / finite) if finite else ""


def _rounded(number: float) -> str:
    return f"{number:.3g}"


def _percent(share: float) -> str:
    """Return a share in per cent; one that is rounded to 0 or 100 is not said to be that."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"


def _says_something(title: str, cells: Sequence[Cell]) -> bool:
    match title:
        case "checkpoint":
            return len(set(cells)) > 1
        case "uses":
            return any(cell != 1 for cell in cells)
        case _:
            return any(cells)
