"""Puts expressions in the place of symbols."""

from collections.abc import Callable
from typing import TypeAlias, assert_never

from archdsl.ir.making import MAX_EXPRESSION, size_of, size_of_test
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
    Operation,
    Symbol,
    Test,
    negated,
    symbols,
    test_symbols,
    union,
)

Replace: TypeAlias = Callable[[str], Expr | Test]
"""What stands for a symbol: an expression for a number, a test for a flag."""


def substitute(expr: Expr, replace: Replace) -> Expr:
    """Return the expression with each symbol replaced; raise OverflowError if it gets too large."""
    match expr:
        case Literal():
            return expr
        case Leaf(value, text, names):
            return Leaf(value, text, _renamed(names, replace)) if names else expr
        case Symbol(name):
            found = replace(name)
            assert isinstance(found, _EXPRS), name
            return found
        case Operation(operator, left, right):
            left, right = substitute(left, replace), substitute(right, replace)
            size = _checked(1 + size_of(left) + size_of(right))
            return Operation(operator, left, right, size)
        case Apply(function, arguments):
            exprs = tuple(substitute(each, replace) for each in arguments)
            return Apply(function, exprs, _checked(1 + sum(map(size_of, exprs))))
        case Choice(test, chosen, otherwise):
            test = substitute_test(test, replace)
            chosen, otherwise = substitute(chosen, replace), substitute(otherwise, replace)
            size = _checked(1 + size_of_test(test) + size_of(chosen) + size_of(otherwise))
            return Choice(test, chosen, otherwise, size)
        case _:
            assert_never(expr)


def substitute_test(test: Test, replace: Replace) -> Test:
    """Return the test with each symbol replaced; raise OverflowError if it gets too large."""
    made = _substituted(test, replace)
    _checked(size_of_test(made))
    return made


def _substituted(test: Test, replace: Replace) -> Test:
    match test:
        case Compare(operator, left, right):
            return Compare(operator, substitute(left, replace), substitute(right, replace))
        case Not(inner):
            return negated(substitute_test(inner, replace))
        case Both(left, right):
            return Both(substitute_test(left, replace), substitute_test(right, replace))
        case Either(left, right):
            return Either(substitute_test(left, replace), substitute_test(right, replace))
        case Flag(name):
            found = replace(name)
            assert not isinstance(found, _EXPRS), name
            return found
        case Known(value, text, names):
            return Known(value, text, _renamed(names, replace)) if names else test
        case _:
            assert_never(test)


_EXPRS = (Literal, Symbol, Operation, Apply, Choice, Leaf)


def _checked(size: int) -> int:
    if size > MAX_EXPRESSION:
        raise OverflowError
    return size


def _renamed(names: frozenset[str], replace: Replace) -> frozenset[str]:
    found = map(replace, sorted(names))
    return union(symbols(f) if isinstance(f, _EXPRS) else test_symbols(f) for f in found)
