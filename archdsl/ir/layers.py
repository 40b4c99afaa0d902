"""Layer: the closed union of layer kinds, in PyTorch's terms.

Sizes are those of a map: (length,), (height, width) or (depth, height, width). A layer here knows
its own numbers only: what flows into it, whose weight it uses and whether it learns are facts of
the network around it. Defaults are those of a map of two dimensions.
"""

from enum import StrEnum
from typing import TypeAlias, assert_never

from archdsl.ir.schemes import Scheme, bits, scalars
from archdsl.record import Record

Size: TypeAlias = tuple[int, ...]  # (length,), (height, width) or (depth, height, width)

SIDES = (("length",), ("height", "width"), ("depth", "height", "width"))
MAX_DIMENSIONS = len(SIDES)


def sides(dimensions: int) -> tuple[str, ...]:
    """Return what the sizes of a map with so many dimensions are called."""
    return SIDES[dimensions - 1]


def every(number: int, dimensions: int) -> Size:
    """Return a number for each dimension."""
    return (number,) * dimensions


def is_point(size: Size | None) -> bool:
    """Say whether a map of this size has a single position."""
    return size is not None and all(side == 1 for side in size)


Columns: TypeAlias = tuple[tuple[int, int], ...]
"""Of a layer of a nested network: what each phase so far has added, inputs and new outputs.

The outputs that a phase adds take all inputs that there were then, and none that came later. ()
is a layer whose outputs all take all inputs.
"""


class Conv(Record, kw_only=True):
    """Convolution: in_channels -> out_channels."""

    in_channels: int
    out_channels: int
    kernel_size: Size
    stride: Size = (1, 1)
    padding: Size = (0, 0)
    dilation: Size = (1, 1)
    groups: int = 1
    bias: bool = False
    scheme: Scheme | None = None  # what the weight is computed from; None: it is learned as it is
    columns: "Columns" = ()


class ConvTranspose(Record, kw_only=True):
    """Transposed convolution: in_channels -> out_channels."""

    in_channels: int
    out_channels: int
    kernel_size: Size
    stride: Size = (1, 1)
    padding: Size = (0, 0)
    output_padding: Size = (0, 0)
    dilation: Size = (1, 1)
    groups: int = 1
    bias: bool = False


class Linear(Record, kw_only=True):
    """Fully connected layer on [in_features], or on the channels at each pixel of a map."""

    in_features: int
    out_features: int
    bias: bool = True
    per_pixel: bool = False
    columns: "Columns" = ()


class BatchNorm(Record, kw_only=True):
    """Batch normalization over the batch and, on a map, its positions."""

    num_features: int
    spatial: bool  # about a map; else about a vector
    affine: bool = True  # scale and offset are parameters; else the constants 1 and 0
    offset: bool = True  # else, where it is affine, only the scale is a parameter
    moments: bool = True  # moments are measured in training; else they stay as they are loaded
    fixed: "tuple[tuple[int, int], ...] | None" = None  # channels that stay as in evaluation, in
    # ranges: from, and below; () may become some, None never
    eps: float = 1e-5
    momentum: float = 0.1
    dimensions: int = 2  # of the map


class LayerNorm(Record, kw_only=True):
    """Normalization over the channels, at each position separately."""

    num_features: int
    spatial: bool  # about a map; else about a vector
    bias: bool = True
    eps: float = 1e-5
    dimensions: int = 2  # of the map


class RMSNorm(Record, kw_only=True):
    """Division by the root of the mean square of the channels, at each position separately.

    Source: Zhang & Sennrich 2019 (arXiv:1910.07467), equation 4.
    """

    num_features: int
    spatial: bool  # about a map; else about a vector
    eps: float = 1e-6
    dimensions: int = 2  # of the map


class GroupNorm(Record, kw_only=True):
    """Normalization over groups of channels and all positions."""

    num_groups: int
    num_features: int
    eps: float = 1e-5


class InstanceNorm(Record, kw_only=True):
    """Normalization of each channel over the positions of one example (Ulyanov et al. 2016)."""

    num_features: int
    dimensions: int = 2  # of the map
    affine: bool = False  # scale and offset are parameters
    eps: float = 1e-5


class LocalResponseNorm(Record, kw_only=True):
    """Division by a sum of squares over `size` neighbouring channels."""

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


class GlobalResponseNorm(Record, kw_only=True):
    """x + weight * x * n + bias, n a channel's norm over the mean of all (Woo et al. 2023)."""

    num_features: int
    eps: float = 1e-6
    dimensions: int = 2  # of the map


