"""Filling the holes of expressions."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from archdsl.emit.plan import (
    Call,
    Comprehension,
    Conditional,
    Hole,
    Keyword,
    Operation,
    Python,
    Sequence,
    Star,
    Text,
)
from archdsl.emit.python import constant


def fill(node: Python, values: "Iterable[Python]") -> Python:
    """Return the expression with its holes filled in order, and without what is the default."""
    return _fill(node, iter(values))


def _fill(node: Python, values: "Iterable[Python]") -> Python:
    source = iter(values)
    match node:
        case Hole():
            return next(source)
        case Text():
            return node
        case Keyword(name, value, default, like, only_with):
            return Keyword(name, _fill(value, source), default, like, only_with)
        case Star(value):
            return Star(_fill(value, source))
        case Call(function, arguments):
            return Call(function, _without_defaults(tuple(_fill(a, source) for a in arguments)))
        case Sequence(items, is_tuple):
            return Sequence(tuple(_fill(item, source) for item in items), is_tuple)
        case Operation(operator, operands):
            return Operation(operator, tuple(_fill(operand, source) for operand in operands))
        case Comprehension(element, target, iterable, is_list):
            return Comprehension(_fill(element, source), target, _fill(iterable, source), is_list)
        case Conditional(then, condition, otherwise):
            return Conditional(_fill(then, source), condition, _fill(otherwise, source))
        case _:
            assert_never(node)


def _without_defaults(arguments: tuple[Python, ...]) -> tuple[Python, ...]:
    named = {a.name: a.value for a in arguments if isinstance(a, Keyword)}
    kept = [a for a in arguments if not (isinstance(a, Keyword) and _is_default(a, named))]
    names = {a.name for a in kept if isinstance(a, Keyword)}
    return tuple(
        a for a in kept if not isinstance(a, Keyword) or a.only_with is None or a.only_with in names
    )


def _is_default(keyword: Keyword, named: Mapping[str, Python]) -> bool:
    if keyword.like is not None:
        return keyword.value == named.get(keyword.like)
    return keyword.default is not None and keyword.value == Text(constant(keyword.default))
