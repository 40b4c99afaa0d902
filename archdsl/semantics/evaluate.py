"""Evaluates expressions: exact, bounded, with no loop but `range` and lists."""

from collections.abc import Sequence
from typing import assert_never

from archdsl.diagnostics import SpecError
from archdsl.ir.layers import sides
from archdsl.ir.making import choice, combine, leaf, literal, short, size_of, size_of_test
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
    compare,
    negated,
    symbols,
    test_symbols,
)
from archdsl.ir.rebuild import replace
from archdsl.ir.showing import show as show_expr
from archdsl.semantics.checks import check_integer, check_size, fail, fail_here, spend
from archdsl.semantics.dependence import NOTHING, hangs_on
from archdsl.semantics.flow import Flow, listed
from archdsl.semantics.functions import FUNCTIONS, call_function
from archdsl.semantics.tables import bounded, item_of, table
from archdsl.semantics.values import (
    SIZES,
    BlockValue,
    BodyValue,
    DictValue,
    LayerValue,
    ListValue,
    MapValue,
    Scope,
    Value,
    holds_maps,
    items_in,
    same,
    type_name,
)
from archdsl.semantics.words import is_layer_word, layer_words
from archdsl.syntax import tree


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
        case tree.Prefix():
            return _unary(node, scope)
        case tree.Infix():
            return _binary(node, scope)
        case tree.Conditional():
            return _conditional(node, scope)
        case tree.Index():
            container, key = evaluate(node.container, scope), evaluate(node.key, scope)
            return item_of(container, key, node, scope)
        case tree.Attribute():
            return _member(node, scope)
        case tree.ListLiteral(items=items):
            found = ListValue(tuple(evaluate(item, scope) for item in items))
            return bounded(found, scope, node.span)
        case tree.DictLiteral(items=items):
            pairs = ((key, evaluate(key, scope), evaluate(held, scope)) for key, held in items)
            return table(pairs, scope, node.span)
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


# ---------------------------------------------------------------- names


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
    if name.text in SIZES:
        message = (
            f"`{name.text}` is that of the map which a block, or a body inside a network, is given"
        )
        fail("E404", message, name.span, "a vector has none; elsewhere write the number")
    known = [*scope.names(), *scope.file.blocks, *layer_words()]
    from archdsl.semantics.hints import value_help

    help_ = value_help(name.text, known)
    fail("E301", f"nothing is called `{name.text}`", name.span, help_)


_SIZES_OF_MAP = ("length", "depth", "height", "width")
_OF_EXPECT = ("output", "parameters", "macs")  # of a part


def _bodies_of(node: tree.Expression, scope: Scope) -> tuple[BodyValue, ...]:
    """Return the bodies and blocks that an expression names, outer ones first; () if none."""
    match node:
        case tree.Variable(name=name):
            body = scope.body_named(name.text)
            return () if body is None else (body,)
        case tree.Attribute(owner=owner, name=name):
            around = _bodies_of(owner, scope)
            member = around[-1].members.get(name.text) if around else None
            return () if member is None else (*around, member)
        case _:
            return ()


def _given(bodies: Sequence[BodyValue], value: Value) -> Value:
    """Return marked maps of the last of these bodies as those of the body around the first."""
    match value:
        case MapValue(flow=flow):
            channels = flow.channels
            for body in reversed(bodies):
                channels = body.outward(channels)
            map_, token = bodies[0].expose([body.site for body in bodies], value)
            return replace(value, body=token, map=map_, flow=Flow(channels, flow.size))
        case ListValue(items=items):
            return ListValue(tuple(_given(bodies, item) for item in items))
        case DictValue(items=pairs):
            return DictValue(tuple((key, _given(bodies, held)) for key, held in pairs))
        case _:
            return value


def _member(node: tree.Attribute, scope: Scope) -> Value:
    """Return the channels, the height or the width of a marked map."""
    name = node.name
    bodies = _bodies_of(node.owner, scope)
    if bodies and name.text in bodies[-1].marks:
        return _given(bodies, bodies[-1].marks[name.text])
    if bodies and name.text not in ("channels", *_SIZES_OF_MAP, *_OF_EXPECT):
        known = [f"`{mark}`" for mark in bodies[-1].marks]
        help_ = f"it marks {listed(known)}" if known else f"write `mark {name.text}` in it"
        owner = node.owner.span.text
        fail("E301", f"`{owner}` marks no `{name.text}`", name.span, help_)
    if name.text not in ("channels", *_SIZES_OF_MAP):
        help_ = "a map has `.channels`, `.height` and `.width`"
        fail("E304", f"`.{name.text}` stands only in an `expect`", name.span, help_)
    value = evaluate(node.owner, scope)
    if not isinstance(value, MapValue):
        fail("E302", f"{type_name(value)} has no `.{name.text}`; a map has", node.owner.span)
    if name.text == "channels":
        return value.flow.channels
    if value.flow.size is None:
        fail("E302", f"`{value.name}` is a vector and has no `{name.text}`", name.span)
    known = sides(len(value.flow.size))
    if name.text not in known:
        help_ = f"it has {listed([f'`.{side}`' for side in ('channels', *known)])}"
        fail("E302", f"`{value.name}` is {value.flow.map}, without `{name.text}`", name.span, help_)
    return leaf(value.flow.size[known.index(name.text)], node.span.text, value.pixels)


