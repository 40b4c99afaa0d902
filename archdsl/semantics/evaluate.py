"""Evaluates expressions: exact, bounded, with no loop but `range` and lists."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NoReturn, assert_never

from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.numbers import (
    Leaf,
    Literal,
    Number,
    combine,
    leaf,
    literal,
    show_value,
)
from archdsl.ir.numbers import Value as Exact
from archdsl.limits import MAX_INTEGER, MAX_VALUES, MAX_WORK
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
            return truth
        case tree.Variable(name=name):
            return _variable(name, node, scope)
        case tree.Call():
            return _call(node, scope)
        case tree.Unary():
            return _unary(node, scope)
        case tree.Binary():
            return _binary(node, scope)
        case tree.Conditional(condition=condition, chosen=chosen, otherwise=otherwise):
            return evaluate(chosen if truth_of(condition, scope) else otherwise, scope)
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
    """Return the value of a condition."""
    value = evaluate(node, scope)
    if not isinstance(value, bool):
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
        return not truth_of(node.operand, scope)
    number = number_of(node.operand, scope)
    if node.operator == "+":
        return number
    if isinstance(number.expr, Literal):
        return literal(-number.value)
    return combine("-", literal(0), number)


def _binary(node: tree.Binary, scope: Scope) -> Value:
    match node.operator:
        case "and":
            return truth_of(node.left, scope) and truth_of(node.right, scope)
        case "or":
            return truth_of(node.left, scope) or truth_of(node.right, scope)
        case "==":
            return _equal(node, scope)
        case "!=":
            return not _equal(node, scope)
        case "<" | "<=" | ">" | ">=":
            return _compare(node, scope)
        case _:
            return _arithmetic(node, scope)


def _equal(node: tree.Binary, scope: Scope) -> bool:
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
    if type(left) is not type(right):
        what = f"{type_name(left)} and {type_name(right)}"
        fail("E302", f"{what} are never equal", node.span)
    spend(items_in(left), scope, node.span)
    return same(left, right)


def _compare(node: tree.Binary, scope: Scope) -> bool:
    left, right = number_of(node.left, scope).value, number_of(node.right, scope).value
    match node.operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def _arithmetic(node: tree.Binary, scope: Scope) -> Number:
    left, right = number_of(node.left, scope), number_of(node.right, scope)
    try:
        number = combine(node.operator, left, right)
    except ZeroDivisionError:
        fail("E305", f"{left} is divided by zero", node.right.span)
    check_size(number.value, node.span)
    if isinstance(number.expr, Leaf):
        return leaf(number.value, node.span.text)
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
    if isinstance(found, Number):
        return leaf(found.value, node.span.text)
    return found


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
        case bool():
            return "true" if value else "false"
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
        return _spent(_FUNCTIONS[name](node, values), scope, node.span)
    if is_layer_word(name):
        return LayerValue(node, scope)
    from archdsl.semantics.foreign import function_help

    help_ = function_help(name, [*_FUNCTIONS, *layer_words()])
    fail("E301", f"there is no function `{name}`", node.name.span, help_)


def _spent(value: Value, scope: Scope, span: Span) -> Value:
    spend(items_in(value), scope, span)
    return value


def _numbers(node: tree.Call, values: Sequence[Value], least: int, most: int) -> list[Number]:
    """Return the arguments of a function on numbers; a single list stands for its items."""
    if len(values) == 1 and isinstance(values[0], ListValue) and most > 1:
        values = values[0].items
    if not least <= len(values) <= most:
        count = str(least) if least == most else f"at least {least}"
        counted = f"{count} argument{'s' if least > 1 else ''}"
        fail("E308", f"`{node.name.text}` takes {counted}, not {len(values)}", node.span)
    numbers = [v for v in values if isinstance(v, Number)]
    if len(numbers) != len(values):
        fail("E302", f"`{node.name.text}` takes numbers", node.span)
    return numbers


def _range(node: tree.Call, values: Sequence[Value]) -> Value:
    numbers = [n.value for n in _numbers(node, values, 1, 3)]
    if not all(isinstance(n, int) for n in numbers) or (len(numbers) > 2 and numbers[2] == 0):
        fail("E303", "`range` takes integers: `range(stop)`, `range(start, stop, step)`", node.span)
    found = range(*(int(n) for n in numbers))
    if found[MAX_VALUES:]:  # `len` takes no numbers beyond 2^63
        fail("E309", f"a loop runs at most {MAX_VALUES:,} times", node.span)
    return ListValue(tuple(literal(n) for n in found))


def _len(node: tree.Call, values: Sequence[Value]) -> Value:
    match values:
        case [ListValue(items=items)] | [DictValue(items=items)]:
            return leaf(len(items), node.span.text)
        case _:
            fail("E302", "`len` takes one list or table", node.span)


def _round_to(node: tree.Call, values: Sequence[Value]) -> Value:
    """Round to a multiple as MobileNet does: to the nearest, never below nine tenths."""
    number, step = (n.value for n in _numbers(node, values, 2, 2))
    if not isinstance(step, int) or step < 1:
        fail("E303", "`round_to(x, step)` takes a positive integer as step", node.span)
    rounded = max(step, int(number + Fraction(step, 2)) // step * step)
    if rounded < Fraction(9, 10) * number:
        rounded += step
    return leaf(rounded, node.span.text)


def _on_numbers(function: Callable[[list[Exact]], Exact], most: int):  # noqa: ANN202
    def apply(node: tree.Call, values: Sequence[Value]) -> Value:
        value = function([n.value for n in _numbers(node, values, 1, most)])
        check_size(value, node.span)
        return leaf(value, node.span.text)

    return apply


FUNCTION_WORDS = ("range", "len", "round", "round_to", "min", "max", "sum", "abs", "floor", "ceil")
_FUNCTIONS: dict[str, Callable[[tree.Call, Sequence[Value]], Value]] = {
    "range": _range,
    "len": _len,
    "round_to": _round_to,
    "min": _on_numbers(min, MAX_VALUES),
    "max": _on_numbers(max, MAX_VALUES),
    "sum": _on_numbers(sum, MAX_VALUES),
    "abs": _on_numbers(lambda n: abs(n[0]), 1),
    "round": _on_numbers(lambda n: (n[0] + Fraction(1, 2)).__floor__(), 1),
    "floor": _on_numbers(lambda n: n[0].__floor__(), 1),
    "ceil": _on_numbers(lambda n: n[0].__ceil__(), 1),
}
