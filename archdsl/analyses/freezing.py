"""The modules of a network that are frozen: the fewest names that cover them."""

from collections.abc import Iterator
from typing import assert_never

from archdsl.analyses.looped import Looped, members
from archdsl.analyses.walk import leaves
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
    if not any(leaf.frozen for leaf in leaves(network)):
        return ()
    return tuple(frozen for member in members(network) for frozen in _frozen(member))


def _frozen(member: "tuple[Looped, Node | Shared]") -> Iterator[Looped]:
    """Yield a module if it is frozen as a whole, else what is frozen in it."""
    place, node = member
    states = set(_states(node))
    if states == {True}:
        yield place
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
