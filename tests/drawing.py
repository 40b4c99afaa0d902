"""Pieces of random specs: text that knows by itself what it makes of a feature map.

The rules of shape here are written a second time, from the reference and not from the compiler, so
that a drawn spec is nearly always a valid one and its output is known before it is compiled.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import gcd, prod

MOST_CHANNELS, MOST_PIXELS, MOST_LAYERS = 64, 24, 220


class Unfit(Exception):
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
    apply: Callable[[Env, Map, Trace], Map]
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
    """Return the piece's rule where a `share` in an annotation takes layers from those around it."""
    taken = {name for inside in re.findall(r"share\(([^)]*)\)", said) for name in _names(inside)}
    if not taken:
        return apply

    def applied(env, given, trace):
        before = len(trace.named)
        found = apply(env, given, trace)
        trace.named[before:] = [n for n in trace.named[before:] if not taken.intersection(n)]
        return found

    return applied


def _names(inside):
    return [name for name in inside.split(", ") if "=" not in name]


# ---------------------------------------------------------------- layers


def layer(text, rule, selectors=()):
    """Return a layer; `rule` takes the names and the map."""

    def apply(env, given, trace):
        trace.count(selectors)
        return rule(env, given)

    return Piece((text,), apply, inline=True)


def same(text, *, spatial=False):
    """Return a layer that keeps the shape."""

    def rule(_, given):
        if spatial:
            given.pixels()
        return given

    return layer(text, rule)


def window(size, kernel, stride, padding, dilation):
    """Return the places of a window along one axis."""
    reach = dilation * (kernel - 1) + 1
    if size + 2 * padding < reach:
        raise Unfit
    return (size + 2 * padding - reach) // stride + 1


