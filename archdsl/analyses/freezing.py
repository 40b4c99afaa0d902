"""What of a network is frozen: the fewest names that cover it."""

from collections.abc import Iterator
from typing import assert_never

from archdsl.analyses.looped import Looped, members
from archdsl.analyses.walk import is_parameter, leaves
from archdsl.ir.layers import Idle, tensors
from archdsl.ir.network import (
    Block,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Shared,
    Stage,
)


def frozen_modules(network: Network) -> tuple[Looped, ...]:
    """Return all frozen modules."""
    return tuple(place for place, node in _all_frozen(network) if not is_parameter(node))


def frozen_parameters(network: Network) -> tuple[Looped, ...]:
    """Return the frozen parameters that are in no module that is frozen as a whole."""
    return tuple(place for place, node in _all_frozen(network) if is_parameter(node))


def _all_frozen(network: Network) -> "Iterator[tuple[Looped, Node | Shared]]":
    if any(leaf.frozen for leaf in leaves(network)):
        for member in members(network):
            yield from _frozen(member)


def _frozen(member: "tuple[Looped, Node | Shared]") -> "Iterator[tuple[Looped, Node | Shared]]":
    """Yield a member if it is frozen as a whole, else what is frozen in it."""
    place, node = member
    states = set(_states(node))
    if states == {True}:
        yield place, node
    elif True in states:
        for inner in members(node, place):
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
            for _, inner in members(node):
                yield from _states(inner)
        case _:
            assert_never(node)
