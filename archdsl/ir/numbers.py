"""Numbers and truths that remember how they were written.

A number is a value plus an expression over the names of the declaration it stands in: `4 * width`
in a block, `64 * k` in a network. Diagnostics quote the expression, generated code repeats it. A
truth is the same for `stride == 1`: a flag plus the test that it came from.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias, assert_never

from archdsl.record import Record

Value: TypeAlias = int | Fraction


class Literal(Record):
    """A number that stands in the spec as itself."""

    value: Value


class Symbol(Record):
    """A parameter, a `let`, or the implied `in_channels` and `stride` of a declaration."""

    name: str


class Operation(Record):
    """`left operator right` with one of `+ - * / //`."""

    operator: str
    left: "Expr"
    right: "Expr"
    size: int = 3  # numbers and operators in it: doubling a sum must not double the work for ever


class Apply(Record):
    """A function of numbers: `round_to(32 * width, 8)`, `ceil(2 * depth)`, `max(1, k)`."""

    function: str  # floor, ceil, round, round_to, abs, min, max or sum
    arguments: "tuple[Expr, ...]"
    size: int = 2


class Choice(Record):
    """`if test then chosen else otherwise`."""

    test: "Test"
    chosen: "Expr"
    otherwise: "Expr"
    size: int = 4


class Leaf(Record):
    """A value whose making is not kept: a lookup, the variable of a loop, an image size.

    `names` are the symbols that it hangs on: where one of them has another value, so may this.
    """

    value: Value
    text: str  # how the spec says it
    names: frozenset[str] = frozenset()


Expr: TypeAlias = Literal | Symbol | Operation | Apply | Choice | Leaf


class Compare(Record):
    """`left operator right` with one of `== != < <= > >=`."""

    operator: str
    left: Expr
    right: Expr


class Not(Record):
    """`not test`."""

    test: "Test"


class Both(Record):
    """`left and right`."""

    left: "Test"
    right: "Test"


class Either(Record):
    """`left or right`."""

    left: "Test"
    right: "Test"


class Flag(Record):
    """A parameter that is true or false."""

    name: str


class Known(Record):
    """A truth whose making is not kept: `norm == "frozen"`, an item of a list. `names` as above."""

    value: bool
    text: str
    names: frozenset[str] = frozenset()


Test: TypeAlias = Compare | Not | Both | Either | Flag | Known


class Truth(Record):
    """True or false, and the test that said so."""

    value: bool
    test: Test


class Number(Record):
    """An exact value and the expression that gave it."""

    value: Value
    expr: Expr

    def __str__(self) -> str:
        """Return "`32 * k` = 320", or "`320`" where the expression says no more."""
        written, value = show(self.expr), show_value(self.value)
        return f"`{value}`" if written == value else f"`{written}` = {value}"


def normal(value: Value) -> Value:
    """Return an int where the value is one."""
    if type(value) is int:  # as nearly all are; isinstance asks the abstract base of Fraction
        return value
    return value.numerator if value.denominator == 1 else value


def literal(value: Value) -> Number:
    """Return a number that stands for itself."""
    exact = normal(value)
    return Number(exact, Literal(exact))


def leaf(value: Value, text: str) -> Number:
    """Return a number that remembers only its source text."""
    exact = normal(value)
    return Number(exact, Leaf(exact, text))


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Return `left operator right`, exact; raise ZeroDivisionError where there is none."""
    match operator:
        case "+":
            return normal(left + right)
        case "-":
            return normal(left - right)
        case "*":
            return normal(left * right)
        case "/":
            return normal(Fraction(left) / Fraction(right))
        case "//":
            return normal(left // right)
        case "%":
            return normal(left % right)
        case _:
            raise AssertionError(f"no arithmetic for {operator}")


_MAX_SIZE = 200  # of an expression that anybody reads


def combine(operator: str, left: Number, right: Number) -> Number:
    """Return `left operator right` with its expression, or a leaf where that grows too large.

    Raises ZeroDivisionError.
    """
    value = arithmetic(operator, left.value, right.value)
    if isinstance(left.expr, Literal) and isinstance(right.expr, Literal):
        return literal(value)
    size = 1 + _size(left.expr) + _size(right.expr)
    if operator == "%" or size > _MAX_SIZE:
        return leaf(value, show_value(value))
    return Number(value, Operation(operator, left.expr, right.expr, size))


def _size(expr: Expr) -> int:
    return expr.size if isinstance(expr, Operation) else 1


def evaluate(expr: Expr, values: Mapping[str, Value]) -> Value:
    """Return the value of an expression where its symbols have these values."""
    match expr:
        case Literal(value) | Leaf(value):
            return value
        case Symbol(name):
            return values[name]
        case Operation(operator, left, right):
            return arithmetic(operator, evaluate(left, values), evaluate(right, values))
        case _:
            assert_never(expr)


def substitute(expr: Expr, replace: Callable[[str], Expr]) -> Expr:
    """Return the expression with each symbol replaced; raise OverflowError if it gets too large."""
    match expr:
        case Literal() | Leaf():
            return expr
        case Symbol(name):
            return replace(name)
        case Operation(operator, left, right):
            left, right = substitute(left, replace), substitute(right, replace)
            size = 1 + _size(left) + _size(right)
            if size > _MAX_SIZE:
                raise OverflowError
            return Operation(operator, left, right, size)
        case _:
            assert_never(expr)


def symbols(expr: Expr) -> frozenset[str]:
    """Return the names an expression uses."""
    match expr:
        case Literal() | Leaf():
            return frozenset()
        case Symbol(name):
            return frozenset((name,))
        case Operation(_, left, right):
            return symbols(left) | symbols(right)
        case _:
            assert_never(expr)


_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2}


def show(expr: Expr) -> str:
    """Return the expression as the language writes it, with no parentheses it does not need."""
    return _show(expr, 0)


def _show(expr: Expr, binding: int) -> str:
    match expr:
        case Literal(value):
            return show_value(value)
        case Symbol(name):
            return name
        case Leaf(_, text):
            return text
        case Operation(operator, left, right):
            own = _PRECEDENCE[operator]
            text = f"{_show(left, own)} {operator} {_show(right, own + 1)}"
            return f"({text})" if own < binding else text
        case _:
            assert_never(expr)


def show_value(value: Value) -> str:
    """Return a value as decimal text where that is exact and short, else as a fraction."""
    if isinstance(value, int):
        return str(value)
    decimal = repr(float(value))
    return decimal if Fraction(decimal) == value else f"{value.numerator}/{value.denominator}"
