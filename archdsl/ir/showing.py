"""Expressions, tests and values as the language writes them."""

from fractions import Fraction
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
    Operation,
    Symbol,
    Test,
    Value,
)

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2, "**": 3}


def show(expr: Expr) -> str:
    """Return the expression as the language writes it, with no parentheses it does not need."""
    return _show(expr, 0)


def _show(expr: Expr, binding: int) -> str:
    match expr:
        case Literal(value):
            text = show_value(value)
            return f"({text})" if binding >= _PRECEDENCE["**"] and text[:1] == "-" else text
        case Symbol(name):
            return name
        case Leaf(_, text):
            return text
        case Operation(operator, left, right):
            own = _PRECEDENCE[operator]
            base, exponent = (own + 1, own) if operator == "**" else (own, own + 1)
            text = f"{_show(left, base)} {operator} {_show(right, exponent)}"
            return f"({text})" if own < binding else text
        case Apply(function, arguments):
            return f"{function}({', '.join(map(show, arguments))})"
        case Choice(test, chosen, otherwise):
            text = f"if {show_test(test)} then {show(chosen)} else {show(otherwise)}"
            return f"({text})" if binding else text
        case _:
            assert_never(expr)


def show_test(test: Test) -> str:
    """Return the test as the language writes it, with no parentheses it does not need."""
    return _show_test(test, 0)


def _show_test(test: Test, binding: int) -> str:
    match test:
        case Either(left, right):
            own, text = 1, f"{_show_test(left, 1)} or {_show_test(right, 2)}"
        case Both(left, right):
            own, text = 2, f"{_show_test(left, 2)} and {_show_test(right, 3)}"
        case Not(inner):
            own, text = 3, f"not {_show_test(inner, 3)}"
        case Compare(operator, left, right):
            own, text = 4, f"{_show(left, 1)} {operator} {_show(right, 1)}"
        case Flag(name):
            return name
        case Known(_, text):
            own = 5 if text.isidentifier() else 0
        case _:
            assert_never(test)
    return f"({text})" if own < binding else text


def show_value(value: Value) -> str:
    """Return a value as decimal text where that is exact and short, else as a fraction."""
    if isinstance(value, int):
        return str(value)
    decimal = repr(float(value))
    return decimal if Fraction(decimal) == value else f"{value.numerator}/{value.denominator}"
