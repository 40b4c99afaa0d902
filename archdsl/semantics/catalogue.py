"""The layers of the language: one row each, from its arguments to a layer of the network.

To add a layer kind: its record in ir/layers.py, its map in ir/shapes.py, a row here and its word in
words.py, its line in emit/layers.py. The type checker names whatever `match` must know it.
"""

from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import gcd

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
from archdsl.ir.network import Written
from archdsl.ir.numbers import Number, arithmetic, combine, leaf, literal
from archdsl.record import Record
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.flow import Flow
from archdsl.semantics.schemes import SaidScheme, check_scheme, refuse_transposed
from archdsl.semantics.signature import (
    Arguments,
    Kind,
    Parameter,
    bind,
    count,
    default_count,
    option,
)
from archdsl.semantics.values import Scope
from archdsl.semantics.words import split_word
from archdsl.source import Span
from archdsl.syntax import tree


class Bn(StrEnum):
    """What of a batch normalization changes in training: the words of `bn(..)`."""

    LEARNED = "learned"  # scale, offset and moments
    SCALE = "scale"  # scale and moments
    FROZEN = "frozen"  # moments; the scale is 1, the offset 0
    FIXED = "fixed"  # nothing


class Facts(Record):
    """What annotations have decided about the layers at a place."""

    bn: Bn = Bn.LEARNED
    scheme: SaidScheme | None = None
    pixels: frozenset[str] = frozenset()  # what the size of the input hangs on


class Built(Record):
    """A layer, how its numbers were written, and its output channels."""

    layer: Layer
    written: tuple[Written, ...] = ()
    channels: Number | None = None  # None: as many as it was given


class Use(Record):
    """A call of a layer, its arguments bound, before it meets a map."""

    word: str
    kind: str
    kernel: tuple[int, int] | None
    arguments: Arguments
    span: Span


class Row(Record):
    """A layer kind."""

    parameters: tuple[Parameter, ...]
    build: Callable[[Use, Flow, Facts], Built]


def bind_layer(call: tree.Call, scope: Scope) -> Use:
    """Return the call of a layer with its arguments checked."""
    word = call.name.text
    split = split_word(word)
    assert split is not None, word
    arguments = bind(call, layer_parameters(word), scope, f"`{word}`")
    return Use(word, *split, arguments, call.span)


@lru_cache(maxsize=256)
def layer_parameters(word: str) -> tuple[Parameter, ...]:
    """Return the parameters of a layer; one that says its window takes none."""
    split = split_word(word)
    assert split is not None, word
    kind, kernel = split
    parameters = ROWS[kind].parameters
    if kernel is None:
        return parameters
    return tuple(p for p in parameters if p.name not in ("kernel", "size"))


def build_layer(use: Use, flow: Flow, facts: Facts) -> Built:
    """Return the layer that a bound call makes of what flows in."""
    return ROWS[use.kind].build(use, flow, facts)


# ---------------------------------------------------------------- parts of rows

_ZERO, _ONE = literal(0), literal(1)
_STRIDE = Parameter("stride", Kind.PAIR, _ONE)
_PADDING = Parameter("padding", Kind.NATURAL_PAIR)
_DILATION = Parameter("dilation", Kind.PAIR, _ONE)
_GROUPS = default_count("groups", 1)
_EPS = Parameter("eps", Kind.TINY, literal(arithmetic("/", 1, 100_000)))


def _pair(numbers: tuple[Number, ...]) -> tuple[int, int]:
    first, second = (numbers * 2)[:2]
    assert isinstance(first.value, int)
    assert isinstance(second.value, int)
    return first.value, second.value


def _write(field: str, numbers: tuple[Number, ...] | Number) -> Written:
    if isinstance(numbers, Number):
        return Written(field, (numbers.expr,))
    exprs = tuple(n.expr for n in numbers)
    return Written(field, exprs[:1] if exprs.count(exprs[0]) == len(exprs) else exprs)


def _kernel(use: Use) -> tuple[Number, ...]:
    if use.kernel is not None:
        return _literals(use.kernel)
    return (use.arguments.numbers("kernel") * 2)[:2]


