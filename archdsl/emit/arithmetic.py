"""A spec's expressions as Python: their text, and what Python computes."""

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import assert_never

from archdsl.emit.plan import Constant
from archdsl.emit.python import constant
from archdsl.ir.numbers import Expr, Leaf, Literal, Operation, Symbol, Value, arithmetic, evaluate


def plain(value: Value) -> int | float:
    """Return a value as Python has it."""
    return value if isinstance(value, int) else float(value)


def equal(value: Constant, other: Value | None) -> bool:
    """Whether a number is what an expression gives."""
    if other is None or isinstance(value, bool | tuple):
        return False
    return value == plain(other)


def division(values: Iterable[Constant | None]) -> str:
    """Return how `/` is written: between whole numbers it is exact, but only `//` stays whole."""
    return "/" if any(isinstance(value, float) for value in values) else "//"


def python_value(expr: Expr, values: Mapping[str, Value], divide: str) -> Value | None:
    """Return what Python computes, None where it would not be a whole number but should."""
    if divide == "/":
        return _or_none(expr, values)
    match expr:
        case Literal(value) | Leaf(value):
            return value if isinstance(value, int) else None
        case Symbol(name):
            value = values[name]
            return value if isinstance(value, int) else None
        case Operation(operator, left, right):
            one, two = python_value(left, values, divide), python_value(right, values, divide)
            if one is None or two is None or (two == 0 and operator in "//%"):
                return None
            return arithmetic("//" if operator == "/" else operator, one, two)
        case _:
            assert_never(expr)


def _or_none(expr: Expr, values: Mapping[str, Value]) -> Value | None:
    try:
        return evaluate(expr, values)
    except ZeroDivisionError:
        return None


_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2}


def say(expr: Expr, names: Mapping[str, str], divide: str, binding: int = 0) -> str:
    """Return an expression as Python, with no parentheses that it does not need."""
    match expr:
        case Literal(value) | Leaf(value):
            text = constant(plain(value))
            return f"({text})" if binding and text.startswith("-") else text
        case Symbol(name):
            return names[name]
        case Operation(operator, left, right):
            if operator == "+" and left == right:  # `width + width`, as a concatenation gives
                return say(Operation("*", Literal(2), left), names, divide, binding)
            own = _BINDING[operator]
            one, two = say(left, names, divide, own), say(right, names, divide, own + 1)
            text = f"{one} {divide if operator == '/' else operator} {two}"
            return f"({text})" if own < binding else text
        case _:
            assert_never(expr)


def result_of(text: str, names: Mapping[str, Constant | None]) -> Constant | None:
    """Return what Python makes of a printed expression, None for what is no number."""
    return _result(_parsed(text), names)


@lru_cache(maxsize=64)  # an expression is asked for in every instance of a class
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _result(node: ast.expr, names: Mapping[str, Constant | None]) -> Constant | None:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return names.get(name)
        case ast.BinOp(left=left, op=sign, right=right):
            first, second = _result(left, names), _result(right, names)
            function = _FUNCTIONS.get(type(sign))
            if function is None or isinstance(first, tuple) or isinstance(second, tuple):
                return None
            return None if first is None or second is None else function(first, second)
        case _:
            return None


_FUNCTIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Div: lambda a, b: a / b,
}
