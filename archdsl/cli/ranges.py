"""The values that `sweep` and `fit` take of arguments: `16..100:6`, `[1, 2, 4]`, or one value."""

import re
from fractions import Fraction

from archdsl.cli.commands import UsageError
from archdsl.ir.numbers import Value, normal
from archdsl.limits import MAX_MEMBERS
from archdsl.pipeline.members import Members
from archdsl.pipeline.sweeping import Chosen, SweptAxis
from archdsl.source import SourceFile
from archdsl.syntax import tree
from archdsl.syntax.parse import parse_expression

_NUMBER = r"\s*(-?\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}(?::{_NUMBER})?")


def axis(name: str, text: str, members: Members) -> SweptAxis:
    """Return the values of an argument as the command line has them; raise UsageError.

    Raises SpecError for what is no literal of the language.
    """
    if name not in members.names:
        from archdsl.suggest import did_you_mean

        hint = did_you_mean(name, members.names)
        message = f"network `{members.name}` has no parameter `{name}`"
        raise UsageError(f"{message}; {hint}" if hint else message)
    found = _RANGE.fullmatch(text)
    if found is not None:
        values = _range(name, text, *found.groups())
        return SweptAxis(name, values, values)
    if ".." in text:
        help_ = f"write `--set {name}=16..100:6`: first, last, step"
        raise UsageError(f"`{text}` is no range of numbers; {help_}")
    node = parse_expression(SourceFile(f"--set {name}", text))
    nodes = (node,)
    if isinstance(node, tree.ListLiteral) and not members.takes_list(name, node):
        nodes = node.items
        if not nodes:
            raise UsageError(f"`{name}` has no values: write `--set {name}=[1, 2, 4]`")
    values = tuple(_value(each) for each in nodes)
    shown = tuple(
        value if isinstance(value, int | Fraction) else node.span.text
        for value, node in zip(values, nodes, strict=True)
    )
    return SweptAxis(name, values, shown)


def _range(name: str, text: str, first: str, last: str, step: str | None) -> tuple[Value, ...]:
    low, high, size = _exact(first), _exact(last), Fraction(1) if step is None else _exact(step)
    if size <= 0 or low > high:
        turned = f"; write `{last}..{first}`" if low > high and size > 0 else ""
        raise UsageError(f"`{name}={text}` is an empty range{turned}")
    number = int((high - low) / size) + 1
    if number > MAX_MEMBERS:
        raise UsageError(f"`{name}={text}` has more than {MAX_MEMBERS:,} values")
    return tuple(normal(low + size * place) for place in range(number))


def _exact(text: str) -> Fraction:
    return Fraction(text.replace("_", ""))


def _value(node: tree.Expression) -> Chosen:
    match node:
        case tree.NumberLiteral(value=value):
            return normal(value)
        case tree.BooleanLiteral(value=value):
            return value
        case tree.Prefix(operator="-", operand=tree.NumberLiteral(value=value)):
            return normal(-value)
        case _:
            return node