@lru_cache(maxsize=256)
def _literals(kernel: tuple[int, int]) -> tuple[Number, ...]:
    return tuple(map(literal, kernel))


def _padding(
    use: Use, kernel: tuple[Number, ...], dilation: tuple[Number, ...]
) -> tuple[Number, ...]:
    """Return the padding: as given, else (kernel - 1) // 2 * dilation, which keeps odd sizes."""
    if use.arguments.given("padding"):
        return (use.arguments.numbers("padding") * 2)[:2]
    return tuple(_half(k, d) for k, d in zip(kernel, (dilation * 2)[:2], strict=True))


@lru_cache(maxsize=256)
def _half(kernel: Number, dilation: Number) -> Number:
    half = combine("//", combine("-", kernel, literal(1)), literal(2))
    return half if dilation.value == 1 else combine("*", half, dilation)


def _check_groups(groups: int, channels: tuple[Number, Number], span: Span) -> None:
    inputs, outputs = (int(c.value) for c in channels)
    if inputs % groups == 0 and outputs % groups == 0:
        return
    message = f"{groups} groups do not divide the channels: {channels[0]} in, {channels[1]} out"
    fail_here("E321", message, span, f"groups that do: {_divisors(gcd(inputs, outputs), groups)}")


def _divisors(number: int, near: int) -> str:
    """Return the divisors of a number next to another one, as a list."""
    fitting = [d for d in range(1, min(number, 4096) + 1) if number % d == 0]
    nearest = sorted(sorted(fitting, key=lambda d: abs(d - near))[:5])
    return ", ".join(map(str, nearest))


def _divides(parts: Number, flow: Flow, span: Span, what: str) -> None:
    channels = int(flow.channels.value)
    if channels % int(parts.value):
        help_ = f"what divides them: {_divisors(channels, int(parts.value))}"
        fail_here("E321", f"{what} {parts} does not divide {flow.channels} channels", span, help_)


# ---------------------------------------------------------------- convolutions, linear


def _conv(use: Use, flow: Flow, facts: Facts) -> Built:
    a = use.arguments
    kernel, stride, dilation = _kernel(use), a.numbers("stride"), a.numbers("dilation")
    out, groups = a.number("out_channels"), a.number("groups")
    padding = _padding(use, kernel, dilation)
    _check_groups(a.integer("groups"), (flow.channels, out), a.place("groups"))
    layer = Conv(
        in_channels=int(flow.channels.value),
        out_channels=a.integer("out_channels"),
        kernel_size=_pair(kernel),
        stride=_pair(stride),
        padding=_pair(padding),
        dilation=_pair(dilation),
        groups=a.integer("groups"),
        bias=a.flag("bias"),
        scheme=facts.scheme.scheme if facts.scheme else None,
    )
    if facts.scheme is not None:
        check_scheme(layer, facts.scheme, (flow.channels, out), use.span)
    written = (
        _write("in_channels", flow.channels),
        _write("out_channels", out),
        _write("kernel_size", kernel),
        _write("stride", stride),
        _write("padding", padding),
        _write("dilation", dilation),
        _write("groups", groups),
    )
    return Built(layer, written, out)


def _conv_transpose(use: Use, flow: Flow, facts: Facts) -> Built:
    a = use.arguments
    if facts.scheme is not None and facts.scheme.scheme is not None:
        refuse_transposed(facts.scheme, use.span)
    kernel, stride, dilation = _kernel(use), a.numbers("stride"), a.numbers("dilation")
    out, extra = a.number("out_channels"), a.numbers("output_padding")
    padding = _padding(use, kernel, dilation)
    _check_groups(a.integer("groups"), (flow.channels, out), a.place("groups"))
    layer = ConvTranspose(
        in_channels=int(flow.channels.value),
        out_channels=a.integer("out_channels"),
        kernel_size=_pair(kernel),
        stride=_pair(stride),
        padding=_pair(padding),
        output_padding=_pair(extra),
        dilation=_pair(dilation),
        groups=a.integer("groups"),
        bias=a.flag("bias"),
    )
    for given, step, spread in zip(layer.output_padding, layer.stride, layer.dilation, strict=True):
        if given >= max(step, spread):
            fail_here(
                "E322", "`output_padding` must be smaller than the stride or the dilation", use.span
            )
    written = (
        _write("in_channels", flow.channels),
        _write("out_channels", out),
        _write("kernel_size", kernel),
        _write("stride", stride),
        _write("padding", padding),
        _write("output_padding", extra),
        _write("dilation", dilation),
        _write("groups", a.number("groups")),
    )
    return Built(layer, written, out)


