"""Layers whose output goes nowhere: behind them flows another map, and nothing took this one."""

from collections.abc import Iterator
from typing import assert_never

from archdsl.diagnostics import Diagnostic, Note
from archdsl.ir.network import (
    MAIN,
    Block,
    Join,
    LayerNode,
    Map,
    Network,
    Node,
    Part,
    Stage,
    Step,
    returned_by,
)


def unused(network: Network) -> Iterator[Diagnostic]:
    """Yield what is wrong with layers, blocks and bodies that nothing uses the output of."""
    bodies: list[tuple[tuple[Step, ...], tuple[Map, ...]]] = [(network.body, returned_by(network))]
    while bodies:
        body, wanted = bodies.pop()
        yield from _unused(body, wanted)
        for step in body:
            bodies += _bodies(step.node)


def _unused(body: tuple[Step, ...], wanted: tuple[Map, ...]) -> Iterator[Diagnostic]:
    given_by: dict[Map, Step] = {}
    left: dict[int, int] = {}  # places of steps of whom nothing is used yet
    for place, step in enumerate(body):
        for map_ in step.takes:
            if map_ in given_by:
                left.pop(id(given_by[map_]), None)
        given_by |= dict.fromkeys(step.gives, step)
        left[id(step)] = place
    for map_ in wanted:
        if map_ in given_by:
            left.pop(id(given_by[map_]), None)
    for place in left.values():
        node = body[place].node
        if not isinstance(node, Join) or not node.mark:  # which computes nothing
            yield _goes_nowhere(node, body[place + 1 :])


def _goes_nowhere(node: Node, after: tuple[Step, ...]) -> Diagnostic:
    instead = next((later for later in after if MAIN in later.gives), None)
    notes = () if instead is None else (Note("this goes on with other maps", instead.node.span),)
    return Diagnostic(
        code="E421",
        message="nothing uses what comes out of this",
        span=node.span,
        notes=notes,
        help="name it with `mark` and use it, or leave it out",
    )


def _bodies(node: Node) -> Iterator[tuple[tuple[Step, ...], tuple[Map, ...]]]:
    """Yield the bodies of a node, and of those in a run, with the maps that they give."""
    match node:
        case LayerNode() | Join():
            pass
        case Block(body=body, made=made) | Part(body=body, made=made):
            yield body, (MAIN, *(each.map for each in made))
        case Stage(items=items):
            for item in items:
                yield from _bodies(item.node)
        case _:
            assert_never(node)
