"""Python as values: expressions, statements and the classes they make up.

What is about to be printed, every name decided. Nothing here knows the network.
"""

from collections.abc import Iterator
from typing import TypeAlias

from archdsl.ir.schemes import Scheme
from archdsl.record import Record

Constant: TypeAlias = bool | int | float | tuple["Constant", ...]


class Text(Record):
    """An expression that is printed as it stands and never broken."""

    text: str


class Keyword(Record):
    """`name=value` in a call."""

    name: str
    value: "Python"


class Star(Record):
    """`*value` in a call or a list."""

    value: "Python"


class Invocation(Record):
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


class IfElse(Record):
    """`then if condition else otherwise`."""

    then: "Python"
    condition: str
    otherwise: "Python"


class InfixOperation(Record):
    """`a + b + c`: operands of one operator, each an atom or a call."""

    operator: str
    operands: "tuple[Python, ...]"


Python: TypeAlias = (
    Text | Keyword | Star | Invocation | Sequence | Comprehension | IfElse | InfixOperation
)


class Assign(Record):
    """`target = value  # comment`, or with another operator in place of `=`."""

    target: str
    value: Python
    comment: str = ""
    operator: str = "="


class Return(Record):
    """`return value`."""

    value: Python


class For(Record):
    """`for target in iterable:` and a body."""

    target: str
    iterable: Python
    body: "tuple[Statement, ...]"


class If(Record):
    """`if condition:` and a body, and another one after `else:`."""

    condition: str
    body: "tuple[Statement, ...]"
    otherwise: "tuple[Statement, ...]" = ()


class Evaluate(Record):
    """An expression for its effect."""

    value: Python


class Comment(Record):
    """A line of comment."""

    text: str


Statement: TypeAlias = Assign | Return | For | If | Evaluate | Comment


class FormalParameter(Record):
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
    parameters: tuple[FormalParameter, ...]  # of __init__, after self
    init: tuple[Statement, ...]  # after super().__init__()
    inputs: tuple[FormalParameter, ...]  # of forward, after self
    forward: tuple[Statement, ...]  # none: the class is an nn.Sequential, which `init` constructs
    returns: str = "Tensor"  # what forward returns
    resets: tuple[Statement, ...] = ()  # of `reset_parameters`: it has parameters of its own
    keeps_frozen: bool = False  # FROZEN names what stays in evaluation mode


class OutputsPlan(Record, kw_only=True):
    """The named tuple that the forward of a network returns."""

    name: str
    docstring: str
    fields: tuple[tuple[str, str, str], ...]  # name, annotation, comment


class SchemePlan(Record, kw_only=True):
    """The class of a weight scheme: a convolution that computes the weight it applies."""

    name: str
    template: str
    scheme: Scheme
    dimensions: int  # of the maps
    parameters: tuple[FormalParameter, ...]  # of __init__, after self
    construct: Statement  # super().__init__(..)
    has_groups: bool


class ModulePlan(Record, kw_only=True):
    """A generated model.py."""

    docstring: tuple[str, ...]
    constants: tuple[str, ...]  # assignments of what grows, phase by phase
    frozen: str | None  # the assignment of FROZEN
    schemes: tuple[SchemePlan, ...]
    outputs: OutputsPlan | None = None
    classes: tuple[ClassPlan, ...]


def children(node: Python) -> "tuple[Python, ...]":
    """Return the expressions directly inside an expression, in the order they are printed."""
    match node:  # the most frequent first
        case Text():
            return ()
        case Keyword(value=value) | Star(value=value):
            return (value,)
        case Invocation(arguments=items) | Sequence(items=items) | InfixOperation(operands=items):
            return items
        case Comprehension(element=element, iterable=iterable):
            return element, iterable
        case IfElse(then=then, otherwise=otherwise):
            return then, otherwise


def calls(node: Python) -> Iterator[str]:
    """Yield the name of every function an expression calls."""
    if isinstance(node, Invocation):
        yield node.function
    for child in children(node):
        yield from calls(child)