class PoolKind(StrEnum):
    """What a pooling window becomes."""

    MAX = "max"
    AVG = "avg"


class Pool(Record, kw_only=True):
    """Maximum or mean of each window."""

    kind: PoolKind
    kernel_size: Size
    stride: Size
    padding: Size = (0, 0)
    dilation: Size = (1, 1)  # max only
    ceil_mode: bool = False
    count_include_pad: bool = False  # avg only


class AdaptivePool(Record, kw_only=True):
    """Maximum or mean of a grid of windows that covers the map; of size 1 it is global pooling."""

    kind: PoolKind
    output_size: Size = (1, 1)


class ActivationKind(StrEnum):
    """The activations without parameters, by the language's word."""

    RELU = "relu"
    RELU6 = "relu6"
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"
    SELU = "selu"
    CELU = "celu"
    GELU = "gelu"
    SILU = "silu"
    MISH = "mish"
    HARDSWISH = "hardswish"
    HARDSIGMOID = "hardsigmoid"
    HARDTANH = "hardtanh"
    SIGMOID = "sigmoid"
    LOGSIGMOID = "logsigmoid"
    TANH = "tanh"
    SOFTPLUS = "softplus"
    SOFTSIGN = "softsign"


class Activation(Record, kw_only=True):
    """An elementwise function; `slope` is leaky_relu's negative slope, elu's and celu's alpha."""

    kind: ActivationKind
    slope: float | None = None
    approximate: bool = False  # gelu by tanh (Hendrycks & Gimpel 2016, section 2)


class SoftmaxOver(StrEnum):
    """What a softmax adds up to 1 over."""

    CHANNELS = "channels"
    PIXELS = "pixels"
    BRANCHES = "branches"


class Softmax(Record, kw_only=True):
    """exp(x) over its sum; over branches: of the `parts` equal slices that the channels are."""

    over: SoftmaxOver
    parts: int = 1


class NCReLU(Record, kw_only=True):
    """[C, ..] -> [2 * C, ..]: max(x, 0), then min(x, 0) (Zagoruyko & Komodakis 2017, eq. 9)."""


class PReLU(Record, kw_only=True):
    """ReLU with a learned negative slope, one for all channels or one each."""

    num_parameters: int
    init: float = 0.25


class Dropout(Record, kw_only=True):
    """Zeroes elements, or whole channels, with probability `p` in training."""

    p: float
    channels: bool = False
    dimensions: int = 2  # of the map whose channels it zeroes


class StochasticDepth(Record, kw_only=True):
    """Zeroes a whole branch, per example, with probability `p` in training (Huang et al. 2016).

    `p` is None where the run of blocks gives the rate: see network.Drop.
    """

    p: float | None


class Flatten(Record, kw_only=True):
    """[C, ..] -> [C * the number of positions]."""


class PadMode(StrEnum):
    """What padding is filled with."""

    ZEROS = "zeros"
    REFLECT = "reflect"
    REPLICATE = "replicate"


class Pad(Record, kw_only=True):
    """Grows the map at its borders."""

    before: Size  # on the left, at the top, in front
    behind: Size
    mode: PadMode = PadMode.ZEROS


class PadChannels(Record, kw_only=True):
    """Appends channels of zeros (He et al. 2016, shortcuts of option A)."""

    out_channels: int
    dimensions: int = 2  # of the map


class ChannelShuffle(Record, kw_only=True):
    """Interleaves `groups` groups of channels (Zhang et al. 2018)."""

    groups: int


class ChannelSplit(Record, kw_only=True):
    """Keeps one of `parts` equal slices of the channels, counted from 0."""

    parts: int
    part: int


class ChannelSlice(Record, kw_only=True):
    """Keeps channels `start` to `stop - 1`, counted from 0: [C, ..] -> [stop - start, ..]."""

    start: int
    stop: int


class UpsampleMode(StrEnum):
    """How upsampling interpolates."""

    NEAREST = "nearest"
    LINEAR = "linear"  # of a map of one dimension
    BILINEAR = "bilinear"  # of two
    TRILINEAR = "trilinear"  # of three


class Upsample(Record, kw_only=True):
    """Enlarges the map by an integer factor, or brings it to a size: one of the two is there."""

    factor: int | None = None
    size: Size | None = None
    mode: UpsampleMode = UpsampleMode.NEAREST
    align_corners: bool = False  # not with nearest


