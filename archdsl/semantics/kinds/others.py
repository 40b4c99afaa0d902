"""Activations, dropout, and what multiplies or adds."""

from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    Dropout,
    Factor,
    NCReLU,
    Offset,
    PReLU,
    Scale,
    Softmax,
    SoftmaxOver,
    StochasticDepth,
)
from archdsl.ir.making import combine, literal
from archdsl.ir.network import Written
from archdsl.ir.showing import show
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import BuiltLayer, Facts, LayerCall, check_divides, write
from archdsl.semantics.kinds.rows import Keeps, LayerKind, flag, number
from archdsl.semantics.parameters import Domain, Parameter, option

_ONE = literal(1)


SLOPES = {"leaky_relu": "0.01", "elu": "1", "celu": "1"}  # of those that have one
APPROXIMATED = (ActivationKind.GELU,)


def activation(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return an activation without parameters."""
    a = use.arguments
    slope = a.real("slope") if use.kind in SLOPES else None
    by_tanh = use.kind in APPROXIMATED and a.word("approximate") == "tanh"
    layer = Activation(kind=ActivationKind(use.kind), slope=slope, approximate=by_tanh)
    return BuiltLayer(layer)


def _of_activation(kind: ActivationKind) -> tuple[Parameter, ...]:
    if kind in APPROXIMATED:
        return (option("approximate", "none", "tanh"),)
    return (number("slope", SLOPES[kind]),) if kind in SLOPES else ()


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
    """Return a dropout of elements."""
    rate = use.arguments.number("p")
    return BuiltLayer(Dropout(p=float(rate.value)), (write("p", rate),))


def _of_channels(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a dropout of channels."""
    rate, dimensions = use.arguments.number("p"), _DROPOUTS[use.kind]
    given = flow.map.dimensions
    if given not in (0, dimensions):
        message = f"`{use.word}` is not about a map {flow.map}"
        fail_here("E332", message, use.span, f"write `dropout{given}d({show(rate.expr)})`")
    return BuiltLayer(
        Dropout(p=float(rate.value), channels=True, dimensions=dimensions), (write("p", rate),)
    )


_DROPOUTS = {"dropout1d": 1, "dropout2d": 2, "dropout3d": 3}


def stochastic_depth(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a dropout of whole branches."""
    rate = use.arguments.number("p")
    return BuiltLayer(StochasticDepth(p=float(rate.value)), (write("p", rate),))


def softmax(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a softmax."""
    a, over = use.arguments, SoftmaxOver(use.arguments.word("over"))
    if over is not SoftmaxOver.BRANCHES:
        if a.given("parts"):
            fail("E323", "`parts` goes with `over = branches`", a.place("parts"))
        return BuiltLayer(Softmax(over=over))
    if not a.given("parts"):
        help_ = (
            "write `softmax(over = branches, parts = 2)`, for channels that are two equal slices"
        )
        fail("E312", "`softmax` over branches needs `parts`", use.span, help_)
    parts = a.number("parts")
    check_divides(parts, flow, a.place("parts"), "parts")
    return BuiltLayer(Softmax(over=over, parts=int(parts.value)), (write("parts", parts),))


def scale(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a learned factor for each channel, or for all."""
    number, dims, written = _spread(use, flow)
    init, dimensions = use.arguments.real("init"), flow.map.dimensions or 2
    layer = Scale(num_features=number, init=init, dims=dims, dimensions=dimensions)
    return BuiltLayer(layer, written)


def offset(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a learned number that is added to each channel, or to all."""
    number, dims, written = _spread(use, flow)
    init, dimensions = use.arguments.real("init"), flow.map.dimensions or 2
    layer = Offset(num_features=number, init=init, dims=dims, dimensions=dimensions)
    return BuiltLayer(layer, written)


def _spread(use: LayerCall, flow: Flow) -> tuple[int, int, tuple[Written, ...]]:
    """Return how many numbers are learned, the dimensions of their tensor, and how it is written.

    Shapes that published weights have: [C], [C, 1, 1], [1, C, 1, 1]; for all channels [] too.
    """
    a, of_map = use.arguments, 1 + (flow.map.dimensions or 2)
    each, dims = a.word("per") == "channel", a.integer("dims")
    if dims not in (1, of_map, of_map + 1) and (each or dims):
        ones = ", 1" * (of_map - 1)
        numbers = f"1, {of_map} or {of_map + 1}"
        shapes = f"{numbers}: [C], [C{ones}] or [1, C{ones}]" if each else f"0, {numbers}"
        fail_here("E303", f"`dims` is {shapes}, not {a.number('dims')}", a.place("dims"))
    channels = flow.channels if each else _ONE
    return int(channels.value), dims, (write("num_features", channels),)


def factor(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a constant factor."""
    value = use.arguments.number("value")
    return BuiltLayer(Factor(value=float(value.value)), (write("value", value),))


_RATE = Parameter("p", Domain.RATE, required=True)
_OVER = Parameter(
    "over",
    Domain.OPTION,
    required=True,
    options=tuple(map(str, SoftmaxOver)),
    help="write `softmax(over = channels)`; "
    "after the last layer drop it: the loss takes what `linear` gives",
)
_PER = (
    option("per", "channel", "layer"),
    Parameter("dims", Domain.NATURAL, literal(1)),
)

ROWS = {
    **{str(kind): LayerKind(_of_activation(kind), activation) for kind in ActivationKind},
    "ncrelu": LayerKind((), ncrelu),
    "prelu": LayerKind(
        (flag("per_channel", default=False), number("init", "0.25")), prelu, Keeps.SCALARS
    ),
    "dropout": LayerKind((_RATE,), dropout),
    **dict.fromkeys(_DROPOUTS, LayerKind((_RATE,), _of_channels)),
    "stochastic_depth": LayerKind((_RATE,), stochastic_depth),
    "softmax": LayerKind((_OVER, Parameter("parts", Domain.COUNT)), softmax),
    "scale": LayerKind((number("init", "1"), *_PER), scale, Keeps.SCALARS),
    "offset": LayerKind((number("init", "0"), *_PER), offset, Keeps.SCALARS),
    "factor": LayerKind((Parameter("value", Domain.NUMBER, required=True),), factor),
}
