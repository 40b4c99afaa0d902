"""Which shared weights a class owns, and which its `forward` is handed.

Layers of a class use one weight where they do so in an instance, whichever weight that is there.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from archdsl.emit.classes.grouping import GeneratedClass, GeneratedClasses
from archdsl.emit.classes.instances import ClassSource, Instance, Owner, StepPath, nodes_in
from archdsl.ir.network import (
    Block,
    Form,
    LayerNode,
    Network,
    Node,
    Part,
    Shared,
    SharedWeight,
    Stage,
    Step,
)
from archdsl.record import Record

Use: TypeAlias = tuple[StepPath, int]  # a layer (0), or what a class is handed there, from 0

RUN: StepPath = ((-1,),)  # in place of the sites of a run's blocks: they are handed the same


class Owned(Record):
    """A weight that the class itself registers, by its place in `owned`."""

    index: int


class HandedIn(Record):
    """A weight that `forward` is given, by its place among them."""

    index: int


Source: TypeAlias = Owned | HandedIn


class Weights(Record):
    """The shared weights of a class."""

    sources: Mapping[Use, Source]
    handed: tuple[Shared, ...]  # as their owners register them; one for each parameter of forward
    ids: Mapping[int, tuple[int | None, ...]]  # by instance; None: it uses none
    records: tuple[tuple[Shared | None, ...], ...] = ()  # of what is handed, in each instance
    mixed: frozenset[int] = frozenset()  # what some use at one layer and not at another

    def is_asked(self, index: int) -> bool:
        """Whether a layer with a weight of its own asks for that, not for what is handed."""
        return index in self.mixed or self.always(index)

    def always(self, index: int) -> bool:
        """Whether every instance is handed a weight."""
        return all(ids[index] is not None for ids in self.ids.values())

    def handed_to(self, index: int, instance: int) -> Shared:
        """Return the record of what is handed to an instance, by its place in the class."""
        found = self.records[index][instance]
        assert found is not None, "only what is handed is used"
        return found


NOTHING = Weights({}, (), {})


def weights_of(
    classes: GeneratedClasses,
    shared: Sequence[Mapping[int, Shared]],
    apart: Collection[ClassSource],
) -> Mapping[int, Weights] | ClassSource:
    """Return the weights by class; `shared` are the owners' records, by id, of each member.

    Where instances of one origin do not agree on them, return the origin: unless it is `apart`
    already, its instances are to be.
    """
    found: dict[int, Weights] = {}
    for kind in classes.kinds:
        weights = _weights(kind, classes, found, shared, apart)
        if isinstance(weights, ClassSource):
            return weights
        found[kind.number] = weights
    return found


def _weights(
    kind: GeneratedClass,
    classes: GeneratedClasses,
    known: Mapping[int, Weights],
    shared: Sequence[Mapping[int, Shared]],
    apart: Collection[ClassSource],
) -> Weights | ClassSource:
    own = kind.first.origin
    for inner in (j for i in kind.instances for j in i.inner.values()):
        if classes.of(inner).number not in known and uses_others(inner.node):
            # what it is handed would have to be known first
            return own if inner.origin in apart else inner.origin
    by_site = own in apart
    found = {i.number: list(_uses(i, classes, known, by_site=by_site)) for i in kind.instances}
    uses = {number: dict(pairs) for number, pairs in found.items()}
    if any(uses[n][use] != weight for n, pairs in found.items() for use, weight in pairs):
        return own  # blocks of a run are handed different ones
    if not any(uses.values()):
        empty: tuple[int | None, ...] = ()
        return Weights({}, (), {i.number: empty for i in kind.instances})
    sources: dict[Use, Source] = {}
    columns: list[tuple[int | None, ...]] = []
    groups: list[tuple[list[Use], Source]] = []
    for group in _together(list(uses.values())):
        column = tuple(_only(uses[i.number], group) for i in kind.instances)
        if _TWO in column:
            return own
        owned = {_index(i, w) for i, w in zip(kind.instances, column, strict=True) if w is not None}
        if len(owned) > 1:
            return own
        (index,) = owned
        source: Source = HandedIn(len(columns)) if index is None else Owned(index)
        if index is None:
            columns.append(column)
        sources |= dict.fromkeys(group, source)
        groups.append((group, source))
    records = tuple(_records(column, kind, shared) for column in columns)
    handed = tuple(next(s for s in column if s is not None) for column in records)
    ids = {i.number: tuple(c[n] for c in columns) for n, i in enumerate(kind.instances)}
    mixed = frozenset(
        source.index
        for group, source in groups
        if isinstance(source, HandedIn)
        if any(0 < sum(use in each for use in group) < len(group) for each in uses.values())
    )
    return Weights(sources, handed, ids, records, mixed)


_TWO = -1  # no id: an instance has two weights where another has one


def _only(uses: Mapping[Use, int], group: Sequence[Use]) -> int | None:
    found = {uses[use] for use in group if use in uses}
    if len(found) > 1:
        return _TWO
    return found.pop() if found else None


def _index(instance: Instance, weight: int) -> int | None:
    """Return the place of a weight among those that an instance owns."""
    return next((n for n, s in enumerate(instance.node.owned) if s.id == weight), None)


def _records(
    column: Sequence[int | None], kind: GeneratedClass, shared: Sequence[Mapping[int, Shared]]
) -> tuple[Shared | None, ...]:
    return tuple(
        None if weight is None else shared[instance.member][weight]
        for instance, weight in zip(kind.instances, column, strict=True)
    )


def _together(uses: Sequence[Mapping[Use, int]]) -> list[list[Use]]:
    """Return the uses that are one weight in some instance, in groups, in order of first use."""
    every = sorted({use for each in uses for use in each})
    group = {use: {use} for use in every}
    for each in uses:
        first: dict[int, Use] = {}
        for use, weight in each.items():
            other = first.setdefault(weight, use)
            if group[use] is not group[other]:
                group[other] |= group[use]
                for member in group[use]:
                    group[member] = group[other]
    return [sorted(group[use]) for use in every if min(group[use]) == use]


def _uses(
    instance: Instance, classes: GeneratedClasses, known: Mapping[int, Weights], *, by_site: bool
) -> Iterator[tuple[Use, int]]:
    """Yield the shared weights that an instance uses, and those that it hands down."""
    node = instance.node
    if isinstance(node, Stage):
        for item in node.items:
            for (place, index), weight in _in(item.node, instance, (item.site,), classes, known):
                is_run = node.repeats is not None and not by_site
                yield (RUN if is_run else place, index), weight
    else:
        yield from _in_body(node.body, instance, (), classes, known)


def _in_body(
    body: Sequence[Step],
    instance: Instance,
    place: StepPath,
    classes: GeneratedClasses,
    known: Mapping[int, Weights],
) -> Iterator[tuple[Use, int]]:
    for step in body:
        yield from _in(step.node, instance, (*place, step.site), classes, known)


def _in(
    node: Node,
    instance: Instance,
    place: StepPath,
    classes: GeneratedClasses,
    known: Mapping[int, Weights],
) -> Iterator[tuple[Use, int]]:
    if place in instance.inner:
        inner = instance.inner[place]
        weights = known.get(classes.of(inner).number, NOTHING)
        for index, weight in enumerate(weights.ids.get(inner.number, ())):
            if weight is not None:
                yield (place, index), weight
        return
    match node:
        case LayerNode(shared=SharedWeight(weight)):
            yield (place, 0), weight
        case Part(form=Form.SEQUENTIAL, body=body):
            yield from _in_body(body, instance, place, classes, known)
        case Stage(form=Form.SEQUENTIAL, items=items):
            for item in items:
                yield from _in(item.node, instance, (*place, item.site), classes, known)
        case _:
            pass


def uses_others(node: Owner) -> bool:
    """Whether something in a node uses a weight that stands outside of it."""
    used = {
        inner.shared.id
        for inner in nodes_in(node)
        if isinstance(inner, LayerNode) and isinstance(inner.shared, SharedWeight)
    }
    return not used <= set(shared_by_id(node))


def shared_by_id(node: Owner) -> dict[int, Shared]:
    """Return the records of all weights owned in a node, by id."""
    return {
        shared.id: shared
        for inner in nodes_in(node)
        if isinstance(inner, Network | Block | Part | Stage)
        for shared in inner.owned
    }
