"""Layer -> the call that constructs it, its numbers expressed over what its class may name."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never

from archdsl.emit.calls.fields import FieldWriter, LayerColumn
from archdsl.emit.expressions.scope import ClassScope
from archdsl.emit.python.names import in_dimensions
from archdsl.emit.python.nodes import Invocation, Keyword, Python, Text
from archdsl.emit.python.nodes import Sequence as Items
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    AdaptivePool,
    BatchNorm,
    Blur,
    ChannelConv,
    ChannelShuffle,
    ChannelSlice,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Dropout,
    Factor,
    Flatten,
    GlobalResponseNorm,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
    LearnedFactor,
    Linear,
    LocalResponseNorm,
    NCReLU,
    Offset,
    Pad,
    PadChannels,
    PadMode,
    PixelShuffle,
    PixelUnshuffle,
    Pool,
    PoolKind,
    PReLU,
    RMSNorm,
    SamePad,
    Scale,
    Softmax,
    SoftmaxOver,
    StochasticDepth,
    Upsample,
    UpsampleMode,
    Weighted,
    dimensions,
    scheme_of,
)
from archdsl.ir.schemes import Scheme

_ACTIVATIONS = {
    ActivationKind.RELU: "nn.ReLU",
    ActivationKind.RELU6: "nn.ReLU6",
    ActivationKind.LEAKY_RELU: "nn.LeakyReLU",
    ActivationKind.ELU: "nn.ELU",
    ActivationKind.SELU: "nn.SELU",
    ActivationKind.CELU: "nn.CELU",
    ActivationKind.GELU: "nn.GELU",
    ActivationKind.SILU: "nn.SiLU",
    ActivationKind.MISH: "nn.Mish",
    ActivationKind.HARDSWISH: "nn.Hardswish",
    ActivationKind.HARDSIGMOID: "nn.Hardsigmoid",
    ActivationKind.HARDTANH: "nn.Hardtanh",
    ActivationKind.SIGMOID: "nn.Sigmoid",
    ActivationKind.LOGSIGMOID: "nn.LogSigmoid",
    ActivationKind.TANH: "nn.Tanh",
    ActivationKind.SOFTPLUS: "nn.Softplus",
    ActivationKind.SOFTSIGN: "nn.Softsign",
}
_SLOPES = {ActivationKind.LEAKY_RELU: ("negative_slope", 0.01)}  # else ("alpha", 1.0)
_IN_PLACE = (ActivationKind.RELU, ActivationKind.RELU6)  # their backward needs the output only

_PADS = {
    PadMode.ZEROS: "nn.ZeroPad",
    PadMode.REFLECT: "nn.ReflectionPad",
    PadMode.REPLICATE: "nn.ReplicationPad",
}


SchemeKey: TypeAlias = tuple[Scheme, int]  # and the dimensions of the maps
Schemes: TypeAlias = Mapping[SchemeKey, str]  # the classes of weight schemes


def constructor(
    column: LayerColumn, scope: ClassScope, schemes: Schemes, *, inplace: bool = False
) -> Invocation:
    """Return the call that makes the layer's module."""
    write = FieldWriter(column, scope)
    layer = next(node.layer for node in column if node is not None)
    match layer:
        case Conv() | ConvTranspose() | Linear():
            return _weighted(write, layer, schemes)
        case BatchNorm() | GroupNorm() | InstanceNorm() | LocalResponseNorm():
            return _norm(write, layer)
        case LayerNorm() | RMSNorm() | GlobalResponseNorm():
            return _norm_of_channels(write, layer)
        case Pool() | AdaptivePool():
            return _pool(write, layer)
        case Activation() | NCReLU() | PReLU():
            return _activation(write, layer, inplace=inplace)
        case Dropout(channels=channels):
            name = f"nn.Dropout{dimensions(layer)}d" if channels else "nn.Dropout"
            return _call(name, write.number("p"))
        case StochasticDepth(p=p):
            return _call("StochasticDepth", Text(DROP_RATE) if p is None else write.number("p"))
        case Scale():
            return _call("Scale", _spread(write, layer), *write.keyword("init", 1.0))
        case LearnedFactor():
            shape = _spread(write, layer)
            sizes = shape.items if isinstance(shape, Items) else (shape,)
            return _call("nn.Parameter", Invocation("torch.empty", tuple(sizes)))
        case Offset():
            return _call("Offset", _spread(write, layer), *write.keyword("init", 0.0))
        case Factor():
            return _call("Factor", write.number("value"))
        case ChannelConv():
            return _call("ChannelConv", write.number("kernel_size"))
        case Softmax():
            return _softmax(write, layer)
        case Pad() | SamePad() | Upsample() | Blur():
            return _resized(write, layer)
        case _:
            return _moved(write, layer)


