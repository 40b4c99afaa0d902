"""Layers as they are drawn."""

from tests.drawing.layers import (
    Geometry,
    adaptive_pool,
    channel_split,
    conv,
    conv_transpose,
    divided,
    divisors,
    enlarged,
    flatten,
    linear,
    ncrelu,
    pad,
    pad_channels,
    pool,
    same,
)
from tests.drawing.offered import Offered
from tests.drawing.pieces import constant, number, variable
from tests.drawing.places import SAME
from tests.drawing.words import ACTIVATIONS, COMMON


class LayerWriter(Offered):
    """Draws layers."""

    def layer(self, place):
        """Return a layer that fits here, and its channels."""
        if place.given.size is None:
            return self.of_vector(place)
        if self.chance(45):
            return self.convolution(place)
        if place.keep or self.chance(45):
            return self.keeping(place)
        return self.changing(place)

    def of_vector(self, place):
        if self.chance(40):
            label, name = self.label(place)
            out = self.width(place)
            extra = self.choose(([], [], ["bias = false"], ["bias = true"]))
            return self.labelled(linear(out, extra, label=name), label), out
        words = (*COMMON, "layernorm", "dropout(0.1)", "scale", "factor(0.5)", "flatten")
        return self.labelled(same(self.choose((*words, *ACTIVATIONS))), ""), SAME

    def keeping(self, place):
        """Return a layer that keeps the shape."""
        label, _ = self.label(place, 8)
        channels = place.given.channels
        match self.integer(0, 9):
            case 0 | 1 | 2 | 3:
                piece = same(self.choose(COMMON))
            case 4 | 5:
                piece = same(self.choose(ACTIVATIONS))
            case 6:
                by = constant(self.choose(divisors(channels)))
                text = self.choose((f"groupnorm({by.text})", f"channel_shuffle({by.text})"))
                piece = divided(text, by)
            case 7:
                words = ("local_response_norm", "instancenorm", "local_response_norm(3)")
                piece = same(self.choose((*words, "instancenorm(affine = true)")), spatial=True)
            case 8:
                words = ("scale", "layernorm", "scale(0.1)", "factor(0.5)", "layernorm(eps = 1e-6)")
                piece = same(self.choose(words))
            case _:
                words = ("dropout", "stochastic_depth", "dropout2d")
                piece = same(f"{self.choose(words)}({self.choose((0.1, 0.5, 0))})")
        return self.labelled(piece, label), SAME

    def convolution(self, place):
        """Return a convolution or a transposed one."""
        label, name = self.label(place)
        groups = None
        out = self.width(place)
        extra = self.choose(([], [], ["bias = true"], ["bias = false"]))
        if self.chance(20) and place.channels is not None:
            groups, out = place.channels, place.channels
        elif self.chance(20):
            groups = constant(self.choose(divisors(place.given.channels, number(out, place.env))))
        if not place.keep and self.chance(20):
            word = self.choose(("conv_transpose2x2", "conv_transpose3x3", "conv_transpose1x2"))
            height, width = int(word[-3]), int(word[-1])
            stride = constant(self.choose((2, 1, [2, 1])))
            more = constant(1) if stride.text == "2" and self.chance(30) else None
            padding = constant(self.choose((0, [1, 0]))) if self.chance(20) else None
            geometry = Geometry(constant([height, width]), stride, padding)
            piece = conv_transpose(word, out, geometry, groups, more, extra, label=name)
            return self.labelled(piece, label, place), out
        word, kernel = self.kernel(place)
        dilation = constant(self.choose((2, [1, 2]))) if self.chance(10) else None
        stride, padding = self.stride(place), None
        if not place.keep and self.chance(10):
            padding = constant(self.choose((0, 1, [1, 0])))
        piece = conv(
            word, out, Geometry(kernel, stride, padding, dilation), groups, extra, label=name
        )
        return self.labelled(piece, label, place), out

    def kernel(self, place):
        """Return the word of a convolution and its kernel, odd so that the size is kept."""
        names = [n for n, v in place.env.names().items() if isinstance(v, int) and v in (1, 3, 5)]
        if self.chance(75):
            word = self.choose(("conv3x3", "conv1x1", "conv3x3", "conv1x3", "conv5x1"))
            return word, constant([int(word[-3]), int(word[-1])])
        if names and self.chance(50):
            return "conv", variable(self.choose(names))
        return "conv", constant(self.choose((3, [3, 1], 1, 5)))

    def stride(self, place):
        if place.keep:
            return None
        if (place.in_block or place.stage) and self.chance(50):
            return variable("stride")
        return constant(self.choose((2, [1, 2], 1))) if self.chance(20) else None

    def changing(self, place):
        """Return a layer that changes the shape and is no convolution."""
        label, _ = self.label(place, 8)
        match self.integer(0, 11):
            case 0 | 1 | 2:
                piece = self.pooling(place)
            case 10:
                return self.labelled(ncrelu(), label), None
            case 11:
                out = self.width(place)
                if self.chance(50):
                    out = constant(place.given.channels + self.choose((4, 0, 8)))
                return self.labelled(pad_channels(out), label), out
            case 3:
                size = constant(self.choose((1, 2, [2, 3]))) if self.chance(50) else None
                piece = adaptive_pool(self.choose(("avgpool", "maxpool")), size)
            case 4:
                factor = constant(self.choose((2, 1)))
                mode = ", mode = bilinear" if self.chance(40) else ""
                piece = enlarged(f"upsample({factor.text}{mode})", factor)
            case 5:
                factor = constant(2)
                piece = enlarged("pixel_shuffle(2)", factor, shuffled=True)
                return self.labelled(piece, label), None
            case 6 | 7:
                border = self.choose((1, [0, 1, 0, 1], [1, 0, 2, 1]))
                piece = pad(border, self.choose((None, "reflect", "replicate", "zeros")))
            case 8:
                parts = self.choose(divisors(place.given.channels)[:3])
                part = self.integer(0, parts - 1)
                piece = channel_split(constant(parts), constant(part))
                return self.labelled(piece, label), None
            case _:
                return self.labelled(flatten(), label), None
        return self.labelled(piece, label), SAME

    def pooling(self, place):
        """Return a pooling with a window."""
        kind = self.choose(("maxpool", "avgpool"))
        kernel = self.choose(((2, 2), (3, 3), (3, 2)))
        stride = None
        if self.chance(60):
            stride = variable("stride") if place.in_block else constant(self.choose((2, 1, [2, 1])))
        padding = constant(self.choose((0, 1, [1, 0]))) if self.chance(20) else None
        dilation = None
        if kind == "maxpool" and self.chance(15):
            dilation, padding = constant(2), constant(self.choose((0, 1)))
        if kernel[0] != kernel[1] and padding is None:
            padding = constant([1, 0])  # by itself it has none: tests/cases/layers.md
        extra = ["count_include_pad = true"] if kind == "avgpool" and self.chance(30) else []
        word = f"{kind}{kernel[0]}x{kernel[1]}" if self.chance(80) else kind
        geometry = Geometry(constant(list(kernel)), stride, padding, dilation)
        return pool(word, geometry, ceil=self.chance(35), extra=extra)
