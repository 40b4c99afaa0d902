"""Evaluates expressions: exact, bounded, with no loop but `range` and lists."""

from collections.abc import Callable, Sequence
from typing import NoReturn, assert_never

from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.numbers import (
    Both,
    Compare,
    Either,
    Known,
    Leaf,
    Literal,
    Number,
    Test,
    Truth,
    applied,
    choice,
    combine,
    compare,
    leaf,
    literal,
    negated,
    short,
    show_value,
    size_of,
    size_of_test,
    symbols,
    test_symbols,
)
from archdsl.ir.numbers import Value as Exact
from archdsl.ir.numbers import show as show_expr
from archdsl.limits import MAX_INTEGER, MAX_VALUES, MAX_WORK
from archdsl.record import Record
from archdsl.semantics.dependence import NOTHING, hangs_on
from archdsl.semantics.values import (
    BlockValue,
    DictValue,
    LayerValue,
    ListValue,
    Scope,
    Value,
    items_in,
    same,
    type_name,
)
from archdsl.semantics.words import is_layer_word, layer_words
from archdsl.source import Span
from archdsl.syntax import tree


def fail(
    code: str,
    message: str,
    span: Span,
    help_: str | None = None,
    notes: tuple[Note, ...] = (),
) -> NoReturn:
    """Raise SpecError with one diagnostic."""
    raise SpecError([Diagnostic(code=code, message=message, span=span, help=help_, notes=notes)])


def spend(amount: int, scope: Scope, span: Span) -> None:
    """Count work; raise SpecError past the limit."""
    work = scope.file.work
    work.done += amount
    if work.done > MAX_WORK:
        message = f"building the networks of this spec takes more than {MAX_WORK:,} steps"
        fail("E309", message, span, "loop less, or put networks into specs of their own")


def evaluate(node: tree.Expression, scope: Scope) -> Value:
    """Return the value of an expression; raise SpecError."""
    spend(1, scope, node.span)
    match node:
        case tree.NumberLiteral(value=value):
            return literal(value)
        case tree.StringLiteral(value=text):
            return text
        case tree.BooleanLiteral(value=truth):
            return Truth(truth, Known(truth, "true" if truth else "false"))
        case tree.Variable(name=name):
            return _variable(name, node, scope)
        case tree.Call():
            return _call(node, scope)
        case tree.Unary():
            return _unary(node, scope)
        case tree.Binary():
            return _binary(node, scope)
        case tree.Conditional():
            return _conditional(node, scope)
        case tree.Index():
            return _index(node, scope)
        case tree.Member(name=name):
            fail("E304", f"`.{name.text}` stands only in an `expect`", name.span)
        case tree.ListLiteral(items=items):
            found = ListValue(tuple(evaluate(item, scope) for item in items))
            return _bounded(found, scope, node.span)
        case tree.DictLiteral(items=items):
            return _table(items, scope, node.span)
        case _:
            assert_never(node)


# ---------------------------------------------------------------- typed results


def truth_of(node: tree.Expression, scope: Scope) -> bool:
    """Return whether a condition holds."""
    return truth(node, scope).value


def truth(node: tree.Expression, scope: Scope) -> Truth:
    """Return the value of a condition, and the test that it is."""
    value = evaluate(node, scope)
    if not isinstance(value, Truth):
        fail("E302", f"a condition is true or false, not {type_name(value)}", node.span)
    return value


def number_of(node: tree.Expression, scope: Scope) -> Number:
    """Return the value of an expression that must be a number."""
    value = evaluate(node, scope)
    if not isinstance(value, Number):
        fail("E302", f"expected a number, not {type_name(value)}", node.span)
    return value


def integer_of(node: tree.Expression, scope: Scope, what: str, least: int = 0) -> Number:
    """Return the value of an expression that must be an integer of at least `least`."""
    return check_integer(number_of(node, scope), node.span, what, least)


def check_integer(number: Number, span: Span, what: str, least: int = 0) -> Number:
    """Return the number if it is an integer of at least `least`; `what` is for the message."""
    if not isinstance(number.value, int):
        help_ = f"round it, as `round({span.text})` or `floor({span.text})` does"
        fail("E303", f"{what} is an integer, not {number}", span, help_)
    if number.value < least:
        fail("E303", f"{what} is at least {least}, not {number}", span)
    return number


