"""Layer -> the call that constructs it, its numbers left open as holes."""

from collections.abc import Hashable
from typing import assert_never

import msgspec

from archdsl.emit.plan import Call, Constant, Hole, Keyword, Python, Text
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    AdaptivePool,
    BatchNorm,
    ChannelShuffle,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Dropout,
    Factor,
    Flatten,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    NCReLU,
    Pad,
    PadChannels,
    PadMode,
    PixelShuffle,
    Pool,
    PoolKind,
    PReLU,
    Scale,
    StochasticDepth,
    Upsample,
    UpsampleMode,
)
from archdsl.ir.network import LayerNode
from archdsl.ir.numbers import Symbol
from archdsl.ir.schemes import Scheme

DROP_RATE = "drop rate"  # the symbol of the rate a block is given; no spec can name it

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
    PadMode.ZEROS: "nn.ZeroPad2d",
    PadMode.REFLECT: "nn.ReflectionPad2d",
    PadMode.REPLICATE: "nn.ReplicationPad2d",
}


def constructor(node: LayerNode, *, inplace: bool = False) -> Call:
    """Return the call that makes the layer's module."""
    layer = node.layer
    match layer:
        case Conv(scheme=None):
            return _call("nn.Conv2d", *_channels(node), *_geometry(node), _bias(layer.bias))
        case Conv(scheme=scheme):
            flags = [_flag("bias", "True")] if layer.bias else []
            return _call(scheme_key(scheme), *_channels(node), *_geometry(node), *flags)
        case ConvTranspose():
            padding = _number(node, "output_padding", 0)
            return _call(
                "nn.ConvTranspose2d", *_channels(node), *_geometry(node), padding, _bias(layer.bias)
            )
        case Linear():
            features = _hole(node, "in_features"), _hole(node, "out_features")
            return _call("nn.Linear", *features, _bias(layer.bias))
        case BatchNorm() | LayerNorm() | GroupNorm() | LocalResponseNorm():
            return _norm(node, layer)
        case InstanceNorm(affine=affine):
            flags = [_flag("affine", "True")] if affine else []
            return _call("nn.InstanceNorm2d", _hole(node, "num_features"), _eps(node), *flags)
        case Pool() | AdaptivePool():
            return _pool(node, layer)
        case Activation():
            return _activation(node, layer, inplace=inplace)
        case NCReLU():
            return _call("NCReLU")
        case PReLU():
            return _call(
                "nn.PReLU", _number(node, "num_parameters", 1), _number(node, "init", 0.25)
            )
        case Dropout(channels=channels):
            return _call("nn.Dropout2d" if channels else "nn.Dropout", _hole(node, "p"))
        case StochasticDepth(p=p):
            return _call("StochasticDepth", _drop_rate(p))
        case Flatten():
            return _call("nn.Flatten")
        case Pad():
            return _pad(node, layer)
        case PadChannels():
            return _call("PadChannels", _hole(node, "out_channels"))
        case ChannelShuffle():
            return _call("nn.ChannelShuffle", _hole(node, "groups"))
        case ChannelSplit():
            return _call("ChannelSplit", _hole(node, "parts"), _hole(node, "part"))
        case Upsample(mode=mode):
            flags = [] if mode is UpsampleMode.NEAREST else [_flag("mode", f'"{mode}"')]
            return _call("nn.Upsample", _number(node, "factor", rename="scale_factor"), *flags)
        case PixelShuffle():
            return _call("nn.PixelShuffle", _hole(node, "factor"))
        case Scale():
            return _call("Scale", _hole(node, "num_features"), _number(node, "init", 1.0))
        case Factor():
            return _call("Factor", _hole(node, "value"))
        case _:
            assert_never(layer)


def scheme_key(scheme: Scheme | None) -> str:
    """Return what stands in a plan for the class of a weight scheme until it is named."""
    return repr(scheme)


def hands_weight(layer: Layer) -> bool:
    """Whether users of a shared layer are handed the weight that its scheme computes, once.

    With a bias they are handed both, as (weight, bias).
    """
    return isinstance(layer, Conv) and layer.scheme is not None


def functional(node: LayerNode) -> tuple[str, tuple[Keyword, ...]]:
    """Return the function that applies a borrowed weight, and its keywords."""
    match node.layer:
        case Conv():
            return "F.conv2d", _geometry(node)[1:]
        case ConvTranspose():
            padding = _number(node, "output_padding", 0)
            return "F.conv_transpose2d", (*_geometry(node)[1:], padding)
        case Linear():
            return "F.linear", ()
        case _:
            raise AssertionError(f"{node.kind} has no weight to share")