class Blur(Record, kw_only=True):
    """A binomial filter on the map, reflected at its borders (Zhang 2019, arXiv:1904.11486)."""

    kernel_size: int
    stride: Size = (1, 1)


class SamePad(Record, kw_only=True):
    """Pads so that a window of a stride gives ceil(size / stride), as TensorFlow's SAME does.

    What is odd goes to the right and to the bottom. Maxima are padded with minus infinity.
    """

    kernel_size: Size
    stride: Size = (1, 1)
    dilation: Size = (1, 1)
    of_maxima: bool = False


class PixelUnshuffle(Record, kw_only=True):
    """[C, H * factor, W * factor] -> [C * factor^2, H, W]."""

    factor: int


class PixelShuffle(Record, kw_only=True):
    """[C * factor^2, H, W] -> [C, H * factor, W * factor]."""

    factor: int


class ChannelConv(Record, kw_only=True):
    """1-d convolution along the channels of a vector or of [C, 1, 1] (Wang et al. 2020)."""

    kernel_size: int


class Scale(Record, kw_only=True):
    """A learned factor for each channel (layer scale, Touvron et al. 2021), or for all."""

    num_features: int  # 1 where there is one for all
    init: float = 1.0
    dims: int = 1  # of its weight
    dimensions: int = 2  # of the map


class LearnedFactor(Record, kw_only=True):
    """A learned factor that a product multiplies with: a parameter of its class, and no module."""

    num_features: int  # 1 where there is one for all
    init: float = 1.0
    dims: int = 3  # of the parameter
    dimensions: int = 2  # of the map


class Offset(Record, kw_only=True):
    """A learned number that is added to each channel, or to all."""

    num_features: int  # 1 where there is one for all
    init: float = 0.0
    dims: int = 1  # of its bias
    dimensions: int = 2  # of the map


class Factor(Record, kw_only=True):
    """Multiplication by a constant."""

    value: float


# A new kind of layer goes into one of these.
Weighted: TypeAlias = Conv | ConvTranspose | Linear  # whose weight can be shared
Idle: TypeAlias = Dropout | StochasticDepth  # the identity at inference
AsLarge: TypeAlias = (  # gives what it takes
    LayerNorm | RMSNorm | Activation | PReLU | Scale | Offset | Factor
)
AsLargeMap: TypeAlias = (  # gives the map that it takes
    LocalResponseNorm | GlobalResponseNorm | ChannelShuffle
)
Elementary: TypeAlias = (  # no weight that is multiplied with, and the same at inference
    AsLarge
    | AsLargeMap
    | GroupNorm
    | InstanceNorm
    | Pool
    | AdaptivePool
    | NCReLU
    | Flatten
    | Pad
    | PadChannels
    | ChannelSplit
    | ChannelSlice
    | ChannelConv
    | Softmax
    | Upsample
    | Blur
    | SamePad
    | PixelShuffle
    | PixelUnshuffle
    | LearnedFactor
)
Layer: TypeAlias = Weighted | BatchNorm | Idle | Elementary


def scheme_of(layer: Layer) -> Scheme | None:
    """Return what the weight of a layer is computed from, None where it is learned as it is."""
    return layer.scheme if isinstance(layer, Conv) else None


