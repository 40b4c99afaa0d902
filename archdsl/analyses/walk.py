"""Every node of a network in PyTorch's order of registration, with its dotted name.

A node's depth in the network is bounded only by the language's nesting, so the walk keeps its own
stack instead of recursing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias, assert_never

from archdsl.ir.layers import LearnedFactor
from archdsl.ir.network import (
    Block,
    Form,
    Item,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Shared,
    Stage,
)
from archdsl.ir.rebuild import children
from archdsl.record import Record

Visited: TypeAlias = Network | Node | Shared


class Place(Record):
    """The network, a node of it or a shared weight, where it is."""

    node: Visited
    name: str  # "conv2.0.conv1"
    copies: int  # in the whole network; the folded walk names them all: "conv2.1-3.conv1"
    in_training: bool = False  # it is in a part that is there during training only
    again: bool = False  # it is a further use of a module, or in one
    uses: int = 1  # of the module that it is, or is in


def root(network: Network) -> Place:
    """Return the place of the network itself."""
    return Place(network, "", 1)


def walk(start: Place, *, unfold: bool = False, again: bool = False) -> Iterator[Place]:
    """Yield everything below `start`, parents first, the weights a node owns before its members.

    Folded, a run of copies is one place; unfolded, each copy is a place of its own. With `again`
    each use of a module is a place.
    """
    stack = [iter(members(start, unfold=unfold, again=again))]
    while stack:
        for place in stack[-1]:
            yield place
            if not isinstance(place.node, LayerNode | Join | Shared):
                stack.append(iter(members(place, unfold=unfold, again=again)))
                break
        else:
            stack.pop()


def members(place: Place, *, unfold: bool = False, again: bool = False) -> Iterable[Place]:
    """Return what is directly below a place; unfolded, a stage may have millions."""
    node = place.node
    match node:
        case LayerNode() | Join() | Shared():
            return ()
        case Network() | Block() | Part():
            nodes = [step.node for step in node.body]
            uses = Counter(n.name for n in nodes if is_again(n))
            there = [n for n in nodes if again or not is_again(n)]
            return [
                *(_below(place, n, n.name) for n in there if is_parameter(n)),
                *_owned(node.owned, place),
                *(
                    _below(place, n, n.name, uses=1 + uses[n.name])
                    for n in there
                    if not is_parameter(n)
                ),
            ]
        case Stage():
            return chain(_owned(node.owned, place), _indexed(node, place, unfold=unfold))
        case _:
            assert_never(node)


def leaves(network: Network) -> Iterator[LayerNode | Shared]:
    """Yield every layer and shared weight of the folded network, in the order of `walk`."""
    inner = [step.node for step in network.body if not is_again(step.node)]
    yield from _leaves([*reversed(_in_order(network.owned, inner))])


def leaves_below(node: Node) -> Iterator[LayerNode | Shared]:
    """Yield every layer and shared weight of a node, which may be one itself."""
    yield from _leaves([node])


def _leaves(stack: list[Node | Shared]) -> Iterator[LayerNode | Shared]:
    while stack:
        node = stack.pop()
        match node:
            case LayerNode() | Shared():
                yield node
            case Block() | Part() | Stage():
                inner = [child for child in children(node) if not is_again(child)]
                stack += reversed(_in_order(node.owned, inner))
            case Join():
                pass
            case _:
                assert_never(node)


def _in_order(owned: Sequence[Shared], nodes: Sequence[Node]) -> list[Node | Shared]:
    """Return what a class has as PyTorch lists it: parameters of its own before modules."""
    parameters = (node for node in nodes if is_parameter(node))
    return [*parameters, *owned, *(node for node in nodes if not is_parameter(node))]


def is_parameter(node: Node | Shared) -> bool:
    """Whether a node is a parameter of the class around, and no module."""
    return isinstance(node, LayerNode) and isinstance(node.layer, LearnedFactor)


def is_again(node: Node) -> bool:
    """Whether a node is a further use of a module."""
    return isinstance(node, Block) and node.again


def _owned(owned: Iterable[Shared], parent: Place) -> Iterator[Place]:
    return (_below(parent, shared, shared.name) for shared in owned)


def _below(
    parent: Place, node: Node | Shared, name: str, *, copies: int = 1, uses: int = 1
) -> Place:
    """Return the place of what is directly below another one."""
    return Place(
        node,
        join(parent.name, name),
        parent.copies * copies,
        parent.in_training or (isinstance(node, Part) and node.in_training),
        parent.again or (not isinstance(node, Shared) and is_again(node)),
        parent.uses * uses,
    )


def _indexed(stage: Stage, place: Place, *, unfold: bool) -> Iterator[Place]:
    prefix = "blocks" if stage.form is Form.WRITTEN else ""
    start = 0
    for item in stage.items:
        if unfold:
            for index in range(start, start + item.count):
                yield _below(place, item.node, join(prefix, str(index)))
        else:
            name = join(prefix, indices(start, item))
            yield _below(place, item.node, name, copies=item.count)
        start += item.count


def indices(start: int, item: Item) -> str:
    """Return the indices of a member of a stage that comes in copies: "1-3"."""
    return str(start) if item.count == 1 else f"{start}-{start + item.count - 1}"


def join(prefix: str, name: str) -> str:
    """Return a dotted name; a level without a name is none."""
    return f"{prefix}.{name}" if prefix and name else prefix or name