def _norm(node: LayerNode, layer: BatchNorm | LayerNorm | GroupNorm | LocalResponseNorm) -> Call:
    match layer:
        case BatchNorm(spatial=spatial, affine=affine):
            function = _batch_norm(layer)
            momentum = _number(node, "momentum", 0.1)
            eps = _eps(node)
            flags = [] if affine else [_flag("affine", "False")]
            name = f"{function}{2 if spatial else 1}d"
            return _call(name, _hole(node, "num_features"), eps, momentum, *flags)
        case LayerNorm(spatial=spatial):
            name = "LayerNorm2d" if spatial else "nn.LayerNorm"
            return _call(name, _hole(node, "num_features"), _eps(node))
        case GroupNorm():
            groups, features = _hole(node, "num_groups"), _hole(node, "num_features")
            return _call("nn.GroupNorm", groups, features, _eps(node))
        case LocalResponseNorm():
            alpha, beta = _number(node, "alpha", 1e-4), _number(node, "beta", 0.75)
            k = _number(node, "k", 1.0)
            return _call("nn.LocalResponseNorm", _hole(node, "size"), alpha, beta, k)
        case _:
            assert_never(layer)


def _batch_norm(layer: BatchNorm) -> str:
    if not layer.moments:
        return "FixedMomentsBatchNorm"
    return "nn.BatchNorm" if layer.offset else "ScaleOnlyBatchNorm"


def _eps(node: LayerNode) -> Keyword:
    return _number(node, "eps", 1e-5)


def _pool(node: LayerNode, layer: Pool | AdaptivePool) -> Call:
    kind = "Max" if layer.kind is PoolKind.MAX else "Avg"
    if isinstance(layer, AdaptivePool):
        return _call(f"nn.Adaptive{kind}Pool2d", _hole(node, "output_size"))
    flags = [_flag("ceil_mode", "True")] if layer.ceil_mode else []
    if layer.kind is PoolKind.MAX:
        flags.append(_number(node, "dilation", 1))
    elif not layer.count_include_pad:
        flags.append(Keyword("count_include_pad", Text("False"), only_with="padding"))
    stride = Keyword("stride", _hole(node, "stride"), like="kernel_size")
    size, padding = _number(node, "kernel_size"), _number(node, "padding", 0)
    return _call(f"nn.{kind}Pool2d", size, stride, padding, *flags)


def _activation(node: LayerNode, layer: Activation, *, inplace: bool) -> Call:
    function = _ACTIVATIONS[layer.kind]
    if layer.slope is not None:
        name, default = _SLOPES.get(layer.kind, ("alpha", 1.0))
        return _call(function, _number(node, "slope", default, rename=name))
    in_place = inplace and layer.kind in _IN_PLACE
    return _call(function, *([_flag("inplace", "True")] if in_place else []))


def _pad(node: LayerNode, layer: Pad) -> Call:
    sides = [_hole(node, side) for side in ("left", "right", "top", "bottom")]
    exprs = tuple(expr for side in sides for expr in side.exprs)
    value = (layer.left, layer.right, layer.top, layer.bottom)
    hole = Hole(value, exprs if len(exprs) == len(sides) else (), hint="padding")
    return _call(_PADS[layer.mode], hole)


def _channels(node: LayerNode) -> tuple[Hole, Hole]:
    return _hole(node, "in_channels"), _hole(node, "out_channels")


def _geometry(node: LayerNode) -> tuple[Keyword, ...]:
    return (
        _number(node, "kernel_size"),
        _number(node, "stride", 1),
        _number(node, "padding", 0),
        _number(node, "dilation", 1),
        _number(node, "groups", 1),
    )


def _bias(bias: bool) -> Keyword:
    return Keyword("bias", Text(str(bias)), default=True)


def _call(function: str, *arguments: Python) -> Call:
    return Call(function, arguments)


def _flag(name: str, text: str) -> Keyword:
    return Keyword(name, Text(text))


def _number(
    node: LayerNode, field: str, default: Constant | None = None, rename: str | None = None
) -> Keyword:
    return Keyword(rename or field, _hole(node, field), default=default)


def _hole(node: LayerNode, field: str) -> Hole:
    value: Constant = getattr(node.layer, field)
    for written in node.written:
        if written.field == field:
            return Hole(value, written.exprs, hint=field)
    return Hole(value, (), hint=field)


def _drop_rate(rate: float | None) -> Hole:
    exprs = (Symbol(DROP_RATE),) if rate is None else ()
    return Hole(rate or 0.0, exprs, hint="drop_rate")


def skeleton(layer: Layer) -> Hashable:
    """Return what of a layer is not a number: its type, flags and modes."""
    fields = msgspec.structs.astuple(layer)
    return type(layer), tuple([f for f in fields if type(f) not in _NUMBERS])


_NUMBERS = (int, float, tuple)  # the other fields are flags, modes, weight schemes and None