DROP_RATE = "drop_rate"  # what a class calls the rate of stochastic depth that it is given


def hands_weight(layer: Layer) -> bool:
    """Whether users of a shared layer are handed the weight that its scheme computes, once.

    With a bias they are handed both, as (weight, bias).
    """
    return scheme_of(layer) is not None


def functional(column: LayerColumn, scope: ClassScope) -> tuple[str, tuple[Keyword, ...]]:
    """Return the function that applies a shared weight, and its keywords."""
    write = FieldWriter(column, scope)
    layer = next(node.layer for node in column if node is not None)
    match layer:
        case Conv():
            return f"F.conv{dimensions(layer)}d", _keywords(_geometry(write)[1:])
        case ConvTranspose():
            padding = write.keyword("output_padding", 0)
            return f"F.conv_transpose{dimensions(layer)}d", _keywords(
                (*_geometry(write)[1:], *padding)
            )
        case Linear(per_pixel=per_pixel):
            return "linear_per_pixel" if per_pixel else "F.linear", ()
        case _:
            raise AssertionError("only weights are shared")


def _keywords(found: Sequence[Python]) -> tuple[Keyword, ...]:
    return tuple(each for each in found if isinstance(each, Keyword))


def module_class(layer: Weighted) -> str:
    """Return the class of PyTorch that a layer is, whatever its weight is computed from."""
    match layer:
        case Conv():
            return f"nn.Conv{dimensions(layer)}d"
        case ConvTranspose():
            return f"nn.ConvTranspose{dimensions(layer)}d"
        case Linear():
            return "nn.Linear"
        case _:
            assert_never(layer)


def _weighted(
    write: FieldWriter, layer: Conv | ConvTranspose | Linear, schemes: Schemes
) -> Invocation:
    match layer:
        case Conv(scheme=None, bias=bias):
            return _call(
                f"nn.Conv{dimensions(layer)}d", *_channels(write), *_geometry(write), *_bias(bias)
            )
        case Conv(scheme=scheme, bias=bias):
            assert scheme is not None, "the case before"
            flags = [_flag("bias", "True")] if bias else []
            return _call(
                schemes[scheme, dimensions(layer)], *_channels(write), *_geometry(write), *flags
            )
        case ConvTranspose(bias=bias):
            geometry = (*_geometry(write), *write.keyword("output_padding", 0))
            return _call(module_class(layer), *_channels(write), *geometry, *_bias(bias))
        case Linear(bias=bias, per_pixel=per_pixel):
            features = write.number("in_features"), write.number("out_features")
            name = "PixelLinear" if per_pixel else "nn.Linear"
            return _call(name, *features, *_bias(bias))
        case _:
            assert_never(layer)


