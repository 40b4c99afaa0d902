"""Parameters of layers and annotations, and the arguments that are given for them."""

from collections.abc import Mapping
from enum import Enum, auto

from archdsl.ir.making import literal
from archdsl.ir.numbers import Number
from archdsl.record import Record
from archdsl.semantics.values import opaque_number
from archdsl.source import Span


class Domain(Enum):
    """What an argument may be."""

    COUNT = auto()  # a positive integer
    NATURAL = auto()  # an integer of at least 0
    NUMBER = auto()  # any number
    POSITIVE = auto()  # a number above 0
    RATE = auto()  # a number in [0, 1)
    TINY = auto()  # a number above 0 and below 1
    SHARE = auto()  # a number in [0, 1]
    FLAG = auto()  # true or false
    WINDOW = auto()  # a positive integer of 32 bits
    SIZES = auto()  # a positive integer, or one for each dimension: [height, width]
    NATURAL_SIZES = auto()  # an integer of at least 0, or one for each dimension
    PADDING = auto()  # the same, or the word `same`
    MAP = auto()  # a map with a name, of which it takes the sizes
    BORDER = auto()  # an integer of at least 0, or one for each of the BORDERS
    OPTION = auto()  # one of a few words


_LINE = ("left", "right")
_PLANE = ("top", "bottom", *_LINE)
BORDERS = (_LINE, _PLANE, ("front", "back", *_PLANE))  # of a map of one, two, three dimensions


class Parameter(Record):
    """A parameter; without a default it must be given."""

    name: str
    kind: Domain
    default: "Number | bool | str | None" = None
    required: bool = False
    options: tuple[str, ...] = ()
    help: str | None = None  # what to write where it is missing


class Arguments:
    """A call's arguments by parameter, checked; numbers keep how they were written."""

    def __init__(
        self,
        values: Mapping[str, "tuple[Number, ...] | bool | str | None"],
        span: Span,
        places: Mapping[str, Span],
    ) -> None:
        self._values = values
        self._places = places
        self.span = span

    def opaque(self) -> "Arguments":
        """Return the arguments as another declaration sees them."""
        values = {
            name: tuple(opaque_number(n) for n in value) if isinstance(value, tuple) else value
            for name, value in self._values.items()
        }
        return Arguments(values, self.span, self._places)

    def place(self, name: str) -> Span:
        """Return where an argument is given; the call where it is not."""
        return self._places.get(name, self.span)

    def given(self, name: str) -> bool:
        """Say whether the argument is there, given or by default."""
        return self._values.get(name) is not None

    def number(self, name: str) -> Number:
        """Return a numeric argument."""
        return self.numbers(name)[0]

    def numbers(self, name: str) -> tuple[Number, ...]:
        """Return a numeric argument of one number or several."""
        value = self._values[name]
        assert isinstance(value, tuple), name
        return value

    def integer(self, name: str) -> int:
        """Return the value of an integer argument."""
        value = self.number(name).value
        assert isinstance(value, int), name
        return value

    def real(self, name: str) -> float:
        """Return the value of a numeric argument as PyTorch takes it."""
        return float(self.number(name).value)

    def is_word(self, name: str) -> bool:
        """Say whether an argument that may be a number is a word."""
        return isinstance(self._values.get(name), str)

    def flag(self, name: str) -> bool:
        """Return a true-or-false argument."""
        value = self._values[name]
        assert isinstance(value, bool), name
        return value

    def word(self, name: str) -> str:
        """Return an option."""
        value = self._values[name]
        assert isinstance(value, str), name
        return value


def count(name: str) -> Parameter:
    """Return a positive integer that must be given."""
    return Parameter(name, Domain.COUNT, required=True)


def default_count(name: str, value: int) -> Parameter:
    """Return a positive integer with a default."""
    return Parameter(name, Domain.COUNT, literal(value))


def option(name: str, default: str, *others: str) -> Parameter:
    """Return a choice of words; the first is the default."""
    return Parameter(name, Domain.OPTION, default, options=(default, *others))
