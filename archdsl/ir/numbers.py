"""Numbers and truths that remember how they were written.

A number is a value plus an expression over the names of the declaration it stands in: `4 * width`
in a block, `64 * k` in a network. Diagnostics quote the expression, generated code repeats it. A
truth is the same for `stride == 1`: a flag plus the test that it came from.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias, assert_never

from archdsl.ir.powers import logarithm, power
from archdsl.record import Record

Value: TypeAlias = int | Fraction


class Literal(Record):
    """A number that stands in the spec as itself."""

    value: Value


class Symbol(Record):
    """A parameter, a `let`, or the implied `in_channels` and `stride` of a declaration."""

    name: str


class Operation(Record):
    """`left operator right` with one of `+ - * / // % **`."""

    operator: str
    left: "Expr"
    right: "Expr"
    size: int = 3  # numbers and operators in it: doubling a sum must not double the work for ever


class Apply(Record):
    """A function of numbers: `round_to(32 * width, 8)`, `ceil(2 * depth)`, `max(1, k)`."""

    function: str  # floor, ceil, round, round_to, abs, min, max, sum or log
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


class Asked(Record):
    """The test of an `if`, and what holds where it stands: the `if`s around it, outermost first."""

    test: Test
    inside: tuple[Test, ...] = ()


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
        from archdsl.ir.showing import show, show_value  # which is about these records

        written, value = show(self.expr), show_value(self.value)
        return f"`{value}`" if written == value else f"`{written}` = {value}"


_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def negated(test: Test) -> Test:
    """Return the test that holds where this one does not."""
    match test:
        case Compare(operator, left, right):
            return Compare(_NEGATED[operator], left, right)
        case Not(inner):
            return inner
        case _:
            return Not(test)


# ---------------------------------------------------------------- values


def evaluate(expr: Expr, values: Mapping[str, Value | bool]) -> Value:
    """Return the value of an expression where its symbols have these values.

    Raises ArithmeticError where it has none.
    """
    match expr:
        case Literal(value) | Leaf(value):
            return value
        case Symbol(name):
            return values[name]
        case Operation(operator, left, right):
            return arithmetic(operator, evaluate(left, values), evaluate(right, values))
        case Apply(function, arguments):
            return apply(function, [evaluate(each, values) for each in arguments])
        case Choice(test, chosen, otherwise):
            return evaluate(chosen if holds(test, values) else otherwise, values)
        case _:
            assert_never(expr)


def holds(test: Test, values: Mapping[str, Value | bool]) -> bool:
    """Say whether a test holds where its symbols have these values; raise as `evaluate` does."""
    match test:
        case Compare(operator, left, right):
            return compare(operator, evaluate(left, values), evaluate(right, values))
        case Not(inner):
            return not holds(inner, values)
        case Both(left, right):
            return holds(left, values) and holds(right, values)
        case Either(left, right):
            return holds(left, values) or holds(right, values)
        case Flag(name):
            return bool(values[name])
        case Known(value):
            return value
        case _:
            assert_never(test)


# ---------------------------------------------------------------- symbols


def symbols(expr: Expr) -> frozenset[str]:
    """Return the names that an expression uses, or hangs on."""
    match expr:
        case Literal():
            return frozenset()
        case Leaf(names=names):
            return names
        case Symbol(name):
            return frozenset((name,))
        case Operation(_, left, right):
            return symbols(left) | symbols(right)
        case Apply(_, arguments):
            return union(map(symbols, arguments))
        case Choice(test, chosen, otherwise):
            return test_symbols(test) | symbols(chosen) | symbols(otherwise)
        case _:
            assert_never(expr)


def leaf_texts(expr: Expr) -> Iterator[str]:
    """Yield what the spec says in the place of values whose making is not kept."""
    match expr:
        case Leaf(text=text):
            yield text
        case Operation(_, left, right) | Choice(_, left, right):
            yield from leaf_texts(left)
            yield from leaf_texts(right)
        case Apply(_, arguments):
            for each in arguments:
                yield from leaf_texts(each)
        case Literal() | Symbol():
            pass
        case _:
            assert_never(expr)


def test_symbols(test: Test) -> frozenset[str]:
    """Return the names that a test uses, or hangs on."""
    match test:
        case Compare(_, left, right):
            return symbols(left) | symbols(right)
        case Not(inner):
            return test_symbols(inner)
        case Both(left, right) | Either(left, right):
            return test_symbols(left) | test_symbols(right)
        case Flag(name):
            return frozenset((name,))
        case Known(names=names):
            return names
        case _:
            assert_never(test)


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Return all names."""
    return frozenset[str]().union(*sets)


# ---------------------------------------------------------------- arithmetic


def normal(value: Value) -> Value:
    """Return an int where the value is one."""
    if type(value) is int:  # as nearly all are; isinstance asks the abstract base of Fraction
        return value
    return value.numerator if value.denominator == 1 else value


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Return `left operator right`, a power as `power` has it; raise ArithmeticError."""
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
        case "**":
            return normal(power(left, right))
        case _:
            raise AssertionError(f"no arithmetic for {operator}")


def apply(function: str, values: Sequence[Value]) -> Value:
    """Return a function of exact numbers; raise ArithmeticError where there is none."""
    match function:
        case "floor":
            return values[0].__floor__()
        case "ceil":
            return values[0].__ceil__()
        case "round":
            return (values[0] + Fraction(1, 2)).__floor__()
        case "round_to":
            return _round_to(*values)
        case "abs":
            return normal(abs(values[0]))
        case "min":
            return normal(min(values))
        case "max":
            return normal(max(values))
        case "sum":
            return normal(sum(values))
        case "log":
            return normal(logarithm(*values))
        case _:
            raise AssertionError(f"no function {function}")


def _round_to(number: Value, step: Value) -> Value:
    """Round to a multiple as MobileNet does: to the nearest, never below nine tenths."""
    if not isinstance(step, int) or step < 1:
        raise ArithmeticError
    rounded = max(step, int(number + Fraction(step, 2)) // step * step)
    return rounded if rounded >= Fraction(9, 10) * number else rounded + step


def compare(operator: str, left: Value | float, right: Value | float) -> bool:
    """Say whether `left operator right` holds, be it of exact numbers or of Python's."""
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case _:
            raise AssertionError(f"no comparison for {operator}")
