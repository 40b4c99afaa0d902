"""Parts of layers: which elements of a layer's tensors belong to which of its channels."""

from enum import Enum, auto
from math import prod

from archdsl.ir.layers import (
    BatchNorm,
    ChannelConv,
    Columns,
    Conv,
    ConvTranspose,
    GlobalResponseNorm,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
    LearnedFactor,
    Linear,
    Offset,
    PReLU,
    RMSNorm,
    Scale,
    Tensor,
    tensors,
)
from archdsl.ir.network import Channels, FixedPart
from archdsl.record import Record


class LayerChannels(Record):
    """The channels of a layer that keeps tensors.

    `inputs` are those of each group; None where the layer does to each channel what hangs on it
    alone, so that its outputs are its inputs.
    """

    outputs: int
    inputs: int | None


class Axis(Enum):
    """What a dimension of a tensor goes over, where it goes over channels."""

    OUTPUTS = auto()
    INPUTS = auto()


def channels_of(layer: Layer) -> LayerChannels | None:
    """Return the channels of a layer, None where it keeps nothing."""
    match layer:
        case Conv(in_channels=inputs, out_channels=outputs, groups=groups):
            return LayerChannels(outputs, inputs // groups)
        case ConvTranspose(in_channels=inputs, out_channels=outputs, groups=groups):
            return LayerChannels(outputs // groups, inputs)
        case Linear(in_features=inputs, out_features=outputs):
            return LayerChannels(outputs, inputs)
        case (
            BatchNorm(num_features=n)
            | LayerNorm(num_features=n)
            | RMSNorm(num_features=n)
            | GroupNorm(num_features=n)
            | GlobalResponseNorm(num_features=n)
            | InstanceNorm(num_features=n)
            | Scale(num_features=n)
            | LearnedFactor(num_features=n)
            | Offset(num_features=n)
            | PReLU(num_parameters=n)
        ):
            return LayerChannels(n, None) if tensors(layer) else None
        case ChannelConv():
            return LayerChannels(1, None)  # one filter for all channels
        case _:
            assert not tensors(layer), layer
            return None


MAP_DIMS = 4  # of maps, and of what is learned as one: [1, C, 1, 1]


def axes(layer: Layer, tensor: Tensor) -> tuple[Axis | None, ...]:
    """Return what each dimension of a tensor of a layer goes over.

    Source: the documentation of torch.nn, which has the outputs of all weights but those of
    transposed convolutions first.
    """
    dims = len(tensor.shape)
    match layer:
        case ConvTranspose() if tensor.name == "weight":
            return (Axis.INPUTS, Axis.OUTPUTS, *(None,) * (dims - 2))
        case Conv() | Linear() if tensor.name == "weight":
            return (Axis.OUTPUTS, Axis.INPUTS, *(None,) * (dims - 2))
        case Conv() if tensor.shape == (1,) and tensor.name != "bias":
            return (None,)  # one scalar of the weight scheme for all filters
        case PReLU(num_parameters=1):
            return (None,)  # one slope for all channels
        case (
            ChannelConv()
            | Scale(num_features=1)
            | LearnedFactor(num_features=1)
            | Offset(num_features=1)
        ):
            return (None,) * dims
        case Scale() | LearnedFactor() | Offset() if dims == MAP_DIMS:
            return (None, Axis.OUTPUTS, None, None)
        case _:
            return (Axis.OUTPUTS, *(None,) * (dims - 1))[:dims]


def fixed_elements(layer: Layer, tensor: Tensor, fixed: FixedPart) -> int:
    """Return how many elements of a parameter of a layer its fixed part has."""
    if isinstance(layer, Conv | Linear) and layer.columns:
        return tensor.numel if _is_fixed(layer.columns, tensor, fixed) else 0
    found = axes(layer, tensor)
    if fixed.outputs is None and Axis.INPUTS not in found:
        return 0
    given = {Axis.OUTPUTS: fixed.outputs, Axis.INPUTS: fixed.inputs}
    sizes = (
        size if axis is None else number(given[axis], size)
        for axis, size in zip(found, tensor.shape, strict=True)
    )
    return prod(sizes)


def _is_fixed(columns: Columns, tensor: Tensor, fixed: FixedPart) -> bool:
    """Say whether the outputs of a column of a nested network are fixed, or any of them."""
    column = int(tensor.name.split(".")[1])
    end = sum(outputs for _, outputs in columns[: column + 1])
    return fixed.outputs is None or end <= fixed.outputs[-1][1]


def number(channels: Channels | None, every: int) -> int:
    """Return how many channels there are in some ranges; None are all."""
    return every if channels is None else sum(end - start for start, end in channels)