@dataclass(frozen=True)
class Geometry:
    """Arguments of a convolution or pooling; None is left out."""

    kernel: Value
    stride: Value | None = None
    padding: Value | None = None
    dilation: Value | None = None

    def numbers(self, env, own_stride=False):
        kernel = pair(self.kernel, env)
        default = kernel if own_stride else (1, 1)
        stride = pair(self.stride, env) if self.stride else default
        dilation = pair(self.dilation, env) if self.dilation else (1, 1)
        if self.padding:
            padding = pair(self.padding, env, 0)
        else:
            padding = tuple((k - 1) // 2 * d for k, d in zip(kernel, dilation, strict=True))
        return kernel, stride, padding, dilation

    def given(self):
        named = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        return [f"{name} = {value.text}" for name, value in named.items() if value]


def _axes(rule, *numbers):
    return tuple(rule(*axis) for axis in zip(*numbers, strict=True))


def conv(word, out, geometry, groups, extra, *, label=None):
    """Return a convolution; `word` holds the kernel, or the call names it."""
    arguments = [out.text] if word != "conv" else [out.text, f"kernel = {geometry.kernel.text}"]
    arguments += geometry.given() + ([f"groups = {groups.text}"] if groups else []) + extra

    def rule(env, given):
        kernel, stride, padding, dilation = geometry.numbers(env)
        channels = number(out, env)
        divisor = number(groups, env) if groups else 1
        if given.channels % divisor or channels % divisor:
            raise Unfit
        size = _axes(window, given.pixels(), kernel, stride, padding, dilation)
        return replace(given.passed(*stride), channels=channels, size=size)

    text = f"{word}({', '.join(arguments)})"
    return layer(text, rule, [word, "conv", *([label] if label else [])])


def conv_transpose(word, out, geometry, groups, output_padding, extra, *, label=None):
    """Return a transposed convolution."""
    named = {"groups": groups, "output_padding": output_padding}
    arguments = [out.text] + geometry.given()
    arguments += [f"{name} = {value.text}" for name, value in named.items() if value] + extra

    def axis(size, kernel, stride, padding, dilation, more):
        if more >= max(stride, dilation):
            raise Unfit
        found = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1
        if found < 1:
            raise Unfit
        return found

    def rule(env, given):
        kernel, stride, padding, dilation = geometry.numbers(env)
        more = pair(output_padding, env, 0) if output_padding else (0, 0)
        channels = number(out, env)
        divisor = number(groups, env) if groups else 1
        if given.channels % divisor or channels % divisor:
            raise Unfit
        size = _axes(axis, given.pixels(), kernel, stride, padding, dilation, more)
        by = Fraction(1, stride[0]), Fraction(1, stride[1])
        return replace(given.passed(*by), channels=channels, size=size)

    text = f"{word}({', '.join(arguments)})"
    return layer(text, rule, [word, "conv_transpose", *([label] if label else [])])


def pool(word, geometry, *, ceil, extra):
    """Return a pooling with a window."""
    arguments = geometry.given() + (["ceil = true"] if ceil else []) + extra
    if word in ("maxpool", "avgpool"):
        arguments.insert(0, f"kernel = {geometry.kernel.text}")

    def axis(size, kernel, stride, padding, dilation):
        if 2 * padding > kernel or (kernel > 1 and dilation > size):
            raise Unfit
        floor = window(size, kernel, stride, padding, dilation)
        rest = (size + 2 * padding - dilation * (kernel - 1) - 1) % stride
        return floor + bool(ceil and rest and floor * stride < size + padding)

    def rule(env, given):
        kernel, stride, padding, dilation = geometry.numbers(env, own_stride=True)
        size = _axes(axis, given.pixels(), kernel, stride, padding, dilation)
        return replace(given.passed(*stride), size=size)

    return layer(f"{word}({', '.join(arguments)})" if arguments else word, rule)


def adaptive_pool(word, size):
    """Return a pooling to a size, or to [C, 1, 1]."""

    def rule(env, given):
        given.pixels()
        found = pair(size, env) if size else (1, 1)
        return replace(given.passed(0, 0), size=found)

    return layer(f"{word}(size = {size.text})" if size else word, rule)


def linear(out, extra, *, label=None):
    """Return a linear layer."""

    def rule(env, given):
        if given.size not in (None, (1, 1)):
            raise Unfit
        return replace(given.passed(0, 0), channels=number(out, env), size=None)

    text = f"linear({', '.join([out.text, *extra])})"
    return layer(text, rule, ["linear", *([label] if label else [])])


def flatten():
    """Return a flatten."""

    def rule(_, given):
        channels = given.channels * prod(given.size or (1,))
        return replace(given.passed(0, 0), channels=channels, size=None)

    return layer("flatten", rule)


def divided(text, by):
    """Return a layer that keeps the shape and whose number divides the channels."""

    def rule(env, given):
        given.pixels()
        if given.channels % number(by, env):
            raise Unfit
        return given

    return layer(text, rule)


def channel_split(parts, part):
    """Return a slice of the channels."""

    def rule(env, given):
        if given.channels % number(parts, env):
            raise Unfit
        return replace(given, channels=given.channels // number(parts, env))

    return layer(f"channel_split({parts.text}, {part.text})", rule)


def enlarged(text, factor, *, shuffled=False):
    """Return an upsampling or a pixel shuffle."""

    def rule(env, given):
        by = number(factor, env)
        height, width = given.pixels()
        square = by * by if shuffled else 1
        if given.channels % square:
            raise Unfit
        passed = given.passed(Fraction(1, by), Fraction(1, by))
        return replace(passed, channels=given.channels // square, size=(height * by, width * by))

    return layer(text, rule)


def pad(border, mode):
    """Return a padding: one number or [top, bottom, left, right]."""
    sides = [border] * 4 if isinstance(border, int) else border

    def rule(_, given):
        height, width = given.pixels()
        if mode == "reflect" and max(sides) >= min(height, width):
            raise Unfit
        return replace(given, size=(height + sides[0] + sides[1], width + sides[2] + sides[3]))

    return layer(f"pad({border}{f', mode = {mode}' if mode else ''})", rule)


# ---------------------------------------------------------------- branches


def together(operator: str, maps: Sequence[Map]) -> Map:
    """Return what branches give together."""
    total = maps[0]
    for other in maps[1:]:
        if operator == "concat" and other.size == total.size:
            total = replace(total, channels=total.channels + other.channels)
        elif operator == "sum" and other.shape == total.shape:
            continue
        elif operator == "product" and other.channels == total.channels and _broadcast(total, other):
            total = other if total.size == (1, 1) else total
        else:
            raise Unfit
    return total


def _broadcast(left, right):
    return left.size == right.size or (1, 1) in (left.size, right.size)


def divisors(*numbers):
    """Return the divisors that numbers have in common."""
    common = gcd(*numbers)
    return [d for d in range(1, common + 1) if common % d == 0]
