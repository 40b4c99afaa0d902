"""Lists and tables: how much they hold, and what stands where in them."""

from collections.abc import Iterable, Sequence
from typing import NoReturn

from archdsl.ir.making import leaf
from archdsl.ir.numbers import Known, Number, Truth
from archdsl.limits import MAX_VALUES
from archdsl.semantics.checks import fail, fail_here, spend
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.values import (
    DictValue,
    ListValue,
    Scope,
    Value,
    holds_maps,
    items_in,
    same,
    type_name,
    written,
)
from archdsl.source import Span
from archdsl.syntax import tree


def bounded(value: ListValue | DictValue, scope: Scope, span: Span) -> ListValue | DictValue:
    """Return the value; raise SpecError where it holds too much: lists of lists grow fast."""
    size = items_in(value)
    spend(size, scope, span)
    if size > MAX_VALUES:
        fail("E309", f"a list or table holds at most {MAX_VALUES:,} values", span)
    return value


def table(items: Iterable[tuple[tree.Expression, Value, Value]], scope: Scope, span: Span) -> Value:
    """Return a table; `items` are its keys as they stand, keys and values."""
    pairs: list[tuple[Value, Value]] = []
    seen: set[tuple[str, str]] = set()
    for node, key, value in items:
        if holds_maps(key):
            fail("E302", "a map is no key of a table", node.span)
        shown = (type_name(key), written(key))
        if shown in seen:
            fail("E320", f"a second entry for `{written(key)}`", node.span)
        seen.add(shown)
        pairs.append((key, value))
    return bounded(DictValue(tuple(pairs)), scope, span)


def item_of(container: Value, key: Value, node: tree.Index, scope: Scope) -> Value:
    """Return what a list or a table holds at a key."""
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
    scope.settle_sizes(container, key)
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
        fail_here("E307", f"the list has {length} items, counted from 0; there is no {key}", span)
    return key.value


def _no_key(key: Value, pairs: Sequence[tuple[Value, Value]], span: Span) -> NoReturn:
    known = ", ".join(f"`{written(k)}`" for k, _ in pairs[:_SHOWN])
    known += ", .." if len(pairs) > _SHOWN else ""
    fail_here("E307", f"the table has no entry for `{written(key)}`", span, f"there is {known}")


_SHOWN = 20  # keys of a table, in a message
