"""Stochastic depth that grows: what blocks are given of the run of rates that they stand in.

The block at place i of a run, from 1, has rate * i / total. What stands inside a block counts from
there: the block's class is given how many branches come before it.
"""

from collections.abc import Mapping, Sequence

from archdsl.emit.calls.layers import DROP_RATE
from archdsl.emit.classes.instances import Instance
from archdsl.emit.expressions.scope import ClassScope
from archdsl.emit.expressions.slots import WrittenNumber
from archdsl.emit.python.nodes import InfixOperation, Python, Text
from archdsl.ir.layers import StochasticDepth
from archdsl.ir.network import Block, Drop, DropRun, LayerNode, Part, Step
from archdsl.ir.numbers import Expr, Literal, Operation
from archdsl.record import Record

BRANCHES_BEFORE = "branches_before"  # what a class calls the places of its run before its own


def takes_rate(instance: Instance) -> bool:
    """Whether a branch in an instance's own text is dropped at the rate that it is given."""
    return isinstance(instance.node, Block | Part) and _drops(instance.node.body)


def _drops(body: Sequence[Step]) -> bool:
    for step in body:
        match step.node:
            case LayerNode(layer=StochasticDepth(p=None)):
                return True
            case Part(body=inner) if _drops(inner):
                return True
            case _:
                pass
    return False


def counts_branches(instance: Instance) -> bool:
    """Whether blocks in an instance's text have their rates from where the instance stands."""
    if instance.run is None:
        return False
    return any(_is_of(instance.run, inner) for inner in instance.inner.values())


def _is_of(run: int, inner: Instance) -> bool:
    match inner.node:
        case Block(drop=drop):
            is_asked = takes_rate(inner) or counts_branches(inner)
            return drop is not None and drop.run == run and is_asked
        case _:
            return counts_branches(inner)


class InRun(Record):
    """A block in a run of rates."""

    run: DropRun
    drop: Drop
    copy: int  # of its item, from 0
    takes_rate: bool
    counts: bool
    is_inner: bool  # in a block that stands in the run itself

    @property
    def before(self) -> int:
        """The places before it, in the block around it if that is of the run."""
        return self.drop.first - 1 + self.copy * self.drop.places


def in_run(owner: Instance, instance: Instance, copy: int) -> InRun | None:
    """Return where a block in an instance's text stands, if its rates or those inside need it."""
    node = instance.node
    if not isinstance(node, Block) or node.drop is None:
        return None
    takes, counts = takes_rate(instance), counts_branches(instance)
    if not (takes or counts):
        return None
    run = instance.drop_runs[node.drop.run]
    return InRun(run, node.drop, copy, takes, counts, node.drop.run == owner.run)


class Turn(Record):
    """A turn of a loop over blocks: the places before its block, and the block's own place."""

    before: str
    place: str


HANDED = {name: Text(name) for name in (DROP_RATE, BRANCHES_BEFORE)}  # to a part of a block


