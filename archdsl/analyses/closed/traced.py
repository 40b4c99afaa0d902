"""Numbers that are a value and a polynomial, and note what was asked of them.

Code that computes with integers computes with these as well: sums and products give further ones,
and what a comparison says, which holds of the value here, becomes a condition of the result.
"""

from collections.abc import Generator
from contextlib import contextmanager
from fractions import Fraction
from typing import TypeAlias, TypeGuard

from archdsl.analyses.closed.conditions import Condition, Flagged, Whole, compared
from archdsl.analyses.closed.polynomial import Polynomial, argument, number
from archdsl.analyses.closed.rounding import Wholes, applied, floor, reciprocal
from archdsl.ir.numbers import Value, arithmetic, compare, normal


class NotClosedError(Exception):
    """Something has no closed form; the message says what."""


class Trace:
    """What was asked of the numbers of one network.

    `facts` hold wherever the network exists, `conditions` only where it is made as it is here.
    """

    def __init__(self, wholes: frozenset[str], known: tuple[Whole, ...] = ()) -> None:
        self.wholes = Wholes(wholes)
        self.facts: dict[Condition, None] = {}
        self.conditions: dict[Condition, None] = {}
        self._into: dict[Condition, None] | None = self.conditions
        for condition in known:
            self.note(condition)

    @property
    def whole_conditions(self) -> tuple[Whole, ...]:
        """What has to be whole for the network to be made as it is here."""
        return tuple(each for each in self.conditions if isinstance(each, Whole))

    @contextmanager
    def as_facts(self) -> Generator[None, None, None]:
        """Note comparisons as facts."""
        yield from self._noting(self.facts)

    @contextmanager
    def silent(self) -> Generator[None, None, None]:
        """Note no comparisons: what they decide changes no number."""
        yield from self._noting(None)

    def _noting(self, into: dict[Condition, None] | None) -> Generator[None, None, None]:
        before, self._into = self._into, into
        try:
            yield
        finally:
            self._into = before

    def note(self, condition: Condition) -> None:
        """Note what was asked."""
        if self._into is not None:
            self._into[condition] = None
        if isinstance(condition, Whole):
            self.wholes.add(condition.polynomial)

    def argument(self, name: str, value: Value) -> "Traced":
        """Return an argument."""
        return Traced(value, argument(name), self)

    def flag(self, name: str, value: bool) -> bool:
        """Return a flag that is asked for."""
        self.note(Flagged(name, value))
        return value

    def whole(self, given: "Exact") -> None:
        """Note that a number is whole wherever the network exists."""
        if isinstance(given, Traced) and self.wholes.add(given.form):
            self.facts[Whole(given.form)] = None


