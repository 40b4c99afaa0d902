"""Activations, dropout, and what moves channels and pixels."""

from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    ChannelShuffle,
    ChannelSlice,
    ChannelSplit,
    Dropout,
    Factor,
    Flatten,
    NCReLU,
    Pad,
    PadChannels,
    PadMode,
    PixelShuffle,
    PReLU,
    Scale,
    StochasticDepth,
    Upsample,
    UpsampleMode,
)
from archdsl.ir.making import combine, leaf, literal
from archdsl.ir.numbers import Number
from archdsl.semantics.checks import fail_here
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import BuiltLayer, Facts, LayerCall, check_divides, write
from archdsl.semantics.kinds.rows import Keeps, LayerKind, flag, number
from archdsl.semantics.parameters import Domain, Parameter, count, option

_ONE = literal(1)


SLOPES = {"leaky_relu": "0.01", "elu": "1", "celu": "1"}  # of those that have one


def activation(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return an activation without parameters."""
    slope = use.arguments.real("slope") if use.kind in SLOPES else None
    return BuiltLayer(Activation(kind=ActivationKind(use.kind), slope=slope))


def ncrelu(_: LayerCall, flow: Flow, __: Facts) -> BuiltLayer:
    """Return the activation that doubles the channels."""
    return BuiltLayer(NCReLU(), channels=combine("*", literal(2), flow.channels))


def prelu(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a ReLU with a learned slope."""
    each = use.arguments.flag("per_channel")
    channels = flow.channels if each else _ONE
    layer = PReLU(num_parameters=int(channels.value), init=use.arguments.real("init"))
    return BuiltLayer(layer, (write("num_parameters", channels),))


def dropout(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a dropout, of elements or of channels."""
    rate = use.arguments.number("p")
    layer = Dropout(p=float(rate.value), channels=use.kind == "dropout2d")
    return BuiltLayer(layer, (write("p", rate),))


def stochastic_depth(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a dropout of whole branches."""
    rate = use.arguments.number("p")
    return BuiltLayer(StochasticDepth(p=float(rate.value)), (write("p", rate),))


def flatten(_: LayerCall, flow: Flow, facts: Facts) -> BuiltLayer:
    """Return a flatten, which makes channels of positions."""
    height, width = flow.size or (1, 1)
    pixels = height * width
    if pixels == 1:
        return BuiltLayer(Flatten())
    known = leaf(pixels, "pixels", facts.pixels)
    return BuiltLayer(Flatten(), channels=combine("*", flow.channels, known))


def pad(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a padding of the borders."""
    top, bottom, left, right = (int(n.value) for n in use.arguments.numbers("size"))
    mode = PadMode(use.arguments.word("mode"))
    return BuiltLayer(Pad(left=left, right=right, top=top, bottom=bottom, mode=mode))


def pad_channels(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a padding with channels of zeros."""
    channels = use.arguments.number("out_channels")
    if channels.value < flow.channels.value:
        message = f"`pad_channels` takes no channels away: {flow.channels} in, {channels} out"
        fail_here("E322", message, use.span, "reduce them with `conv1x1(..)`")
    layer = PadChannels(out_channels=use.arguments.integer("out_channels"))
    return BuiltLayer(layer, (write("out_channels", channels),), channels)


def channel_shuffle(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a shuffle of groups of channels."""
    groups = use.arguments.number("groups")
    check_divides(groups, flow, use.arguments.place("groups"), "groups")
    return BuiltLayer(ChannelShuffle(groups=int(groups.value)), (write("groups", groups),))


def channel_split(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a slice of the channels."""
    parts, part = use.arguments.number("parts"), use.arguments.number("part")
    check_divides(parts, flow, use.arguments.place("parts"), "parts")
    if part.value >= parts.value:
        fail_here("E303", f"`part` counts from 0 to {int(parts.value) - 1}, not {part}", use.span)
    layer = ChannelSplit(parts=int(parts.value), part=int(part.value))
    channels = combine("/", flow.channels, parts)
    return BuiltLayer(layer, (write("parts", parts), write("part", part)), channels)


def channel_slice(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a slice of the channels between two places."""
    start, stop = use.arguments.number("start"), use.arguments.number("stop")
    if stop.value > flow.channels.value:
        message = f"`stop` is at most the {flow.channels} channels that come in, not {stop}"
        fail_here("E303", message, use.arguments.place("stop"), _first(flow.channels))
    if start.value >= stop.value:
        message = f"`start` counts from 0 to {int(stop.value) - 1}, not {start}"
        fail_here("E303", message, use.arguments.place("start"), _first(stop))
    layer = ChannelSlice(start=int(start.value), stop=int(stop.value))
    written = (write("start", start), write("stop", stop))
    return BuiltLayer(layer, written, combine("-", stop, start))


def _first(channels: Number) -> str:
    number = int(channels.value)
    return f"`slice(0, {number})` keeps channels 0 to {number - 1}"


def upsample(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return an upsampling."""
    factor = use.arguments.number("factor")
    layer = Upsample(factor=int(factor.value), mode=UpsampleMode(use.arguments.word("mode")))
    return BuiltLayer(layer, (write("factor", factor),))


def pixel_shuffle(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a shuffle of channels into positions."""
    factor = use.arguments.number("factor")
    square = combine("*", factor, factor)
    check_divides(square, flow, use.arguments.place("factor"), "the square of the factor,")
    channels = combine("/", flow.channels, square)
    layer = PixelShuffle(factor=int(factor.value))
    return BuiltLayer(layer, (write("factor", factor),), channels)


def scale(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a learned factor for each channel."""
    layer = Scale(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        init=use.arguments.real("init"),
    )
    return BuiltLayer(layer, (write("num_features", flow.channels),))


def factor(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a constant factor."""
    value = use.arguments.number("value")
    return BuiltLayer(Factor(value=float(value.value)), (write("value", value),))


_RATE = Parameter("p", Domain.RATE, required=True)
_BORDER = Parameter("size", Domain.BORDER, required=True)
_PART = Parameter("part", Domain.NATURAL, required=True)
_START = Parameter("start", Domain.NATURAL, required=True)

ROWS = {
    **{
        str(kind): LayerKind((number("slope", SLOPES[kind]),) if kind in SLOPES else (), activation)
        for kind in ActivationKind
    },
    "ncrelu": LayerKind((), ncrelu),
    "prelu": LayerKind(
        (flag("per_channel", default=False), number("init", "0.25")), prelu, Keeps.SCALARS
    ),
    "dropout": LayerKind((_RATE,), dropout),
    "dropout2d": LayerKind((_RATE,), dropout),
    "stochastic_depth": LayerKind((_RATE,), stochastic_depth),
    "flatten": LayerKind((), flatten),
    "pad": LayerKind((_BORDER, option("mode", "zeros", "reflect", "replicate")), pad),
    "pad_channels": LayerKind((count("out_channels"),), pad_channels),
    "channel_shuffle": LayerKind((count("groups"),), channel_shuffle),
    "channel_split": LayerKind((count("parts"), _PART), channel_split),
    "slice": LayerKind((_START, count("stop")), channel_slice),
    "upsample": LayerKind((count("factor"), option("mode", "nearest", "bilinear")), upsample),
    "pixel_shuffle": LayerKind((count("factor"),), pixel_shuffle),
    "scale": LayerKind((number("init", "1"),), scale, Keeps.SCALARS),
    "factor": LayerKind((Parameter("value", Domain.NUMBER, required=True),), factor),
}
