"""What chance alone would draw too seldom: each spec is given some of it on purpose.

A kind of layer or a weight scheme that is new to the language is drawn here.
"""

import zlib

from tests.drawing.block_writer import BlockWriter
from tests.drawing.fixed import written
from tests.drawing.layers import (
    Geometry,
    adaptive_pool,
    blurred,
    channel_slice,
    conv,
    conv_transpose,
    divided,
    divisors,
    enlarged,
    linear,
    ncrelu,
    pad_channels,
    resized,
    same,
    same_conv,
    same_pool,
    softmax_over_branches,
    unshuffled,
)
from tests.drawing.pieces import Body, Piece, constant, hiding
from tests.drawing.places import SAME, scoped
from tests.drawing.words import LABELS

SCHEMES = (
    "dirac",
    "dirac(bare)",
    "binary(scale = mean)",
    "dirac(bare, delta = padded)",
    "dirac(v2, delta = padded)",
    "dirac(bare, std = 0.1, delta = padded)",
    "binary(scale = mean, gain = 4)",
    "dirac(b_per = channel)",
    "dirac(norm = false)",
    "dirac(a = 2, a_per = channel, norm = false)",
    "binary",
    "dirac(a_per = channel, b_per = channel)",
    "standardized",
    "standardized(gain = true)",
)
LAYERS = (
    "dropout(0.2)",
    "layernorm",
    "scale",
    "factor(0.5)",
    "prelu",
    "silu",
    "rmsnorm",
    "offset",
    "layernorm(bias = false)",
    "gelu(tanh)",
    "softmax(over = channels)",
    "softmax(over = channels)",
    "rmsnorm(eps = 1e-5)",
    "offset(0.1, per = layer)",
    "scale(1e-6, dims = 3)",
    "scale(per = layer, dims = 0)",
    "offset(dims = 4)",
)
OF_IMAGES = (
    "local_response_norm",
    "stochastic_depth(0.1)",
    "grn",
    "instancenorm",
    "local_response_norm(5)",
    "grn",
    "stochastic_depth(0.2)",
    "softmax(over = pixels)",
    "softmax(over = pixels)",
)