class Traced:
    """A value, the polynomial that gives it, and where to note what is asked of it."""

    __slots__ = ("form", "trace", "value")

    def __init__(self, value: Value, form: Polynomial, trace: Trace) -> None:
        self.value = value
        self.form = form
        self.trace = trace

    def made(self, form: Polynomial, value: Value) -> "Exact":
        """Return a number made of this one."""
        constant = form.constant
        return Traced(normal(value), form, self.trace) if constant is None else constant

    # ------------------------------------------------------------ arithmetic

    def __add__(self, other: "Exact") -> "Exact":
        return self.made(self.form.plus(form_of(other)), self.value + value_of(other))

    __radd__ = __add__

    def __neg__(self) -> "Exact":
        return self.made(self.form.scaled(-1), -self.value)

    def __sub__(self, other: "Exact") -> "Exact":
        return self.made(self.form.plus(form_of(other), -1), self.value - value_of(other))

    def __rsub__(self, other: "Exact") -> "Exact":
        return -self + other

    def __mul__(self, other: "Exact") -> "Exact":
        if not isinstance(other, Traced):
            return self.made(self.form.scaled(other), self.value * other)
        return self.made(self.form.times(other.form), self.value * other.value)

    __rmul__ = __mul__

    def __truediv__(self, other: "Exact") -> "Exact":
        return divided(self, other, self.trace)

    def __rtruediv__(self, other: "Exact") -> "Exact":
        return divided(other, self, self.trace)

    def __floordiv__(self, other: "Exact") -> "Exact":
        return floored(divided(self, other, self.trace))

    def __rfloordiv__(self, other: "Exact") -> "Exact":
        return floored(divided(other, self, self.trace))

    def __mod__(self, other: "Exact") -> "Exact":
        return self - (self // other) * other

    def __rmod__(self, other: "Exact") -> "Exact":
        return other - (other // self) * self

    def __pow__(self, other: "Exact") -> "Exact":
        return power(self, other, self.trace)

    def __rpow__(self, other: "Exact") -> "Exact":
        return power(other, self, self.trace)

    def __abs__(self) -> "Exact":
        return -self if self < 0 else self

    # ------------------------------------------------------------ questions

    def _asked(self, operator: str, other: object) -> bool:
        if not is_exact(other):
            return NotImplemented
        difference = self.form.plus(form_of(other), -1)
        holds = compare(operator, self.value, value_of(other))
        if difference.constant is None:
            self.trace.note(compared(operator, difference, holds=holds))
        return holds

    def __eq__(self, other: object) -> bool:
        return self._asked("==", other)

    def __ne__(self, other: object) -> bool:
        return self._asked("!=", other)

    def __lt__(self, other: object) -> bool:
        return self._asked("<", other)

    def __le__(self, other: object) -> bool:
        return self._asked("<=", other)

    def __gt__(self, other: object) -> bool:
        return self._asked(">", other)

    def __ge__(self, other: object) -> bool:
        return self._asked(">=", other)

    def __bool__(self) -> bool:
        return self._asked("!=", 0)

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"{self.value} = {self.form}"


Exact: TypeAlias = Value | Traced
"""A number of a lifted network: one that hangs on no argument is a plain one."""


def holds(condition: bool) -> None:
    """Take that something holds, as it does here: whoever asked has noted it."""
    if not condition:
        raise NotClosedError("the compiler does not keep how it is made")


def is_exact(value: object) -> TypeGuard[Exact]:
    """Say whether a value is a number of a lifted network."""
    return isinstance(value, int | Fraction | Traced)


def form_of(given: Exact) -> Polynomial:
    """Return the polynomial of a number."""
    return given.form if isinstance(given, Traced) else number(given)


def value_of(given: Exact) -> Value:
    """Return the value of a number."""
    return given.value if isinstance(given, Traced) else given


def divided(left: Exact, right: Exact, trace: Trace) -> Exact:
    """Return the exact quotient; raise ZeroDivisionError."""
    value = arithmetic("/", value_of(left), value_of(right))
    if not isinstance(right, Traced):
        assert isinstance(left, Traced)
        return left.made(left.form.scaled(Fraction(1) / Fraction(right)), value)
    form = form_of(left).divided(right.form)
    if form is None:
        form = form_of(left).times(reciprocal(right.form))
    return Traced(value, form, trace) if form.constant is None else form.constant


def floored(given: Exact) -> Exact:
    """Return the largest integer that is not above a number."""
    if not isinstance(given, Traced):
        return given.__floor__()
    return given.made(floor(given.form, given.trace.wholes), given.value.__floor__())


def power(base: Exact, exponent: Exact, trace: Trace) -> Exact:
    """Return a power; raise ArithmeticError."""
    value = arithmetic("**", value_of(base), value_of(exponent))
    if isinstance(exponent, int) and 0 <= exponent <= _MOST and isinstance(base, Traced):
        form = number(1)
        for _ in range(exponent):
            form = form.times(base.form)
        return base.made(form, value)
    form = applied("power", (form_of(base), form_of(exponent)), trace.wholes)
    return Traced(value, form, trace)


_MOST = 8  # the exponent of a power that is multiplied out
