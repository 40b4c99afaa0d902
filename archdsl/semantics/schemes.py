"""Weight schemes: what `with dirac(..)` and `with binary(..)` mean, and where they can stand."""

from archdsl.diagnostics import Note
from archdsl.ir.layers import Conv
from archdsl.ir.numbers import Number
from archdsl.ir.schemes import BareDirac, Binary, BinaryScale, Delta, Dirac, Per, Scheme
from archdsl.record import Record
from archdsl.semantics.checks import fail
from archdsl.semantics.signature import Arguments, Kind, Parameter, bind
from archdsl.semantics.values import Scope
from archdsl.source import Span
from archdsl.syntax import tree


class SaidScheme(Record):
    """`dirac(..)`, `binary(..)`, or `plain`, which takes them off."""

    scheme: Scheme | None
    span: Span


_FORMS = ("v1", "v2", "bare")
_PER = ("layer", "channel")
_DIRAC = (
    Parameter("form", Kind.OPTION, "v1", options=_FORMS),
    Parameter("a", Kind.NUMBER),
    Parameter("b", Kind.NUMBER),
    Parameter("a_per", Kind.OPTION, options=_PER),
    Parameter("b_per", Kind.OPTION, options=_PER),
    Parameter("std", Kind.POSITIVE),
    Parameter("eps", Kind.TINY),
    Parameter("delta", Kind.OPTION, options=("tiled", "padded")),
)
_BINARY = (
    Parameter("scale", Kind.OPTION, "constant", options=("constant", "mean")),
    Parameter("gain", Kind.POSITIVE),
)

# The paper's form, and that of its authors' later code: ReLU, and no weight decay on a and b.
_V1 = Dirac()
_V2 = Dirac(a=1.0, b=0.1, a_per=Per.CHANNEL, b_per=Per.CHANNEL, std=None, delta=Delta.PADDED)


def read_scheme(call: tree.Call, scope: Scope) -> SaidScheme:
    """Return what `dirac`, `binary` or `plain` says; raise SpecError."""
    match call.name.text:
        case "dirac":
            scheme = _dirac(bind(call, _DIRAC, scope, "`dirac`"))
        case "binary":
            scheme = _binary(bind(call, _BINARY, scope, "`binary`"))
        case _:
            scheme = None
    return SaidScheme(scheme, call.span)


def _dirac(a: Arguments) -> Scheme:
    form = a.word("form")
    if form == "bare":
        return _bare(a)
    preset = _V1 if form == "v1" else _V2
    return Dirac(
        a=_real(a, "a", preset.a),
        b=_real(a, "b", preset.b),
        a_per=Per(a.word("a_per")) if a.given("a_per") else preset.a_per,
        b_per=Per(a.word("b_per")) if a.given("b_per") else preset.b_per,
        std=a.real("std") if a.given("std") else preset.std,
        eps=_real(a, "eps", preset.eps),
        delta=Delta(a.word("delta")) if a.given("delta") else preset.delta,
    )


def _bare(a: Arguments) -> BareDirac:
    for name in ("a", "b", "a_per", "b_per", "eps"):
        if a.given(name):
            message = f"`dirac(bare)` is delta + W: it has no `{name}`"
            help_ = f"drop `{name}`, or drop `bare`: a * delta + b * W / |W| has them"
            fail("E323", message, a.place(name), help_)
    preset = BareDirac()
    delta = Delta(a.word("delta")) if a.given("delta") else preset.delta
    return BareDirac(std=_real(a, "std", preset.std), delta=delta)


def _binary(a: Arguments) -> Binary:
    return Binary(scale=BinaryScale(a.word("scale")), gain=_real(a, "gain", Binary().gain))


def _real(a: Arguments, name: str, otherwise: float) -> float:
    return a.real(name) if a.given(name) else otherwise


# ---------------------------------------------------------------- where they can stand


def refuse_transposed(said: SaidScheme, span: Span) -> None:
    """Raise SpecError: a transposed convolution has no scheme."""
    _refuse(said, span, "a transposed convolution", "write `upsample` and a convolution")


def check_scheme(
    layer: Conv, said: SaidScheme, channels: tuple[Number, Number], span: Span
) -> None:
    """Raise SpecError where a convolution cannot have the scheme; `channels` are in, out."""
    match said.scheme:
        case Dirac() | BareDirac():
            _check_window(layer, said, span)
            _check_channels(layer, said, channels, span)
        case Binary() | None:
            pass


def _check_window(layer: Conv, said: SaidScheme, span: Span) -> None:
    """Delta passes a map on as it is: the window has a centre, and keeps the size."""
    if layer.stride != (1, 1):
        _refuse(said, span, "a convolution with a stride", "pool before the layer")
    if any(size % 2 == 0 for size in layer.kernel_size):
        _refuse(said, span, "a convolution whose window has no centre", "take an odd window")
    windows = zip(layer.kernel_size, layer.padding, layer.dilation, strict=True)
    if any(2 * padding != (size - 1) * spread for size, padding, spread in windows):
        what = "a convolution that changes the size of the map"
        _refuse(said, span, what, "leave `padding` to its default, which keeps the size")


def _refuse(said: SaidScheme, span: Span, what: str, way_out: str) -> None:
    word = _word(said)
    help_ = f"{way_out}, or take `{word}` off with `with plain`"
    message = f"{what} cannot be `{word}`"
    fail("E512", message, span, help_, notes=(Note("said here", said.span),))


def _check_channels(
    layer: Conv, said: SaidScheme, channels: tuple[Number, Number], span: Span
) -> None:
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    if inputs % outputs == 0 or outputs % inputs == 0:
        return
    widths = ", ".join(str(width * layer.groups) for width in _fitting(inputs, outputs))
    message = (
        "`dirac` needs channels of which one number is a multiple of the other: "
        f"{channels[0]} in, {channels[1]} out"
    )
    help_ = f"the nearest widths that work: {widths}; or take `dirac` off with `with plain`"
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


def _word(said: SaidScheme) -> str:
    return "binary" if isinstance(said.scheme, Binary) else "dirac"
