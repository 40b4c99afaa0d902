"""A spec's expressions and tests as Python: their text, and what Python computes.

The language computes exactly; Python has whole numbers and floats. A whole number is divided with
`//`, which is right where nothing is left over, and a float that has to be whole is rounded.
"""

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import TypeAlias, assert_never

from archdsl.emit.python.printer import constant
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
    compare,
)

Plain: TypeAlias = int | float  # a number, or a flag, as Python has it
Environment: TypeAlias = Mapping[str, Plain]


def plain(value: Value) -> Plain:
    """Return a value as Python has it."""
    return value if isinstance(value, int) else float(value)


# ---------------------------------------------------------------- what Python computes


def run(expr: Expr, values: Environment) -> Plain:
    """Return what the Python text of an expression gives; raise ArithmeticError or KeyError."""
    match expr:
        case Literal(value) | Leaf(value):
            return plain(value)
        case Symbol(name):
            return values[name]
        case Operation(operator, left, right):
            return _operate(operator, run(left, values), run(right, values), exact=True)
        case Apply("log", (value, Literal(2 | 10 as base))):
            return _logarithm(run(value, values), base)
        case Apply(function, arguments):
            return _apply(function, [run(argument, values) for argument in arguments])
        case Choice(test, chosen, otherwise):
            return run(chosen if run_test(test, values) else otherwise, values)
        case _:
            assert_never(expr)


def _operate(operator: str, left: Plain, right: Plain, *, exact: bool) -> Plain:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if isinstance(left, int) and isinstance(right, int):
            if exact and left % right:
                raise ArithmeticError  # `//` would lose what is left over
            return left // right
        case "/":
            return left / right
        case "//":
            return left // right
        case "%":
            return left % right
        case "**":
            return _power(left, right)
        case _:
            raise AssertionError(f"no arithmetic for {operator}")


def _power(left: Plain, right: Plain) -> Plain:
    if left and abs(math.log2(abs(left)) * right) > _MOST_BITS:
        raise OverflowError
    if left < 0 and right % 1:
        raise ArithmeticError  # of which Python makes a complex number
    return left**right


_MOST_BITS = 1000  # of a power that Python is asked for: floats have no more


def _logarithm(number: Plain, base: Plain) -> float:
    """Return a logarithm as `Words` writes it: those that Python has functions of are better."""
    if number <= 0 or base <= 0 or base == 1:
        raise ArithmeticError
    match base:
        case 2:
            return math.log2(number)
        case 10:
            return math.log10(number)
        case _:
            return math.log(number, base)


def _apply(function: str, values: list[Plain]) -> Plain:
    match function, values:
        case "floor", [value]:
            return math.floor(value)
        case "ceil", [value]:
            return math.ceil(value)
        case "round", [value]:
            return math.floor(value + 0.5)
        case "round_to", [value, step]:
            rounded = max(step, int(value + step / 2) // step * step)
            return rounded + step if rounded < 0.9 * value else rounded  # as templates/model says
        case "abs", [value]:
            return abs(value)
        case "min", _:
            return min(values)
        case "max", _:
            return max(values)
        case "sum", _:
            return sum(values)
        case "log", [number] if number > 0:
            return math.log(number)
        case "log", [number, base] if number > 0 and base > 0 and base != 1:
            return math.log(number, base)
        case "log", _:
            raise ArithmeticError
        case _:
            raise AssertionError(f"no function {function}")


def run_test(test: Test, values: Environment) -> bool:
    """Return what the Python text of a test gives; raise ArithmeticError or KeyError."""
    match test:
        case Compare(operator, left, right):
            return compare(operator, run(left, values), run(right, values))
        case Not(inner):
            return not run_test(inner, values)
        case Both(left, right):
            return run_test(left, values) and run_test(right, values)
        case Either(left, right):
            return run_test(left, values) or run_test(right, values)
        case Flag(name):
            return bool(values[name])
        case Known(value):
            return value
        case _:
            assert_never(test)


# ---------------------------------------------------------------- its text

_SUM, _PRODUCT, _TIGHT = 1, 2, 3  # the last one: of a power, which has no sign inside it
_BINDING = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "//": _PRODUCT, "%": _PRODUCT}


def whole_test(test: Test) -> Test:
    """Return the test that nothing is left over, where it is that a quotient is whole."""
    match test:
        case Compare("==" | "!=" as operator, left, Apply("floor", (right,))) if left == right:
            divisor = 1
            while isinstance(left, Operation) and left.operator == "/":
                if not (isinstance(left.right, Literal) and isinstance(left.right.value, int)):
                    return test
                divisor *= left.right.value
                left = left.left
            return Compare(operator, Operation("%", left, Literal(divisor)), Literal(0))
        case Both(left, right):
            return Both(whole_test(left), whole_test(right))
        case Either(left, right):
            return Either(whole_test(left), whole_test(right))
        case _:
            return test


