"""Every node of a network in PyTorch's order of registration, with its dotted name.

A node's depth in the network is bounded only by the language's nesting, so the walk keeps its own
stack instead of recursing.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias, assert_never

from archdsl.ir.network import (
    Block,
    Combine,
    Form,
    Item,
    LayerNode,
    Network,
    Node,
    Part,
    Residual,
    Shared,
    Stage,
)
from archdsl.record import Record

Visited: TypeAlias = Network | Node | Shared


class Place(Record):
    """The network, a node of it or a shared weight, where it is."""

    node: Visited
    name: str  # "conv2.0.conv1"; of a Residual and a Combine, which are no modules, their parent's
    copies: int  # in the whole network; the folded walk names them all: "conv2.1-3.conv1"


def root(network: Network) -> Place:
    """Return the place of the network itself."""
    return Place(network, "", 1)


def walk(start: Place, *, unfold: bool = False) -> Iterator[Place]:
    """Yield everything below `start`, parents first, the weights a node owns before its members.

    Folded, a run of copies is one place; unfolded, each copy is a place of its own.
    """
    stack = [members(start, unfold=unfold)]
    while stack:
        place = next(stack[-1], None)
        if place is None:
            stack.pop()
        else:
            yield place
            stack.append(members(place, unfold=unfold))


def members(place: Place, *, unfold: bool = False) -> Iterator[Place]:
    """Yield what is directly below a place."""
    node = place.node
    for shared in owned_by(node):
        yield Place(shared, _join(place.name, shared.name), place.copies)
    match node:
        case Network() | Block() | Part():
            yield from _named(node.body, place)
        case Residual(preactivation=first, residual=second, shortcut=shortcut):
            yield from _named((*first, *second), place)
            yield from _named((shortcut,) if shortcut else (), place)
        case Combine(branches=branches):
            yield from _named(branches, place)
        case Stage():
            yield from _indexed(node, place, unfold=unfold)
        case LayerNode() | Shared():
            return
        case _:
            assert_never(node)


def owned_by(node: Visited) -> tuple[Shared, ...]:
    """Return the shared weights that a node registers."""
    match node:
        case Network() | Block() | Part() | Stage():
            return node.owned
        case LayerNode() | Residual() | Combine() | Shared():
            return ()
        case _:
            assert_never(node)


def _named(nodes: Iterable[Node], parent: Place) -> Iterator[Place]:
    for node in nodes:
        flattened = isinstance(node, Residual | Combine)
        name = parent.name if flattened else _join(parent.name, node.name)
        yield Place(node, name, parent.copies)


def _indexed(stage: Stage, place: Place, *, unfold: bool) -> Iterator[Place]:
    prefix = _join(place.name, "blocks") if stage.form is Form.WRITTEN else place.name
    start = 0
    for item in stage.items:
        if unfold:
            for index in range(start, start + item.count):
                yield Place(item.node, _join(prefix, str(index)), place.copies)
        else:
            yield Place(item.node, _join(prefix, _indices(start, item)), place.copies * item.count)
        start += item.count


def _indices(start: int, item: Item) -> str:
    return str(start) if item.count == 1 else f"{start}-{start + item.count - 1}"


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name
