"""What the `__init__` of a network ends with: initialization, then freezing."""

from collections.abc import Iterator

from archdsl.analyses.freezing import Frozen, frozen_modules
from archdsl.emit.body.schemes import convolutions_of
from archdsl.emit.python.nodes import (
    Call,
    Comment,
    Comprehension,
    Evaluate,
    If,
    Keyword,
    Loop,
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
        schemes = set(convolutions_of(network))
        if schemes <= {None}:
            yield Comment("He initialization of the convolutions; the rest keeps PyTorch's defaults")
            yield _kaiming("isinstance(module, nn.Conv2d)")
        elif None in schemes:
            yield Comment("He initialization of the plain convolutions; the others have their own")
            yield _kaiming("type(module) is nn.Conv2d")
        if frozen_modules(network):
            yield Loop("name", Text("FROZEN"), (Evaluate(Text(_FREEZE)),))


_FREEZE = "self.get_submodule(name).requires_grad_(requires_grad=False).eval()"


def _kaiming(condition: str) -> Loop:
    arguments = (
        Text("module.weight"),
        Keyword("mode", Text('"fan_out"')),
        Keyword("nonlinearity", Text('"relu"')),
    )
    initialize = Evaluate(Call("nn.init.kaiming_normal_", arguments))
    return Loop("module", Text("self.modules()"), (If(condition, (initialize,)),))


def frozen_names(network: Network) -> Python | None:
    """Return a tuple of the names of all frozen modules, None if there are none."""
    found = frozen_modules(network)
    return Sequence(tuple(map(_entry, found)), is_tuple=True) if found else None


def _entry(frozen: Frozen) -> Python:
    if not frozen.loops:
        return Text(string(frozen.name))
    targets = LOOP_NAMES[: len(frozen.loops)]
    clauses = [
        f"{t} in range({a}, {b})" if a else f"{t} in range({b})"
        for t, (a, b) in zip(targets, frozen.loops, strict=True)
    ]
    *outer, last = clauses
    target, _, iterable = last.partition(" in ")
    head = "".join(f"{clause} for " for clause in outer)
    return Star(Comprehension(Text(f"f{string(frozen.name)}"), head + target, Text(iterable)))


LOOP_NAMES = "ijklmn"
