"""The functions of the language: `range`, `len`, and those of numbers."""

from collections.abc import Callable, Sequence

from archdsl.ir.making import applied, leaf, literal, size_of
from archdsl.ir.numbers import Leaf, Number
from archdsl.limits import MAX_VALUES
from archdsl.record import Record
from archdsl.semantics.checks import check_size, fail, fail_here, spend
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.values import DictValue, ListValue, Scope, Value, items_in
from archdsl.syntax import tree


def call_function(node: tree.Call, values: Sequence[Value], scope: Scope) -> Value:
    """Return a function of these values; raise SpecError."""
    spend(sum(map(items_in, values)), scope, node.span)
    value = FUNCTIONS[node.name.text](_FunctionCall(node, values, scope))
    spend(items_in(value), scope, node.span)
    if not isinstance(value, Number) or isinstance(value.expr, Leaf):
        scope.settle_sizes(*values)
    return value


class _FunctionCall(Record):
    """A call of a function, with its arguments evaluated."""

    node: tree.Call
    values: Sequence[Value]
    scope: Scope

    def names(self) -> frozenset[str]:
        """Return what the call hangs on."""
        return hangs_on(self.node, self.scope)

    def numbers(self, least: int, most: int) -> list[Number]:
        """Return the arguments of a function on numbers; a list alone stands for its items."""
        name, span, values = self.node.name.text, self.node.span, self.values
        if len(values) == 1 and isinstance(values[0], ListValue) and most > 1:
            values = values[0].items
        if not least <= len(values) <= most:
            count = f"at least {least}" if most == MAX_VALUES else f"{least} to {most}"
            count = str(least) if least == most else count
            counted = f"{count} argument{'s' if max(least, most % MAX_VALUES) > 1 else ''}"
            fail("E308", f"`{name}` takes {counted}, not {len(values)}", span)
        numbers = [v for v in values if isinstance(v, Number)]
        if len(numbers) != len(values):
            fail("E302", f"`{name}` takes numbers", span)
        return numbers

    def made(self, numbers: Sequence[Number]) -> Number:
        """Return the function of these numbers; of a list that is not written here, no making."""
        text = self.node.span.text
        number = applied(self.node.name.text, numbers, text)
        if isinstance(number.expr, Leaf):
            spend(sum(size_of(n.expr) for n in numbers), self.scope, self.node.span)
        arguments = [a.value for a in self.node.arguments or ()]
        is_list = isinstance(self.values[0], ListValue)
        if is_list and not isinstance(arguments[0], tree.ListLiteral):
            return leaf(number.value, text, self.names())
        return number


def _range(use: _FunctionCall) -> Value:
    numbers, span = [n.value for n in use.numbers(1, 3)], use.node.span
    if not all(isinstance(n, int) for n in numbers) or (len(numbers) > 2 and numbers[2] == 0):
        fail_here("E303", "`range` takes integers: `range(stop)`, `range(start, stop, step)`", span)
    found = range(*(int(n) for n in numbers))
    if found[MAX_VALUES:]:  # `len` takes no numbers beyond 2^63
        fail("E309", f"a loop runs at most {MAX_VALUES:,} times", span)
    return ListValue(tuple(literal(n) for n in found))


def _len(use: _FunctionCall) -> Value:
    match use.values:
        case [ListValue(items=items)] | [DictValue(items=items)]:
            return leaf(len(items), use.node.span.text, use.names())
        case _:
            fail("E302", "`len` takes one list or table", use.node.span)


def _round_to(use: _FunctionCall) -> Value:
    numbers = use.numbers(2, 2)
    step = numbers[1].value
    if not isinstance(step, int) or step < 1:
        fail_here("E303", "`round_to(x, step)` takes a positive integer as step", use.node.span)
    return use.made(numbers)


def _of_one(use: _FunctionCall) -> Value:
    return _sized(use, use.made(use.numbers(1, 1)))


def _of_several(use: _FunctionCall) -> Value:
    return _sized(use, use.made(use.numbers(1, MAX_VALUES)))


def _log(use: _FunctionCall) -> Value:
    numbers = use.numbers(1, 2)
    try:
        return use.made(numbers)
    except ArithmeticError:
        message = "`log` takes numbers above 0, and a base that is not 1"
        fail_here("E303", message, use.node.span)


def _sized(use: _FunctionCall, number: Number) -> Number:
    check_size(number.value, use.node.span)
    return number


FUNCTIONS: dict[str, Callable[[_FunctionCall], Value]] = {
    "range": _range,
    "len": _len,
    "round_to": _round_to,
    "log": _log,
    **dict.fromkeys(("min", "max", "sum"), _of_several),
    **dict.fromkeys(("abs", "round", "floor", "ceil"), _of_one),
}
