"""What is known of the names of a class: expressions and tests without what has one value."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from archdsl.emit.expressions.arithmetic import plain, run_test
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
    evaluate,
    normal,
    symbols,
    test_symbols,
)

Values: TypeAlias = Mapping[str, Value | bool]


class Simplifier:
    """Rewrites expressions over the symbols that are parameters, and over lets.

    `values` are the symbols' in each instance, `lets` how some of them are written, `opened` the
    symbols that may be parameters; `aliases` are symbols that another one says.
    """

    def __init__(
        self,
        values: Sequence[Values],
        lets: Sequence[Mapping[str, Expr]],
        opened: frozenset[str],
        aliases: Mapping[str, str],
    ) -> None:
        self.values = values
        self.plain = [{name: plain(v) for name, v in each.items()} for each in values]
        self.lets = _common(lets)
        common = [name for name in values[0] if all(name in each for each in values)]
        self.common = frozenset(common)
        self.open = opened & self.common
        self.aliases = {name: alias for name, alias in aliases.items() if alias in self.open}
        self._known: dict[Expr, Expr | None] = {}

    def truths(self, test: Test) -> tuple[bool, ...] | None:
        """Return what a test gives in each instance, None where Python could not say."""
        try:
            return tuple(run_test(test, values) for values in self.plain)
        except (ArithmeticError, KeyError):
            return None

    def simple_test(self, test: Test) -> Test | bool:
        """Return a test over parameters and lets, or what it always is."""
        match test:
            case Compare(operator, left, right):
                one, two = self.simple(left), self.simple(right)
                if one is None or two is None or not (symbols(one) | symbols(two)):
                    return self._always(test)
                return Compare(operator, one, two)
            case Not(inner):
                found = self.simple_test(inner)
                return not found if isinstance(found, bool) else Not(found)
            case Both(left, right):
                return _both(self.simple_test(left), self.simple_test(right))
            case Either(left, right):
                found = _both(self.simple_test(Not(left)), self.simple_test(Not(right)))
                if isinstance(found, bool):
                    return not found
                one, two = self.simple_test(left), self.simple_test(right)
                if isinstance(one, bool) or isinstance(two, bool):
                    return two if isinstance(one, bool) else one
                return Either(one, two)
            case Flag(name):
                return test if name in self.open else self._always(test)
            case Known(value):
                return value

    def _always(self, test: Test) -> bool:
        truths = self.truths(test)
        assert truths is not None
        return truths[0]

    def simple(self, expr: Expr) -> Expr | None:
        """Return an expression over parameters and lets; None where its symbols are not known."""
        if expr not in self._known:
            self._known[expr] = self._simplified(expr)
        return self._known[expr]

    def _simplified(self, expr: Expr) -> Expr | None:
        match expr:
            case Literal():
                return expr
            case Leaf(value):
                return Literal(value)
            case Symbol(name):
                return self._symbol(name)
            case Operation(operator, left, right):
                one, two = self.simple(left), self.simple(right)
                found = None if one is None or two is None else Operation(operator, one, two)
            case Apply(function, arguments):
                inner = [self.simple(argument) for argument in arguments]
                known = tuple(each for each in inner if each is not None)
                found = Apply(function, known) if len(known) == len(inner) else None
            case Choice(test) if not test_symbols(test) <= self.common:
                found = None  # a stage that owns a weight asks nothing of its block's names
            case Choice(test, chosen, otherwise):
                when = self.simple_test(test)
                if isinstance(when, bool):
                    return self.simple(chosen if when else otherwise)
                one, two = self.simple(chosen), self.simple(otherwise)
                if one is not None and one == two:
                    return one
                found = None if one is None or two is None else Choice(when, one, two)
        return found if found is None or symbols(found) else _folded(found)

    def _symbol(self, name: str) -> Expr | None:
        if name in self.open:
            return Symbol(name)
        if name in self.aliases:
            return Symbol(self.aliases[name])
        if name in self.lets:
            inner = self.simple(self.lets[name])
            if inner is not None:
                return Symbol(name) if symbols(inner) else inner
        held = [values[name] for values in self.values if name in values]
        if len(held) < len(self.values):
            return None
        if len(set(held)) == 1:
            return Literal(held[0])
        same = (n for n in sorted(self.open) if [v[n] for v in self.values] == held)
        alias = next(same, None)  # a block that adds its input has as many channels as it is given
        return None if alias is None else Symbol(alias)


def _common(lets: Sequence[Mapping[str, Expr]]) -> dict[str, Expr]:
    """Return the lets that are written alike in all instances."""
    first, *others = lets
    return {n: e for n, e in first.items() if all(each.get(n) == e for each in others)}


def _folded(expr: Expr) -> Expr | None:
    """Return an expression of numbers alone as one number."""
    try:
        return Literal(normal(evaluate(expr, {})))
    except ArithmeticError:
        return None


def _both(left: Test | bool, right: Test | bool) -> Test | bool:
    if isinstance(left, bool):
        return right if left else False
    if isinstance(right, bool):
        return left if right else False
    return Both(left, right)
