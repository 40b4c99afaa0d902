"""Layer -> the call that constructs it, its numbers expressed over what its class may name."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never

from archdsl.emit.expressions.scope import ClassScope, Slot, WrittenNumber
from archdsl.emit.python.nodes import Constant, Invocation, Keyword, Python, Text
from archdsl.emit.python.nodes import Sequence as Items
from archdsl.emit.python.printer import constant
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    AdaptivePool,
    BatchNorm,
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
    PadMode.ZEROS: "nn.ZeroPad2d",
    PadMode.REFLECT: "nn.ReflectionPad2d",
    PadMode.REPLICATE: "nn.ReplicationPad2d",
}


LayerColumn: TypeAlias = Sequence[
    LayerNode | None
]  # a layer in each instance of a class that has it
Schemes: TypeAlias = Mapping[Scheme, str]  # the classes of weight schemes


class _Writer:
    """Writes the numbers of a layer's fields."""

    def __init__(self, column: LayerColumn, scope: ClassScope) -> None:
        self.column = column
        self.scope = scope

    def number(self, field: str) -> Python:
        """Return a field, a pair of equal numbers as one."""
        value = next(getattr(node.layer, field) for node in self.column if node is not None)
        if not isinstance(value, tuple):
            return self.scope.number(self.slot(field), field)
        members = [self.slot(field, index) for index in range(len(value))]  # pyright: ignore[reportUnknownArgumentType]
        if members[0] == members[1]:
            return self.scope.number(members[0], field)
        names = (field, field) if len(members) > len(_SIDES) else _SIDES
        each = (self.scope.number(m, f"{field}_{n}") for m, n in zip(members, names, strict=False))
        return Items(tuple(each), is_tuple=True)

    def slot(self, field: str, index: int | None = None) -> Slot:
        """Return a field in each instance, or a member of a pair."""
        return tuple(None if n is None else _written(n, field, index) for n in self.column)

    def keyword(
        self, field: str, default: Constant | None = None, rename: str = ""
    ) -> list[Python]:
        """Return `field=value`, nothing where that is the default."""
        value = self.number(field)
        is_default = default is not None and value == Text(constant(default))
        return [] if is_default else [Keyword(rename or field, value)]


_SIDES = ("height", "width")


def _written(node: LayerNode, field: str, index: int | None) -> WrittenNumber:
    value = getattr(node.layer, field)
    exprs = ()
    for written in node.written:  # a loop: this is asked of every number of every layer
        if written.field == field:
            exprs = written.exprs
            break
    if index is None:
        return WrittenNumber(value, exprs[0] if exprs else None)
    return WrittenNumber(value[index], exprs[index if len(exprs) > 1 else 0] if exprs else None)


def constructor(
    column: LayerColumn, scope: ClassScope, schemes: Schemes, *, inplace: bool = False
) -> Invocation:
    """Return the call that makes the layer's module."""
    write = _Writer(column, scope)
    number, keyword = write.number, write.keyword
    layer = next(node.layer for node in column if node is not None)
    match layer:
        case Conv(scheme=scheme, bias=bias):
            function = "nn.Conv2d" if scheme is None else schemes[scheme]
            flags = _bias(bias) if scheme is None else [_flag("bias", "True")] if bias else []
            return _call(function, *_channels(write), *_geometry(write), *flags)
        case ConvTranspose(bias=bias):
            padding = keyword("output_padding", 0)
            return _call(
                "nn.ConvTranspose2d", *_channels(write), *_geometry(write), *padding, *_bias(bias)
            )
        case Linear(bias=bias):
            features = number("in_features"), number("out_features")
            return _call("nn.Linear", *features, *_bias(bias))
        case BatchNorm() | LayerNorm() | GroupNorm() | LocalResponseNorm():
            return _norm(write, layer)
        case InstanceNorm(affine=affine):
            flags = [_flag("affine", "True")] if affine else []
            return _call("nn.InstanceNorm2d", number("num_features"), *_eps(write), *flags)
        case GlobalResponseNorm():
            return _call("GlobalResponseNorm", number("num_features"), *keyword("eps", 1e-6))
        case Pool() | AdaptivePool():
            return _pool(write, layer)
        case Activation():
            return _activation(write, layer, inplace=inplace)
        case NCReLU():
            return _call("NCReLU")
        case PReLU():
            return _call("nn.PReLU", *keyword("num_parameters", 1), *keyword("init", 0.25))
        case Dropout(channels=channels):
            return _call("nn.Dropout2d" if channels else "nn.Dropout", number("p"))
        case StochasticDepth(p=p):
            return _call("StochasticDepth", Text(DROP_RATE) if p is None else number("p"))
        case Flatten():
            return _call("nn.Flatten")
        case Pad(mode=mode):
            sides = tuple(number(side) for side in ("left", "right", "top", "bottom"))
            same = len(set(sides)) == 1
            return _call(_PADS[mode], sides[0] if same else Items(sides, is_tuple=True))
        case PadChannels():
            return _call("PadChannels", number("out_channels"))
        case ChannelShuffle():
            return _call("nn.ChannelShuffle", number("groups"))
        case ChannelSplit():
            return _call("ChannelSplit", number("parts"), number("part"))
        case ChannelSlice():
            return _call("ChannelSlice", number("start"), number("stop"))
        case Upsample(mode=mode):
            flags = [] if mode is UpsampleMode.NEAREST else [_flag("mode", f'"{mode}"')]
            return _call("nn.Upsample", *keyword("factor", rename="scale_factor"), *flags)
        case PixelShuffle():
            return _call("nn.PixelShuffle", number("factor"))
        case Scale():
            return _call("Scale", number("num_features"), *keyword("init", 1.0))
        case Factor():
            return _call("Factor", number("value"))
        case _:
            assert_never(layer)


