"""Other ways to count a network: what a figure from elsewhere may have been."""

from collections.abc import Iterator

from archdsl.analyses.counts import Counts
from archdsl.analyses.macs import macs
from archdsl.analyses.tensors import kept
from archdsl.analyses.walk import root, walk
from archdsl.ir.layers import Conv, ConvTranspose, Linear
from archdsl.ir.network import LayerNode, Network, Shared


def other_counts(network: Network, counts: Counts, quantity: str) -> Iterator[tuple[str, int]]:
    """Yield what else could be meant by a quantity, in words, and how much that is."""
    sums = counts.sums
    match quantity:
        case "parameters":
            yield "without sharing (`unshared`)", sums.unshared
            yield "of what is learned (`learned`)", sums.learned
            yield "with the buffers", sums.total + sums.buffers
            yield from _parts(network, sums.total)
        case "unshared":
            yield "with sharing (`parameters`)", sums.total
        case "macs":
            yield "with multiplications and additions apart, twice the MACs", 2 * sums.macs
            yield "of the convolutions alone", _convolved(network)
        case "deployed_bits":
            yield "in bytes", sums.deployed_bits // 8
        case "convolutions":
            yield "of uses, not of weights", sums.conv_layers
        case _:
            pass


def _parts(network: Network, total: int) -> Iterator[tuple[str, int]]:
    """Yield the parameters without some of them."""
    biases = norms = last = 0
    for place in walk(root(network)):
        if not isinstance(place.node, LayerNode | Shared):
            continue
        held = {t.name: place.copies * t.numel for t in kept(place) if t.is_parameter}
        match place.node.layer:
            case Conv() | ConvTranspose():
                biases += held.get("bias", 0)
            case Linear():
                biases += held.get("bias", 0)
                last = sum(held.values())
            case _:
                norms += sum(held.values())
    yield "without biases", total - biases
    yield "without normalization", total - norms
    yield "without biases and normalization", total - biases - norms
    yield "without the last linear layer", total - last


def _convolved(network: Network) -> int:
    return sum(
        place.copies * macs(place.node)
        for place in walk(root(network))
        if isinstance(place.node, LayerNode) and not isinstance(place.node.layer, Linear)
    )
