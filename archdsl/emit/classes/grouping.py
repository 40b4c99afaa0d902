"""Instances -> classes: those of one origin are one class, unless they differ in more than numbers.

Two instances agree if what stands in both of them is of one kind (a layer of the same type and
flags, a block of the same class), and if what stands in only one of them stands under an `if` that
is false in the other.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias, assert_never

import msgspec

from archdsl.emit.classes.instances import ClassSource, Instance, StepPath, nodes_in
from archdsl.ir.layers import Layer, dimensions
from archdsl.ir.names import are_places
from archdsl.ir.network import (
    Block,
    Form,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    SharedWeight,
    Stage,
    Step,
    is_marked,
)
from archdsl.ir.numbers import Test, holds
from archdsl.ir.rebuild import replace
from archdsl.record import Record


class GeneratedClass(Record):
    """A class: what is constructed by it, in all members of the family."""

    number: int
    instances: tuple[Instance, ...]

    @property
    def first(self) -> Instance:
        """The instance that stands first."""
        return self.instances[0]


class GeneratedClasses(Record):
    """The classes of a family, each after those that it constructs but for itself."""

    kinds: tuple[GeneratedClass, ...]
    by_instance: Mapping[int, int]  # numbers of instances and of kinds
    strangers: frozenset[int]  # members of the family whose network is of another class

    def of(self, instance: Instance) -> GeneratedClass:
        """Return the class of an instance."""
        return self.kinds[self.by_instance[instance.number]]


class _Fact(Record):
    what: Hashable
    when: tuple[Test, ...]
    is_shortcut: bool = False  # it is there where the shape changes


_Facts: TypeAlias = Mapping[Hashable, _Fact]


def classify(
    instances: Sequence[Instance], apart: Collection[ClassSource] = ()
) -> GeneratedClasses:
    """Return the classes; instances `apart` that hold one another are never of one."""
    groups = _gather(instances, apart)
    while True:
        number = {i.number: n for n, group in enumerate(groups) for i in group}
        split = [part for group in groups for part in _split(group, number)]
        if len(split) == len(groups):
            return _ordered(groups)
        groups = split


def _gather(instances: Sequence[Instance], apart: Collection[ClassSource]) -> list[list[Instance]]:
    found: dict[Hashable, list[Instance]] = {}
    for instance in instances:
        what = _alone(instance) if instance.origin in apart else None
        found.setdefault((instance.origin, what), []).append(instance)
    return list(found.values())


def _alone(instance: Instance) -> Hashable:
    """Return what instances that are kept apart must have in common: who shares with whom."""
    first: dict[int, int] = {}
    found = [
        first.setdefault(node.shared.id, len(first))
        if isinstance(node.shared, SharedWeight)
        else None
        for node in nodes_in(instance.node)
        if isinstance(node, LayerNode)
    ]
    return instance.depth, tuple(found)


def _split(group: list[Instance], number: Mapping[int, int]) -> Iterator[list[Instance]]:
    if len(group) == 1:
        yield group
        return
    parts: list[tuple[dict[Hashable, _Fact], list[Instance]]] = []
    for instance in group:
        facts = dict(_facts(instance, number))
        for known, members in parts:
            if _agree(known, members, facts, instance):
                known.update(facts)
                members.append(instance)
                break
        else:
            parts.append((facts, [instance]))
    yield from (members for _, members in parts)


def _agree(known: _Facts, members: list[Instance], facts: _Facts, instance: Instance) -> bool:
    for place, fact in facts.items():
        if place in known:
            if known[place].what != fact.what:
                return False
        elif not all(_is_left_out(fact, member) for member in members):
            return False
    return all(_is_left_out(fact, instance) for place, fact in known.items() if place not in facts)


def _is_left_out(fact: _Fact, instance: Instance) -> bool:
    """Whether the tests of an instance say that it lacks what another one has."""
    if fact.is_shortcut:
        return True
    try:
        return not all(holds(test, instance.values) for test in fact.when)
    except (ArithmeticError, KeyError):
        return False


# ---------------------------------------------------------------- what stands where


def _facts(instance: Instance, number: Mapping[int, int]) -> Iterator[tuple[Hashable, _Fact]]:
    node = instance.node
    yield "owned", _Fact(tuple((s.name, _structure(s.layer)) for s in node.owned), ())
    if isinstance(node, Block | Part):
        yield "given", _Fact(tuple((each.map, each.label) for each in node.given), ())
        yield "made", _Fact(tuple(each.map for each in node.made), ())
    if isinstance(node, Network):
        yield "inputs", _Fact(tuple((each.map, each.label) for each in node.inputs), ())
        made = tuple((each.map, each.label, each.in_training) for each in node.outputs)
        yield "outputs", _Fact(made, ())
    if not isinstance(node, Stage):  # who gives several maps is there in all or in none
        several = tuple(step.site for step in node.body if len(step.gives) > 1)
        yield "several", _Fact(several, ())
    if isinstance(node, Stage):
        yield from _of_items(node, instance, (), number)
    else:
        yield from _of_body(node.body, instance, (), number)


def _of_body(
    body: Sequence[Step], instance: Instance, place: StepPath, number: Mapping[int, int]
) -> Iterator[tuple[Hashable, _Fact]]:
    counted = are_places(step.node.name for step in body)
    for step in body:
        here = (*place, step.site)
        what = _what(step.node, instance, here, number, counted=counted)
        is_shortcut = isinstance(step.node, Part) and step.node.kind == "shortcut"
        marked = tuple(filter(is_marked, step.takes))
        yield here, _Fact((what, step.gives, marked), step.when, is_shortcut)
        for below, fact in _inside(step.node, instance, here, number):
            # what stands in a part that an instance lacks, it lacks for the part's reason
            within = replace(fact, when=(*step.when, *fact.when), is_shortcut=is_shortcut)
            yield below, within if step.when or is_shortcut else fact


def _inside(
    node: Node, instance: Instance, here: StepPath, number: Mapping[int, int]
) -> Iterator[tuple[Hashable, _Fact]]:
    match node:
        case Part(form=Form.SEQUENTIAL, body=body):
            yield from _of_body(body, instance, here, number)
        case Stage(form=Form.SEQUENTIAL):
            yield from _of_items(node, instance, here, number)
        case LayerNode() | Join() | Block() | Part() | Stage():
            pass
        case _:
            assert_never(node)


def _of_items(
    stage: Stage, instance: Instance, place: StepPath, number: Mapping[int, int]
) -> Iterator[tuple[Hashable, _Fact]]:
    if stage.repeats is not None:
        classes = [number[instance.inner[*place, item.site].number] for item in stage.items]
        yield (*place, "run"), _Fact(tuple(each for each, _ in groupby(classes)), ())
        return
    for item in stage.items:
        here = (*place, item.site)
        what = _what(item.node, instance, here, number, counted=True)
        yield here, _Fact(what, item.when)
        yield from _inside(item.node, instance, here, number)


def _what(
    node: Node, instance: Instance, here: StepPath, number: Mapping[int, int], *, counted: bool
) -> Hashable:
    """Return what of a node is not a number, nor its place where members are `counted`."""
    name = None if counted else node.name
    match node:
        case LayerNode(layer=layer, implied=implied):
            return _structure(layer), name, implied
        case Join(operator=operator):
            return operator
        case Block(again=True):
            return number[instance.inner[here].number], name, "again"
        case Block() | Part(form=Form.WRITTEN) | Stage(form=Form.WRITTEN):
            return number[instance.inner[here].number], name
        case Part() | Stage():
            return type(node).__name__, name
        case _:
            assert_never(node)


def _structure(layer: Layer) -> Hashable:
    """Return what of a layer is not a number: its type, flags, modes and dimensions."""
    fields = msgspec.structs.astuple(layer)
    modes = tuple([f for f in fields if type(f) not in _NUMBERS])
    return type(layer), modes, dimensions(layer)


_NUMBERS = (int, float, tuple)  # the other fields are flags, modes, weight schemes and None


# ---------------------------------------------------------------- order


def _ordered(groups: list[list[Instance]]) -> GeneratedClasses:
    """Return the classes in the order of a file: each after those that it uses."""
    number = {i.number: n for n, group in enumerate(groups) for i in group}
    order: dict[int, None] = {}
    networks = [i for group in groups for i in group if i.origin.kind == "network"]
    root = number[min(networks, key=lambda network: network.member).number]
    _visit(root, groups, number, order, set())
    place = {old: new for new, old in enumerate(order)}
    kinds = tuple(GeneratedClass(new, tuple(groups[old])) for old, new in place.items())
    by_instance = {i.number: kind.number for kind in kinds for i in kind.instances}
    strangers = frozenset(i.member for i in networks if i.number not in by_instance)
    return GeneratedClasses(kinds, by_instance, strangers)


def _visit(
    group: int,
    groups: list[list[Instance]],
    number: Mapping[int, int],
    order: dict[int, None],
    entered: set[int],
) -> None:
    if group in entered:
        return
    entered.add(group)
    for instance in groups[group]:
        for inner in instance.inner.values():
            _visit(number[inner.number], groups, number, order, entered)
    order[group] = None
