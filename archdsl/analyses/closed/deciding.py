"""What elaboration decided of shared weights, as conditions.

Layers share by `share(..)` where their geometry is equal, and one that nothing shares with has a
weight of its own: where arguments change either, the network is another.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, cast

import msgspec

from archdsl.analyses.closed.conditions import Alike
from archdsl.analyses.closed.formulas import pin
from archdsl.analyses.closed.polynomial import Polynomial
from archdsl.analyses.closed.traced import Exact, NotClosedError, Trace, form_of, holds, is_exact
from archdsl.ir.layers import Weighted
from archdsl.ir.network import (
    Block,
    LayerNode,
    Network,
    Node,
    Part,
    Shared,
    SharedWeight,
    Site,
    Stage,
)
from archdsl.ir.rebuild import map_children, map_steps, replace

_MANY = 3_000  # pairs of geometries that are compared
# In which layers of one weight may differ; strides, which are numbers, their geometry says.
_FREE = ("padding", "output_padding", "stride")


class DecidedWeights:
    """The weights of a lifted network that are shared or would be, and what uses them."""

    def __init__(self, network: Network, trace: Trace) -> None:
        self._trace = trace
        self._geometries = network.geometries
        self._lone = dict(network.lone)
        self._layers: dict[int, Weighted] = {}
        self._uses: dict[int, Exact] = {}
        self._owners: dict[int, Exact] = {}  # copies of them

    def own(self, owned: Sequence[Shared], copies: Exact) -> None:
        """Enter the weights of an owner, of which there are so many copies."""
        self._owners |= {shared.id: copies for shared in owned}

    def use(self, node: LayerNode, path: tuple[Site, ...], copies: Exact) -> None:
        """Enter a layer as lifted."""
        match node.shared:
            case SharedWeight(id=key):
                pass
            case _ if path in self._lone:
                key = self._lone[path]
                pin(copies)
            case _:
                return
        layer = cast("Weighted", node.layer)
        first = self._layers.setdefault(key, layer)
        for one, other in _differences(first, layer):
            holds(one == other)
        self._uses[key] = self._uses.get(key, 0) + copies

    def decide(self) -> None:
        """Note that what is shared is so by two layers at least, and what differs goes on to."""
        for key, copies in self._owners.items():
            holds(self._uses[key] > copies)
        if sum(1 for _ in self._pairs()) > _MANY:
            raise NotClosedError("too many layers could share a weight")
        for one, other in self._pairs():
            forms = list(_apart(self._layers[one], self._layers[other]))
            if all(each.constant is None for each in forms):
                self._trace.note(Alike(tuple(forms)))

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Yield the keys that one `share` tells apart."""
        for one, other in combinations(self._layers, 2):
            (scope, layer), (other_scope, another) = (
                self._geometries[key - 1] for key in (one, other)
            )
            if scope == other_scope and _form(layer) == _form(another):
                yield one, other

    def lifted(self, network: Network) -> Network:
        """Return the network with the layers that its shared weights belong to."""
        body = map_steps(network.body, self._node)
        return replace(network, body=body, owned=self._owned(network.owned))

    def _node(self, node: Node) -> Node:
        node = map_children(node, self._node)
        if isinstance(node, Block | Part | Stage) and node.owned:
            return replace(node, owned=self._owned(node.owned))
        return node

    def _owned(self, owned: tuple[Shared, ...]) -> tuple[Shared, ...]:
        return tuple(replace(shared, layer=self._layers[shared.id]) for shared in owned)


def _form(geometry: Weighted) -> tuple[type, object]:
    """Return what tells geometries apart whatever the arguments are."""
    return type(geometry), getattr(geometry, "stride", None)


def _differences(one: Weighted, other: Weighted) -> Iterator[tuple[Any, Any]]:
    for field in msgspec.structs.fields(one):
        if field.name not in _FREE:
            yield getattr(one, field.name), getattr(other, field.name)


def _row(value: Any) -> tuple[object, ...]:
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)


def _apart(one: Weighted, other: Weighted) -> Iterator[Polynomial]:
    """Yield the differences of the numbers of two layers that are not 0 for all arguments."""
    for left, right in _differences(one, other):
        for a, b in zip(_row(left), _row(right), strict=True):
            if is_exact(a) and is_exact(b):
                difference = form_of(a).plus(form_of(b), -1)
                if difference.terms:
                    yield difference
