"""The expressions and tests of a spec, in numbers that know their polynomials."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import assert_never, cast

from archdsl.analyses.closed.rounding import applied
from archdsl.analyses.closed.traced import (
    Exact,
    NotClosedError,
    Trace,
    Traced,
    floored,
    form_of,
    holds,
    power,
    value_of,
)
from archdsl.ir.layers import SIDES, sides
from archdsl.ir.network import FeatureMap
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
    Symbol,
    Test,
    Truth,
    Value,
    apply,
    arithmetic,
    compare,
)

_SIDES = tuple(dict.fromkeys(side for known in SIDES for side in known))
SIZES = tuple(f"in_{side}" for side in _SIDES)


def sizes_given(given: FeatureMap) -> dict[str, Exact]:
    """Return the sizes that a block is given, by name."""
    known = () if given.size is None else sides(len(given.size))
    return {f"in_{side}": size for side, size in zip(known, given.size or (), strict=True)}


class FormNames:
    """The names of a declaration: numbers, and flags, which are asked only where they decide."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.numbers: dict[str, Exact] = {}
        self.flags: dict[str, Callable[[], bool]] = {}
        self.maps: dict[str, FeatureMap] = {}  # by the names that `mark` gives

    def define(self, name: str, given: Number | Truth, around: "FormNames") -> None:
        """Give a name what is written over the names around."""
        match given:
            case Number(expr=expr):
                self.numbers[name] = around.number(expr)
            case Truth(test=test):
                self.flags[name] = lambda: around.holds(test)
            case _:
                assert_never(given)

    def pin(self, names: Iterable[str]) -> None:
        """Note that these names have the values that they have here."""
        for name in sorted(names):
            if name in self.flags:
                self.flags[name]()
            elif name in self.numbers:
                pin(self.numbers[name])
            elif name not in SIZES:  # a vector has none
                raise NotClosedError(f"what `{name}` is made of is not kept")

    def number(self, expr: Expr) -> Exact:
        """Return the value of an expression; raise ArithmeticError, NotClosedError."""
        match expr:
            case Literal(value):
                return value
            case Leaf(value, text, names):
                size = self._size(text)
                if size is not None and value_of(size) == value:
                    return size
                is_size = text.endswith((*SIZES, *(f".{each}" for each in _SIDES)))
                self.pin(names or (SIZES if is_size else ()))
                return value
            case Symbol(name):
                return self.numbers[name]
            case Operation(operator, left, right):
                return _operated(operator, self.number(left), self.number(right), self.trace)
            case Apply(function, arguments):
                return _applied(function, [self.number(each) for each in arguments], self.trace)
            case Choice(test, chosen, otherwise):
                return self.number(chosen if self.holds(test) else otherwise)
            case _:
                assert_never(expr)

    def require(self, test: Test) -> None:
        """Take that a test holds wherever the network exists; its numbers may be choices."""
        match test:
            case Compare(operator, left, right):
                one, other = self.number(left), self.number(right)
                with self.trace.as_facts():
                    _compared(operator, one, other)
            case Both(left, right):
                self.require(left)
                self.require(right)
            case _:  # which of several ways it holds is a choice, too
                self.holds(test)

    def _size(self, text: str) -> Exact | None:
        """Return the size that a text says: of a named map, or of what a block is given.

        That of what a body in a network is given is none of these.
        """
        if text in SIZES:
            return self.numbers.get(text)
        label, _, side = text.rpartition(".")
        size = self.maps[label].size if label in self.maps else None
        known = () if size is None else sides(len(size))
        return size[known.index(side)] if size is not None and side in known else None

    def holds(self, test: Test) -> bool:
        """Say whether a test holds, which is a condition from then on."""
        match test:
            case Compare(operator, left, right):
                return _compared(operator, self.number(left), self.number(right))
            case Not(inner):
                return not self.holds(inner)
            case Both(left, right):
                return self.holds(left) and self.holds(right)
            case Either(left, right):
                return self.holds(left) or self.holds(right)
            case Flag(name):
                return self.flags[name]()
            case Known(value, _, names):
                self.pin(names)
                return value
            case _:
                assert_never(test)


def pin(given: Exact) -> Value:
    """Return the value of a number, which is a condition from then on."""
    if isinstance(given, Traced):
        holds(given == given.value)
    return value_of(given)


def _compared(operator: str, left: Exact, right: Exact) -> bool:
    if not isinstance(left, Traced) and not isinstance(right, Traced):
        return compare(operator, left, right)
    asked: Mapping[str, Callable[[], bool]] = {
        "==": lambda: left == right,
        "!=": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }
    return asked[operator]()


def _operated(operator: str, left: Exact, right: Exact, trace: Trace) -> Exact:
    if not isinstance(left, Traced) and not isinstance(right, Traced):
        return arithmetic(operator, left, right)
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return cast("Exact", left / right)
        case "//":
            return left // right
        case "%":
            return left % right
        case "**":
            return power(left, right, trace)
        case _:
            raise AssertionError(f"no arithmetic for {operator}")


def _applied(function: str, given: list[Exact], trace: Trace) -> Exact:
    values = [value_of(each) for each in given]
    if not any(isinstance(each, Traced) for each in given):
        return apply(function, values)
    match function:
        case "floor":
            return floored(given[0])
        case "ceil":
            return -floored(-given[0])
        case "round":
            return floored(given[0] + Fraction(1, 2))
        case "abs":
            return abs(given[0])
        case "sum":
            total: Exact = 0
            for each in given:
                total = total + each
            return total
        case "min" | "max":
            best = given[0]
            for each in given[1:]:
                if _compared("<" if function == "min" else ">", each, best):
                    best = each
            return best
        case "round_to" | "log":
            form = applied(function, tuple(map(form_of, given)), trace.wholes)
            return Traced(apply(function, values), form, trace)
        case _:
            raise AssertionError(f"no function {function}")
