"""The tests that tell which instances of a class have something that no `if` of the spec decides.

A shortcut is there where the shape changes, and a layer has a weight of its own where its geometry
is not that of the shared one.
"""

from collections.abc import Iterator, Sequence

from archdsl.emit.expressions.scope import ClassScope
from archdsl.ir.numbers import Compare, Either, Expr, Literal, Symbol, Test

_STRIDE, _IN_CHANNELS = Symbol("stride"), Symbol("in_channels")
_STRIDED = Compare("!=", _STRIDE, Literal(1))


def presence(scope: ClassScope, flags: Sequence[bool], out: Sequence[Expr], hint: str) -> str:
    """Return a condition that is true in exactly the flagged instances.

    `out` are ways to write the channels that leave what is there; `hint` names the parameter that
    tells if no condition does.
    """
    for test in _candidates(out):
        if scope.facts.truths(test) == tuple(flags) and not isinstance(
            scope.facts.simple_test(test), bool
        ):
            return scope.test(test)
    return scope.add(hint, tuple(flags))


def _candidates(out: Sequence[Expr]) -> Iterator[Test]:
    """Yield that the stride is not 1, that the channels change, one of both, and the opposites."""
    out = [expr for expr in out if expr != _IN_CHANNELS]  # those do not change
    for expr in out:
        changes = Compare("!=", _IN_CHANNELS, expr)
        yield Either(_STRIDED, changes)
        yield changes
    yield _STRIDED
    yield Compare("==", _STRIDE, Literal(1))
    for expr in out:
        yield Compare("==", _IN_CHANNELS, expr)