def _linear(use: Use, flow: Flow, _: Facts) -> Built:
    out = use.arguments.number("out_features")
    layer = Linear(
        in_features=int(flow.channels.value),
        out_features=use.arguments.integer("out_features"),
        bias=use.arguments.flag("bias"),
    )
    written = (_write("in_features", flow.channels), _write("out_features", out))
    return Built(layer, written, out)


# ---------------------------------------------------------------- normalization


def _bn(use: Use, flow: Flow, facts: Facts) -> Built:
    layer = BatchNorm(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        affine=facts.bn in (Bn.LEARNED, Bn.SCALE),
        offset=facts.bn is not Bn.SCALE,
        moments=facts.bn is not Bn.FIXED,
        eps=use.arguments.real("eps"),
        momentum=use.arguments.real("momentum"),
    )
    return Built(layer, (_write("num_features", flow.channels),))


def _layernorm(use: Use, flow: Flow, _: Facts) -> Built:
    layer = LayerNorm(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        eps=use.arguments.real("eps"),
    )
    return Built(layer, (_write("num_features", flow.channels),))


def _groupnorm(use: Use, flow: Flow, _: Facts) -> Built:
    groups = use.arguments.number("groups")
    _divides(groups, flow, use.arguments.place("groups"), "groups")
    layer = GroupNorm(
        num_groups=use.arguments.integer("groups"),
        num_features=int(flow.channels.value),
        eps=use.arguments.real("eps"),
    )
    return Built(layer, (_write("num_groups", groups), _write("num_features", flow.channels)))


def _instancenorm(use: Use, flow: Flow, _: Facts) -> Built:
    layer = InstanceNorm(
        num_features=int(flow.channels.value),
        affine=use.arguments.flag("affine"),
        eps=use.arguments.real("eps"),
    )
    return Built(layer, (_write("num_features", flow.channels),))


def _local_response_norm(use: Use, _: Flow, __: Facts) -> Built:
    a = use.arguments
    layer = LocalResponseNorm(
        size=a.integer("size"), alpha=a.real("alpha"), beta=a.real("beta"), k=a.real("k")
    )
    return Built(layer)


# ---------------------------------------------------------------- pooling


def _maxpool(use: Use, _: Flow, __: Facts) -> Built:
    return _pool(use, PoolKind.MAX)


def _avgpool(use: Use, _: Flow, __: Facts) -> Built:
    return _pool(use, PoolKind.AVG)


def _pool(use: Use, kind: PoolKind) -> Built:
    a = use.arguments
    if use.kernel is None and not a.given("kernel"):
        return _adaptive(use, kind)
    if use.kernel is None and a.given("size"):
        fail("E323", "a pooling takes `kernel` or `size`, not both", use.span)
    kernel = _kernel(use)
    stride = a.numbers("stride") if a.given("stride") else kernel
    dilation = a.numbers("dilation") if kind is PoolKind.MAX else (_ONE,)
    padding = _padding(use, kernel, dilation if use.arguments.given("padding") else (_ONE,))
    for size, border in zip(_pair(kernel), _pair(padding), strict=True):
        if 2 * border > size:
            fail_here("E322", f"padding {border} is more than half the window of {size}", use.span)
    layer = Pool(
        kind=kind,
        kernel_size=_pair(kernel),
        stride=_pair(stride),
        padding=_pair(padding),
        dilation=_pair(dilation),
        ceil_mode=a.flag("ceil"),
        count_include_pad=kind is PoolKind.AVG and a.flag("count_include_pad"),
    )
    fields = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return Built(layer, tuple(_write(name, numbers) for name, numbers in fields.items()))