class Drops:
    """The stochastic depth of one block, in each instance of the class around."""

    def __init__(self, scope: ClassScope, column: Sequence[InRun | None]) -> None:
        self.scope = scope
        self.column = column
        self.there = any(column)
        self.counts = any(each is not None and each.counts for each in column)

    def arguments(self, turn: Turn | None) -> Mapping[str, Python]:
        """Return what the block is given, by parameter; in a loop, that of a turn."""
        found: dict[str, Python] = {}
        if any(each is not None and each.takes_rate for each in self.column):
            found[DROP_RATE] = self._rate(turn)
        if self.counts:
            before = turn.before if turn else self._number([_before(e) for e in self.column])
            found[BRANCHES_BEFORE] = Text(self._sum(before))
        return found

    def _rate(self, turn: Turn | None) -> Python:
        """Return rate * place / total."""
        rated = [each if each is not None and each.takes_rate else None for each in self.column]
        rate = self.scope.number(
            [None if e is None else WrittenNumber(float(e.run.rate)) for e in rated], "drop_rate"
        )
        total = self.scope.number(
            [None if e is None else WrittenNumber(e.run.total) for e in rated], "total"
        )
        place = self._sum(turn.place if turn else self._number([_place(e) for e in rated]))
        bracketed = f"({place})" if " " in place else place
        return InfixOperation("/", (InfixOperation("*", (rate, Text(bracketed))), total))

    def bounds(
        self, counts: Sequence[WrittenNumber], there: Sequence[bool]
    ) -> tuple[tuple[Python, ...], Turn]:
        """Return the `range` of a loop over so many equal blocks, and a turn of it.

        `there`: which instances have the run at all; some of these may have no such block.
        """
        first = _before if self.counts else _first
        starts = [first(each) for each in self.column]
        begin = next(start for start in starts if start is not None)
        none = WrittenNumber(begin.value)
        stops = [
            (none if has else None)
            if start is None or each is None
            else _stop(start, count, each.drop.places)
            for start, count, each, has in zip(starts, counts, self.column, there, strict=True)
        ]
        starts = [none if s is None and has else s for s, has in zip(starts, there, strict=True)]
        found = (self.scope.number(starts, "start"), self.scope.number(stops, "stop"))
        if not self.counts:
            return found, Turn("i", "i")
        step = self._number([_places(each) for each in self.column])
        return (*found, *([] if step == "1" else [Text(step)])), Turn("i", f"i + {step}")

    def turn(self) -> Turn:
        """Return a turn of a loop from 0 over blocks of which this is the first."""
        before, place = (
            self._number([of(each) for each in self.column]) for of in (_before, _place)
        )
        step = self._number([_places(each) for each in self.column])
        turned = "i" if step == "1" else f"{step} * i"
        return Turn(_added(turned, before), _added(turned, place))

    def _number(self, slot: Sequence[WrittenNumber | None]) -> str:
        found = self.scope.number(slot, "position")
        assert isinstance(found, Text)
        return found.text

    def _sum(self, place: str) -> str:
        """Return a place as the class counts it."""
        is_inner = any(each is not None and each.is_inner for each in self.column)
        return _added(BRANCHES_BEFORE, place) if is_inner else place


def is_even(blocks: Sequence[InRun | None]) -> bool:
    """Whether blocks follow one another in a run, with as many places each."""
    first = blocks[0] if blocks else None
    return first is None or all(
        each is not None
        and each.before == first.before + n * first.drop.places
        and each.drop.places == first.drop.places
        and each.takes_rate == first.takes_rate
        for n, each in enumerate(blocks)
    )


def _added(text: str, number: str) -> str:
    return text if number == "0" else f"{text} + {number}"


def _before(each: InRun | None) -> WrittenNumber | None:
    return None if each is None else WrittenNumber(each.before)


def _first(each: InRun | None) -> WrittenNumber | None:
    return None if each is None else WrittenNumber(each.before + 1)


def _place(each: InRun | None) -> WrittenNumber | None:
    return None if each is None else WrittenNumber(each.before + each.drop.places)


def _places(each: InRun | None) -> WrittenNumber | None:
    return None if each is None else WrittenNumber(each.drop.places)


def _stop(start: WrittenNumber, count: WrittenNumber, places: int) -> WrittenNumber:
    assert isinstance(start.value, int)
    assert isinstance(count.value, int)
    value = start.value + count.value * places
    expr = None if count.expr is None or places != 1 else _moved(count.expr, start.value)
    return WrittenNumber(value, expr)


def _moved(count: Expr, start: int) -> Expr:
    """Return count + start; of a count that is `n - 1` as n + (start - 1)."""
    match count:
        case Operation("-", left, Literal(int(less))):
            count, start = left, start - less
        case _:
            pass
    sign = "-" if start < 0 else "+"
    return count if start == 0 else Operation(sign, count, Literal(abs(start)))
