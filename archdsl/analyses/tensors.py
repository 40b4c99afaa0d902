"""The entries of the generated module's `state_dict`."""

from collections.abc import Iterator
from typing import assert_never

from archdsl.analyses.walk import Place, root, walk
from archdsl.ir.fixing import fixed_elements
from archdsl.ir.layers import Tensor, entry_name, tensors
from archdsl.ir.network import FixedOld, FixedPart, LayerNode, Network, Shared
from archdsl.record import Record


class Entry(Record):
    """A tensor of `state_dict`."""

    name: str  # "conv2.0.conv1.weight"
    shape: tuple[int, ...]
    kind: str  # "parameter" or "buffer"
    learned: bool  # any of its elements
    uses: int  # layers that use it
    bits: int  # per element, as deployed
    fixed: int = 0  # elements that are not learned


def entries(network: Network) -> Iterator[Entry]:
    """Yield all entries in PyTorch's order, one by one: there may be millions."""
    for place in walk(root(network), unfold=True):
        for tensor in kept(place):
            yield _entry(place, tensor)


def num_tensors(network: Network) -> int:
    """Return the number of entries, without unfolding the network."""
    return sum(place.copies * len(kept(place)) for place in walk(root(network)))


def kept(place: Place) -> tuple[Tensor, ...]:
    """Return the tensors that a place itself registers: a layer that uses a shared weight none."""
    match place.node:
        case Shared(layer=layer) | LayerNode(layer=layer, shared=None):
            return tensors(layer)
        case _:
            return ()


def num_fixed(node: LayerNode | Shared, tensor: Tensor) -> int:
    """Return how many elements of a tensor of a layer are not learned; 0 of a buffer."""
    if not tensor.is_parameter:
        return 0
    if node.frozen:
        return tensor.numel
    match node.fixed:
        case FixedPart() as part:
            return fixed_elements(node.layer, tensor, part)
        case FixedOld() | None:  # there has been no growth yet
            return 0
        case _:
            assert_never(node.fixed)


def _entry(place: Place, tensor: Tensor) -> Entry:
    node = place.node
    assert isinstance(node, Shared | LayerNode), "only layers and shared weights keep tensors"
    fixed = num_fixed(node, tensor)
    return Entry(
        name=entry_name(place.name, tensor),
        shape=tensor.shape,
        kind="parameter" if tensor.is_parameter else "buffer",
        learned=tensor.is_parameter and fixed < tensor.numel,
        fixed=fixed,
        uses=place.uses * (node.uses if isinstance(node, Shared) else 1),
        bits=tensor.bits,
    )
