"""What a class has in one place of all its instances: layers, calls, parts, stages and joins."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

from archdsl.emit.classes.instances import Instance, StepPath
from archdsl.emit.expressions.scope import ClassScope
from archdsl.ir.network import MAIN, Item, Join, LayerNode, Map, Node, Part, Stage
from archdsl.ir.numbers import Test, negated
from archdsl.ir.rebuild import replace
from archdsl.record import Record

Found = TypeVar("Found")
Column: TypeAlias = tuple[Found | None, ...]  # one for each instance of the class


class Standing(Record, kw_only=True):
    """Where a step stands and when it is there: all that merged have in common."""

    place: StepPath
    when: tuple[Test, ...] = ()  # what tells the instances that have it from the others
    takes: Column[tuple[Map, ...]] = ()
    gives: Map = MAIN
    beside: tuple[Map, ...] = ()  # what it gives besides


class MergedLayer(Record):
    """A layer; it may work in place if its input is fresh in all instances."""

    stand: Standing
    column: Column[LayerNode]
    name: str
    inplace: bool


class MergedCall(Record):
    """An instance of another class."""

    stand: Standing
    column: Column[Instance]
    name: str


class MergedPart(Record):
    """An nn.Sequential of what its merged make."""

    stand: Standing
    column: Column[Part]
    name: str
    steps: "tuple[Merged, ...]"


class MergedStage(Record):
    """An nn.Sequential of blocks: those of a run, or merged."""

    stand: Standing
    column: Column[Stage]
    name: str
    members: "Members"


class MergedJoin(Record):
    """Maps that become one. `operands` are all that any instance has, in order."""

    stand: Standing
    column: Column[Join]
    operands: "tuple[Operand, ...]"


class Operand(Record):
    """A map in a join, by its name in each instance, and what tells which have it."""

    maps: Column[Map]
    when: tuple[Test, ...] = ()


Merged: TypeAlias = MergedLayer | MergedCall | MergedPart | MergedStage | MergedJoin


class Run(Record):
    """Blocks in a step of one class, in each instance: (the block, how often, its index)."""

    lists: tuple[tuple[tuple[Instance, Item], ...], ...]


Members: TypeAlias = "tuple[Run, ...] | tuple[Merged, ...]"


class Instances(Record):
    """What is brought together: instances of one class and what they may name."""

    instances: tuple[Instance, ...]
    scope: ClassScope


def only(nodes: Sequence[Node | None], kind: type[Found]) -> Column[Found]:
    """Return a column of nodes that are of one kind."""
    return tuple(node if isinstance(node, kind) else None for node in nodes)


class UnderTest(Record):
    """Neighbours under one `if`: those where a test holds, and those where it does not."""

    test: Test
    then: tuple[Merged, ...]
    otherwise: tuple[Merged, ...]
    whole: tuple[Merged, ...]  # both, in order, as they stand outside


def by_tests(steps: Sequence[Merged]) -> Iterator[Merged | UnderTest]:
    """Yield steps in order, those that stand under one test, or its opposite, together."""
    index = 0
    while index < len(steps):
        when = steps[index].stand.when
        if not when:
            yield steps[index]
            index += 1
            continue
        test, opposite = when[0], negated(when[0])
        sides = ((test,), (opposite,))
        end = index + 1
        while end < len(steps) and steps[end].stand.when[:1] in sides:
            end += 1
        whole = tuple(steps[index:end])
        yield UnderTest(
            test,
            tuple(_below(step) for step in whole if step.stand.when[0] == test),
            tuple(_below(step) for step in whole if step.stand.when[0] == opposite),
            whole,
        )
        index = end


def _below(step: Merged) -> Merged:
    """Return the step as it stands under its first test."""
    return replace(step, stand=replace(step.stand, when=step.stand.when[1:]))


def is_shortcut(step: Merged) -> bool:
    """Whether a step is a shortcut, which instances have where they change the shape."""
    match step:
        case MergedPart(column=column):
            return any(part is not None and part.kind == "shortcut" for part in column)
        case MergedCall(column=column):
            nodes = (instance.node for instance in column if instance is not None)
            return any(isinstance(node, Part) and node.kind == "shortcut" for node in nodes)
        case MergedLayer() | MergedStage() | MergedJoin():
            return False


def output_of(step: MergedPart | MergedCall) -> Part | None:
    """Return the part that is an output of its own, None if a step is none."""
    for cell in step.column:
        node = cell.node if isinstance(cell, Instance) else cell
        if isinstance(node, Part) and node.kind == "output":
            return node
    return None
