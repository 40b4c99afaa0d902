"""The modules of a network that are frozen: the fewest names that cover them."""

from collections.abc import Iterable, Iterator

from archdsl.analyses.walk import leaves
from archdsl.emit.plan import Comprehension, Python, Sequence, Star, Text
from archdsl.emit.python import string
from archdsl.ir.layers import Dropout, StochasticDepth, tensors
from archdsl.ir.network import (
    Block,
    Combine,
    Form,
    LayerNode,
    Network,
    Node,
    Part,
    Residual,
    Shared,
    Stage,
)
from archdsl.record import Record


class Frozen(Record):
    """A frozen module: its name below the network, with `{i}`, `{j}` where a loop counts copies.

    `loops` are the first copy and the one after the last, for each of them.
    """

    name: str
    loops: tuple[tuple[int, int], ...] = ()


def frozen_modules(network: Network) -> Python | None:
    """Return a tuple of the names of all frozen modules, None if there are none."""
    if not any(leaf.frozen for leaf in leaves(network)):
        return None
    found = [f for member in _members(network) for f in _frozen(member)]
    return Sequence(tuple(_entry(f) for f in found), is_tuple=True) if found else None


def _entry(frozen: Frozen) -> Python:
    if not frozen.loops:
        return Text(string(frozen.name))
    name: Python = Text(f"f{string(frozen.name)}")
    targets = LOOP_NAMES[: len(frozen.loops)]
    clauses = [
        f"{t} in range({a}, {b})" if a else f"{t} in range({b})"
        for t, (a, b) in zip(targets, frozen.loops, strict=True)
    ]
    *outer, last = clauses
    target, _, iterable = last.partition(" in ")
    head = "".join(f"{clause} for " for clause in outer)
    return Star(Comprehension(name, head + target, Text(iterable)))


LOOP_NAMES = "ijklmn"

Member = tuple[Frozen, "Node | Shared"]


def _frozen(member: Member) -> Iterator[Frozen]:
    """Yield a module if it is frozen as a whole, else what is frozen in it."""
    place, node = member
    states = set(_states(node))
    if states == {True}:
        yield place
    elif True in states:
        for inner in _members(node, place):
            yield from _frozen(inner)


def _states(node: "Network | Node | Shared") -> Iterator[bool]:
    """Yield for each layer to which it makes a difference whether it is frozen."""
    match node:
        case Shared():
            yield node.frozen
        case LayerNode():
            matters = tensors(node.layer) and node.shared is None
            if matters or isinstance(node.layer, Dropout | StochasticDepth):
                yield node.frozen
        case _:
            for _, inner in _members(node):
                yield from _states(inner)


def _members(
    node: "Network | Node | Shared",
    place: Frozen = Frozen(""),  # noqa: B008
) -> Iterator[Member]:
    match node:
        case Network() | Block() | Part():
            yield from ((_in(place, shared.name), shared) for shared in node.owned)
            yield from _named(node.body, place)
        case Stage():
            yield from ((_in(place, shared.name), shared) for shared in node.owned)
            yield from _indexed(node, place)
        case Residual(preactivation=first, residual=second, shortcut=shortcut):
            yield from _named((*first, *second, *((shortcut,) if shortcut else ())), place)
        case Combine(branches=branches):
            yield from _named(branches, place)
        case LayerNode() | Shared():
            pass


def _named(nodes: Iterable[Node], place: Frozen) -> Iterator[Member]:
    for node in nodes:
        if isinstance(node, Residual | Combine):
            yield from _members(node, place)
        else:
            yield _in(place, node.name), node


def _indexed(stage: Stage, place: Frozen) -> Iterator[Member]:
    inside = _in(place, "blocks") if stage.form is Form.WRITTEN else place
    start = 0
    for item in stage.items:
        stop = start + item.count
        if item.count == 1:
            yield _in(inside, str(start)), item.node
        else:
            counter = "{" + LOOP_NAMES[len(place.loops)] + "}"
            copies = _in(inside, counter)
            yield Frozen(copies.name, (*place.loops, (start, stop))), item.node
        start = stop


def _in(place: Frozen, name: str) -> Frozen:
    return Frozen(f"{place.name}.{name}" if place.name else name, place.loops)