def _norm(
    write: FieldWriter,
    layer: BatchNorm | GroupNorm | InstanceNorm | LocalResponseNorm,
) -> Invocation:
    match layer:
        case BatchNorm(affine=affine):
            momentum = write.keyword("momentum", 0.1)
            flags = [] if affine else [_flag("affine", "False")]
            name = f"{_batch_norm(layer)}{dimensions(layer) or 1}d"
            if layer.fixed is not None and affine and not layer.offset:
                flags.append(_flag("offset", "False"))
            flags += [_flag("fixed", str(layer.fixed))] if layer.fixed else []
            return _call(name, write.number("num_features"), *_eps(write), *momentum, *flags)
        case GroupNorm():
            groups, features = write.number("num_groups"), write.number("num_features")
            return _call("nn.GroupNorm", groups, features, *_eps(write))
        case InstanceNorm(affine=affine):
            flags = [_flag("affine", "True")] if affine else []
            name = f"nn.InstanceNorm{layer.dimensions}d"
            return _call(name, write.number("num_features"), *_eps(write), *flags)
        case LocalResponseNorm():
            fields = (("alpha", 1e-4), ("beta", 0.75), ("k", 1.0))
            others = [each for name, value in fields for each in write.keyword(name, value)]
            return _call("nn.LocalResponseNorm", write.number("size"), *others)
        case _:
            assert_never(layer)


def _norm_of_channels(
    write: FieldWriter, layer: LayerNorm | RMSNorm | GlobalResponseNorm
) -> Invocation:
    features = write.number("num_features")
    match layer:
        case LayerNorm(spatial=spatial, bias=bias):
            name = f"LayerNorm{dimensions(layer)}d" if spatial else "nn.LayerNorm"
            return _call(name, features, *_eps(write), *_bias(bias))
        case RMSNorm(spatial=True):
            name = f"RMSNorm{dimensions(layer)}d"
            return _call(name, features, *write.keyword("eps", 1e-6))
        case RMSNorm():
            return _call("nn.RMSNorm", features, *write.keyword("eps"))
        case GlobalResponseNorm():
            return _call(
                in_dimensions("GlobalResponseNorm", dimensions(layer)),
                features,
                *write.keyword("eps", 1e-6),
            )
        case _:
            assert_never(layer)


def _spread(write: FieldWriter, layer: Scale | LearnedFactor | Offset) -> Python:
    """Return the shape of what is learned, a number where it has one dimension."""
    number, one = write.number("num_features"), Text("1")
    ones = (one,) * layer.dimensions
    match layer.dims:
        case 0:
            return Text("()")
        case 1:
            return number
        case dims if dims == 1 + len(ones):
            return Items((number, *ones), is_tuple=True)
        case _:
            return Items((one, number, *ones), is_tuple=True)


def _softmax(write: FieldWriter, layer: Softmax) -> Invocation:
    match layer.over:
        case SoftmaxOver.CHANNELS:
            return _call("nn.Softmax", _flag("dim", "1"))
        case SoftmaxOver.PIXELS:
            return _call("SoftmaxOverPixels")
        case SoftmaxOver.BRANCHES:
            return _call("SoftmaxOverBranches", write.number("parts"))
        case _:
            assert_never(layer.over)


def _batch_norm(layer: BatchNorm) -> str:
    if not layer.moments:
        return "FixedMomentsBatchNorm"
    if layer.fixed is not None:
        return "PartlyFixedBatchNorm"
    return "nn.BatchNorm" if layer.offset else "ScaleOnlyBatchNorm"


def _eps(write: FieldWriter) -> list[Python]:
    return write.keyword("eps", 1e-5)


def _pool(write: FieldWriter, layer: Pool | AdaptivePool) -> Invocation:
    kind = "Max" if layer.kind is PoolKind.MAX else "Avg"
    if isinstance(layer, AdaptivePool):
        return _call(f"nn.Adaptive{kind}Pool{dimensions(layer)}d", write.number("output_size"))
    size, stride, padding = (
        write.number("kernel_size"),
        write.number("stride"),
        write.keyword("padding", 0),
    )
    flags: list[Python] = [_flag("ceil_mode", "True")] if layer.ceil_mode else []
    if layer.kind is PoolKind.MAX:
        flags += write.keyword("dilation", 1)
    elif not layer.count_include_pad and padding:
        flags.append(_flag("count_include_pad", "False"))
    own = [] if stride == size else [Keyword("stride", stride)]
    return _call(f"nn.{kind}Pool{dimensions(layer)}d", size, *own, *padding, *flags)


