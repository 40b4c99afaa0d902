"""Makes numbers, whose expressions grow only to what anybody reads."""

from collections.abc import Sequence
from typing import assert_never

from archdsl.ir.numbers import (
    Apply,
    Both,
    Choice,
    Compare,
    Either,
    Expr,
    Flag,
    Known,
    Leaf,
    Literal,
    Not,
    Number,
    Operation,
    Test,
    Value,
    apply,
    arithmetic,
    normal,
    symbols,
    union,
)
from archdsl.ir.showing import show_value


def literal(value: Value) -> Number:
    """Return a number that stands for itself."""
    exact = normal(value)
    return Number(exact, Literal(exact))


def leaf(value: Value, text: str, names: frozenset[str] = frozenset()) -> Number:
    """Return a number that remembers only its source text, and what it hangs on."""
    exact = normal(value)
    return Number(exact, Leaf(exact, text, names))


MAX_EXPRESSION = 200  # of an expression that anybody reads


def combine(operator: str, left: Number, right: Number) -> Number:
    """Return `left operator right` with its expression, or a leaf where that grows too large.

    Raises ArithmeticError.
    """
    value = arithmetic(operator, left.value, right.value)
    if isinstance(left.expr, Literal) and isinstance(right.expr, Literal):
        return literal(value)
    if operator == "-" and right.expr == Literal(0):  # as a slice from the first channel gives
        return left
    size = 1 + size_of(left.expr) + size_of(right.expr)
    if size > MAX_EXPRESSION:
        return leaf(value, show_value(value), symbols(left.expr) | symbols(right.expr))
    return Number(value, Operation(operator, left.expr, right.expr, size))


def applied(function: str, arguments: Sequence[Number], text: str) -> Number:
    """Return a function of numbers, or a leaf where that grows too large or is all literals.

    Raises ArithmeticError.
    """
    value = apply(function, [n.value for n in arguments])
    exprs = tuple(n.expr for n in arguments)
    if all(isinstance(expr, Literal) for expr in exprs):
        return leaf(value, text)
    size = 1 + sum(map(size_of, exprs))
    if size > MAX_EXPRESSION:
        return leaf(value, text, union(map(symbols, exprs)))
    return Number(value, Apply(function, exprs, size))


def choice(test: "Test", chosen: Expr, otherwise: Expr) -> Expr | None:
    """Return `if test then chosen else otherwise`, None where that grows too large."""
    if chosen == otherwise:
        return chosen  # nobody reads `16 if wide else 16`
    size = 1 + size_of_test(test) + size_of(chosen) + size_of(otherwise)
    return Choice(test, chosen, otherwise, size) if size <= MAX_EXPRESSION else None


def short(test: Test) -> bool:
    """Say whether a test is small enough to be kept."""
    return size_of_test(test) <= MAX_EXPRESSION


def size_of(expr: Expr) -> int:
    """Return how many numbers and operators are in an expression."""
    return expr.size if isinstance(expr, Operation | Apply | Choice) else 1


def size_of_test(test: Test) -> int:
    """Return how many numbers and operators are in a test."""
    match test:
        case Compare(_, left, right):
            return 1 + size_of(left) + size_of(right)
        case Not(inner):
            return 1 + size_of_test(inner)
        case Both(left, right) | Either(left, right):
            return 1 + size_of_test(left) + size_of_test(right)
        case Flag() | Known():
            return 1
        case _:
            assert_never(test)
