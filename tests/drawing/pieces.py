"""Pieces of random specs: text that knows by itself what it makes of a feature map.

The rules of shape here are written a second time, from the reference and not from the compiler, so
that a drawn spec is nearly always a valid one and its output is known before it is compiled.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from tests.drawing.words import SCHEMES

MOST_CHANNELS, MOST_PIXELS, MOST_LAYERS = 64, 24, 220


class Unfit(Exception):  # noqa: N818 - it is no error
    """A piece cannot stand where it was tried."""


@dataclass(frozen=True)
class Map:
    """What flows: [channels, height, width] or [channels], and the strides passed on the way."""

    channels: int
    size: tuple[int, int] | None
    reduction: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))

    @property
    def shape(self):
        return (self.channels, *(self.size or ()))

    def pixels(self):
        if self.size is None:
            raise Unfit
        return self.size

    def restarted(self):
        return Map(self.channels, self.size)

    def passed(self, vertical, horizontal):
        reduction = self.reduction[0] * vertical, self.reduction[1] * horizontal
        return replace(self, reduction=reduction)


class Env:
    """Names and values at a place, and which of them were asked for."""

    def __init__(self, values=(), parent=None):
        self.values = dict(values)
        self.parent = parent
        self.used = set()

    def __getitem__(self, name):
        if name in self.values:
            self.used.add(name)
            return self.values[name]
        if self.parent is None:
            raise Unfit
        return self.parent[name]

    def child(self, **values):
        return Env(values, self)

    def names(self):
        return {**(self.parent.names() if self.parent else {}), **self.values}


@dataclass
class Trace:
    """What a spec comes to while a piece is applied: bounds on it, and what `share` could name."""

    named: list[tuple[str, ...]] = field(default_factory=list)  # for each layer, what selects it
    bare: list[frozenset[str]] = field(default_factory=list)  # of convolutions without a scheme:
    #   the words of those that they could have
    layers: int = 0
    depth: int = 0

    def count(self, selectors=()):
        self.layers += 1
        self.named += [tuple(selectors)] if selectors else []
        if self.layers > MOST_LAYERS:
            raise Unfit

    @property
    def selectors(self):
        """What a `share` around it all could select, each as often as it would match."""
        return [selector for names in self.named for selector in names]

    @property
    def schemes(self):
        """The weight schemes that an annotation around it all could say."""
        common = frozenset.intersection(*self.bare) if self.bare else frozenset()
        return sorted(common)


@dataclass(frozen=True)
class Value:
    """An expression: its text, and its value where names have values."""

    text: str
    of: Callable[[Env], object]
    atom: bool = True

    @property
    def tight(self):
        """The text as an operand."""
        return self.text if self.atom else f"({self.text})"


def constant(value):
    """Return a literal."""
    if isinstance(value, bool):
        return Value(str(value).lower(), lambda _: value)
    if isinstance(value, list):
        return Value(f"[{', '.join(map(str, value))}]", lambda _: value)
    return Value(str(value), lambda _: value)


def variable(name):
    return Value(name, lambda env: env[name])


def number(value, env, least=1, most=MOST_CHANNELS):
    """Return a value as the integer it must be."""
    found = value.of(env)
    if isinstance(found, bool) or not isinstance(found, int | Fraction):
        raise Unfit
    if found != int(found) or not least <= found <= most:
        raise Unfit
    return int(found)


def pair(value, env, least=1, most=16):
    """Return a value as (height, width)."""
    found = value.of(env)
    if isinstance(found, list):
        first, second = found
        return first, second
    return (number(value, env, least, most),) * 2


@dataclass(frozen=True)
class Piece:
    """Lines of a spec and what they make of a map.

    `inline` pieces may share a line with others like them.
    """

    lines: tuple[str, ...]
    apply: Callable[[Env, Map, Trace], Any]  # a Map; None for a branch that is left out
    inline: bool = False


@dataclass(frozen=True)
class Body:
    """Pieces in a row."""

    pieces: tuple[Piece, ...]
    wide: bool = True  # short pieces share lines

    def apply(self, env, given, trace):
        for piece in self.pieces:
            given = piece.apply(env, given, trace)
            if given.channels > MOST_CHANNELS or max(given.size or (0,)) > MOST_PIXELS:
                raise Unfit
        return given

    def lines(self):
        """Return its lines without braces."""
        found, run = [], []
        for piece in self.pieces:
            if piece.inline and self.wide and len(run) < 4:
                run.append(piece.lines[0])
                continue
            if run:
                found.append(" ".join(run))
            run = [piece.lines[0]] if piece.inline else []
            found += () if piece.inline else piece.lines
        return (*found, " ".join(run)) if run else tuple(found)

    def braced(self, before):
        """Return `before { .. }`."""
        if all(piece.inline for piece in self.pieces) and len(self.pieces) < 5:
            inside = " ".join(piece.lines[0] for piece in self.pieces)
            return (f"{before} {{ {inside} }}" if inside else f"{before} {{ }}",)
        return (f"{before} {{", *(f"    {line}" for line in self.lines()), "}")


def hiding(apply, said):
    """Return a rule inside annotations: layers that they share or give a scheme have it."""
    taken = {name for inside in re.findall(r"share\(([^)]*)\)", said) for name in _names(inside)}
    scheme = re.search(rf"\b({'|'.join(SCHEMES)})\b", said)
    if not taken and not scheme:
        return apply

    def applied(env, given, trace):
        named, bare = len(trace.named), len(trace.bare)
        found = apply(env, given, trace)
        trace.named[named:] = [n for n in trace.named[named:] if not taken.intersection(n)]
        if scheme:
            if scheme[1] != "plain" and not all(scheme[1] in fits for fits in trace.bare[bare:]):
                raise Unfit
            del trace.bare[bare:]
        return found

    return applied


def _names(inside):
    return [name for name in inside.split(", ") if "=" not in name]