# ---------------------------------------------------------------- tables, names


def _bounded(value: ListValue | DictValue, scope: Scope, span: Span) -> ListValue | DictValue:
    """Return the value; raise SpecError where it holds too much: lists of lists grow fast."""
    size = items_in(value)
    spend(size, scope, span)
    if size > MAX_VALUES:
        fail("E309", f"a list or table holds at most {MAX_VALUES:,} values", span)
    return value


def _table(
    items: Sequence[tuple[tree.Expression, tree.Expression]], scope: Scope, span: Span
) -> DictValue:
    pairs: list[tuple[Value, Value]] = []
    seen: set[tuple[str, str]] = set()
    for key_node, value_node in items:
        key = evaluate(key_node, scope)
        shown = (type_name(key), show(key))
        if shown in seen:
            fail("E320", f"a second entry for `{show(key)}`", key_node.span)
        seen.add(shown)
        pairs.append((key, evaluate(value_node, scope)))
    table = DictValue(tuple(pairs))
    _bounded(table, scope, span)
    return table


def _variable(name: tree.Name, node: tree.Variable, scope: Scope) -> Value:
    found = scope.find(name.text)
    if found is not None:
        return found
    if name.text in scope.file.blocks:
        return BlockValue(*scope.file.blocks[name.text])
    if is_layer_word(name.text):
        return LayerValue(tree.Call(name, None, node.span), scope)
    if name.text == "in_channels":
        message = "`in_channels` is what a block, or a body inside a network, is given"
        fail("E404", message, name.span, "write the number, or name it with `let`")
    known = [*scope.names(), *scope.file.blocks, *layer_words()]
    from archdsl.semantics.foreign import value_help

    help_ = value_help(name.text, known)
    fail("E301", f"nothing is called `{name.text}`", name.span, help_)


# ---------------------------------------------------------------- operators


def _unary(node: tree.Unary, scope: Scope) -> Value:
    if node.operator == "not":
        found = truth(node.operand, scope)
        return Truth(not found.value, negated(found.test))
    number = number_of(node.operand, scope)
    if node.operator == "+":
        return number
    if isinstance(number.expr, Literal):
        return literal(-number.value)
    return combine("-", literal(0), number)


def _binary(node: tree.Binary, scope: Scope) -> Value:
    match node.operator:
        case "and" | "or":
            return _junction(node, scope)
        case "==" | "!=":
            return _equal(node, scope)
        case "<" | "<=" | ">" | ">=":
            return _compare(node, scope)
        case _:
            return _arithmetic(node, scope)


def _junction(node: tree.Binary, scope: Scope) -> Truth:
    """Return `left and right` or `left or right`; the right one may stay unlooked at."""
    left = truth(node.left, scope)
    is_or = node.operator == "or"
    decided = left.value is is_or
    right = truth(node.right, scope) if not decided else None
    value = left.value if right is None else right.value
    _look(scope, node.span, size_of_test(left.test))
    if not test_symbols(left.test):
        return left if right is None else right
    other = right or _aside(node.right, scope)
    if not isinstance(other, Truth):
        return _known(value, node, hangs_on(node, scope))
    _look(scope, node.span, size_of_test(other.test))
    if not test_symbols(other.test):  # `x and true` is x, `x and false` is false
        return left if other.value is not is_or else _known(value, node, NOTHING)
    test = (Either if is_or else Both)(left.test, other.test)
    names = test_symbols(left.test) | test_symbols(other.test)
    return Truth(value, test) if short(test) else _known(value, node, names)


def _look(scope: Scope, span: Span, *sizes: int) -> None:
    """Count the work of looking through expressions of these sizes."""
    spend(sum(sizes), scope, span)


def _known(value: bool, node: tree.Expression, names: frozenset[str]) -> Truth:
    return Truth(value, Known(value, node.span.text, names))


def _aside(node: tree.Expression, scope: Scope) -> Value | None:
    """Return what an expression would be that is not chosen, None where it makes no sense."""
    try:
        return evaluate(node, scope.beside())
    except SpecError:
        return None


