"""Numbers and truths that remember how they were written.

A number is a value plus an expression over the names of the declaration it stands in: `4 * width`
in a block, `64 * k` in a network. Diagnostics quote the expression, generated code repeats it. A
truth is the same for `stride == 1`: a flag plus the test that it came from.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """`left operator right` with one of `+ - * / // %`."""

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


def leaf(value: Value, text: str, names: frozenset[str] = frozenset()) -> Number:
    """Return a number that remembers only its source text, and what it hangs on."""
    exact = normal(value)
    return Number(exact, Leaf(exact, text, names))


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
        case _:
            raise AssertionError(f"no function {function}")


def _round_to(number: Value, step: Value) -> Value:
    """Round to a multiple as MobileNet does: to the nearest, never below nine tenths."""
    if not isinstance(step, int) or step < 1:
        raise ArithmeticError
    rounded = max(step, int(number + Fraction(step, 2)) // step * step)
    return rounded if rounded >= Fraction(9, 10) * number else rounded + step


# ---------------------------------------------------------------- making


_MAX_SIZE = 200  # of an expression that anybody reads


def combine(operator: str, left: Number, right: Number) -> Number:
    """Return `left operator right` with its expression, or a leaf where that grows too large.

    Raises ZeroDivisionError.
    """
    value = arithmetic(operator, left.value, right.value)
    if isinstance(left.expr, Literal) and isinstance(right.expr, Literal):
        return literal(value)
    size = 1 + size_of(left.expr) + size_of(right.expr)
    if size > _MAX_SIZE:
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
    if size > _MAX_SIZE:
        return leaf(value, text, _union(map(symbols, exprs)))
    return Number(value, Apply(function, exprs, size))


def choice(test: "Test", chosen: Expr, otherwise: Expr) -> Expr | None:
    """Return `if test then chosen else otherwise`, None where that grows too large."""
    size = 1 + size_of_test(test) + size_of(chosen) + size_of(otherwise)
    return Choice(test, chosen, otherwise, size) if size <= _MAX_SIZE else None


def short(test: Test) -> bool:
    """Say whether a test is small enough to be kept."""
    return size_of_test(test) <= _MAX_SIZE


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


def compare(operator: str, left: Value, right: Value) -> bool:
    """Say whether `left operator right` holds."""
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


# ---------------------------------------------------------------- symbols


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
    if size > _MAX_SIZE:
        raise OverflowError
    return size


def _renamed(names: frozenset[str], replace: Replace) -> frozenset[str]:
    found = map(replace, sorted(names))
    return _union(symbols(f) if isinstance(f, _EXPRS) else test_symbols(f) for f in found)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)


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
            return _union(map(symbols, arguments))
        case Choice(test, chosen, otherwise):
            return test_symbols(test) | symbols(chosen) | symbols(otherwise)
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


# ---------------------------------------------------------------- text


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
