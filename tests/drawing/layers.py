"""Layers and branches as pieces: what each makes of a feature map, written a second time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, prod

from tests.drawing.pieces import Map, Piece, Unfit, Value, number, pair

# ---------------------------------------------------------------- layers


def layer(text, rule, selectors=(), schemes=None):
    """Return a layer; `rule` takes the names and the map.

    `schemes` takes the same, for a convolution, and returns the weight schemes that it can have.
    """

    def apply(env, given, trace):
        trace.count(selectors)
        found = rule(env, given)
        trace.bare += [schemes(env, given)] if schemes else []
        return found

    return Piece((text,), apply, inline=True)


def same(text, *, spatial=False):
    """Return a layer that keeps the shape; a `spatial` one needs pixels, and more than one."""

    def rule(_, given):
        if spatial and given.pixels() == (1, 1):
            raise Unfit
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
        elif own_stride and kernel[0] != kernel[1]:  # a pooling along one side alone
            padding = 0, 0
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

    def schemes(env, given):
        kernel, stride, padding, dilation = geometry.numbers(env)
        keeps = stride == (1, 1) and all(k % 2 for k in kernel)
        keeps = keeps and all(
            2 * p == (k - 1) * d for k, p, d in zip(kernel, padding, dilation, strict=True)
        )
        small, large = sorted((given.channels, number(out, env)))
        divisor = number(groups, env) if groups else 1
        fits = {
            "binary": True,
            "dirac": keeps and large % small == 0,
            "standardized": given.channels // divisor * prod(kernel) > 1,
        }
        return frozenset(word for word, holds in fits.items() if holds)

    text = f"{word}({', '.join(arguments)})"
    return layer(text, rule, [word, "conv", *([label] if label else [])], schemes)


def conv_transpose(word, out, geometry, groups, output_padding, extra, *, label=None):
    """Return a transposed convolution."""
    named = {"groups": groups, "output_padding": output_padding}
    arguments = [out.text, *geometry.given()]
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
    selectors = [word, "conv_transpose", *([label] if label else [])]
    return layer(text, rule, selectors, lambda *_: frozenset())


def pool(word, geometry, *, ceil, extra):
    """Return a pooling with a window."""
    arguments = geometry.given() + (["ceil = true"] if ceil else []) + extra
    if word in ("maxpool", "avgpool"):
        arguments.insert(0, f"kernel = {geometry.kernel.text}")

    def axis(size, kernel, stride, padding, dilation):
        if 2 * padding > kernel or (kernel > 1 and dilation > size):
            raise Unfit
        if not ceil:
            return window(size, kernel, stride, padding, dilation)
        starts = range(-padding, size + padding - dilation * (kernel - 1) - 1 + stride, stride)
        found = sum(start < size for start in starts)  # the last one begins inside the map
        if not found:
            raise Unfit
        return found

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
    """Return a linear layer, perhaps one at each pixel."""

    def rule(env, given):
        if "per_pixel = true" in extra:
            given.pixels()
            return replace(given, channels=number(out, env))
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
        height, width = given.pixels()
        groups = number(by, env)
        if given.channels % groups or given.channels * height * width == groups:
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


def channel_slice(start, stop):
    """Return the channels from one number to another."""

    def rule(env, given):
        first, end = number(start, env, least=0), number(stop, env)
        if not first < end <= given.channels:
            raise Unfit
        return replace(given, channels=end - first)

    return layer(f"slice({start.text}, {stop.text})", rule)


def ncrelu():
    """Return the positive and the negative part, one after the other."""
    return layer("ncrelu", lambda _, given: replace(given, channels=2 * given.channels))


def pad_channels(out):
    """Return channels of zeros after those that are there."""

    def rule(env, given):
        given.pixels()
        return replace(given, channels=number(out, env, given.channels))

    return layer(f"pad_channels({out.text})", rule)


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


def unshuffled(factor):
    """Return a shuffle of pixels into channels."""

    def rule(_, given):
        height, width = given.pixels()
        if height % factor or width % factor:
            raise Unfit
        passed = given.passed(factor, factor)
        size = (height // factor, width // factor)
        return replace(passed, channels=given.channels * factor * factor, size=size)

    return layer(f"pixel_unshuffle({factor})", rule)


def resized(size, more):
    """Return an upsampling to a size."""

    def rule(_, given):
        given.pixels()
        found = tuple(size) if isinstance(size, list) else (size, size)
        return replace(given.passed(0, 0), size=found)

    return layer(f"upsample(size = {size}{more})", rule)


def blurred(kernel, stride):
    """Return a binomial filter."""
    steps = stride if isinstance(stride, list) else [stride, stride]

    def rule(_, given):
        if kernel // 2 >= min(given.pixels()):
            raise Unfit
        size = tuple(-(-n // s) for n, s in zip(given.pixels(), steps, strict=True))
        return replace(given.passed(*steps), size=size)

    return layer(f"blur({kernel}, stride = {stride})", rule)


def same_conv(word, out, stride, dilation):
    """Return a convolution that is padded as TensorFlow does it."""
    steps = stride if isinstance(stride, list) else [stride, stride]

    def rule(env, given):
        size = tuple(-(-n // s) for n, s in zip(given.pixels(), steps, strict=True))
        return replace(given.passed(*steps), channels=number(out, env), size=size)

    text = f"{word}({out.text}, stride = {stride}, padding = same, dilation = {dilation})"
    kernel = int(word[-3]), int(word[-1])
    is_odd = all(k % 2 for k in kernel)

    def schemes(env, given):
        small, large = sorted((given.channels, number(out, env)))
        fits = {
            "binary": True,
            "dirac": is_odd and stride == 1 and large % small == 0,
            "standardized": True,
        }
        return frozenset(word for word, holds in fits.items() if holds)

    return layer(text, rule, [word, "conv"], schemes)


def same_pool(word, stride):
    """Return a pooling of maxima that is padded as TensorFlow does it."""
    steps = stride if isinstance(stride, list) else [stride, stride]

    def rule(_, given):
        size = tuple(-(-n // s) for n, s in zip(given.pixels(), steps, strict=True))
        return replace(given.passed(*steps), size=size)

    return layer(f"{word}(stride = {stride}, padding = same)", rule)


def softmax_over_branches(parts):
    """Return a softmax over equal slices of the channels."""

    def rule(env, given):
        if given.channels % number(parts, env):
            raise Unfit
        return given

    return layer(f"softmax(over = branches, parts = {parts.text})", rule)


def pad(border, mode):
    """Return a padding: one number or [top, bottom, left, right]."""
    sides = [border] * 4 if isinstance(border, int) else border

    def rule(_, given):
        height, width = given.pixels()
        if mode == "reflect" and (max(sides[:2]) >= height or max(sides[2:]) >= width):
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
        elif operator == "product" and _broadcast(total, other):
            larger = other if total.size == (1, 1) else total
            total = replace(larger, channels=max(total.channels, other.channels))
        else:
            raise Unfit
    return total


def _broadcast(left, right):
    channels = {left.channels, right.channels}
    if len(channels) > 1 and (1 not in channels or left.size is None):
        return False
    if (left.size is None) != (right.size is None):
        return False
    return left.size == right.size or (1, 1) in (left.size, right.size)


def divisors(*numbers):
    """Return the divisors that numbers have in common."""
    common = gcd(*numbers)
    return [d for d in range(1, common + 1) if common % d == 0]
