"""The tables that `archdsl params` prints."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from archdsl.analyses.counts import Counts, Row, Sums, add, rows_by_block, rows_by_layer
from archdsl.analyses.tensors import Entry
from archdsl.analyses.walk import leaves
from archdsl.ir.layers import scheme_of
from archdsl.ir.network import Network
from archdsl.report.literal import written
from archdsl.report.table import Cell, Column, Table

_Field: TypeAlias = tuple[str, Callable[[Row], Cell]]

_WORDS: tuple[_Field, ...] = (("kind", lambda row: row.kind), ("output", lambda row: row.output))
_NUMBERS: tuple[_Field, ...] = (
    ("blocks", lambda row: row.blocks),
    ("parameters", lambda row: row.sums.total),
    ("learned", lambda row: row.sums.learned),
    ("frozen", lambda row: row.sums.frozen),
    ("shared away", lambda row: row.sums.shared_away),
    ("MACs", lambda row: row.sums.macs),
    ("trained bits", lambda row: row.sums.trained_bits),
    ("deployed bits", lambda row: row.sums.deployed_bits),
)


def rows(network: Network, counts: Counts, by: str) -> tuple[Row, ...]:
    """Return the rows of a network by "part", "block" or "layer"."""
    match by:
        case "block":
            return rows_by_block(network)
        case "layer":
            return rows_by_layer(network)
        case _:
            return counts.parts


def counts_table(rows: Iterable[Row], title: str, *, complete: bool = False) -> Table:
    """Return the table of some rows with their sums below; `title` heads the names.

    Unless it is to be complete, columns that say nothing about these rows are left out.
    """
    rows = tuple(rows)
    sums = add(row.sums for row in rows)
    total = Row("total", "", None, 0, sum(row.blocks for row in rows), sums)
    numbers = [field for field in _NUMBERS if complete or _says_something(field, rows, sums)]
    fields: list[_Field] = [(title, lambda row: row.name), *_WORDS, *numbers]
    return Table(
        (
            *(Column(name) for name, _ in fields[:3]),
            *(Column(name, is_number=True) for name, _ in numbers),
        ),
        tuple(tuple(cell(row) for _, cell in fields) for row in rows),
        tuple(cell(total) for _, cell in fields),
    )


def tensors_table(entries: Iterable[Entry], *, complete: bool = False) -> Table:
    """Return the table of `state_dict`.

    Unless it is to be complete, how much of each is fixed is shown only where that is a part.
    """
    entries = tuple(entries)
    words, numbers = ("tensor", "shape", "kind", "learned"), ["uses", "bits"]
    rows = [(e.name, e.shape, e.kind, e.learned, e.uses, e.bits) for e in entries]
    if complete or any(e.learned and e.fixed for e in entries):
        numbers.append("fixed")
        rows = [(*row, e.fixed) for row, e in zip(rows, entries, strict=True)]
    return Table(
        (
            *(Column(name) for name in words),
            *(Column(name, is_number=True) for name in numbers),
        ),
        tuple(rows),
    )


def heading(network: Network) -> str:
    """Return the network with its arguments, and what goes in and comes out."""
    arguments = ", ".join(f"{name} = {written(value)}" for name, value in network.arguments)
    call = f"{network.name}({arguments})" if arguments else network.name
    inputs = [f"{each.label} {each.shape}" for each in network.inputs]
    outputs = [
        f"{each.label} {each.shape}{' during training' if each.in_training else ''}"
        for each in network.outputs
    ]
    given = ", ".join(inputs) if len(inputs) > 1 else network.input
    made = ", ".join(outputs) if len(outputs) > 1 else network.output
    return f"{call}: {given} -> {made}\n"


def summary(sums: Sums) -> str:
    """Return the sums as sentences, one a line."""
    lines = [f"{sums.total:,} parameters{_saved(sums)}"]
    if sums.frozen:
        lines.append(f"{sums.learned:,} of them are learned, {sums.frozen:,} are frozen")
    lines.append(f"{sums.conv_layers:,} convolutions with {sums.conv_tensors:,} weights")
    more = f", {sums.training_macs:,} more during training" if sums.training_macs else ""
    lines.append(f"{sums.macs:,} multiply-accumulates for one input{more}")
    return "".join(f"{line}\n" for line in lines)


def sizes(network: Network) -> str:
    """Return what a network's tensors take, as trained and as `archdsl deploy` writes them.

    Nothing where no weight scheme makes them two things.
    """
    if not any(scheme_of(leaf.layer) for leaf in leaves(network)):
        return ""
    from archdsl.analyses.deployed import deployed

    found = deployed(network)
    size = found.bytes
    return (
        f"{found.trained_bytes:,} bytes as trained, {size:,} as deployed: "
        f"{size / 10**6:,.3f} MB, {size / 2**20:,.3f} MiB\n"
    )


def _says_something(field: _Field, rows: tuple[Row, ...], sums: Sums) -> bool:
    name, number = field
    if name == "learned":
        return sums.frozen > 0
    if name in ("trained bits", "deployed bits"):
        return sums.trained_bits != sums.deployed_bits
    return name == "parameters" or any(number(row) for row in rows)


def _saved(sums: Sums) -> str:
    if not sums.shared_away:
        return ""
    percent = 100 * sums.shared_away / sums.unshared
    return f" ({sums.unshared:,} without sharing, {percent:.1f} % saved)"