def _extreme(choice: Choice) -> str | None:
    """Return "min" or "max" where the choice is one of the two numbers that it compares."""
    match choice:
        case Choice(Compare("<" | "<=" | ">" | ">=" as operator, left, right), chosen, otherwise):
            takes_less = operator in ("<", "<=")
            if (chosen, otherwise) == (left, right):
                return "min" if takes_less else "max"
            if (chosen, otherwise) == (right, left):
                return "max" if takes_less else "min"
            return None
        case _:
            return None


class Words:
    """How a class writes symbols: their names, and which of them are floats.

    Unless quotients are `whole`, `/` leaves what is left over.
    """

    def __init__(
        self, names: Mapping[str, str], floats: frozenset[str], *, whole: bool = True
    ) -> None:
        self.names = names
        self.floats = floats
        self.whole = whole

    def say(self, expr: Expr, binding: int = 0) -> str:
        """Return an expression as Python, with no parentheses that it does not need."""
        match expr:
            case Literal(value) | Leaf(value):
                text = constant(plain(value))
                return f"({text})" if binding and text.startswith("-") else text
            case Symbol(name):
                return self.names[name]
            case Operation("+", left, right) if left == right:  # as a concatenation gives
                return self.say(Operation("*", Literal(2), left), binding)
            case Operation(operator, left, right):
                if operator == "**":
                    return self._power(left, right, binding)
                own = _BINDING[operator]
                if operator == "/" and not self.is_float(expr):
                    operator = "//"
                text = f"{self.say(left, own)} {operator} {self.say(right, own + 1)}"
                return f"({text})" if own < binding else text
            case Apply():
                return self._apply(expr, binding)
            case Choice(test, chosen, otherwise):
                function = _extreme(expr)
                if function is not None:
                    return f"{function}({self.say(chosen)}, {self.say(otherwise)})"
                text = f"{self.say(chosen)} if {self.test(test)} else {self.say(otherwise)}"
                return f"({text})" if binding else text
            case _:
                assert_never(expr)

    def _power(self, left: Expr, right: Expr, binding: int) -> str:
        base, exponent = self.say(left, _TIGHT + 1), self.say(right, _TIGHT + 1)
        simple = _SIMPLE.fullmatch(base) and _SIMPLE.fullmatch(exponent)  # as ruff format has it
        text = f"{base}**{exponent}" if simple else f"{base} ** {exponent}"
        return f"({text})" if binding > _TIGHT else text

    def _apply(self, expr: Apply, binding: int) -> str:
        match expr.function, expr.arguments:
            case "log", (value, Literal(2 | 10 as base)):
                return f"math.log{base}({self.say(value)})"
            case "log", arguments:
                return f"math.log({', '.join(map(self.say, arguments))})"
            case "floor", (Operation("/", left, right) as quotient,) if not self.is_float(quotient):
                return self.say(Operation("//", left, right), binding)
            case ("floor" | "ceil") as function, (value,):
                return f"math.{function}({self.say(value)})"
            case "round", (value,):
                return f"math.floor({self.say(value, _SUM)} + 0.5)"
            case "sum", arguments:
                text = " + ".join(self.say(argument, _SUM) for argument in arguments)
                return f"({text})" if binding > _SUM else text
            case function, arguments:
                return f"{function}({', '.join(map(self.say, arguments))})"

    def is_float(self, expr: Expr) -> bool:
        """Whether Python computes an expression as a float."""
        match expr:
            case Literal(value) | Leaf(value):
                return isinstance(value, Fraction)
            case Symbol(name):
                return name in self.floats
            case Operation("/") if not self.whole:
                return True
            case Operation("**", _, right) if not _is_natural(right):
                return True
            case Operation(_, left, right):
                return self.is_float(left) or self.is_float(right)
            case Apply("log"):
                return True
            case Apply(function, arguments):
                return function in _KEEPING and any(map(self.is_float, arguments))
            case Choice(_, chosen, otherwise):
                return self.is_float(chosen) or self.is_float(otherwise)
            case _:
                assert_never(expr)

    def test(self, test: Test, binding: int = 0) -> str:
        """Return a test as Python."""
        match test:
            case Compare(operator, left, right):
                return f"{self.say(left, _SUM)} {operator} {self.say(right, _SUM)}"
            case Not(inner):
                return f"not {self.test(inner, _NOT)}"
            case Both(left, right):
                text = f"{self.test(left, _AND)} and {self.test(right, _AND)}"
                return f"({text})" if binding > _AND else text
            case Either(left, right):
                text = f"{self.test(left)} or {self.test(right)}"
                return f"({text})" if binding else text
            case Flag(name):
                return self.names[name]
            case Known(value):
                return str(value)
            case _:
                assert_never(test)


def _is_natural(exponent: Expr) -> bool:
    """Whether nothing in an exponent makes it negative: what Python then raises stays whole."""
    match exponent:
        case Literal(value) | Leaf(value):
            return value >= 0
        case Symbol():
            return True
        case Operation("+" | "*" | "//" | "%" | "**", left, right):
            return _is_natural(left) and _is_natural(right)
        case _:
            return False


_SIMPLE = re.compile(r"[A-Za-z_][\w.]*|[\d.]+(e[-+]?\d+)?")
_AND, _NOT = 1, 2
_KEEPING = ("abs", "min", "max", "sum")  # functions that do not make a float whole
