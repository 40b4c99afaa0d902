"""The children of network nodes, and copies of nodes with something changed."""

from collections.abc import Callable
from typing import TypeVar, assert_never

import msgspec

from archdsl.ir.network import (
    Block,
    Combine,
    Item,
    LayerNode,
    Node,
    Part,
    Residual,
    Stage,
)
from archdsl.record import Record

Kind = TypeVar("Kind", bound=Record)
NodeKind = TypeVar("NodeKind", bound=Node)


def replace(record: Kind, **changes: object) -> Kind:
    """Return a copy with some fields changed."""
    return msgspec.structs.replace(record, **changes)


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct children of a node in the order of registration."""
    match node:
        case LayerNode():
            return ()
        case Block(body=body) | Part(body=body):
            return body
        case Stage(items=items):
            return tuple(item.node for item in items)
        case Combine(branches=branches):
            return branches
        case Residual(preactivation=before, residual=nodes, shortcut=shortcut):
            return (*before, *nodes, *(() if shortcut is None else (shortcut,)))
        case _:
            assert_never(node)


def map_children(node: NodeKind, function: Callable[[Node], Node]) -> NodeKind:
    """Return the node with each direct child replaced, in the order of registration."""
    match node:
        case LayerNode():
            return node
        case Block(body=body) | Part(body=body):
            return replace(node, body=tuple(map(function, body)))
        case Stage(items=items):
            return replace(node, items=tuple(Item(function(i.node), i.count) for i in items))
        case Combine(branches=branches):
            return replace(node, branches=tuple(map(function, branches)))
        case Residual(preactivation=before, residual=nodes, shortcut=shortcut):
            before = tuple(map(function, before))
            nodes = tuple(map(function, nodes))
            beside = None if shortcut is None else function(shortcut)
            return replace(node, preactivation=before, residual=nodes, shortcut=beside)
        case _:
            assert_never(node)
