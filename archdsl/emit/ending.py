"""What the `__init__` of a network ends with: initialization, then freezing."""

from collections.abc import Iterator

from archdsl.analyses.freezing import frozen_modules, frozen_parameters
from archdsl.analyses.looped import Looped
from archdsl.emit.initialization import initialization
from archdsl.emit.python.nodes import (
    Comprehension,
    Evaluate,
    For,
    Python,
    Sequence,
    Star,
    Statement,
    Text,
)
from archdsl.emit.python.printer import string
from archdsl.ir.network import Network


def ending(network: Network, *, initialize: bool) -> Iterator[Statement]:
    """Yield the last statements of a network's `__init__`."""
    if initialize:
        yield from initialization(network)
        if frozen_modules(network):
            yield For("name", Text("FROZEN"), (Evaluate(Text(_FREEZE)),))
        parameters = frozen_parameters(network)
        if parameters:
            names = Sequence(tuple(map(_entry, parameters)), is_tuple=True)
            yield For("name", names, (Evaluate(Text(_FREEZE_PARAMETER)),))


_FREEZE_PARAMETER = "self.get_parameter(name).requires_grad_(requires_grad=False)"
_FREEZE = "self.get_submodule(name).requires_grad_(requires_grad=False).eval()"


def frozen_names(network: Network) -> Python | None:
    """Return a tuple of the names of all frozen modules, None if there are none."""
    found = frozen_modules(network)
    return Sequence(tuple(map(_entry, found)), is_tuple=True) if found else None


def _entry(frozen: Looped) -> Python:
    if not frozen.loops:
        return Text(string(frozen.name))
    *outer, last = frozen.clauses()
    target, _, iterable = last.partition(" in ")
    head = "".join(f"{clause} for " for clause in outer)
    return Star(Comprehension(Text(f"f{string(frozen.name)}"), head + target, Text(iterable)))
