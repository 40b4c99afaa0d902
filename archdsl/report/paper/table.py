"""PaperTable: rows of an architecture, with a column for each member of a family."""

from collections.abc import Iterator, Sequence

from archdsl.analyses.counts import Counts
from archdsl.analyses.outline.entries import (
    Branches,
    Entry,
    LayerMark,
    Line,
    OutlineRow,
    RunBracket,
)
from archdsl.analyses.outline.outlining import outline
from archdsl.analyses.walk import leaves, root, walk
from archdsl.ir.layers import AsLarge, AsLargeMap, BatchNorm, GroupNorm, Idle, InstanceNorm
from archdsl.ir.network import MAIN, Block, Join, Network, Part
from archdsl.record import Record
from archdsl.report.literal import written


class PaperColumn(Record, kw_only=True):
    """A member: its title, its rows and its sums."""

    title: str
    rows: tuple[OutlineRow, ...]
    parameters: object
    macs: object


class PaperTable(Record, kw_only=True):
    """What is printed: columns, what is said below, whether layers are left out."""

    columns: tuple[PaperColumn, ...]
    hides: bool  # normalization, activations
    shortcuts: bool
    holds: tuple[str, ...] = ()  # for which members formulas are right: any of these

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rows, in an order that each column keeps."""
        return tuple(_merged([[row.name for row in column.rows] for column in self.columns]))

    @property
    def marks(self) -> tuple[LayerMark, ...]:
        """The signs that are explained."""
        found = {m for column in self.columns for row in column.rows for m in _marks(row.entries)}
        return tuple(mark for mark in LayerMark if mark in found)


def paper_column(network: Network, counts: Counts, varied: Sequence[str]) -> PaperColumn:
    """Return the column of a member; `varied` are the arguments that its title names."""
    values = dict(network.arguments)
    title = ", ".join(f"{name} = {written(values[name])}" for name in varied)
    return PaperColumn(
        title=title or network.name,
        rows=outline(network),
        parameters=counts.sums.total,
        macs=counts.sums.macs,
    )


def paper_table(columns: Sequence[PaperColumn], networks: Sequence[Network]) -> PaperTable:
    """Return the table of some members of a family, and of their networks."""
    kinds = [leaf.layer for network in networks for leaf in leaves(network)]
    hidden = AsLarge | AsLargeMap | BatchNorm | GroupNorm | InstanceNorm | Idle
    nodes = [place.node for network in networks for place in walk(root(network))]
    return PaperTable(
        columns=tuple(columns),
        hides=any(isinstance(layer, hidden) for layer in kinds),
        shortcuts=any(map(_has_shortcut, (*networks, *nodes))),
    )


def _has_shortcut(node: object) -> bool:
    """Say whether a body has a branch that is an identity, or a shortcut."""
    if not isinstance(node, Network | Block | Part):
        return False
    return any(
        (isinstance(step.node, Join) and MAIN in step.takes and len(step.takes) > 1)
        or (isinstance(step.node, Part) and step.node.kind == "shortcut")
        for step in node.body
    )


def strided(table: PaperTable) -> tuple[str, ...]:
    """Return the rows whose first block makes the map smaller."""
    found = {row.name for column in table.columns for row in column.rows if row.strided}
    return tuple(name for name in table.names if name in found)


def _marks(entries: Sequence[Entry]) -> Iterator[LayerMark]:
    for entry in entries:
        match entry:
            case Line(marks=marks):
                yield from marks
            case RunBracket(entries=inner):
                yield from _marks(inner)
            case Branches(branches=branches):
                for branch in branches:
                    yield from _marks(branch)


def _merged(columns: Sequence[Sequence[str]]) -> list[str]:
    """Return all names, each behind those that stand before it in some column."""
    found: list[str] = []
    for names in columns:
        place = 0
        for name in names:
            if name in found:
                place = found.index(name) + 1
            else:
                found.insert(place, name)
                place += 1
    return found
