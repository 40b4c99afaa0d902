"""How the difference of two networks is said: a table and sentences, or a JSON object."""

from collections.abc import Callable, Iterable, Iterator

from archdsl.analyses.counts import Row, Sums
from archdsl.analyses.differences import Change, NetworkDifference, RowDifference
from archdsl.analyses.renaming import Fit
from archdsl.report.table import Cell, Column, Table

SHOWN = 20  # lines of each kind
_SIGNS = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~", Change.SAME: " "}


def differences_table(
    found: NetworkDifference, title: str, old: Sums, new: Sums, *, signs: bool = False
) -> Table:
    """Return the rows that differ, and the sums of both networks; a change as a word or a sign."""
    columns = [Column("" if signs else "change"), Column(title), Column("output"), Column("blocks")]
    numbers = ("parameters", "more", "MACs", "more")
    columns += [Column(name, is_number=True) for name in numbers]
    rows = tuple(_row(row, signs=signs) for row in found.rows if row.change is not Change.SAME)
    total: tuple[Cell, ...] = (
        *("", "total", "", ""),
        *(new.total, _signed(new.total - old.total), new.macs, _signed(new.macs - old.macs)),
    )
    return Table(tuple(columns), rows, total)


def _row(row: RowDifference, *, signs: bool) -> tuple[Cell, ...]:
    there = row.new or row.old
    assert there is not None, "it is in one of the two"
    new = Sums() if row.new is None else row.new.sums
    return (
        _SIGNS[row.change] if signs else str(row.change),
        row.name,
        _both(row, lambda each: "" if each.output is None else str(list(each.output))),
        _both(row, lambda each: f"{each.blocks:,}" if each.blocks else ""),
        new.total,
        _signed(row.parameters),
        new.macs,
        _signed(row.macs),
    )


def _both(row: RowDifference, of: Callable[[Row], str]) -> str:
    found = [of(each) for each in (row.old, row.new) if each is not None]
    return " -> ".join(dict.fromkeys(found))


def _signed(number: int) -> str:
    return f"{number:+,}" if number else ""


def weights_text(found: Fit) -> str:
    """Return which weights of a checkpoint of the old network the new one takes."""
    return "".join(f"{line}\n" for line in _weights(found))


def _weights(found: Fit) -> Iterator[str]:
    yield f"{found.fitting:,} of {_number(found):,} entries of a checkpoint fit as they are"
    if found.renamed:
        pairs = (f"{old} -> {new}" for old, new in found.renamed.items())
        yield from _listed("more by shape, under another name", pairs, len(found.renamed))
    shapes = (
        f"{new.name}  {list(old.shape or ())} -> {list(new.shape or ())}"
        for new, old in found.reshaped
    )
    yield from _listed("of another shape", shapes, len(found.reshaped))
    new = [e for e in found.missing if e.name not in set(found.renamed.values())]
    yield from _listed("new", (f"{e.name}  {list(e.shape or ())}" for e in new), len(new))
    gone = [e for e in found.unexpected if e.name not in found.renamed]
    yield from _listed("gone", (f"{e.name}  {list(e.shape or ())}" for e in gone), len(gone))


def _number(found: Fit) -> int:
    return found.fitting + len(found.missing) + len(found.reshaped)


def _listed(what: str, lines: Iterable[str], number: int) -> Iterator[str]:
    if not number:
        return
    yield f"{number:,} {what}"
    for place, line in enumerate(lines):
        if place == SHOWN:
            yield f"    .. and {number - SHOWN:,} more, which --format json lists"
            return
        yield f"    {line}"


def differences_document(found: NetworkDifference) -> dict[str, object]:
    """Return what differs as members of a JSON object."""
    weights = found.weights
    return {
        "same": found.is_empty,
        "rows": [_object(row) for row in found.rows if row.change is not Change.SAME],
        "weights": {
            "fitting": weights.fitting,
            "renamed": dict(weights.renamed),
            "reshaped": [
                {"name": new.name, "old": old.shape, "new": new.shape}
                for new, old in weights.reshaped
            ],
            "missing": [{"name": each.name, "shape": each.shape} for each in weights.missing],
            "unexpected": [{"name": each.name, "shape": each.shape} for each in weights.unexpected],
        },
    }


def _object(row: RowDifference) -> dict[str, object]:
    return {
        "name": row.name,
        "change": str(row.change),
        "parameters": row.parameters,
        "macs": row.macs,
        "old": None if row.old is None else _numbers(row.old),
        "new": None if row.new is None else _numbers(row.new),
    }


def _numbers(row: Row) -> dict[str, object]:
    sums = row.sums
    return {
        "output": row.output,
        "blocks": row.blocks,
        "parameters": sums.total,
        "macs": sums.macs,
    }
