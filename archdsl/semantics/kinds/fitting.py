"""Where weight schemes can stand."""

from archdsl.diagnostics import Note
from archdsl.ir.layers import Conv, is_point
from archdsl.ir.numbers import Number
from archdsl.ir.schemes import Identity, Scheme, Standardized
from archdsl.record import Record
from archdsl.semantics.checks import fail
from archdsl.source import Span


class SaidScheme(Record):
    """A scheme as an annotation says it; None: `plain`, which takes others off."""

    word: str
    scheme: Scheme | None
    span: Span


def refuse_transposed(said: SaidScheme, span: Span) -> None:
    """Raise SpecError: a transposed convolution has no scheme."""
    _refuse(said, span, "a transposed convolution", "write `upsample` and a convolution")


def check_scheme(
    layer: Conv, said: SaidScheme, channels: tuple[Number, Number], span: Span
) -> None:
    """Raise SpecError where a convolution cannot have the scheme; `channels` are in, out."""
    if isinstance(said.scheme, Identity):
        _check_window(layer, said, span)
        _check_channels(layer, said, channels, span)
    if isinstance(said.scheme, Standardized):
        _check_filters(layer, said, span)


def _check_window(layer: Conv, said: SaidScheme, span: Span) -> None:
    """Delta passes a map on as it is: the window has a centre, and keeps the size."""
    if not is_point(layer.stride):
        _refuse(said, span, "a convolution with a stride", "pool before the layer")
    if any(size % 2 == 0 for size in layer.kernel_size):
        _refuse(said, span, "a convolution whose window has no centre", "take an odd window")
    windows = zip(layer.kernel_size, layer.padding, layer.dilation, strict=True)
    if any(2 * padding != (size - 1) * spread for size, padding, spread in windows):
        what = "a convolution that changes the size of the map"
        _refuse(said, span, what, "leave `padding` to its default, which keeps the size")


def _check_filters(layer: Conv, said: SaidScheme, span: Span) -> None:
    """A single weight is its own mean: what is applied would be 0, whatever it learns."""
    if layer.in_channels == layer.groups and is_point(layer.kernel_size):
        what = "a convolution of one weight in each filter"
        _refuse(said, span, what, "take a larger window or fewer groups")


def _refuse(said: SaidScheme, span: Span, what: str, way_out: str) -> None:
    help_ = f"{way_out}, or take `{said.word}` off with `with plain`"
    message = f"{what} cannot be `{said.word}`"
    fail("E512", message, span, help_, notes=(Note("said here", said.span),))


def _check_channels(
    layer: Conv, said: SaidScheme, channels: tuple[Number, Number], span: Span
) -> None:
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    if inputs % outputs == 0 or outputs % inputs == 0:
        return
    widths = ", ".join(str(width * layer.groups) for width in _fitting(inputs, outputs))
    message = (
        f"`{said.word}` needs channels of which one number is a multiple of the other: "
        f"{channels[0]} in, {channels[1]} out"
    )
    help_ = f"the nearest widths that work: {widths}; or take `{said.word}` off with `with plain`"
    fail("E513", message, span, help_, notes=(Note("said here", said.span),))


def _fitting(inputs: int, outputs: int) -> tuple[int, ...]:
    """Return the nearest widths below and above `outputs` that divide or multiply `inputs`."""
    if outputs > inputs:
        below = outputs // inputs * inputs
        return below, below + inputs
    # outputs lies between inputs / (parts + 1) and inputs / parts
    parts = inputs // outputs
    more = next(p for p in range(parts + 1, inputs + 1) if inputs % p == 0)
    fewer = next(p for p in range(parts, 0, -1) if inputs % p == 0)
    return inputs // more, inputs // fewer
