"""The members of a network by name, copies folded: a loop counts them.

So a table of a network with a million blocks has a line for all of them.
"""

from collections.abc import Iterator
from typing import assert_never

from archdsl.analyses.walk import is_again
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

LOOP_NAMES = "ijklmn"


class Looped(Record):
    """A module's name below the network, with `{i}`, `{j}` where a loop counts copies.

    `loops` are the first copy and the one after the last, for each of them.
    """

    name: str
    loops: tuple[tuple[int, int], ...] = ()

    def clauses(self) -> tuple[str, ...]:
        """Return `i in range(1, 4)` for each loop, the outermost first."""
        named = zip(LOOP_NAMES[: len(self.loops)], self.loops, strict=True)
        return tuple(
            f"{name} in range({first}, {end})" if first else f"{name} in range({end})"
            for name, (first, end) in named
        )


NETWORK = Looped("")


def members(
    node: Network | Node | Shared, place: Looped = NETWORK
) -> Iterator[tuple[Looped, Node | Shared]]:
    """Yield what is directly below a node, the weights that it owns before its members."""
    match node:
        case Network() | Block() | Part():
            yield from ((_in(place, shared.name), shared) for shared in node.owned)
            nodes = (step.node for step in node.body if not is_again(step.node))
            yield from ((_in(place, inner.name), inner) for inner in nodes)
        case Stage():
            yield from ((_in(place, shared.name), shared) for shared in node.owned)
            yield from _indexed(node, place)
        case LayerNode() | Join() | Shared():
            pass
        case _:
            assert_never(node)


def _indexed(stage: Stage, place: Looped) -> Iterator[tuple[Looped, Node | Shared]]:
    inside = _in(place, "blocks") if stage.form is Form.WRITTEN else place
    start = 0
    for item in stage.items:
        stop = start + item.count
        if item.count == 1:
            yield _in(inside, str(start)), item.node
        else:
            counter = "{" + LOOP_NAMES[len(place.loops)] + "}"
            copies = _in(inside, counter)
            yield Looped(copies.name, (*place.loops, (start, stop))), item.node
        start = stop


def _in(place: Looped, name: str) -> Looped:
    return Looped(f"{place.name}.{name}" if place.name else name, place.loops)