class Tensor(Record):
    """An entry of a layer's `state_dict`."""

    name: str  # "" of one that has the name of its layer
    shape: tuple[int, ...]
    is_parameter: bool = True
    bits: int = 32  # of an element in the deployed form

    @property
    def numel(self) -> int:
        """Number of elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total


def tensors(layer: Layer) -> tuple[Tensor, ...]:
    """Return what the layer keeps in `state_dict`, in PyTorch's order."""
    match layer:
        case Conv(columns=columns, kernel_size=kernel, bias=bias) if columns:
            return _columns(columns, kernel, bias)
        case Linear(columns=columns, bias=bias) if columns:
            return _columns(columns, (), bias)
        case Conv(in_channels=c_in, out_channels=c_out, kernel_size=kernel, groups=groups):
            shape, beside = (c_out, c_in // groups, *kernel), _beside(layer)
            weight = _weight(shape, layer.bias, c_out, bits(layer.scheme))
            return (*weight, *(Tensor(*each) for each in beside))
        case ConvTranspose(in_channels=c_in, out_channels=c_out, kernel_size=kernel, groups=groups):
            return _weight((c_in, c_out // groups, *kernel), layer.bias, c_out)
        case Linear(in_features=n_in, out_features=n_out, bias=bias):
            return _weight((n_out, n_in), bias, n_out)
        case BatchNorm(num_features=n, affine=affine, offset=offset):
            learned = _scale_and_offset(n)[: 1 + offset] if affine else ()
            return (*learned, *_moments(n))
        case LayerNorm(num_features=n, bias=bias):
            return _scale_and_offset(n)[: 1 + bias]
        case RMSNorm(num_features=n):
            return _scale_and_offset(n)[:1]
        case GroupNorm(num_features=n) | GlobalResponseNorm(num_features=n):
            return _scale_and_offset(n)
        case InstanceNorm(num_features=n, affine=affine):
            return _scale_and_offset(n) if affine else ()
        case PReLU(num_parameters=n):
            return (Tensor("weight", (n,)),)
        case Scale():
            return (Tensor("weight", spread_shape(layer)),)
        case LearnedFactor():
            return (Tensor("", spread_shape(layer)),)
        case Offset():
            return (Tensor("bias", spread_shape(layer)),)
        case ChannelConv(kernel_size=size):
            return (Tensor("weight", (1, 1, size)),)
        case (
            LocalResponseNorm()
            | Pool()
            | AdaptivePool()
            | Activation()
            | NCReLU()
            | Dropout()
            | StochasticDepth()
            | Flatten()
            | Pad()
            | PadChannels()
            | ChannelShuffle()
            | ChannelSplit()
            | ChannelSlice()
            | Softmax()
            | Upsample()
            | Blur()
            | SamePad()
            | PixelShuffle()
            | PixelUnshuffle()
            | Factor()
        ):
            return ()
        case _:
            assert_never(layer)


def dimensions(layer: Layer) -> int:
    """Return how many dimensions the maps of a layer have, as far as its module differs by them.

    0 is a module of any, or one about vectors.
    """
    match layer:
        case Conv(kernel_size=size) | ConvTranspose(kernel_size=size) | Pool(kernel_size=size):
            return len(size)
        case (
            SamePad(kernel_size=size) | AdaptivePool(output_size=size) | Upsample(size=tuple(size))
        ):
            return len(size)
        case Blur(stride=size) | Pad(before=size):
            return len(size)
        case (
            BatchNorm(spatial=True, dimensions=count)
            | LayerNorm(spatial=True, dimensions=count)
            | RMSNorm(spatial=True, dimensions=count)
            | Dropout(channels=True, dimensions=count)
            | InstanceNorm(dimensions=count)
            | GlobalResponseNorm(dimensions=count)
            | PadChannels(dimensions=count)
            | Scale(dimensions=count)
            | LearnedFactor(dimensions=count)
            | Offset(dimensions=count)
        ):
            return count
        case _:
            return 0


def _beside(layer: Conv) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return scalars(layer.scheme, layer.out_channels, len(layer.kernel_size))


def entry_name(layer: str, tensor: Tensor) -> str:
    """Return the name of a tensor in `state_dict`, by that of its layer."""
    return f"{layer}.{tensor.name}" if tensor.name else layer


def spread_shape(layer: Scale | LearnedFactor | Offset) -> tuple[int, ...]:
    """Return the shape of what is learned: [], [n], and about a map [n, 1, 1] or [1, n, 1, 1]."""
    shape = (1, layer.num_features, *every(1, layer.dimensions))
    return shape[1 : 1 + layer.dims] if layer.dims < len(shape) else shape


def _columns(columns: Columns, kernel: tuple[int, ...], bias: bool) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(f"columns.{number}.{tensor.name}", tensor.shape)
        for number, (inputs, outputs) in enumerate(columns)
        for tensor in _weight((outputs, inputs, *kernel), bias, outputs)
    )


def _weight(shape: tuple[int, ...], bias: bool, out: int, bits: int = 32) -> tuple[Tensor, ...]:
    weight = Tensor("weight", shape, bits=bits)
    return (weight, Tensor("bias", (out,))) if bias else (weight,)


def _scale_and_offset(n: int) -> tuple[Tensor, ...]:
    return Tensor("weight", (n,)), Tensor("bias", (n,))


def _moments(n: int) -> tuple[Tensor, ...]:
    return (
        Tensor("running_mean", (n,), is_parameter=False),
        Tensor("running_var", (n,), is_parameter=False),
        Tensor("num_batches_tracked", (), is_parameter=False, bits=64),  # int64
    )
