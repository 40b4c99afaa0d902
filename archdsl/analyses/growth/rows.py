"""Where the channels lie that the tensors of a layer go over."""

from collections.abc import Sequence
from typing import TypeAlias

from archdsl.analyses.growth.channels import Through
from archdsl.analyses.growth.layouts import Lengths, settled
from archdsl.analyses.growth.matching import Matched
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


def rows_of(layers: Sequence[Layer | None], through: Through) -> Rows | None:
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
