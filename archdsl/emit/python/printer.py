"""Nodes -> Python text that already fits 100 columns, laid out as `ruff format` does."""

from decimal import Decimal
from typing import assert_never

from archdsl.emit.python.nodes import (
    Assign,
    Comment,
    Comprehension,
    Constant,
    Evaluate,
    For,
    FormalParameter,
    If,
    IfElse,
    InfixOperation,
    Invocation,
    Keyword,
    Python,
    Return,
    Sequence,
    Star,
    Statement,
    Text,
)

WIDTH = 100
INDENT = 4


def constant(value: Constant) -> str:
    """Return a number, a flag or a tuple of them as Python."""
    if isinstance(value, tuple):
        comma = "," if len(value) == 1 else ""
        return f"({', '.join(constant(item) for item in value)}{comma})"
    return repr(value)


def number(value: float) -> str:
    """Return a float as one writes it: 0.1, 200.0, 5e-4."""
    if 0 < abs(value) < 1e-3:
        return format(Decimal(repr(value)).normalize(), "e")
    return repr(value)


def string(text: str) -> str:
    """Return a string literal, in double quotes wherever that needs no escapes."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return repr(text)


def docstring_text(text: str) -> str:
    """Return text that may stand inside a docstring: no escapes, no end of it."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def flat(node: Python) -> str:
    """Return an expression on one line."""
    match node:
        case Text(text):
            return text
        case Invocation(function, arguments):
            return f"{function}({_joined(arguments)})"
        case Keyword(name, value):
            return f"{name}={flat(value)}"
        case Star(value):
            return f"*{flat(value)}"
        case Sequence(items, is_tuple):
            comma = "," if is_tuple and len(items) == 1 else ""
            return f"({_joined(items)}{comma})" if is_tuple else f"[{_joined(items)}]"
        case Comprehension(element, target, iterable, is_list):
            inside = f"{flat(element)} for {target} in {flat(iterable)}"
            return f"[{inside}]" if is_list else f"({inside})"
        case IfElse(then, condition, otherwise):
            return f"{flat(then)} if {condition} else {flat(otherwise)}"
        case InfixOperation(operator, operands):
            return f" {operator} ".join(flat(operand) for operand in operands)
        case _:
            assert_never(node)


def _joined(nodes: tuple[Python, ...]) -> str:
    return ", ".join(flat(node) for node in nodes)


def layout(node: Python, indent: int, start: int, end: int = 0) -> str:
    """Return an expression that begins in column `start` of a line indented by `indent`.

    It is broken only if it and the `end` characters that follow it do not fit on the line.
    """
    text = flat(node)
    if start + len(text) + end <= WIDTH:
        return text
    match node:
        case Invocation(function, arguments) if arguments:
            return f"{function}({_arguments(arguments, indent)})"
        case Keyword(name, value):
            return f"{name}={layout(value, indent, start + len(name) + 1, end)}"
        case Star(value):
            return "*" + layout(value, indent, start + 1, end)
        case Sequence(items, is_tuple) if items:
            inside = _one_a_line(items, indent, sole_comma=is_tuple)
            return f"({inside})" if is_tuple else f"[{inside}]"
        case Comprehension() | IfElse():
            inside = _lines(_clauses(node, indent + INDENT), indent)
            return (
                f"[{inside}]" if isinstance(node, Comprehension) and node.is_list else f"({inside})"
            )
        case InfixOperation():
            return "\n".join(_terms(node, indent)).replace("\n", "\n" + " " * indent)
        case _:
            return text


def _arguments(arguments: tuple[Python, ...], indent: int) -> str:
    inner = indent + INDENT
    joined = _joined(arguments)
    if inner + len(joined) <= WIDTH:
        return _lines([joined], indent)
    return _one_a_line(arguments, indent)


def _one_a_line(items: tuple[Python, ...], indent: int, *, sole_comma: bool = False) -> str:
    inner = indent + INDENT
    comma = "," if len(items) > 1 or sole_comma else ""
    return _lines([layout(item, inner, inner, len(comma)) + comma for item in items], indent)


def _clauses(node: Comprehension | IfElse, inner: int) -> list[str]:
    """Return what stands between the brackets: one line if it fits, else one for each clause."""
    whole = flat(node)[1:-1] if isinstance(node, Comprehension) else flat(node)
    if inner + len(whole) <= WIDTH:
        return [whole]
    match node:
        case Comprehension(element, target, iterable):
            head = f"for {target} in "
            return [
                layout(element, inner, inner),
                head + layout(iterable, inner, inner + len(head)),
            ]
        case IfElse(then, condition, otherwise):
            tail = layout(otherwise, inner, inner + len("else "))
            return [layout(then, inner, inner), f"if {condition}", f"else {tail}"]


def _terms(node: InfixOperation, inner: int) -> list[str]:
    """Return the operation on one line if it fits, else an operand a line."""
    if inner + len(flat(node)) <= WIDTH:
        return [flat(node)]
    first, *rest = node.operands
    lead = f"{node.operator} "
    return [
        layout(first, inner, inner),
        *(lead + layout(operand, inner, inner + len(lead)) for operand in rest),
    ]


def _lines(lines: list[str], indent: int) -> str:
    """Return lines between brackets, which stand on lines indented by `indent`."""
    inner = "\n" + " " * (indent + INDENT)
    return "".join(inner + line for line in lines) + "\n" + " " * indent


def statement(node: Statement, indent: int) -> str:
    """Return a statement as lines, each indented."""
    margin = " " * indent
    match node:
        case Assign(target, value, comment, operator):
            return margin + _assignment(f"{target} {operator} ", value, comment, indent)
        case Return(value):
            return f"{margin}return " + _value(value, indent, indent + len("return "))
        case For(target, iterable, body):
            head = f"for {target} in "
            return _suite(head + layout(iterable, indent, indent + len(head), 1), body, indent)
        case If(condition, body, otherwise):
            text = _suite(f"if {condition}", body, indent)
            return f"{text}\n{_suite('else', otherwise, indent)}" if otherwise else text
        case Evaluate(value):
            return margin + layout(value, indent, indent)
        case Comment(text):
            return f"{margin}# {text}"
        case _:
            assert_never(node)


def _assignment(head: str, value: Python, comment: str, indent: int) -> str:
    """Return `target = value`; a comment that does not fit beside it stands above."""
    text = head + _value(value, indent, indent + len(head))
    if not comment:
        return text
    if "\n" not in text and indent + len(text) + len("  # ") + len(comment) <= WIDTH:
        return f"{text}  # {comment}"
    return f"# {comment}\n{' ' * indent}{text}"


def _value(value: Python, indent: int, start: int) -> str:
    if isinstance(value, InfixOperation) and start + len(flat(value)) > WIDTH:
        return f"({_lines(_terms(value, indent + INDENT), indent)})"
    return layout(value, indent, start)


def _suite(head: str, body: tuple[Statement, ...], indent: int) -> str:
    return "\n".join(
        (" " * indent + head + ":", *(statement(node, indent + INDENT) for node in body))
    )


def signature(name: str, parameters: tuple[FormalParameter, ...], result: str) -> str:
    """Return `def name(self, ...) -> result:` of a method, at the indentation of a method."""
    texts: list[Python] = [Text("self"), *(Text(str(parameter)) for parameter in parameters)]
    head = Invocation(f"def {name}", tuple(texts))
    tail = f" -> {result}:"
    return " " * INDENT + layout(head, INDENT, INDENT, len(tail)) + tail