def _adaptive(use: Use, kind: PoolKind) -> Built:
    for name in ("stride", "padding"):
        if use.arguments.given(name):
            help_ = f"write the window, as in `{use.kind}3x3({name} = 2)`"
            fail("E323", f"`{use.word}` without a window has no `{name}`", use.span, help_)
    size = use.arguments.numbers("size") if use.arguments.given("size") else (_ONE,)
    layer = AdaptivePool(kind=kind, output_size=_pair(size))
    return Built(layer, (_write("output_size", size),))


# ---------------------------------------------------------------- the rest


def _activation(use: Use, _: Flow, __: Facts) -> Built:
    slope = use.arguments.real("slope") if use.kind in _SLOPES else None
    return Built(Activation(kind=ActivationKind(use.kind), slope=slope))


def _ncrelu(_: Use, flow: Flow, __: Facts) -> Built:
    return Built(NCReLU(), channels=combine("*", literal(2), flow.channels))


def _prelu(use: Use, flow: Flow, _: Facts) -> Built:
    each = use.arguments.flag("per_channel")
    channels = flow.channels if each else _ONE
    layer = PReLU(num_parameters=int(channels.value), init=use.arguments.real("init"))
    return Built(layer, (_write("num_parameters", channels),))


def _dropout(use: Use, _: Flow, __: Facts) -> Built:
    rate = use.arguments.number("p")
    layer = Dropout(p=float(rate.value), channels=use.kind == "dropout2d")
    return Built(layer, (_write("p", rate),))


def _stochastic_depth(use: Use, _: Flow, __: Facts) -> Built:
    rate = use.arguments.number("p")
    return Built(StochasticDepth(p=float(rate.value)), (_write("p", rate),))


def _flatten(_: Use, flow: Flow, facts: Facts) -> Built:
    height, width = flow.size or (1, 1)
    pixels = height * width
    if pixels == 1:
        return Built(Flatten())
    known = leaf(pixels, "pixels", facts.pixels)
    return Built(Flatten(), channels=combine("*", flow.channels, known))


def _pad(use: Use, _: Flow, __: Facts) -> Built:
    top, bottom, left, right = (int(n.value) for n in use.arguments.numbers("size"))
    mode = PadMode(use.arguments.word("mode"))
    return Built(Pad(left=left, right=right, top=top, bottom=bottom, mode=mode))


def _pad_channels(use: Use, flow: Flow, _: Facts) -> Built:
    channels = use.arguments.number("out_channels")
    if channels.value < flow.channels.value:
        message = f"`pad_channels` takes no channels away: {flow.channels} in, {channels} out"
        fail_here("E322", message, use.span, "reduce them with `conv1x1(..)`")
    layer = PadChannels(out_channels=use.arguments.integer("out_channels"))
    return Built(layer, (_write("out_channels", channels),), channels)


def _channel_shuffle(use: Use, flow: Flow, _: Facts) -> Built:
    groups = use.arguments.number("groups")
    _divides(groups, flow, use.arguments.place("groups"), "groups")
    return Built(ChannelShuffle(groups=int(groups.value)), (_write("groups", groups),))


def _channel_split(use: Use, flow: Flow, _: Facts) -> Built:
    parts, part = use.arguments.number("parts"), use.arguments.number("part")
    _divides(parts, flow, use.arguments.place("parts"), "parts")
    if part.value >= parts.value:
        fail_here("E303", f"`part` counts from 0 to {int(parts.value) - 1}, not {part}", use.span)
    layer = ChannelSplit(parts=int(parts.value), part=int(part.value))
    channels = combine("/", flow.channels, parts)
    return Built(layer, (_write("parts", parts), _write("part", part)), channels)


def _upsample(use: Use, _: Flow, __: Facts) -> Built:
    factor = use.arguments.number("factor")
    layer = Upsample(factor=int(factor.value), mode=UpsampleMode(use.arguments.word("mode")))
    return Built(layer, (_write("factor", factor),))


def _pixel_shuffle(use: Use, flow: Flow, _: Facts) -> Built:
    factor = use.arguments.number("factor")
    square = combine("*", factor, factor)
    _divides(square, flow, use.arguments.place("factor"), "the square of the factor,")
    channels = combine("/", flow.channels, square)
    layer = PixelShuffle(factor=int(factor.value))
    return Built(layer, (_write("factor", factor),), channels)


