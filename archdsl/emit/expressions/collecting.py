"""Sums of many terms, as a row of concatenations gives, with like terms put together."""

from fractions import Fraction

from archdsl.ir.numbers import Expr, Literal, Operation, normal


def collected(expr: Expr) -> Expr:
    """Return `2 * growth + growth + growth` as `4 * growth`; other expressions as they are.

    What is divided stays whole: `//` does not distribute over a sum.
    """
    terms = _terms(expr, Fraction(1))
    if terms is None or any(factor.denominator != 1 for factor in terms.values()):
        return expr
    total: Expr | None = None
    for atom, factor in terms.items():
        if factor == 0:
            continue
        number = normal(factor)
        term = _product(atom, number)
        total = term if total is None else Operation("+", total, term)
    return Literal(0) if total is None else total


def _product(atom: Expr | None, number: int | Fraction) -> Expr:
    if atom is None:
        return Literal(number)
    return atom if number == 1 else Operation("*", Literal(number), atom)


def _terms(expr: Expr, factor: Fraction) -> dict[Expr | None, Fraction] | None:
    """Return the terms of a sum with their factors; None stands for the number without a symbol."""
    match expr:
        case Literal(value):
            return {None: factor * value}
        case Operation("+" | "-" as sign, left, right):
            one, two = _terms(left, factor), _terms(right, factor if sign == "+" else -factor)
            if one is None or two is None:
                return None
            return {
                atom: one.get(atom, Fraction(0)) + two.get(atom, Fraction(0))
                for atom in {**one, **two}
            }
        case Operation("*", Literal(value), other) | Operation("*", other, Literal(value)):
            return _terms(other, factor * value)
        case Operation("/", other, Literal(value)) if value:
            return _terms(other, factor / value)
        case _:
            return {expr: factor}