def _conditional(node: tree.Conditional, scope: Scope) -> Value:
    test = truth(node.condition, scope)
    ways = (node.chosen, node.otherwise) if test.value else (node.otherwise, node.chosen)
    value = evaluate(ways[0], scope)
    _look(scope, node.span, size_of_test(test.test))
    if not isinstance(value, Number | Truth) or not test_symbols(test.test):
        scope.choose_by(test_symbols(test.test))
        return value
    if isinstance(value, Truth):
        return _known(value.value, node, hangs_on(node, scope))
    other = _aside(ways[1], scope)
    expr = None
    if isinstance(other, Number):
        exprs = (value.expr, other.expr) if test.value else (other.expr, value.expr)
        expr = choice(test.test, *exprs)
    if expr is None:
        _look(scope, node.span, size_of(value.expr))
        expr = Leaf(value.value, show_expr(value.expr), hangs_on(node, scope))
    return Number(value.value, expr)


def _equal(node: tree.Binary, scope: Scope) -> Truth:
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
    if type(left) is not type(right):
        what = f"{type_name(left)} and {type_name(right)}"
        fail("E302", f"{what} are never equal", node.span)
    spend(items_in(left), scope, node.span)
    if isinstance(left, Number) and isinstance(right, Number):
        return _compared(node, left, right, scope)
    return _known(same(left, right) is (node.operator == "=="), node, hangs_on(node, scope))


def _compare(node: tree.Binary, scope: Scope) -> Truth:
    left = number_of(node.left, scope)
    return _compared(node, left, number_of(node.right, scope), scope)


def _compared(node: tree.Binary, left: Number, right: Number, scope: Scope) -> Truth:
    value = compare(node.operator, left.value, right.value)
    _look(scope, node.span, size_of(left.expr), size_of(right.expr))
    names = symbols(left.expr) | symbols(right.expr)
    test: Test = Compare(node.operator, left.expr, right.expr)
    if not names or not short(test):
        return _known(value, node, names)
    return Truth(value, test)


def _arithmetic(node: tree.Binary, scope: Scope) -> Number:
    left, right = number_of(node.left, scope), number_of(node.right, scope)
    try:
        number = combine(node.operator, left, right)
    except ZeroDivisionError:
        fail("E305", f"{left} is divided by zero", node.right.span)
    check_size(number.value, node.span)
    if isinstance(number.expr, Leaf):
        _look(scope, node.span, size_of(left.expr), size_of(right.expr))
        return leaf(number.value, node.span.text, number.expr.names)
    return number


def check_size(value: Exact, span: Span) -> None:
    """Raise SpecError for a number beyond the limit, or a fraction as long."""
    if abs(value) > MAX_INTEGER or value.denominator > MAX_INTEGER:
        fail("E306", "numbers go up to 10^30", span)


def _index(node: tree.Index, scope: Scope) -> Value:
    container, key = evaluate(node.container, scope), evaluate(node.key, scope)
    match container:
        case ListValue(items=items):
            found = items[_position(key, len(items), node.key.span)]
        case DictValue(items=pairs):
            spend(len(pairs), scope, node.span)
            found = next((v for k, v in pairs if same(k, key)), None)
            if found is None:
                _no_key(key, pairs, node.key.span)
        case _:
            fail("E302", f"{type_name(container)} has no `[..]`", node.container.span)
    if not isinstance(found, Number | Truth):
        scope.choose_by(hangs_on(node.key, scope))
    return unmade(found, node.span.text, hangs_on(node, scope))


def unmade(value: Value, text: str, names: frozenset[str]) -> Value:
    """Return a value that came out of a list or a table."""
    match value:
        case Number(value=exact):
            return leaf(exact, text, names)
        case Truth(value=found):
            return Truth(found, Known(found, text, names))
        case _:
            return value


def _position(key: Value, length: int, span: Span) -> int:
    if not isinstance(key, Number) or not isinstance(key.value, int):
        fail("E302", "a place in a list is an integer, counted from 0", span)
    if not 0 <= key.value < length:
        fail("E307", f"the list has {length} items, counted from 0; there is no {key}", span)
    return key.value


