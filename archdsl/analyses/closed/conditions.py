"""What has to hold of the arguments for a closed form to be right."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeAlias, assert_never

from archdsl.analyses.closed.polynomial import AppliedAtom, Polynomial, content, number, without
from archdsl.ir.numbers import Value, compare
from archdsl.record import Record

Values: TypeAlias = Mapping[str, Value | bool]


class Compared(Record):
    """`polynomial operator 0`, with one of `== != > >=`."""

    operator: str
    polynomial: Polynomial


class Whole(Record):
    """A polynomial that is a whole number."""

    polynomial: Polynomial


class Flagged(Record):
    """An argument that is true, or false."""

    name: str
    value: bool


class Alike(Record):
    """Layers that are as alike as they are here: not all of these are 0."""

    polynomials: tuple[Polynomial, ...]


Comparison: TypeAlias = Compared | Whole
Condition: TypeAlias = Compared | Whole | Flagged | Alike


def is_met(condition: Condition, values: Values) -> bool:
    """Say whether a condition holds where the arguments have these values."""
    try:
        match condition:
            case Compared(operator, polynomial):
                return compare(operator, polynomial.evaluate(values), 0)
            case Whole(polynomial):
                return isinstance(polynomial.evaluate(values), int)
            case Flagged(name, value):
                return values[name] is value
            case Alike(polynomials):
                return any(each.evaluate(values) for each in polynomials)
            case _:
                assert_never(condition)
    except ArithmeticError:
        return False


def names_in(condition: Condition) -> frozenset[str]:
    """Return the arguments that a condition is about."""
    match condition:
        case Compared(polynomial=polynomial) | Whole(polynomial):
            return polynomial.names
        case Flagged(name):
            return frozenset((name,))
        case Alike(polynomials):
            return frozenset(name for each in polynomials for name in each.names)
        case _:
            assert_never(condition)


_TURNED = {"<": ">", "<=": ">="}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def compared(operator: str, left: Polynomial, *, holds: bool) -> Comparison:
    """Return that `left operator 0` holds, or that it does not, in its one form.

    `floor(x) >= c` with a whole c is `x >= c`, and `x == floor(x)` says that x is whole.
    """
    operator = operator if holds else _NEGATED[operator]
    whole = _is_whole(left) if operator == "==" else None
    if whole is not None:
        return whole
    sign = -1 if operator in _TURNED else 1
    operator = _TURNED.get(operator, operator)
    factor, _ = content(left)
    plain = without(left, factor, ()).scaled(sign)
    if operator in ("==", "!=") and plain.lead < 0:
        plain = plain.scaled(-1)
    unfloored = _unfloored(operator, plain)
    return Compared(operator, plain) if unfloored is None else unfloored


def _is_whole(polynomial: Polynomial) -> Whole | None:
    """Return that x is whole, where a polynomial is x - floor(x) times a number."""
    for monomial, factor in polynomial.terms.items():
        match monomial:
            case ((AppliedAtom("floor", (inner,)), 1),):
                floor = Polynomial({monomial: 1})
                if polynomial == floor.plus(inner, -1).scaled(factor):
                    return Whole(inner)
            case _:
                pass
    return None


def _unfloored(operator: str, polynomial: Polynomial) -> Comparison | None:
    """Return `a floor(x) + b >= 0` or `> 0`, a above 0, as a comparison of x."""
    rest = polynomial.terms.get((), 0)
    match [(m, c) for m, c in polynomial.terms.items() if m]:
        case [(((AppliedAtom("floor", (inner,)), 1),), factor)] if factor > 0:
            pass
        case _:
            return None
    bound = Fraction(-rest) / Fraction(factor)
    match operator:
        case ">=":
            least = bound.__ceil__()
        case ">":
            least = bound.__floor__() + 1
        case _:
            return None
    return compared(">=", inner.plus(number(least), -1), holds=True)
