"""Statements of a forward under a test, as short as one would write them."""

from archdsl.emit.body.variables import names_it
from archdsl.emit.python.nodes import Assign, If, IfElse, Python, Statement
from archdsl.emit.python.printer import INDENT, WIDTH, flat

BODY = 2 * INDENT  # the indentation of a method's statements


def either(
    flag: str,
    then: tuple[Statement, ...],
    other: tuple[Statement, ...],
    before: Statement | None,
) -> tuple[Statement, bool]:
    """Return statements under a test as one, and whether it says what `before` says, too."""
    match then, other, before:
        case (Assign(target, a),), (Assign(same, b),), Assign(alias) if (
            target == same == alias and not names_it(target, a, b)
        ):
            return _one_of(target, flag, a, b), True
        case (Assign(target, a),), (Assign(same, b),), _ if target == same:
            return _one_of(target, flag, a, b), False
        case (Assign(target, a),), (), Assign(alias, b) if target == alias and not names_it(
            target, a
        ):
            return _one_of(target, flag, a, b), True
        case _:
            return If(flag, then, other), False


def _one_of(target: str, flag: str, then: Python, other: Python) -> Statement:
    """Return an assignment of one of two values: on one line, or as a statement."""
    choice = IfElse(then, flag, other)
    if len(flat(choice)) + len(target) + len(" = ") + BODY <= WIDTH:
        return Assign(target, choice)
    return If(flag, (Assign(target, then),), (Assign(target, other),))
