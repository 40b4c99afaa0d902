"""The modules of a network that are frozen: the fewest names that cover them."""

from collections.abc import Iterator
from typing import assert_never

from archdsl.analyses.walk import leaves
from archdsl.ir.layers import Idle, tensors
from archdsl.ir.network import (
    Block,
    Form,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
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


def frozen_modules(network: Network) -> tuple[Frozen, ...]:
    """Return all frozen modules."""
    if not any(leaf.frozen for leaf in leaves(network)):
        return ()
    return tuple(frozen for member in _members(network) for frozen in _frozen(member))


LOOP_NAMES = "ijklmn"

_Found = tuple[Frozen, "Node | Shared"]


def _frozen(member: _Found) -> Iterator[Frozen]:
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
            if matters or isinstance(node.layer, Idle):
                yield node.frozen
        case Join():
            pass
        case Network() | Block() | Part() | Stage():
            for _, inner in _members(node):
                yield from _states(inner)
        case _:
            assert_never(node)


def _members(
    node: "Network | Node | Shared",
    place: Frozen = Frozen(""),  # noqa: B008
) -> Iterator[_Found]:
    match node:
        case Network() | Block() | Part():
            yield from ((_in(place, shared.name), shared) for shared in node.owned)
            yield from ((_in(place, step.node.name), step.node) for step in node.body)
        case Stage():
            yield from ((_in(place, shared.name), shared) for shared in node.owned)
            yield from _indexed(node, place)
        case LayerNode() | Join() | Shared():
            pass
        case _:
            assert_never(node)


def _indexed(stage: Stage, place: Frozen) -> Iterator[_Found]:
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
