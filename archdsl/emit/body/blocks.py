"""The construction of instances of other classes: single ones, equal ones in a row, even rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from archdsl.emit.body.merged import Run
from archdsl.emit.calls.drops import HANDED, Drops, Turn, in_run, is_even
from archdsl.emit.calls.layers import Schemes
from archdsl.emit.calls.signature import Given, Signature, construct
from archdsl.emit.classes.instances import Instance, StepPath, given, minus, repeats_of
from archdsl.emit.expressions.scope import ClassScope
from archdsl.emit.expressions.slots import WrittenNumber
from archdsl.emit.python.nodes import Comprehension, Invocation, Keyword, Python, Star, Text
from archdsl.ir.network import Block
from archdsl.ir.numbers import Number, Truth
from archdsl.record import Record

MANY = 3  # so many blocks that grow evenly are a loop


class Cell(Record):
    """An instance in a row of blocks, where it stands, and how often."""

    instance: Instance
    place: StepPath
    count: int = 1
    copy: int = 0  # of its item, from 0: the first of these


Cells: TypeAlias = Sequence[Cell | None]  # one for each instance of the class around


class Constructed(Record):
    """What may be constructed: the names and signatures of classes, by instances."""

    names: Mapping[int, str]
    signatures: Mapping[int, Signature]
    schemes: Schemes


class BlockWriter:
    """Writes the construction of other classes in the text of one."""

    def __init__(
        self, instances: Sequence[Instance], scope: ClassScope, classes: Constructed
    ) -> None:
        self.instances = instances
        self.scope = scope
        self.classes = classes

    def block(self, cells: Cells, turn: Turn | None = None) -> Invocation:
        """Return the construction of instances of one class, in a loop that of a turn."""
        first = next(cell.instance for cell in cells if cell is not None)
        column = [
            None
            if cell is None
            else Given(instance=cell.instance, numbers=given(owner, cell.instance, cell.place))
            for owner, cell in zip(self.instances, cells, strict=True)
        ]
        name, signature = self.classes.names[first.number], self.classes.signatures[first.number]
        is_block = isinstance(first.node, Block)
        drops = self._drops(cells).arguments(turn) if is_block else HANDED
        return construct(name, signature, column, self.scope, drops)

    def _drops(self, cells: Cells) -> Drops:
        """Return the stochastic depth of blocks."""
        column = [
            None if cell is None else in_run(owner, cell.instance, cell.copy)
            for owner, cell in zip(self.instances, cells, strict=True)
        ]
        return Drops(self.scope, column)

    def run(self, run: Run, place: StepPath) -> list[Python]:
        """Return the blocks of a run: equal ones, and those that differ evenly, as loops."""
        lists = [
            [Cell(instance, (*place, item.site), item.count) for instance, item in cells]
            for cells in run.lists
        ]
        repeats = [repeats_of(instance, place) for instance in self.instances]
        even = self._even(lists, repeats)
        if even is not None:
            return [even]
        heads, tail = _normal_form(lists)
        there = [bool(cells) for cells in lists]
        found = [block for head in heads for block in self._head(head, there)]
        return [*found, *self._tail(tail, repeats, len(heads), there)]

    def counted(self, rows: Sequence[Cells]) -> Comprehension | None:
        """Return calls that follow each other as a loop over `i`, if they differ evenly."""
        if any(cell is None for cells in rows for cell in cells):
            return None
        lists = [[cell for cell in cells if cell is not None] for cells in zip(*rows, strict=True)]
        match self._even(lists, [None] * len(lists)):
            case Star(Comprehension() as loop):
                return loop
            case _:
                return None

    def _head(self, head: Cells, there: Sequence[bool]) -> Iterator[Python]:
        """Yield a block that stands first; in a loop where some instances have fewer blocks."""
        block = self.block(head)
        if all(cell is not None for cell, has in zip(head, there, strict=True) if has):
            yield block
            return
        counts = [_one(cell) if has else None for cell, has in zip(head, there, strict=True)]
        count = self.scope.number(counts, "num_blocks")
        yield star(block, "_", Invocation("range", (count,)))

    # ------------------------------------------------------------ equal blocks

    def _tail(
        self,
        tail: Cells,
        repeats: Sequence[Number | None],
        before: int,
        there: Sequence[bool],
    ) -> list[Python]:
        """Return the equal blocks at the end of a run."""
        if not any(tail):
            return []
        counts = tuple(_count(cell, r, before) for cell, r in zip(tail, repeats, strict=True))
        drops = self._drops(tail)
        if drops.there:
            if all(number.value == 1 for number in counts):
                return [self.block(tail)]
            bounds, turn = drops.bounds(counts, there)
            return [star(self.block(tail, turn), "i", Invocation("range", bounds))]
        count = self.scope.number(counts, "num_blocks")
        if count == Text("0"):
            return []
        if count == Text("1"):
            return [self.block(tail)]
        return [star(self.block(tail), "_", Invocation("range", (count,)))]

    # ------------------------------------------------------------ blocks that differ evenly

    def _even(
        self, lists: Sequence[Sequence[Cell]], repeats: Sequence[Number | None]
    ) -> Python | None:
        """Return a run as a loop if its blocks are many and differ by equal steps."""
        if any(cell.count > 1 for cells in lists for cell in cells):
            return None
        if any(len({self._kind(cell.instance) for cell in cells}) > 1 for cells in lists):
            return None
        if max(map(len, lists)) < MANY or any(0 < len(cells) < MANY for cells in lists):
            return None
        steps = [self._steps(cells, o) for cells, o in zip(lists, self.instances, strict=True)]
        if None in steps:
            return None
        heads = [cells[0] if cells else None for cells in lists]
        drops = self._drops(heads)
        if drops.there and not all(map(self._are_even, self.instances, lists)):
            return None
        call = self.block(heads, drops.turn() if drops.there else None)
        first = next(cells[0].instance for cells in lists if cells)
        parameters = self.classes.signatures[first.number].parameters
        given_as = [p.symbol for p in parameters]
        for symbol in dict.fromkeys(symbol for each in steps if each for symbol in each):
            column = [None if not each else WrittenNumber(each.get(symbol, 0)) for each in steps]
            step = self.scope.text(column)
            if step is None or symbol not in given_as:
                return None
            place = given_as.index(symbol)
            call = _grown(call, place, parameters[place].name, step)
            if call is None:
                return None
        counts = tuple(_turns(cells, r) for cells, r in zip(lists, repeats, strict=True))
        count = self.scope.number(counts, "num_blocks")
        return star(call, "i", Invocation("range", (count,)))

    def _are_even(self, owner: Instance, cells: Sequence[Cell]) -> bool:
        """Whether the drop rates of blocks grow evenly."""
        return is_even([in_run(owner, cell.instance, cell.copy) for cell in cells])

    def _kind(self, instance: Instance) -> tuple[object, ...]:
        """Return what all blocks of a loop have in common: class, and parameters of no symbol."""
        parameters = self.classes.signatures[instance.number].parameters
        added = (p.added[instance.number] for p in parameters if p.added is not None)
        return (self.classes.names[instance.number], *added)

    def _steps(self, cells: Sequence[Cell], owner: Instance) -> dict[str, int] | None:
        """Return by how much each number grows from block to block, None if not evenly."""
        columns = [given(owner, cell.instance, cell.place) for cell in cells]
        found: dict[str, int] = {}
        for name in columns[0] if columns else ():
            gaps = {_gap(a[name], b[name]) for a, b in pairwise(columns)}
            gap = gaps.pop()
            if gaps or gap is None:
                return None
            if gap:
                found[name] = gap
        return found


def _normal_form(lists: Sequence[Sequence[Cell]]) -> tuple[list[Cells], Cells]:
    """Return the blocks that stand first, one by one, and the equal ones at the end.

    Where an instance has fewer different blocks than another, some of its equal ones stand first.
    """
    left = [list(cells) for cells in lists]
    heads: list[Cells] = [[_take(cells) for cells in left] for _ in range(max(map(len, lists)) - 1)]
    return heads, [cells[0] if cells else None for cells in left]


def _take(cells: list[Cell]) -> Cell | None:
    """Take a block from the start of a list."""
    if not cells:
        return None
    first = cells.pop(0)
    if first.count > 1:
        ((index,), *_) = first.place[-1:]
        place = (*first.place[:-1], (index + 1,))
        cells.insert(0, Cell(first.instance, place, first.count - 1, first.copy + 1))
    return Cell(first.instance, first.place, 1, first.copy)


def _count(cell: Cell | None, repeats: Number | None, before: int) -> WrittenNumber:
    count = 0 if cell is None else cell.count
    if repeats is not None and repeats.value == count + before:
        return WrittenNumber(count, minus(repeats, before).expr)
    return WrittenNumber(count)


def _one(cell: Cell | None) -> WrittenNumber:
    return WrittenNumber(0 if cell is None else 1)


def _turns(cells: Sequence[Cell], repeats: Number | None) -> WrittenNumber | None:
    if not cells:
        return None
    return WrittenNumber(len(cells), None if repeats is None else repeats.expr)


def _gap(one: Number | Truth, other: Number | Truth) -> int | None:
    """Return by how much a number grows; None where it is no whole number, or a flag changes."""
    if one.value == other.value:
        return 0
    if isinstance(one, Number) and isinstance(other, Number):
        gap = other.value - one.value
        return gap if isinstance(gap, int) else None
    return None


def _grown(call: Invocation, place: int, name: str, step: str) -> Invocation | None:
    """Return a call with an argument that grows by a step; None where it is not written."""
    arguments = list(call.arguments)
    named = [n for n, a in enumerate(arguments) if isinstance(a, Keyword) and a.name == name]
    if not named and (place >= len(arguments) or isinstance(arguments[place], Keyword)):
        return None  # the first block has the default
    place = named[0] if named else place
    arguments[place] = _sum(arguments[place], step)
    return Invocation(call.function, tuple(arguments))


def _sum(argument: Python, step: str) -> Python:
    match argument:
        case Keyword(name, value):
            return Keyword(name, _sum(value, step))
        case Text(text):
            sign, size = ("-", step[1:]) if step.startswith("-") else ("+", step)
            factor = "i" if size == "1" else f"{_factor(size)} * i"
            return Text(f"{text} {sign} {factor}")
        case _:
            raise AssertionError("numbers are text")


def _factor(size: str) -> str:
    return size if size.isidentifier() or size.isdigit() else f"({size})"


def star(element: Python, target: str, iterable: Python) -> Star:
    """Return `*(element for target in iterable)`."""
    return Star(Comprehension(element, target, iterable))
