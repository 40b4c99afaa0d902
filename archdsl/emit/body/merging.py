"""The text of a class: what stands in its instances, brought together by its place.

This is the one traversal in which instances meet. What follows sees merged steps: each is a step
with its node in every instance that has it.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar, assert_never

from archdsl.emit.classes.instances import Instance, StepPath
from archdsl.emit.expressions.scope import ClassScope
from archdsl.ir.layers import BatchNorm, Conv, ConvTranspose, GroupNorm, Linear
from archdsl.ir.network import (
    MAIN,
    Block,
    Form,
    Item,
    Join,
    LayerNode,
    Map,
    Node,
    Part,
    Site,
    Stage,
    Step,
)
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


def merged_steps(texts: Instances) -> tuple[Merged, ...]:
    """Return the merged of a class that is a body."""
    bodies = [() if isinstance(i.node, Stage) else i.node.body for i in texts.instances]
    return _merged(bodies, (), texts, by_name=True)


def members_of(texts: Instances) -> Members:
    """Return the members of a class that is a stage."""
    stages = tuple(i.node if isinstance(i.node, Stage) else None for i in texts.instances)
    return _members(stages, (), texts)


def _merged(
    bodies: Sequence[Sequence[Step] | None], place: StepPath, texts: Instances, *, by_name: bool
) -> tuple[Merged, ...]:
    by_site = [{step.site: step for step in body or ()} for body in bodies]
    sites = sorted(set[Site]().union(*by_site))
    fresh = [_fresh(body or ()) for body in bodies]
    merged = [
        _one(
            tuple(steps.get(site) for steps in by_site),
            tuple(None if b is None else site in f for b, f in zip(bodies, fresh, strict=True)),
            (*place, site),
            texts,
        )
        for site in sites
    ]
    return tuple(_one_for_each_name(merged) if by_name else merged)


def _one(
    steps: Column[Step], fresh: Sequence[bool | None], place: StepPath, texts: Instances
) -> Merged:
    there = [step for step in steps if step is not None]
    stand = Standing(
        place=place,
        when=_telling(there[0].when, texts),
        takes=tuple(None if step is None else step.takes for step in steps),
        gives=there[0].gives[0],
    )
    nodes = tuple(None if step is None else step.node for step in steps)
    match there[0].node:
        case LayerNode():
            column = only(nodes, LayerNode)
            inplace = all(f for f, n in zip(fresh, nodes, strict=True) if n is not None)
            return MergedLayer(stand, column, _own_name(column), inplace)
        case Join():
            return _join(stand, only(nodes, Join), steps, texts)
        case Block() | Part(form=Form.WRITTEN) | Stage(form=Form.WRITTEN):
            return MergedCall(stand, _instances(nodes, place, texts), there[0].node.name)
        case Part(name=name):
            parts = only(nodes, Part)
            bodies = [None if part is None else part.body for part in parts]
            return MergedPart(stand, parts, name, _merged(bodies, place, texts, by_name=False))
        case Stage(name=name):
            stages = only(nodes, Stage)
            return MergedStage(stand, stages, name, _members(stages, place, texts))
        case _:
            assert_never(there[0].node)


def only(nodes: Sequence[Node | None], kind: type[Found]) -> Column[Found]:
    """Return a column of nodes that are of one kind."""
    return tuple(node if isinstance(node, kind) else None for node in nodes)


def _own_name(column: Column[LayerNode]) -> str:
    """Return the attribute of those that have a weight of their own."""
    return next(
        (n.name for n in column if n is not None and n.shared is None),
        next(n.name for n in column if n is not None),
    )


def _instances(nodes: Sequence[Node | None], place: StepPath, texts: Instances) -> Column[Instance]:
    return tuple(
        None if node is None else instance.inner[place]
        for node, instance in zip(nodes, texts.instances, strict=True)
    )


def _telling(when: tuple[Test, ...], texts: Instances) -> tuple[Test, ...]:
    """Return those tests that not every instance answers alike."""
    found: list[Test] = []
    for test in when:
        truths = texts.scope.truths(test)
        if truths is not None and len(set(truths)) > 1:
            found.append(test)
    return tuple(found)


# ---------------------------------------------------------------- joins


def _join(
    stand: Standing, column: Column[Join], steps: Column[Step], texts: Instances
) -> MergedJoin:
    """Return a join: where an instance lacks an operand, the others are those of the fullest."""
    lists = [None if step is None else step.takes for step in steps]
    fullest = max((takes for takes in lists if takes is not None), key=len)
    tests = next(
        node.when
        for node, takes in zip(column, lists, strict=True)
        if node is not None and takes is fullest
    )
    aligned = [None if takes is None else _aligned(takes, fullest) for takes in lists]
    operands = tuple(
        Operand(
            tuple(None if maps is None else maps[index] for maps in aligned),
            _telling(tests[index] if tests else (), texts),
        )
        for index in range(len(fullest))
    )
    return MergedJoin(stand, column, operands)


def _aligned(takes: tuple[Map, ...], fullest: tuple[Map, ...]) -> tuple[Map | None, ...]:
    """Return the maps of a join beside those of the fullest one, None where it has none."""
    if len(takes) == len(fullest):
        return takes
    left = list(takes)
    return tuple(left.pop(0) if left and left[0] == place else None for place in fullest)


# ---------------------------------------------------------------- stages


def _members(stages: Column[Stage], place: StepPath, texts: Instances) -> Members:
    first = next(stage for stage in stages if stage is not None)
    if first.repeats is None:
        return _items(stages, place, texts)
    lists = [
        () if stage is None else tuple((i.inner[*place, item.site], item) for item in stage.items)
        for stage, i in zip(stages, texts.instances, strict=True)
    ]
    return (Run(tuple(lists)),)


def _items(stages: Column[Stage], place: StepPath, texts: Instances) -> tuple[Merged, ...]:
    """Return the members of a stage that is written out."""
    bodies = [None if s is None else [_step(item) for item in s.items] for s in stages]
    return _merged(bodies, place, texts, by_name=False)


def _step(item: Item) -> Step:
    return Step(node=item.node, site=item.site, when=item.when)


# ---------------------------------------------------------------- what is merged


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


# ---------------------------------------------------------------- in place


def _fresh(body: Sequence[Step]) -> set[object]:
    """Return the sites of steps whose input is fresh.

    Nobody else reads it, and what made it does not need it for its gradient. The input of a body
    is somebody else's.
    """
    found: set[object] = set()
    for index, step in enumerate(body):
        if len(step.takes) != 1:
            continue
        (taken,) = step.takes
        maker = next((i for i in range(index - 1, -1, -1) if taken in body[i].gives), None)
        if maker is None or not _makes_fresh(body[maker]):
            continue
        if _reads_alone(body, index, taken, maker):
            found.add(step.site)
    return found


def _reads_alone(body: Sequence[Step], index: int, taken: Map, maker: int) -> bool:
    """Whether nobody but one step reads what another one made."""
    for i, step in enumerate(body[maker + 1 :], maker + 1):
        if taken in step.takes and i != index:
            return False
        if taken in step.gives:
            return i >= index
    return taken != MAIN  # else it is what the body gives


def _makes_fresh(step: Step) -> bool:
    match step.node:
        case LayerNode(layer=layer):
            return isinstance(layer, Conv | ConvTranspose | Linear | BatchNorm | GroupNorm)
        case Join():
            return len(step.takes) > 1
        case Block() | Part() | Stage():
            return False


def _one_for_each_name(merged: Sequence[Merged]) -> Iterator[Merged]:
    """Yield the merged; layers of one name are one module, in place only if each of them may be."""
    unsafe = {step.name for step in merged if isinstance(step, MergedLayer) and not step.inplace}
    for step in merged:
        if isinstance(step, MergedLayer) and step.name in unsafe:
            yield MergedLayer(step.stand, step.column, step.name, inplace=False)
        else:
            yield step
