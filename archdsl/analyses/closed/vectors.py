"""Exact arithmetic on a million numbers at once, and polynomials and conditions on them.

A vector is whole numbers over one denominator: 64 bits wide as long as all of them fit, Python's
integers beyond.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any, assert_never

import numpy as np

from archdsl.analyses.closed.conditions import Alike, Compared, Condition, Flagged, Whole
from archdsl.analyses.closed.polynomial import AppliedAtom, ArgumentAtom, Atom, Polynomial
from archdsl.ir.numbers import (
    Both,
    Compare,
    Either,
    Expr,
    Flag,
    Known,
    Leaf,
    Literal,
    Not,
    Operation,
    Symbol,
    Test,
    Value,
    compare,
    normal,
)

_WIDEST = 2**62  # what a sum of two still fits


class Vector:
    """Numbers, exact: `above / below` each. `most` is what none of `above` is larger than."""

    __slots__ = ("above", "below", "most")

    def __init__(self, above: Any, below: int = 1, most: int | None = None) -> None:
        self.above = above
        self.below = below
        self.most = int(max(abs(above.max()), abs(above.min()))) if most is None else most

    @classmethod
    def of(cls, values: Sequence[Value]) -> "Vector":
        """Return some numbers as a vector."""
        below = lcm(*(value.denominator for value in values)) if values else 1
        above = [value.numerator * (below // value.denominator) for value in values]
        most = max(map(abs, above), default=0)
        kind = np.int64 if most < _WIDEST else object
        return cls(np.array(above, dtype=kind), below, most)

    def taken(self, places: Any) -> "Vector":
        """Return the numbers at some places, or where a mask is true."""
        return Vector(self.above[places], self.below, self.most)

    def _as_wide(self, most: int) -> Any:
        """Return the numerators, in a type that has room for `most`."""
        if most >= _WIDEST and self.above.dtype != object:
            return self.above.astype(object)
        return self.above

    def _over(self, below: int) -> "Vector":
        factor = below // self.below
        if factor == 1:
            return self
        most = self.most * factor
        return Vector(self._as_wide(most) * factor, below, most)

    def __add__(self, other: "Vector | Value") -> "Vector":
        if not isinstance(other, Vector):
            other = constant(other)
        below = lcm(self.below, other.below)
        left, right = self._over(below), other._over(below)
        most = left.most + right.most
        return Vector(left._as_wide(most) + right._as_wide(most), below, most)

    def __neg__(self) -> "Vector":
        return Vector(-self.above, self.below, self.most)

    def __sub__(self, other: "Vector | Value") -> "Vector":
        return self + -other

    def __mul__(self, other: "Vector | Value") -> "Vector":
        if not isinstance(other, Vector):
            other = constant(other)
        most = self.most * other.most
        above = self._as_wide(most) * other._as_wide(most)
        return Vector(above, self.below * other.below, most)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Value) -> "Vector":
        return -self + other

    def floor(self) -> "Vector":
        """Return the floors."""
        return Vector(self.above // self.below) if self.below != 1 else self

    def compared(self, operator: str, other: "Vector | Value") -> Any:
        """Return a mask: where the comparison holds."""
        return compare(operator, (self - other).above, 0)  # pyright: ignore[reportArgumentType]

    def whole(self) -> Any:
        """Return a mask: where the number is whole."""
        if self.below == 1:
            return np.ones(len(self.above), dtype=bool)
        return self.above % self.below == 0

    def values(self) -> list[Value]:
        """Return the numbers, one by one."""
        if self.below == 1:
            return [int(each) for each in self.above.tolist()]
        return [normal(Fraction(each, self.below)) for each in self.above.tolist()]


def constant(value: Value) -> Vector:
    """Return one number, for all places."""
    most = abs(value.numerator)
    kind = np.int64 if most < _WIDEST else object
    return Vector(np.array([value.numerator], dtype=kind), value.denominator, most)


def evaluate(polynomial: Polynomial, columns: Mapping[str, Vector]) -> Vector:
    """Return a polynomial where the arguments have the numbers of some columns.

    Raises ArithmeticError for what only single numbers have: roots and logarithms.
    """
    total, known = constant(0), dict[Atom, Vector]()
    for monomial, coefficient in polynomial.terms.items():
        product = constant(coefficient)
        for atom, exponent in monomial:
            if atom not in known:
                known[atom] = _atom(atom, columns)
            for _ in range(exponent):
                product = product * known[atom]
        total = total + product
    return _reduced(total)


def _reduced(vector: Vector) -> Vector:
    """Return numbers that are all whole without their denominator."""
    if vector.below == 1 or not bool((vector.above % vector.below == 0).all()):
        return vector
    return Vector(vector.above // vector.below)


def _atom(atom: Atom, columns: Mapping[str, Vector]) -> Vector:
    match atom:
        case ArgumentAtom(name):
            return columns[name]
        case AppliedAtom("floor", (inner,)):
            return evaluate(inner, columns).floor()
        case AppliedAtom("round_to", (inner, step)):
            given, steps = evaluate(inner, columns), step.constant
            if isinstance(steps, int) and bool((given.above >= 0).all()):
                return _rounded(given, steps)
            raise ArithmeticError
        case AppliedAtom():
            raise ArithmeticError
        case _:
            assert_never(atom)


def _rounded(given: Vector, step: int) -> Vector:
    """Round as MobileNet does: see `round_to` in ir/numbers.py."""
    near = (given + Fraction(step, 2)).floor()
    down = Vector(np.maximum(near.above // step * step, step))
    too_low = (down * 10).compared("<", given * 9)
    return Vector(np.where(too_low, down.above + step, down.above))


def met(condition: Condition, columns: Mapping[str, Vector], size: int) -> Any:
    """Return a mask of `size` places: where a condition holds. Raises as `evaluate` does."""
    match condition:
        case Compared(operator, polynomial):
            mask = evaluate(polynomial, columns).compared(operator, 0)
        case Whole(polynomial):
            mask = evaluate(polynomial, columns).whole()
        case Flagged(name, value):
            mask = (columns[name].above == 1) == value
        case Alike(polynomials):
            masks = [evaluate(each, columns).compared("!=", 0) for each in polynomials]
            mask = np.logical_or.reduce(np.broadcast_arrays(*masks))
        case _:
            assert_never(condition)
    return np.broadcast_to(mask, (size,))


# ---------------------------------------------------------------- expressions of the language


def computed(expr: Expr, columns: Mapping[str, Vector]) -> Vector:
    """Return an expression where its symbols have the numbers of some columns.

    Raises ArithmeticError for what only single numbers have.
    """
    match expr:
        case Literal(value) | Leaf(value):
            return constant(value)
        case Symbol(name):
            return columns[name]
        case Operation("/", left, Literal(value)) if value:
            return computed(left, columns) * (1 / Fraction(value))
        case Operation("//", left, Literal(value)) if value:
            return (computed(left, columns) * (1 / Fraction(value))).floor()
        case Operation("%", left, Literal(value)) if value:
            number = computed(left, columns)
            return number - (number * (1 / Fraction(value))).floor() * value
        case Operation("+" | "-" | "*" as operator, left, right):
            one, other = computed(left, columns), computed(right, columns)
            return {"+": one.__add__, "-": one.__sub__, "*": one.__mul__}[operator](other)
        case _:
            raise ArithmeticError


def mask_of(test: Test, columns: Mapping[str, Vector]) -> Any:
    """Return where a test holds, as a mask, or one truth for all; raise as `computed` does."""
    match test:
        case Compare(operator, left, right):
            return computed(left, columns).compared(operator, computed(right, columns))
        case Not(inner):
            return np.logical_not(mask_of(inner, columns))
        case Both(left, right):
            return np.logical_and(mask_of(left, columns), mask_of(right, columns))
        case Either(left, right):
            return np.logical_or(mask_of(left, columns), mask_of(right, columns))
        case Flag(name):
            return columns[name].above == 1
        case Known(value):
            return np.bool_(value)
        case _:
            assert_never(test)
