"""What a row of the catalogue is, and the parameters that rows have in common."""

from collections.abc import Callable
from enum import Enum, auto
from fractions import Fraction

from archdsl.ir.making import literal
from archdsl.ir.numbers import arithmetic
from archdsl.record import Record
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import BuiltLayer, Facts, LayerCall
from archdsl.semantics.parameters import Domain, Parameter


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


def number(name: str, text: str, kind: Domain = Domain.NUMBER) -> Parameter:
    """Return a number with a default, written as in the reference."""
    return Parameter(name, kind, literal(Fraction(text)))


def flag(name: str, *, default: bool) -> Parameter:
    """Return a flag with a default."""
    return Parameter(name, Domain.FLAG, default=default)


STRIDE = Parameter("stride", Domain.SIZES, literal(1))
PADDING = Parameter("padding", Domain.NATURAL_SIZES)
SAME_OR_PADDING = Parameter("padding", Domain.PADDING)
DILATION = Parameter("dilation", Domain.SIZES, literal(1))
EPS = Parameter("eps", Domain.TINY, literal(arithmetic("/", 1, 100_000)))