DROP_RATE = "drop_rate"  # what a class calls the rate of stochastic depth that it is given


def number_of(column: LayerColumn, field: str, scope: ClassScope) -> Python:
    """Return a number of a layer as an expression."""
    return _Writer(column, scope).number(field)


def hands_weight(layer: Layer) -> bool:
    """Whether users of a shared layer are handed the weight that its scheme computes, once.

    With a bias they are handed both, as (weight, bias).
    """
    return isinstance(layer, Conv) and layer.scheme is not None


def functional(column: LayerColumn, scope: ClassScope) -> tuple[str, tuple[Keyword, ...]]:
    """Return the function that applies a shared weight, and its keywords."""
    write = _Writer(column, scope)
    layer = next(node.layer for node in column if node is not None)
    match layer:
        case Conv():
            return "F.conv2d", _keywords(_geometry(write)[1:])
        case ConvTranspose():
            padding = write.keyword("output_padding", 0)
            return "F.conv_transpose2d", _keywords((*_geometry(write)[1:], *padding))
        case Linear():
            return "F.linear", ()
        case _:
            raise AssertionError("only weights are shared")


def _keywords(found: Sequence[Python]) -> tuple[Keyword, ...]:
    return tuple(each for each in found if isinstance(each, Keyword))


def _norm(
    write: _Writer, layer: BatchNorm | LayerNorm | GroupNorm | LocalResponseNorm
) -> Invocation:
    match layer:
        case BatchNorm(spatial=spatial, affine=affine):
            momentum = write.keyword("momentum", 0.1)
            flags = [] if affine else [_flag("affine", "False")]
            name = f"{_batch_norm(layer)}{2 if spatial else 1}d"
            if layer.fixed is not None and affine and not layer.offset:
                flags.append(_flag("offset", "False"))
            flags += [_flag("fixed", str(layer.fixed))] if layer.fixed else []
            return _call(name, write.number("num_features"), *_eps(write), *momentum, *flags)
        case LayerNorm(spatial=spatial):
            name = "LayerNorm2d" if spatial else "nn.LayerNorm"
            return _call(name, write.number("num_features"), *_eps(write))
        case GroupNorm():
            groups, features = write.number("num_groups"), write.number("num_features")
            return _call("nn.GroupNorm", groups, features, *_eps(write))
        case LocalResponseNorm():
            fields = (("alpha", 1e-4), ("beta", 0.75), ("k", 1.0))
            others = [each for name, value in fields for each in write.keyword(name, value)]
            return _call("nn.LocalResponseNorm", write.number("size"), *others)
        case _:
            assert_never(layer)


def _batch_norm(layer: BatchNorm) -> str:
    if not layer.moments:
        return "FixedMomentsBatchNorm"
    if layer.fixed is not None:
        return "PartlyFixedBatchNorm"
    return "nn.BatchNorm" if layer.offset else "ScaleOnlyBatchNorm"


def _eps(write: _Writer) -> list[Python]:
    return write.keyword("eps", 1e-5)


def _pool(write: _Writer, layer: Pool | AdaptivePool) -> Invocation:
    kind = "Max" if layer.kind is PoolKind.MAX else "Avg"
    if isinstance(layer, AdaptivePool):
        return _call(f"nn.Adaptive{kind}Pool2d", write.number("output_size"))
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
    return _call(f"nn.{kind}Pool2d", size, *own, *padding, *flags)


def _activation(write: _Writer, layer: Activation, *, inplace: bool) -> Invocation:
    function = _ACTIVATIONS[layer.kind]
    if layer.slope is not None:
        name, default = _SLOPES.get(layer.kind, ("alpha", 1.0))
        return _call(function, *write.keyword("slope", default, rename=name))
    in_place = inplace and layer.kind in _IN_PLACE
    return _call(function, *([_flag("inplace", "True")] if in_place else []))


def _channels(write: _Writer) -> tuple[Python, Python]:
    return write.number("in_channels"), write.number("out_channels")


def _geometry(write: _Writer) -> list[Python]:
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