def _no_key(key: Value, pairs: Sequence[tuple[Value, Value]], span: Span) -> NoReturn:
    known = ", ".join(f"`{show(k)}`" for k, _ in pairs[:_SHOWN])
    known += ", .." if len(pairs) > _SHOWN else ""
    fail("E307", f"the table has no entry for `{show(key)}`", span, f"there is {known}")


_SHOWN = 20  # keys of a table, in a message


def show(value: Value) -> str:
    """Return a value as the language writes it."""
    match value:
        case Truth(value=truth):
            return "true" if truth else "false"
        case str():
            return f'"{value}"'
        case Number(value=exact):
            return show_value(exact)
        case ListValue(items=items):
            return f"[{', '.join(map(show, items))}]"
        case DictValue(items=items):
            return f"{{{', '.join(f'{show(k)}: {show(v)}' for k, v in items)}}}"
        case BlockValue(declaration=declaration):
            return declaration.name.text
        case LayerValue(call=call):
            return call.span.text
        case _:
            assert_never(value)


# ---------------------------------------------------------------- functions


def _call(node: tree.Call, scope: Scope) -> Value:
    name = node.name.text
    if name in _FUNCTIONS:
        arguments = node.arguments or ()
        if named := [a for a in arguments if a.name is not None]:
            fail("E308", f"`{name}` takes no named arguments", named[0].value.span)
        values = [evaluate(a.value, scope) for a in arguments]
        spend(sum(map(items_in, values)), scope, node.span)
        return _spent(_FUNCTIONS[name](_Use(node, values, scope)), scope, node.span)
    if is_layer_word(name):
        return LayerValue(node, scope)
    from archdsl.semantics.foreign import function_help

    help_ = function_help(name, [*_FUNCTIONS, *layer_words()])
    fail("E301", f"there is no function `{name}`", node.name.span, help_)


def _spent(value: Value, scope: Scope, span: Span) -> Value:
    spend(items_in(value), scope, span)
    return value


class _Use(Record):
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
            count = str(least) if least == most else f"at least {least}"
            counted = f"{count} argument{'s' if least > 1 else ''}"
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
            _look(self.scope, self.node.span, *(size_of(n.expr) for n in numbers))
        arguments = [a.value for a in self.node.arguments or ()]
        is_list = isinstance(self.values[0], ListValue)
        if is_list and not isinstance(arguments[0], tree.ListLiteral):
            return leaf(number.value, text, self.names())
        return number


def _range(use: _Use) -> Value:
    numbers, span = [n.value for n in use.numbers(1, 3)], use.node.span
    if not all(isinstance(n, int) for n in numbers) or (len(numbers) > 2 and numbers[2] == 0):
        fail("E303", "`range` takes integers: `range(stop)`, `range(start, stop, step)`", span)
    found = range(*(int(n) for n in numbers))
    if found[MAX_VALUES:]:  # `len` takes no numbers beyond 2^63
        fail("E309", f"a loop runs at most {MAX_VALUES:,} times", span)
    return ListValue(tuple(literal(n) for n in found))


def _len(use: _Use) -> Value:
    match use.values:
        case [ListValue(items=items)] | [DictValue(items=items)]:
            return leaf(len(items), use.node.span.text, use.names())
        case _:
            fail("E302", "`len` takes one list or table", use.node.span)


def _round_to(use: _Use) -> Value:
    numbers = use.numbers(2, 2)
    step = numbers[1].value
    if not isinstance(step, int) or step < 1:
        fail("E303", "`round_to(x, step)` takes a positive integer as step", use.node.span)
    return use.made(numbers)


def _of_one(use: _Use) -> Value:
    return _sized(use, use.made(use.numbers(1, 1)))


def _of_several(use: _Use) -> Value:
    return _sized(use, use.made(use.numbers(1, MAX_VALUES)))


def _sized(use: _Use, number: Number) -> Number:
    check_size(number.value, use.node.span)
    return number


FUNCTION_WORDS = ("range", "len", "round", "round_to", "min", "max", "sum", "abs", "floor", "ceil")
_FUNCTIONS: dict[str, Callable[[_Use], Value]] = {
    "range": _range,
    "len": _len,
    "round_to": _round_to,
    **dict.fromkeys(("min", "max", "sum"), _of_several),
    **dict.fromkeys(("abs", "round", "floor", "ceil"), _of_one),
}
