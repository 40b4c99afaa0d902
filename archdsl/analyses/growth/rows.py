"""Where the channels lie that the tensors of a layer go over."""

from collections.abc import Sequence
from typing import TypeAlias

from archdsl.analyses.growth.channels import Channels, Through
from archdsl.analyses.growth.layouts import Lengths, settled
from archdsl.analyses.growth.matching import Matched, MatchedWeight
from archdsl.ir.fixing import LayerChannels, channels_of
from archdsl.ir.layers import Conv, ConvTranspose, Layer
from archdsl.ir.network import LayerNode
from archdsl.record import Record

Pieces: TypeAlias = tuple[Lengths, ...]


class Rows(Record):
    """The pieces of a layer's outputs and inputs; those of a group, where there are groups."""

    outputs: Pieces
    inputs: Pieces | None  # None where they are the outputs


def layers_of(matched: Matched) -> list[Layer | None]:
    """Return a layer in each phase, None where it is not there."""
    return [node.layer if isinstance(node, LayerNode) else None for node in matched.nodes]


class FoundRows:
    """The pieces of the channels of all layers, each found once."""

    def __init__(self, channels: Channels) -> None:
        self.channels = channels
        self._found: dict[int, Rows | None] = {}

    def of_layer(self, matched: Matched) -> Rows | None:
        """Return the pieces of a layer's channels, None where it keeps nothing."""
        if id(matched) not in self._found:
            through = self.channels.through[id(matched)]
            self._found[id(matched)] = _rows(layers_of(matched), through)
        return self._found[id(matched)]

    def of_weight(self, matched: MatchedWeight) -> Rows:
        """Return the pieces of a shared weight's channels."""
        last = matched.weights[-1]
        assert last is not None
        if id(matched) not in self._found:
            layers = [None if weight is None else weight.layer for weight in matched.weights]
            self._found[id(matched)] = _rows(layers, self.channels.shared[last.id])
        rows = self._found[id(matched)]
        assert rows is not None, "what is shared has a weight"
        return rows


def _rows(layers: Sequence[Layer | None], through: Through) -> Rows | None:
    """Return the pieces of a layer's channels, None where it keeps nothing."""
    found = [None if layer is None else channels_of(layer) for layer in layers]
    last = found[-1]
    if last is None:
        return None
    outputs = settled(through.outputs)
    if last.inputs is None:
        return Rows(outputs, None)
    inputs = settled(through.inputs)
    match layers[-1]:
        case Conv(groups=groups) if groups > 1:
            inputs = (tuple(_inputs(each) for each in found),)
        case ConvTranspose(groups=groups) if groups > 1:
            outputs = (tuple(0 if each is None else each.outputs for each in found),)
        case _:
            pass
    return Rows(outputs, inputs)


def _inputs(channels: LayerChannels | None) -> int:
    return 0 if channels is None or channels.inputs is None else channels.inputs
