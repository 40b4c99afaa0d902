"""The layers of the language: one row each, from its arguments to a layer of the network.

To add a layer kind: its record in ir/layers.py, its map in ir/shapes.py, what makes it in kinds/, a
row here, its line in emit. The type checker names whatever `match` must know it.
"""

from collections.abc import Callable
from enum import Enum, auto
from fractions import Fraction

from archdsl.ir.layers import ActivationKind
from archdsl.ir.making import literal
from archdsl.ir.numbers import arithmetic
from archdsl.record import Record
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds import convolutions, normalization, others, pooling
from archdsl.semantics.kinds.others import SLOPES
from archdsl.semantics.kinds.parts import BuiltLayer, Facts, LayerCall
from archdsl.semantics.parameters import Domain, Parameter, count, default_count, option


class Keeps(Enum):
    """What a layer has that can be learned."""

    NOTHING = auto()
    WEIGHT = auto()  # which several layers may share
    NORMALIZATION = auto()  # scales, offsets and moments, never shared
    SCALARS = auto()  # other numbers, never shared


class LayerKind(Record):
    """A kind of layers."""

    parameters: tuple[Parameter, ...]
    build: Callable[[LayerCall, Flow, Facts], BuiltLayer]
    keeps: Keeps = Keeps.NOTHING
    windowed: bool = False  # its word may say the window: `conv3x3`

    @property
    def is_convolution(self) -> bool:
        """Whether it has a weight for each place of a window."""
        return self.windowed and self.keeps is Keeps.WEIGHT


_ZERO, _ONE = literal(0), literal(1)
_STRIDE = Parameter("stride", Domain.PAIR, _ONE)
_PADDING = Parameter("padding", Domain.NATURAL_PAIR)
_DILATION = Parameter("dilation", Domain.PAIR, _ONE)
_GROUPS = default_count("groups", 1)
_EPS = Parameter("eps", Domain.TINY, literal(arithmetic("/", 1, 100_000)))


def _number(name: str, text: str, kind: Domain = Domain.NUMBER) -> Parameter:
    """Return a number with a default, written as in the reference."""
    return Parameter(name, kind, literal(Fraction(text)))


_KERNEL = Parameter("kernel", Domain.PAIR, required=True)
_WINDOW = Parameter("kernel", Domain.PAIR)
_SIZE = Parameter("size", Domain.PAIR)
_OWN_STRIDE = Parameter("stride", Domain.PAIR)
_CEIL = Parameter("ceil", Domain.FLAG, default=False)
_NO_BIAS = Parameter("bias", Domain.FLAG, default=False)
_BIAS = Parameter("bias", Domain.FLAG, default=True)
_CONV = (count("out_channels"), _KERNEL, _STRIDE, _PADDING, _DILATION, _GROUPS, _NO_BIAS)
_OUTPUT_PADDING = Parameter("output_padding", Domain.NATURAL_PAIR, _ZERO)
_RATE = Parameter("p", Domain.RATE, required=True)

ROWS: dict[str, LayerKind] = {
    "conv": LayerKind(_CONV, convolutions.conv, keeps=Keeps.WEIGHT, windowed=True),
    "conv_transpose": LayerKind(
        (*_CONV, _OUTPUT_PADDING), convolutions.conv_transpose, keeps=Keeps.WEIGHT, windowed=True
    ),
    "linear": LayerKind((count("out_features"), _BIAS), convolutions.linear, keeps=Keeps.WEIGHT),
    "bn": LayerKind(
        (_EPS, _number("momentum", "0.1", Domain.SHARE)),
        normalization.bn,
        keeps=Keeps.NORMALIZATION,
    ),
    "layernorm": LayerKind((_EPS,), normalization.layernorm, keeps=Keeps.NORMALIZATION),
    "instancenorm": LayerKind(
        (Parameter("affine", Domain.FLAG, default=False), _EPS),
        normalization.instancenorm,
        keeps=Keeps.NORMALIZATION,
    ),
    "groupnorm": LayerKind(
        (count("groups"), _EPS), normalization.groupnorm, keeps=Keeps.NORMALIZATION
    ),
    "local_response_norm": LayerKind(
        (
            default_count("size", 5),
            _number("alpha", "1e-4", Domain.POSITIVE),
            _number("beta", "0.75", Domain.POSITIVE),
            _number("k", "1", Domain.POSITIVE),
        ),
        normalization.local_response_norm,
    ),
    "maxpool": LayerKind(
        (_WINDOW, _OWN_STRIDE, _PADDING, _DILATION, _CEIL, _SIZE), pooling.maxpool, windowed=True
    ),
    "avgpool": LayerKind(
        (
            _WINDOW,
            _OWN_STRIDE,
            _PADDING,
            _CEIL,
            _SIZE,
            Parameter("count_include_pad", Domain.FLAG, default=False),
        ),
        pooling.avgpool,
        windowed=True,
    ),
    **{
        str(kind): LayerKind(
            (_number("slope", SLOPES[kind]),) if kind in SLOPES else (), others.activation
        )
        for kind in ActivationKind
    },
    "ncrelu": LayerKind((), others.ncrelu),
    "prelu": LayerKind(
        (Parameter("per_channel", Domain.FLAG, default=False), _number("init", "0.25")),
        others.prelu,
        keeps=Keeps.SCALARS,
    ),
    "dropout": LayerKind((_RATE,), others.dropout),
    "dropout2d": LayerKind((_RATE,), others.dropout),
    "stochastic_depth": LayerKind((_RATE,), others.stochastic_depth),
    "flatten": LayerKind((), others.flatten),
    "pad": LayerKind(
        (
            Parameter("size", Domain.BORDER, required=True),
            option("mode", "zeros", "reflect", "replicate"),
        ),
        others.pad,
    ),
    "pad_channels": LayerKind((count("out_channels"),), others.pad_channels),
    "channel_shuffle": LayerKind((count("groups"),), others.channel_shuffle),
    "channel_split": LayerKind(
        (count("parts"), Parameter("part", Domain.NATURAL, required=True)), others.channel_split
    ),
    "upsample": LayerKind(
        (count("factor"), option("mode", "nearest", "bilinear")), others.upsample
    ),
    "pixel_shuffle": LayerKind((count("factor"),), others.pixel_shuffle),
    "scale": LayerKind((_number("init", "1"),), others.scale, keeps=Keeps.SCALARS),
    "factor": LayerKind((Parameter("value", Domain.NUMBER, required=True),), others.factor),
}