def size_of_map(node: tree.Expression, scope: Scope) -> tuple[Number, ...]:
    """Return the sizes of a marked map; raise SpecError for anything else."""
    value = evaluate(node, scope)
    text = node.span.text
    if not isinstance(value, MapValue):
        help_ = "write the name of a map, as `mark` gives it"
        fail("E302", f"`like` is a map, not {type_name(value)}", node.span, help_)
    if value.flow.size is None:
        fail("E302", f"`{value.name}` is a vector and has no height and width", node.span)
    known = zip(sides(len(value.flow.size)), value.flow.size, strict=True)
    return tuple(leaf(size, f"{text}.{side}", value.pixels) for side, size in known)


# ---------------------------------------------------------------- operators


def _unary(node: tree.Prefix, scope: Scope) -> Value:
    if node.operator == "not":
        found = truth(node.operand, scope)
        return Truth(not found.value, negated(found.test))
    number = number_of(node.operand, scope)
    if node.operator == "+":
        return number
    if isinstance(number.expr, Literal):
        return literal(-number.value)
    return combine("-", literal(0), number)


def _binary(node: tree.Infix, scope: Scope) -> Value:
    match node.operator:
        case "and" | "or":
            return _junction(node, scope)
        case "==" | "!=":
            return _equal(node, scope)
        case "<" | "<=" | ">" | ">=":
            return _compare(node, scope)
        case _:
            return _arithmetic(node, scope)


def _junction(node: tree.Infix, scope: Scope) -> Truth:
    """Return `left and right` or `left or right`; the right one may stay unlooked at."""
    left = truth(node.left, scope)
    is_or = node.operator == "or"
    decided = left.value is is_or
    right = truth(node.right, scope) if not decided else None
    value = left.value if right is None else right.value
    spend(size_of_test(left.test), scope, node.span)
    if not test_symbols(left.test):
        return left if right is None else right
    other = right or _aside(node.right, scope)
    if not isinstance(other, Truth):
        return _known(value, node, hangs_on(node, scope))
    spend(size_of_test(other.test), scope, node.span)
    if not test_symbols(other.test):  # `x and true` is x, `x and false` is false
        return left if other.value is not is_or else _known(value, node, NOTHING)
    test = (Either if is_or else Both)(left.test, other.test)
    names = test_symbols(left.test) | test_symbols(other.test)
    return Truth(value, test) if short(test) else _known(value, node, names)


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
    spend(size_of_test(test.test), scope, node.span)
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
        spend(size_of(value.expr), scope, node.span)
        expr = Leaf(value.value, show_expr(value.expr), hangs_on(node, scope))
    return Number(value.value, expr)


def _equal(node: tree.Infix, scope: Scope) -> Truth:
    left, right = evaluate(node.left, scope), evaluate(node.right, scope)
    if type(left) is not type(right):
        what = f"{type_name(left)} and {type_name(right)}"
        fail("E302", f"{what} are never equal", node.span)
    spend(items_in(left), scope, node.span)
    if holds_maps(left) or holds_maps(right):
        help_ = "compare their `.channels`, `.height` and `.width`"
        fail("E302", "maps are not compared", node.span, help_)
    if isinstance(left, Number) and isinstance(right, Number):
        return _compared(node, left, right, scope)
    return _known(same(left, right) is (node.operator == "=="), node, hangs_on(node, scope))


def _compare(node: tree.Infix, scope: Scope) -> Truth:
    left = number_of(node.left, scope)
    return _compared(node, left, number_of(node.right, scope), scope)


def _compared(node: tree.Infix, left: Number, right: Number, scope: Scope) -> Truth:
    value = compare(node.operator, left.value, right.value)
    spend(size_of(left.expr) + size_of(right.expr), scope, node.span)
    names = symbols(left.expr) | symbols(right.expr)
    test: Test = Compare(node.operator, left.expr, right.expr)
    if not names or not short(test):
        scope.settle_sizes(left, right)
        return _known(value, node, names)
    return Truth(value, test)


def _arithmetic(node: tree.Infix, scope: Scope) -> Number:
    left, right = number_of(node.left, scope), number_of(node.right, scope)
    try:
        number = combine(node.operator, left, right)
    except ZeroDivisionError:
        what = "has no negative power" if node.operator == "**" else "is divided by zero"
        fail_here("E305", f"{left} {what}", node.right.span)
    except OverflowError:
        fail("E306", "numbers go up to 10^30", node.span)
    except ArithmeticError:
        fail_here("E305", f"{left} is negative and has integer powers only", node.right.span)
    check_size(number.value, node.span)
    if isinstance(number.expr, Leaf):
        spend(size_of(left.expr) + size_of(right.expr), scope, node.span)
        scope.settle_sizes(left, right)
        return leaf(number.value, node.span.text, number.expr.names)
    return number


# ---------------------------------------------------------------- functions


def _call(node: tree.Call, scope: Scope) -> Value:
    name = node.name.text
    if name in FUNCTIONS:
        arguments = node.arguments or ()
        if named := [a for a in arguments if a.name is not None]:
            fail("E308", f"`{name}` takes no named arguments", named[0].value.span)
        return call_function(node, [evaluate(a.value, scope) for a in arguments], scope)
    if is_layer_word(name):
        return LayerValue(node, scope)
    from archdsl.semantics.hints import function_help

    help_ = function_help(name, [*FUNCTIONS, *layer_words()])
    fail("E301", f"there is no function `{name}`", node.name.span, help_)
