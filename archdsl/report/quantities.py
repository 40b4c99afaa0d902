"""What is said of each row of a table, by the words that `--columns` takes."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import reduce

from archdsl.analyses.counts import Row, add
from archdsl.analyses.memory.fields import AxisField, ReceptiveField
from archdsl.analyses.memory.figures import RowFigures
from archdsl.ir.rebuild import replace
from archdsl.record import Record
from archdsl.report.table import Cell, Column, Table


class TableQuantity(Record, kw_only=True):
    """A column: its word, its title, and its cells."""

    name: str
    title: str
    unit: str  # in words
    cell: Callable[[Row, RowFigures], Cell]
    is_number: bool = True


def _axes(of: Callable[[AxisField], Fraction | int]) -> Callable[[Row, RowFigures], Cell]:
    """Return what writes a number of each axis, once where they are equal."""

    def cell(_: Row, figures: RowFigures) -> Cell:
        field = figures.field
        if field is None:
            return None
        found = list(dict.fromkeys(_decimal(of(axis)) for axis in field.axes))
        return " x ".join(found) if found else "all"

    return cell


def _decimal(number: Fraction | int) -> str:
    return str(number) if number.denominator == 1 else f"{float(number):.3f}".rstrip("0")


def _micros(_: Row, figures: RowFigures) -> Cell:
    return None if figures.seconds is None else f"{figures.seconds * 1e6:.1f}"


def _intensity(_: Row, figures: RowFigures) -> Cell:
    return None if figures.intensity is None else f"{float(figures.intensity):.1f}"


_COUNTED = (
    TableQuantity(
        name="kind",
        title="kind",
        unit="",
        cell=lambda row, _: row.kind,
        is_number=False,
    ),
    TableQuantity(
        name="output",
        title="output",
        unit="a shape without the batch",
        cell=lambda row, _: row.output,
        is_number=False,
    ),
    TableQuantity(
        name="blocks",
        title="blocks",
        unit="outermost blocks",
        cell=lambda row, _: row.blocks,
    ),
    TableQuantity(
        name="parameters",
        title="parameters",
        unit="elements of parameters, each once",
        cell=lambda row, _: row.sums.total,
    ),
    TableQuantity(
        name="learned",
        title="learned",
        unit="elements that training changes",
        cell=lambda row, _: row.sums.learned,
    ),
    TableQuantity(
        name="frozen",
        title="frozen",
        unit="elements of the other parameters",
        cell=lambda row, _: row.sums.frozen,
    ),
    TableQuantity(
        name="unshared",
        title="unshared",
        unit="elements if nothing were shared",
        cell=lambda row, _: row.sums.unshared,
    ),
    TableQuantity(
        name="buffers",
        title="buffers",
        unit="elements of `state_dict` that are no parameters",
        cell=lambda row, _: row.sums.buffers,
    ),
    TableQuantity(
        name="convolutions",
        title="convolutions",
        unit="distinct weights of convolutions",
        cell=lambda row, _: row.sums.conv_tensors,
    ),
    TableQuantity(
        name="macs",
        title="MACs",
        unit="multiply-accumulates for one input",
        cell=lambda row, _: row.sums.macs,
    ),
    TableQuantity(
        name="deployed_bits",
        title="deployed bits",
        unit="bits of all parameters in the deployed form",
        cell=lambda row, _: row.sums.deployed_bits,
    ),
)
_MEASURED = (
    TableQuantity(
        name="activations",
        title="activations (bytes)",
        unit="bytes that autograd keeps",
        cell=lambda _, found: found.activations,
    ),
    TableQuantity(
        name="memory",
        title="memory (bytes)",
        unit="bytes that are held in training",
        cell=lambda _, found: found.held,
    ),
    TableQuantity(
        name="reads",
        title="reads",
        unit="elements, in a forward pass",
        cell=lambda _, found: found.reads,
    ),
    TableQuantity(
        name="writes",
        title="writes",
        unit="elements, in a forward pass",
        cell=lambda _, found: found.writes,
    ),
    TableQuantity(
        name="intensity",
        title="operations per byte",
        unit="multiplications and additions for a byte that is moved",
        cell=_intensity,
    ),
    TableQuantity(
        name="time",
        title="time (us)",
        unit="microseconds, at least",
        cell=_micros,
    ),
    TableQuantity(
        name="receptive",
        title="receptive field",
        unit="pixels of the input",
        cell=_axes(lambda axis: axis.size),
    ),
    TableQuantity(
        name="stride",
        title="stride",
        unit="pixels of the input",
        cell=_axes(lambda axis: axis.stride),
    ),
    TableQuantity(
        name="offset",
        title="offset",
        unit="pixels of the input",
        cell=_axes(lambda axis: axis.offset),
    ),
)
QUANTITIES = {each.name: each for each in (*_COUNTED, *_MEASURED)}


def quantities_table(
    rows: Sequence[Row],
    figures: Sequence[RowFigures],
    title: str,
    names: Iterable[str],
    peak: int,
) -> Table:
    """Return the table of some quantities; below them sums, and below `memory` the peak."""
    chosen = [QUANTITIES[name] for name in names]
    blocks = sum(row.blocks for row in rows)
    whole = Row("total", "", None, 1, blocks, add(row.sums for row in rows))
    total = replace(reduce(_together, figures, RowFigures()), held=peak)
    return Table(
        (Column(title), *(Column(each.title, is_number=each.is_number) for each in chosen)),
        tuple(
            (row.name, *(each.cell(row, found) for each in chosen))
            for row, found in zip(rows, figures, strict=True)
        ),
        ("total", *(each.cell(whole, total) for each in chosen)),
    )


def _together(one: RowFigures, other: RowFigures) -> RowFigures:
    """Return the figures of two rows; of seconds that one of them lacks, there are none."""
    times = [each.seconds for each in (one, other) if each.seconds is not None]
    return RowFigures(
        activations=one.activations + other.activations,
        held=one.held + other.held,
        reads=one.reads + other.reads,
        writes=one.writes + other.writes,
        moved=one.moved + other.moved,
        operations=one.operations + other.operations,
        seconds=sum(times) if times else None,
    )


def total_of(figures: Iterable[RowFigures]) -> RowFigures:
    """Return the sums of all rows."""
    return reduce(_together, figures, RowFigures())


def sides(
    field: ReceptiveField | None, of: Callable[[AxisField], Fraction | int]
) -> list[float] | None:
    """Return a number of each axis, None where the field is the whole input."""
    if field is None or not field.axes:
        return None
    found = (of(axis) for axis in field.axes)
    return [int(each) if each.denominator == 1 else float(each) for each in found]
