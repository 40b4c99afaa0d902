"""The text of a class: what stands in its instances, brought together by its place.

This is the one traversal in which instances meet. What follows sees merged steps: each is a step
with its node in every instance that has it.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from archdsl.analyses.freshness import fresh
from archdsl.emit.body.merged import (
    Column,
    Instances,
    Members,
    Merged,
    MergedCall,
    MergedJoin,
    MergedLayer,
    MergedPart,
    MergedStage,
    Operand,
    Run,
    Standing,
    only,
)
from archdsl.emit.classes.instances import Instance, StepPath
from archdsl.ir.network import (
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
from archdsl.ir.numbers import Test


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
    fresh_sites = [fresh(body or ()) for body in bodies]
    merged = [
        _one(
            tuple(steps.get(site) for steps in by_site),
            tuple(
                None if b is None else site in f for b, f in zip(bodies, fresh_sites, strict=True)
            ),
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
        beside=there[0].gives[1:],
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
        truths = texts.scope.facts.truths(test)
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


# ---------------------------------------------------------------- in place


def _one_for_each_name(merged: Sequence[Merged]) -> Iterator[Merged]:
    """Yield the merged; layers of one name are one module, in place only if each of them may be."""
    unsafe = {step.name for step in merged if isinstance(step, MergedLayer) and not step.inplace}
    for step in merged:
        if isinstance(step, MergedLayer) and step.name in unsafe:
            yield MergedLayer(step.stand, step.column, step.name, inplace=False)
        else:
            yield step
