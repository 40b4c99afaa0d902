"""The plan: what is about to be printed, every name decided.

Expressions and statements of Python, and the classes they make up. Nothing here knows the network.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

from archdsl.ir.numbers import Expr
from archdsl.ir.schemes import Scheme
from archdsl.record import Record

Constant: TypeAlias = bool | int | float | tuple["Constant", ...]


class Text(Record):
    """An expression that is printed as it stands and never broken."""

    text: str


class HoleKind(StrEnum):
    """What may stand in a hole."""

    NUMBER = "number"  # a number, an argument, an expression
    ATOM = "atom"  # a number or an argument: it stands in an operation
    INDEX = "index"  # a count or a bound of a loop: `depth - 1` may express it
    TABLE = "table"  # the values of a loop


class Hole(Record):
    """A number that instances of a class may differ in, until expressions.py fills it.

    `exprs` is how it was written, over the symbols of its unit: one, or one for each member of a
    tuple, or none where that is not known. `hint` names a new argument, which for an index is
    larger by `offset`. What stands in a hole that does not matter is decided by other instances.
    """

    value: Constant
    exprs: tuple[Expr, ...] = ()
    hint: str = "value"
    kind: HoleKind = HoleKind.NUMBER
    offset: int = 0
    matters: bool = True


class Keyword(Record):
    """`name=value` in a call; left out where the value is the default.

    `like` names another keyword whose value is the default; `only_with` one without which this one
    means nothing.
    """

    name: str
    value: "Python"
    default: Constant | None = None
    like: str | None = None
    only_with: str | None = None


class Star(Record):
    """`*value` in a call or a list."""

    value: "Python"


class Call(Record):
    """`function(arguments)`."""

    function: str
    arguments: "tuple[Python, ...]" = ()


class Sequence(Record):
    """A list, or a tuple."""

    items: "tuple[Python, ...]"
    is_tuple: bool = False


class Comprehension(Record):
    """`element for target in iterable`, in parentheses or, as a list, in brackets."""

    element: "Python"
    target: str
    iterable: "Python"
    is_list: bool = False


class Conditional(Record):
    """`then if condition else otherwise`."""

    then: "Python"
    condition: str
    otherwise: "Python"


class Operation(Record):
    """`a + b + c`: operands of one operator, each an atom or a call."""

    operator: str
    operands: "tuple[Python, ...]"


Python: TypeAlias = (
    Text | Hole | Keyword | Star | Call | Sequence | Comprehension | Conditional | Operation
)


class Assign(Record):
    """`target = value  # comment`."""

    target: str
    value: Python
    comment: str = ""


class Return(Record):
    """`return value`."""

    value: Python


class Loop(Record):
    """`for target in iterable:` and a body."""

    target: str
    iterable: Python
    body: "tuple[Statement, ...]"


class If(Record):
    """`if condition:` and a body."""

    condition: str
    body: "tuple[Statement, ...]"


class Evaluate(Record):
    """An expression for its effect."""

    value: Python


class Comment(Record):
    """A line of comment."""

    text: str


Statement: TypeAlias = Assign | Return | Loop | If | Evaluate | Comment


class Parameter(Record):
    """A parameter of a function: `name: annotation = default`."""

    name: str
    annotation: str
    default: str | None = None

    def __str__(self) -> str:
        tail = "" if self.default is None else f" = {self.default}"
        return f"{self.name}: {self.annotation}{tail}"


class ClassPlan(Record, kw_only=True):
    """A class of the generated file."""

    name: str
    docstring: tuple[str, ...]  # its lines, escaped
    parameters: tuple[Parameter, ...]  # of __init__, after self
    init: tuple[Statement, ...]  # after super().__init__()
    inputs: tuple[Parameter, ...]  # of forward, after self
    forward: tuple[Statement, ...]
    keeps_frozen: bool = False  # FROZEN names what stays in evaluation mode


class SchemePlan(Record, kw_only=True):
    """The class of a weight scheme: a convolution that computes the weight it applies."""

    name: str
    template: str
    scheme: Scheme
    parameters: tuple[Parameter, ...]  # of __init__, after self
    construct: Statement  # super().__init__(..)
    has_groups: bool


class ModulePlan(Record, kw_only=True):
    """A generated model.py."""

    docstring: tuple[str, ...]
    imports: tuple[str, ...]  # groups of lines, "" between groups
    frozen: str | None  # the assignment of FROZEN
    helpers: tuple[str, ...]  # classes of the template that the file needs, by name
    schemes: tuple[SchemePlan, ...]
    classes: tuple[ClassPlan, ...]


def children(node: Python) -> "tuple[Python, ...]":
    """Return the expressions directly inside an expression, in the order they are printed."""
    match node:  # the most frequent first
        case Text() | Hole():
            return ()
        case Keyword(value=value) | Star(value=value):
            return (value,)
        case Call(arguments=items) | Sequence(items=items) | Operation(operands=items):
            return items
        case Comprehension(element=element, iterable=iterable):
            return element, iterable
        case Conditional(then=then, otherwise=otherwise):
            return then, otherwise


def holes(node: Python) -> list[Hole]:
    """Return the holes of an expression, in the order they are printed."""
    found = [node] if isinstance(node, Hole) else []
    _collect(node, found)
    return found


def _collect(node: Python, found: list[Hole]) -> None:
    for child in children(node):
        if isinstance(child, Hole):
            found.append(child)
        elif not isinstance(child, Text):
            _collect(child, found)


def calls(node: Python) -> Iterator[str]:
    """Yield the name of every function an expression calls."""
    if isinstance(node, Call):
        yield node.function
    for child in children(node):
        yield from calls(child)


def replace_text(statement: Statement, text: str, by: str) -> tuple[Statement, int]:
    """Return the assignment with an expression replaced by a name, and how often it was."""
    if not isinstance(statement, Assign):
        return statement, 0
    value, count = _replaced(statement.value, text, by)
    return Assign(statement.target, value, statement.comment), count


def _replaced(node: Python, text: str, by: str) -> tuple[Python, int]:
    match node:
        case Text(found):
            return (Text(by), 1) if found == text else _in_comparison(found, text, by)
        case Call(function, arguments):
            items, count = _all_replaced(arguments, text, by)
            return Call(function, items), count
        case Sequence(items, is_tuple):
            items, count = _all_replaced(items, text, by)
            return Sequence(items, is_tuple), count
        case Operation(operator, operands):
            items, count = _all_replaced(operands, text, by)
            return Operation(operator, items), count
        case Keyword(name, value):
            value, count = _replaced(value, text, by)
            return Keyword(name, value), count
        case Star(value):
            value, count = _replaced(value, text, by)
            return Star(value), count
        case Comprehension(element, target, iterable, is_list):
            items, count = _all_replaced((element, iterable), text, by)
            return Comprehension(items[0], target, items[1], is_list), count
        case Conditional(then, condition, otherwise):
            items, count = _all_replaced((then, otherwise), text, by)
            compared, more = _in_comparison(condition, text, by)
            return Conditional(items[0], compared.text, items[1]), count + more
        case Hole():
            return node, 0


def _in_comparison(condition: str, text: str, by: str) -> tuple[Text, int]:
    if condition.endswith((f" != {text}", f" == {text}")):
        return Text(condition.removesuffix(text) + by), 1
    return Text(condition), 0


def _all_replaced(nodes: tuple[Python, ...], text: str, by: str) -> tuple[tuple[Python, ...], int]:
    pairs = [_replaced(node, text, by) for node in nodes]
    return tuple(node for node, _ in pairs), sum(count for _, count in pairs)
