"""What moves, repeats or leaves out channels and pixels."""

from archdsl.ir.layers import (
    Blur,
    ChannelShuffle,
    ChannelSlice,
    ChannelSplit,
    Flatten,
    Pad,
    PadChannels,
    PadMode,
    PixelShuffle,
    PixelUnshuffle,
    Upsample,
    UpsampleMode,
)
from archdsl.ir.making import combine, leaf
from archdsl.ir.numbers import Number
from archdsl.limits import MAX_BLUR
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import (
    BuiltLayer,
    Facts,
    LayerCall,
    check_divides,
    each,
    size_of,
    write,
)
from archdsl.semantics.kinds.rows import STRIDE, LayerKind, flag
from archdsl.semantics.parameters import BORDERS, Domain, Parameter, count, option


def flatten(_: LayerCall, flow: Flow, facts: Facts) -> BuiltLayer:
    """Return a flatten, which makes channels of positions."""
    pixels = flow.map.positions
    if pixels == 1:
        return BuiltLayer(Flatten())
    known = leaf(pixels, "pixels", facts.pixels)
    return BuiltLayer(Flatten(), channels=combine("*", flow.channels, known))


def pad(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a padding of the borders."""
    borders, dimensions = size_of(use.arguments.numbers("size")), flow.map.dimensions or 2
    if len(borders) == 1:
        borders *= 2 * dimensions
    if len(borders) != 2 * dimensions:
        message = f"`size` has {len(borders)} numbers, and a map {flow.map} has "
        message += f"{2 * dimensions} borders"
        order = ", ".join(BORDERS[dimensions - 1])
        help_ = f"write a number, or `[{order}]`"
        fail_here("E332", message, use.arguments.place("size"), help_)
    mode = PadMode(use.arguments.word("mode"))
    return BuiltLayer(Pad(before=borders[::2], behind=borders[1::2], mode=mode))


def pad_channels(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a padding with channels of zeros."""
    channels = use.arguments.number("out_channels")
    if channels.value < flow.channels.value:
        message = f"`pad_channels` takes no channels away: {flow.channels} in, {channels} out"
        fail_here("E322", message, use.span, "reduce them with `conv1x1(..)`")
    layer = PadChannels(
        out_channels=use.arguments.integer("out_channels"), dimensions=flow.map.dimensions or 2
    )
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


_INTERPOLATED = (UpsampleMode.LINEAR, UpsampleMode.BILINEAR, UpsampleMode.TRILINEAR)


def upsample(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return an upsampling by a factor, or to a size: a map's, or one that is written."""
    a, ways = use.arguments, ("factor", "size", "like")
    given = [way for way in ways if a.given(way)]
    if len(given) != 1:
        which = "one of `factor`, `size` and `like`"
        help_ = "write `upsample(2)`, `upsample(size = [64, 64])` or `upsample(like = c2)`"
        fail("E323" if given else "E312", f"`upsample` needs {which}", use.span, help_)
    mode, corners = UpsampleMode(a.word("mode")), a.flag("align_corners")
    fitting = _INTERPOLATED[(flow.map.dimensions or 2) - 1]
    if mode not in (UpsampleMode.NEAREST, fitting):
        message = f"`mode = {mode}` is not about a map {flow.map}"
        fail_here("E332", message, a.place("mode"), f"write `mode = {fitting}`")
    if corners and mode is UpsampleMode.NEAREST:
        message = f"`align_corners` goes with `mode = {fitting}`"
        fail("E323", message, a.place("align_corners"))
    (way,) = given
    if way == "factor":
        factor = a.number("factor")
        layer = Upsample(factor=int(factor.value), mode=mode, align_corners=corners)
        return BuiltLayer(layer, (write("factor", factor),))
    numbers = each(use, way, flow)
    layer = Upsample(size=size_of(numbers), mode=mode, align_corners=corners)
    return BuiltLayer(layer, (write("size", numbers),))


def blur(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a binomial filter."""
    kernel, stride = use.arguments.number("kernel"), each(use, "stride", flow)
    if not 1 < int(kernel.value) <= MAX_BLUR:
        message = f"`kernel` is from 2 to {MAX_BLUR} pixels, not {kernel}"
        fail_here("E303", message, use.arguments.place("kernel"))
    layer = Blur(kernel_size=int(kernel.value), stride=size_of(stride))
    return BuiltLayer(layer, (write("kernel_size", kernel), write("stride", stride)))


def pixel_shuffle(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a shuffle of channels into positions."""
    factor = use.arguments.number("factor")
    square = combine("*", factor, factor)
    check_divides(square, flow, use.arguments.place("factor"), "the square of the factor,")
    channels = combine("/", flow.channels, square)
    layer = PixelShuffle(factor=int(factor.value))
    return BuiltLayer(layer, (write("factor", factor),), channels)


def pixel_unshuffle(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a shuffle of positions into channels."""
    factor = use.arguments.number("factor")
    channels = combine("*", flow.channels, combine("*", factor, factor))
    layer = PixelUnshuffle(factor=int(factor.value))
    return BuiltLayer(layer, (write("factor", factor),), channels)


_BORDER = Parameter("size", Domain.BORDER, required=True)
_PART = Parameter("part", Domain.NATURAL, required=True)
_START = Parameter("start", Domain.NATURAL, required=True)
_UPSAMPLE = (
    Parameter("factor", Domain.COUNT),
    option("mode", *(str(mode) for mode in UpsampleMode)),
    Parameter("size", Domain.SIZES),
    Parameter("like", Domain.MAP),
    flag("align_corners", default=False),
)

ROWS = {
    "flatten": LayerKind((), flatten),
    "pad": LayerKind((_BORDER, option("mode", "zeros", "reflect", "replicate")), pad),
    "pad_channels": LayerKind((count("out_channels"),), pad_channels),
    "channel_shuffle": LayerKind((count("groups"),), channel_shuffle),
    "channel_split": LayerKind((count("parts"), _PART), channel_split),
    "slice": LayerKind((_START, count("stop")), channel_slice),
    "upsample": LayerKind(_UPSAMPLE, upsample),
    "blur": LayerKind((count("kernel"), STRIDE), blur),
    "pixel_shuffle": LayerKind((count("factor"),), pixel_shuffle),
    "pixel_unshuffle": LayerKind((count("factor"),), pixel_unshuffle),
}
