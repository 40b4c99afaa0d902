"""What the rows of layers are made of: a call and what is decided about it, and numbers of it."""

from enum import StrEnum
from functools import lru_cache
from math import gcd

from archdsl.ir.layers import SIDES, Layer, SamePad, Size, sides
from archdsl.ir.making import combine, literal
from archdsl.ir.network import Written
from archdsl.ir.numbers import Literal, Number
from archdsl.record import Record
from archdsl.semantics.checks import fail_here
from archdsl.semantics.flow import Flow, listed
from archdsl.semantics.kinds.fitting import SaidScheme
from archdsl.semantics.parameters import Arguments
from archdsl.source import Span


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


class BuiltLayer(Record):
    """A layer, how its numbers were written, and its output channels."""

    layer: Layer
    written: tuple[Written, ...] = ()
    channels: Number | None = None  # None: as many as it was given
    before: "Padding | None" = None  # what stands before it without a word


class Padding(Record):
    """A padding, and how its numbers were written."""

    layer: SamePad
    written: tuple[Written, ...]


class LayerCall(Record):
    """A call of a layer, its arguments bound, before it meets a map."""

    word: str
    kind: str
    kernel: Size | None
    arguments: Arguments
    span: Span


def size_of(numbers: tuple[Number, ...]) -> Size:
    """Return the values of a number for each dimension."""
    return tuple(int(number.value) for number in numbers)


def each(use: LayerCall, name: str, flow: Flow) -> tuple[Number, ...]:
    """Return an argument for each dimension of a map: it is one number, or as many.

    Raises SpecError where it is more or fewer.
    """
    numbers, dimensions = use.arguments.numbers(name), flow.map.dimensions or 2
    if len(numbers) in (1, dimensions):
        return (numbers * dimensions)[:dimensions]
    message = f"`{name}` has {len(numbers)} numbers, and a map {flow.map} has {_sides(dimensions)}"
    help_ = f"write a number, or `[{', '.join(sides(dimensions))}]`"
    fail_here("E332", message, use.arguments.place(name), help_)


def _sides(dimensions: int) -> str:
    return listed([f"a {side}" for side in SIDES[dimensions - 1]])


def write(field: str, numbers: tuple[Number, ...] | Number) -> Written:
    """Return how the numbers of a field were written."""
    if isinstance(numbers, Number):
        return Written(field, (numbers.expr,))
    exprs = tuple(n.expr for n in numbers)
    return Written(field, exprs[:1] if exprs.count(exprs[0]) == len(exprs) else exprs)


def window_of(use: LayerCall, flow: Flow) -> tuple[Number, ...]:
    """Return the window, which stands in the word or is an argument."""
    if use.kernel is None:
        return each(use, "kernel", flow)
    dimensions = flow.map.dimensions or 2
    if len(use.kernel) != dimensions:
        count = len(use.kernel)
        window = "x".join(map(str, (use.kernel * dimensions)[:dimensions]))
        message = f"a window of {count} size{'s' * (count > 1)}, and a map {flow.map}"
        message = f"`{use.word}` has {message} has {_sides(dimensions)}"
        fail_here("E332", message, use.span, f"write `{use.kind}{window}`")
    return _literals(use.kernel)


@lru_cache(maxsize=256)
def _literals(kernel: Size) -> tuple[Number, ...]:
    return tuple(map(literal, kernel))


def padding_of(
    use: LayerCall, flow: Flow, kernel: tuple[Number, ...], dilation: tuple[Number, ...]
) -> tuple[Number, ...]:
    """Return the padding: as given, else (kernel - 1) // 2 * dilation, which keeps odd sizes."""
    if use.arguments.given("padding"):
        return each(use, "padding", flow)
    return tuple(map(_half, kernel, dilation))


def padding_or_same(
    use: LayerCall,
    flow: Flow,
    kernel: tuple[Number, ...],
    stride: tuple[Number, ...],
    dilation: tuple[Number, ...],
    *,
    of_maxima: bool = False,
) -> tuple[Padding | None, tuple[Number, ...]]:
    """Return the padding, and for `same` what pads before it where that hangs on the map's size.

    A window that is written as odd, with stride 1, has the same padding on both sides of any map.
    """
    if not use.arguments.is_word("padding"):
        return None, padding_of(use, flow, kernel, dilation)
    is_odd = all(isinstance(k.expr, Literal) and int(k.value) % 2 for k in kernel)
    if is_odd and all(isinstance(s.expr, Literal) and s.value == 1 for s in stride):
        return None, tuple(map(_half, kernel, dilation))
    layer = SamePad(
        kernel_size=size_of(kernel),
        stride=size_of(stride),
        dilation=size_of(dilation),
        of_maxima=of_maxima,
    )
    fields = {"kernel_size": kernel, "stride": stride, "dilation": dilation}
    return Padding(layer, tuple(write(*field) for field in fields.items())), (literal(0),) * len(
        kernel
    )


@lru_cache(maxsize=256)
def _half(kernel: Number, dilation: Number) -> Number:
    half = combine("//", combine("-", kernel, literal(1)), literal(2))
    return half if dilation.value == 1 else combine("*", half, dilation)


def check_groups(groups: int, channels: tuple[Number, Number], span: Span) -> None:
    """Raise SpecError where groups do not divide the channels that come in and go out."""
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


def check_divides(parts: Number, flow: Flow, span: Span, what: str) -> None:
    """Raise SpecError where parts do not divide the channels that come in."""
    channels = int(flow.channels.value)
    if channels % int(parts.value):
        help_ = f"what divides them: {_divisors(channels, int(parts.value))}"
        fail_here("E321", f"{what} {parts} does not divide {flow.channels} channels", span, help_)
