"""How generated code names a member of a module: also one whose name is no name in Python."""

from collections.abc import Sequence

from archdsl.emit.python.nodes import (
    Assign,
    Comprehension,
    Evaluate,
    Invocation,
    Keyword,
    Python,
    Star,
    Statement,
    Text,
)
from archdsl.emit.python.nodes import Sequence as Items
from archdsl.emit.python.printer import string
from archdsl.ir.names import is_attribute


def member(name: str) -> str:
    """Return a member of the class: `self.conv1`, `getattr(self, "block1-0")`."""
    return f"self.{name}" if is_attribute(name) else f"getattr(self, {string(name)})"


def register(name: str, value: Python) -> Statement:
    """Return the statement that makes a module a member of the class."""
    if is_attribute(name):
        return Assign(f"self.{name}", value)
    return Evaluate(Invocation("self.add_module", (Text(string(name)), value)))


def register_parameter(name: str, value: Python) -> Statement:
    """Return the statement that makes a parameter one of the class."""
    if is_attribute(name):
        return Assign(f"self.{name}", value)
    return Evaluate(Invocation("self.register_parameter", (Text(string(name)), value)))


def ordered(entries: Sequence[tuple[str, Python] | Comprehension]) -> Python:
    """Return the members of an nn.Sequential by their names, and loops over such pairs."""
    match entries:
        case [Comprehension() as loop]:
            return Invocation("OrderedDict", (loop,))
        case _ if all(isinstance(each, tuple) and is_attribute(each[0]) for each in entries):
            pairs = (each for each in entries if isinstance(each, tuple))
            return Invocation("OrderedDict", tuple(Keyword(name, value) for name, value in pairs))
        case _:
            return Invocation("OrderedDict", (Items(tuple(map(_entry, entries))),))


def _entry(entry: tuple[str, Python] | Comprehension) -> Python:
    if isinstance(entry, tuple):
        return Items((Text(string(entry[0])), entry[1]), is_tuple=True)
    return Star(Comprehension(entry.element, entry.target, entry.iterable))
