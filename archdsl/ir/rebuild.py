"""The children of network nodes, and copies of nodes with something changed."""

from collections.abc import Callable, Iterable
from typing import TypeVar, assert_never

import msgspec

from archdsl.ir.network import Block, Item, Join, LayerNode, Node, Part, Stage, Step
from archdsl.record import Record

Kind = TypeVar("Kind", bound=Record)
NodeKind = TypeVar("NodeKind", bound=Node)
Holder = TypeVar("Holder", Step, Item)


def replace(record: Kind, **changes: object) -> Kind:
    """Return a copy with some fields changed."""
    return msgspec.structs.replace(record, **changes)


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct children of a node in the order of registration."""
    match node:
        case LayerNode() | Join():
            return ()
        case Block(body=body) | Part(body=body):
            return tuple(step.node for step in body)
        case Stage(items=items):
            return tuple(item.node for item in items)
        case _:
            assert_never(node)


def map_children(node: NodeKind, function: Callable[[Node], Node]) -> NodeKind:
    """Return the node with each direct child replaced, in the order of registration."""
    match node:
        case LayerNode() | Join():
            return node
        case Block(body=body) | Part(body=body):
            return replace(node, body=map_steps(body, function))
        case Stage(items=items):
            return replace(node, items=map_items(items, function))
        case _:
            assert_never(node)


def map_steps(body: Iterable[Step], function: Callable[[Node], Node]) -> tuple[Step, ...]:
    """Return the steps with each node replaced."""
    return tuple(_with_node(step, function(step.node)) for step in body)


def map_items(items: Iterable[Item], function: Callable[[Node], Node]) -> tuple[Item, ...]:
    """Return the members of a stage with each node replaced."""
    return tuple(_with_node(item, function(item.node)) for item in items)


def _with_node(holder: Holder, node: Node) -> Holder:
    return holder if node is holder.node else replace(holder, node=node)