def _activation(
    write: FieldWriter, layer: Activation | NCReLU | PReLU, *, inplace: bool
) -> Invocation:
    match layer:
        case Activation(approximate=True, kind=kind):
            return _call(_ACTIVATIONS[kind], _flag("approximate", '"tanh"'))
        case Activation(kind=kind, slope=None):
            in_place = [_flag("inplace", "True")] if inplace and kind in _IN_PLACE else []
            return _call(_ACTIVATIONS[kind], *in_place)
        case Activation(kind=kind):
            name, default = _SLOPES.get(kind, ("alpha", 1.0))
            return _call(_ACTIVATIONS[kind], *write.keyword("slope", default, rename=name))
        case NCReLU():
            return _call("NCReLU")
        case PReLU():
            init = write.keyword("init", 0.25)
            return _call("nn.PReLU", *write.keyword("num_parameters", 1), *init)
        case _:
            assert_never(layer)


_Moves: TypeAlias = (
    Flatten
    | PadChannels
    | ChannelShuffle
    | ChannelSplit
    | ChannelSlice
    | PixelShuffle
    | PixelUnshuffle
)


def _moved(write: FieldWriter, layer: _Moves) -> Invocation:
    """Return the call of what moves, repeats or leaves out what it is given."""
    number = write.number
    match layer:
        case Flatten():
            return _call("nn.Flatten")
        case PadChannels():
            name = in_dimensions("PadChannels", dimensions(layer))
            return _call(name, number("out_channels"))
        case ChannelShuffle():
            return _call("nn.ChannelShuffle", number("groups"))
        case ChannelSplit():
            return _call("ChannelSplit", number("parts"), number("part"))
        case ChannelSlice():
            return _call("ChannelSlice", number("start"), number("stop"))
        case PixelShuffle():
            return _call("nn.PixelShuffle", number("factor"))
        case PixelUnshuffle():
            return _call("nn.PixelUnshuffle", number("factor"))
        case _:
            assert_never(layer)


def _resized(write: FieldWriter, layer: Pad | SamePad | Upsample | Blur) -> Invocation:
    """Return the call of what changes the size of a map and keeps its channels."""
    number, keyword = write.number, write.keyword
    match layer:
        case Pad(mode=mode):
            borders = zip(reversed(layer.before), reversed(layer.behind), strict=True)
            borders = tuple(Text(str(border)) for pair in borders for border in pair)
            same = len(set(borders)) == 1
            name = f"{_PADS[mode]}{dimensions(layer)}d"
            return _call(name, borders[0] if same else Items(borders, is_tuple=True))
        case SamePad(of_maxima=of_maxima):
            flags = [_flag("value", '-float("inf")')] if of_maxima else []
            window = number("kernel_size"), *keyword("stride", 1), *keyword("dilation", 1)
            return _call(f"SamePad{dimensions(layer)}d", *window, *flags)
        case Upsample(factor=factor, mode=mode, align_corners=corners):
            flags = [] if mode is UpsampleMode.NEAREST else [_flag("mode", f'"{mode}"')]
            flags += [_flag("align_corners", "True")] if corners else []
            wanted = keyword("factor", rename="scale_factor") if factor else keyword("size")
            return _call("nn.Upsample", *wanted, *flags)
        case Blur():
            name = in_dimensions("Blur", dimensions(layer))
            return _call(name, number("kernel_size"), *keyword("stride", 1))
        case _:
            assert_never(layer)


def _channels(write: FieldWriter) -> tuple[Python, Python]:
    return write.number("in_channels"), write.number("out_channels")


def _geometry(write: FieldWriter) -> list[Python]:
    keyword = write.keyword
    return [
        write.number("kernel_size"),
        *keyword("stride", 1),
        *keyword("padding", 0),
        *keyword("dilation", 1),
        *keyword("groups", 1),
    ]


def _bias(bias: bool) -> list[Python]:
    return [] if bias else [_flag("bias", "False")]


def _call(function: str, *arguments: Python) -> Invocation:
    return Invocation(function, arguments)


def _flag(name: str, text: str) -> Keyword:
    return Keyword(name, Text(text))