class RareWriter(BlockWriter):
    """Draws what is rare."""

    def rare(self, place):
        """Return up to five rare pieces; the place moves on with them."""
        found = []
        for _ in range(self.integer(2, 5)):
            ways = [self.rare_layer] * 2 + [self.rare_norm]
            if place.given.size is not None:
                ways += [self.rare_convolution] * 6 + [self.rare_sharing] * 2
                ways += [self.rare_shape] * 4
                ways += [self.rare_stage] * 2 * (len(self.blocks) > 1)
            piece = self.advance(place, *self.choose(ways)(place))
            found += [piece] if piece else []
        return found

    def rare_convolution(self, place):
        """Return a convolution with a weight scheme."""
        channels = place.given.channels
        fewer = [d for d in divisors(channels) if d < channels < 5 * d]
        out = self.choose((channels, 2 * channels, *fewer[-1:]))
        word = self.choose(("conv3x3", "conv1x3", "conv1x1"))
        dilation = constant(2) if self.chance(35) else None
        groups = constant(self.choose(divisors(channels, out))) if self.chance(50) else None
        said, stride = self.choose(SCHEMES), None
        if not said.startswith("dirac") and self.chance(35):
            stride = constant(2)
        kernel = constant([int(word[-3]), int(word[-1])])
        geometry = Geometry(kernel, stride, dilation=dilation)
        extra = ["bias = true"] if self.chance(35) else []
        return saying(conv(word, constant(out), geometry, groups, extra), said), constant(out)

    def rare_sharing(self, place):
        """Return two convolutions that share a weight with a scheme."""
        out, extra = constant(place.given.channels), ["bias = true"] if self.chance(40) else []
        one = conv("conv3x3", out, Geometry(constant([3, 3])), None, extra)
        body, said = Body((one, same("relu"), one)), f"share(conv3x3), {self.choose(SCHEMES)}"
        lines = body.braced(f"{self.fresh(LABELS, place.labels)}: with {said}")
        return Piece(lines, hiding(body.apply, said)), out

    def rare_norm(self, _):
        """Return a batch norm of which something is not learned."""
        return saying(same("bn"), self.choose(("bn(fixed)", "bn(scale)", "bn(fixed)"))), SAME

    def rare_layer(self, place):
        """Return a layer that keeps the shape."""
        if place.given.size is not None and self.chance(50):
            return same(OF_IMAGES[self.spread(len(OF_IMAGES), place)], spatial=True), SAME
        if place.given.size is not None and self.chance(30):
            by = constant(divisors(place.given.channels)[-1])
            return divided(f"{self.choose(('groupnorm', 'channel_shuffle'))}({by.text})", by), SAME
        if self.chance(15):
            return softmax_over_branches(constant(divisors(place.given.channels)[-1])), SAME
        return same(LAYERS[self.spread(len(LAYERS), place)]), SAME

    def spread(self, number, place):
        """Return a number below another one, by chance and by the map: hypothesis likes few."""
        map_ = f"{place.given.shape} {sorted(place.env.names())}"
        return (self.integer(0, number - 1) + zlib.crc32(map_.encode())) % number

    def rare_shape(self, place):
        """Return a layer that changes the shape."""
        channels = place.given.channels
        match self.spread(14, place):
            case 0:
                return ncrelu(), None
            case 3:
                by, kernel = divisors(channels)[-1], constant([2, 2])
                geometry = Geometry(kernel, constant(self.choose((1, 2))))
                out = constant(by)
                return conv_transpose("conv_transpose2x2", out, geometry, out, None, []), out
            case 1:
                out = constant(channels + self.choose((4, 1, 8)))
                return pad_channels(out), out
            case 2:
                size = constant(self.choose((4, [2, 3], 2)))
                return adaptive_pool(self.choose(("avgpool", "maxpool")), size), SAME
            case 4:
                return self.rare_slice(place), None
            case 6:
                return unshuffled(2), None
            case 7:
                size = self.choose((3, [4, 2], 5))
                more = ", mode = bilinear, align_corners = true" if self.chance(70) else ""
                return resized(size, more), SAME
            case 8 | 13:
                return blurred(self.choose((3, 2, 4)), self.choose((2, 1, [1, 2]))), SAME
            case 9 | 12:
                return self.rare_same(place)
            case 10:
                out = self.width(place)
                extra = self.choose(([], ["bias = false"]))
                return linear(out, [*extra, "per_pixel = true"]), out
            case 11:
                body = Body((adaptive_pool("avgpool", None), same("channel_conv(3)")))
                lines = body.braced(f"{self.fresh(LABELS, place.labels)}:")
                return Piece(lines, body.apply), SAME
            case _:
                return enlarged("pixel_shuffle(2)", constant(2), shuffled=True), None

    def rare_same(self, place):
        """Return a convolution or a pooling that pads as TensorFlow does."""
        stride = self.choose((2, 1, [2, 1]))
        if self.chance(30):
            return same_pool(self.choose(("maxpool3x3", "maxpool2x2", "maxpool2x3")), stride), SAME
        out = self.width(place)
        word = self.choose(("conv3x3", "conv2x2", "conv3x1", "conv5x4"))
        return same_conv(word, out, stride, self.choose((1, 2))), out

    def rare_slice(self, place):
        """Return a slice of channels around the middle; its end may be an expression."""
        channels = place.given.channels
        start, least = self.integer(0, (channels - 1) // 2), channels // 2 + 1
        end = self.offered_width(place, lambda stop: least <= stop <= channels)
        return channel_slice(constant(start), end or constant(self.integer(least, channels)))

    def rare_stage(self, place):
        """Return a stage of two kinds of blocks, written one by one."""
        name = self.fresh(["layer1", "stage1", "group"], place.labels)
        inside = place.inside(labels=None)
        calls = []
        for block in self.blocks[:2]:
            arguments = self.arguments(block, inside)
            piece = called(block, arguments, self)
            calls += [piece] if self.advance(inside, piece, None) else []
        body = Body(tuple(calls) or (same("relu"),))
        return Piece(body.braced(f"stage {name}"), body_rule(body, place)), None


def called(block, arguments, writer):
    """Return the call of a block."""
    return Piece(
        (f"{block.name}{written(block, arguments, writer)}",),
        lambda env, given, trace: block.enter(arguments, env, given, trace),
        inline=True,
    )


def body_rule(body, place):
    """Return what a body in braces makes of a map."""

    def apply(env, given, trace):
        return body.apply(scoped(env, given, in_block=place.in_block), given, trace)

    return apply


def saying(piece, said):
    """Return a layer with an annotation."""
    return Piece((f"{piece.lines[0]} with {said}",), hiding(piece.apply, said))