def _scale(use: Use, flow: Flow, _: Facts) -> Built:
    layer = Scale(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        init=use.arguments.real("init"),
    )
    return Built(layer, (_write("num_features", flow.channels),))


def _factor(use: Use, _: Flow, __: Facts) -> Built:
    value = use.arguments.number("value")
    return Built(Factor(value=float(value.value)), (_write("value", value),))


# ---------------------------------------------------------------- the table


def _number(name: str, text: str, kind: Kind = Kind.NUMBER) -> Parameter:
    """Return a number with a default, written as in the reference."""
    return Parameter(name, kind, literal(Fraction(text)))


_KERNEL = Parameter("kernel", Kind.PAIR, required=True)
_WINDOW = Parameter("kernel", Kind.PAIR)
_SIZE = Parameter("size", Kind.PAIR)
_OWN_STRIDE = Parameter("stride", Kind.PAIR)
_CEIL = Parameter("ceil", Kind.FLAG, default=False)
_NO_BIAS = Parameter("bias", Kind.FLAG, default=False)
_BIAS = Parameter("bias", Kind.FLAG, default=True)
_CONV = (count("out_channels"), _KERNEL, _STRIDE, _PADDING, _DILATION, _GROUPS, _NO_BIAS)
_OUTPUT_PADDING = Parameter("output_padding", Kind.NATURAL_PAIR, _ZERO)
_RATE = Parameter("p", Kind.RATE, required=True)
_SLOPES = {"leaky_relu": "0.01", "elu": "1", "celu": "1"}

ROWS: dict[str, Row] = {
    "conv": Row(_CONV, _conv),
    "conv_transpose": Row((*_CONV, _OUTPUT_PADDING), _conv_transpose),
    "linear": Row((count("out_features"), _BIAS), _linear),
    "bn": Row((_EPS, _number("momentum", "0.1", Kind.SHARE)), _bn),
    "layernorm": Row((_EPS,), _layernorm),
    "instancenorm": Row((Parameter("affine", Kind.FLAG, default=False), _EPS), _instancenorm),
    "groupnorm": Row((count("groups"), _EPS), _groupnorm),
    "local_response_norm": Row(
        (
            default_count("size", 5),
            _number("alpha", "1e-4", Kind.POSITIVE),
            _number("beta", "0.75", Kind.POSITIVE),
            _number("k", "1", Kind.POSITIVE),
        ),
        _local_response_norm,
    ),
    "maxpool": Row((_WINDOW, _OWN_STRIDE, _PADDING, _DILATION, _CEIL, _SIZE), _maxpool),
    "avgpool": Row(
        (
            _WINDOW,
            _OWN_STRIDE,
            _PADDING,
            _CEIL,
            _SIZE,
            Parameter("count_include_pad", Kind.FLAG, default=False),
        ),
        _avgpool,
    ),
    **{
        str(kind): Row((_number("slope", _SLOPES[kind]),) if kind in _SLOPES else (), _activation)
        for kind in ActivationKind
    },
    "ncrelu": Row((), _ncrelu),
    "prelu": Row(
        (Parameter("per_channel", Kind.FLAG, default=False), _number("init", "0.25")), _prelu
    ),
    "dropout": Row((_RATE,), _dropout),
    "dropout2d": Row((_RATE,), _dropout),
    "stochastic_depth": Row((_RATE,), _stochastic_depth),
    "flatten": Row((), _flatten),
    "pad": Row(
        (
            Parameter("size", Kind.BORDER, required=True),
            option("mode", "zeros", "reflect", "replicate"),
        ),
        _pad,
    ),
    "pad_channels": Row((count("out_channels"),), _pad_channels),
    "channel_shuffle": Row((count("groups"),), _channel_shuffle),
    "channel_split": Row(
        (count("parts"), Parameter("part", Kind.NATURAL, required=True)), _channel_split
    ),
    "upsample": Row((count("factor"), option("mode", "nearest", "bilinear")), _upsample),
    "pixel_shuffle": Row((count("factor"),), _pixel_shuffle),
    "scale": Row((_number("init", "1"),), _scale),
    "factor": Row((Parameter("value", Kind.NUMBER, required=True),), _factor),
}
