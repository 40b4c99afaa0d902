"""Layers as PyTorch has them, drawn with arguments that fit and with some that do not.

Nothing of archdsl is used here: each function draws a layer's text in the language, the module that
it should be, and the shape that both are given.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Example(NamedTuple):
    """A layer, what makes its module, and the shape that it is given."""

    text: str
    module: Callable[[], nn.Module]
    shape: tuple[int, ...]


class Lambda(nn.Module):
    """A function of maps, perhaps with tensors to learn."""

    def __init__(self, function, *parameters):
        super().__init__()
        self.function = function
        self.learned = nn.ParameterList(parameters)

    def forward(self, x):
        return self.function(x, *self.learned)


class ChannelsLast(nn.Module):
    """A module of the last dimension, on the channels of maps."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x.movedim(1, -1)).movedim(-1, 1)


class Draw:
    """Numbers by chance, for maps of a number of dimensions that is drawn, too."""

    def __init__(self, integers):
        self.integers = integers
        self.dimensions = self.choose(2, 1, 2, 3)

    def integer(self, least, most):
        return self.integers(least, most)

    def choose(self, *options):
        return options[self.integer(0, len(options) - 1)]

    def sizes(self, least, most):
        return tuple(self.integer(least, most) for _ in range(self.dimensions))

    def shape(self, most=9, channels=(2, 3, 4, 6, 8)):
        return (self.choose(*channels), *self.sizes(1, most))

    def module(self, name):
        """Return the class of torch.nn for these maps: of `Conv` Conv1d, Conv2d or Conv3d."""
        return getattr(nn, f"{name}{self.dimensions}d")

    def function(self, name):
        """Return the function of torch.nn.functional for these maps."""
        return getattr(F, f"{name}{self.dimensions}d")


def _named(**numbers):
    return ", ".join(f"{name} = {list(sizes)}" for name, sizes in numbers.items())


# ---------------------------------------------------------------- convolutions


def _geometry(d):
    return {
        "stride": d.sizes(1, 3),
        "padding": d.sizes(0, 3),
        "dilation": d.sizes(1, 2),
    }


def conv(d):
    """Return a convolution."""
    shape, out, kernel, geometry = d.shape(), d.integer(1, 8), d.sizes(1, 4), _geometry(d)
    groups, bias = d.choose(1, 1, 2, 3), d.choose(True, False)
    text = (
        f"conv({out}, {list(kernel)}, {_named(**geometry)}, groups = {groups},"
        f" bias = {str(bias).lower()})"
    )
    keywords = {**geometry, "groups": groups, "bias": bias}
    return Example(text, lambda: d.module("Conv")(shape[0], out, kernel, **keywords), shape)


def conv_transpose(d):
    """Return a transposed convolution."""
    shape, out, kernel, geometry = d.shape(6), d.integer(1, 6), d.sizes(1, 4), _geometry(d)
    geometry["output_padding"] = d.sizes(0, 2)
    groups, bias = d.choose(1, 1, 2), d.choose(True, False)
    text = (
        f"conv_transpose({out}, {list(kernel)}, {_named(**geometry)}, groups = {groups},"
        f" bias = {str(bias).lower()})"
    )
    keywords = {**geometry, "groups": groups, "bias": bias}
    return Example(
        text, lambda: d.module("ConvTranspose")(shape[0], out, kernel, **keywords), shape
    )


def conv_same(d):
    """Return a convolution whose padding PyTorch calls the same: it has it for a stride of 1."""
    shape, out, kernel, dilation = d.shape(), d.integer(1, 6), d.sizes(1, 5), d.sizes(1, 2)
    text = f"conv({out}, {list(kernel)}, padding = same, dilation = {list(dilation)})"
    keywords = {"padding": "same", "dilation": dilation, "bias": False}
    return Example(text, lambda: d.module("Conv")(shape[0], out, kernel, **keywords), shape)


def _padded_same(x, kernel, stride, dilation, value=0.0):
    """Pad as tf.nn.convolution documents it for padding = "SAME"."""
    sides = []
    for size, k, s, d in reversed(list(zip(x.shape[2:], kernel, stride, dilation, strict=True))):
        total = max((math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides, value=value)


def conv_same_strided(d):
    """Return a convolution of TensorFlow's padding with a stride."""
    shape, out, kernel, stride = d.shape(), d.integer(1, 6), d.sizes(1, 5), d.sizes(1, 3)
    text = f"conv({out}, {list(kernel)}, stride = {list(stride)}, padding = same)"

    def module():
        pad = Lambda(lambda x: _padded_same(x, kernel, stride, [1] * d.dimensions))
        return nn.Sequential(pad, d.module("Conv")(shape[0], out, kernel, stride, bias=False))

    return Example(text, module, shape)


def maxpool_same(d):
    """Return a maximum of TensorFlow's padding."""
    shape, kernel, stride = d.shape(), d.sizes(1, 4), d.sizes(1, 3)
    text = f"maxpool({list(kernel)}, stride = {list(stride)}, padding = same)"

    def apply(x):
        x = _padded_same(x, kernel, stride, [1] * d.dimensions, -math.inf)
        return d.function("max_pool")(x, kernel, stride)

    return Example(text, lambda: Lambda(apply), shape)


def standardized(d):
    """Return a convolution with weight standardization (Qiao et al. 2019, as their code has it)."""
    shape, out, kernel, geometry = d.shape(), d.integer(1, 6), d.sizes(1, 3), _geometry(d)
    geometry["stride"] = d.sizes(1, 2)
    text = f"conv({out}, {list(kernel)}, {_named(**geometry)}) with standardized(eps = 1e-5)"

    class Conv(d.module("Conv")):
        def forward(self, input):
            each = (-1, *[1] * (1 + d.dimensions))
            weight = self.weight - self.weight.flatten(1).mean(dim=1).view(each)
            var = weight.flatten(1).var(dim=1, unbiased=False).view(each)
            return self._conv_forward(input, weight / (var + 1e-5).sqrt(), None)

    return Example(text, lambda: Conv(shape[0], out, kernel, bias=False, **geometry), shape)


def linear(d):
    """Return a linear layer of a vector, or of a map, which PyTorch refuses unless sizes agree."""
    features, out, bias = d.integer(1, 9), d.integer(1, 9), d.choose(True, False)
    text = f"linear({out}, bias = {str(bias).lower()})"
    return Example(text, lambda: nn.Linear(features, out, bias=bias), (features,))


def linear_per_pixel(d):
    """Return a linear layer at each pixel."""
    shape, out, bias = d.shape(), d.integer(1, 9), d.choose(True, False)
    text = f"linear({out}, bias = {str(bias).lower()}, per_pixel = true)"
    return Example(text, lambda: ChannelsLast(nn.Linear(shape[0], out, bias=bias)), shape)


def channel_conv(d):
    """Return ECA-Net's convolution; an even kernel would change the number of channels."""
    channels, kernel = d.integer(1, 9), d.choose(1, 3, 5, 7)

    class Eca(nn.Conv1d):
        def forward(self, input):
            found = super().forward(input.squeeze(-1).transpose(-1, -2))
            return found.transpose(-1, -2).unsqueeze(-1)

    def module():
        return Eca(1, 1, kernel, padding=(kernel - 1) // 2, bias=False)

    return Example(f"channel_conv({kernel})", module, (channels, 1, 1))


# ---------------------------------------------------------------- normalization


def layernorm(d):
    """Return a layer normalization of the channels."""
    shape, bias, eps = d.shape(), d.choose(True, False), d.choose("1e-5", "1e-2")
    text = f"layernorm(eps = {eps}, bias = {str(bias).lower()})"
    norm = lambda: nn.LayerNorm(shape[0], float(eps), bias=bias)  # noqa: E731
    return Example(text, lambda: ChannelsLast(norm()), shape)


def rmsnorm(d):
    """Return a root mean square normalization, of a map or of a vector."""
    shape, eps = d.shape(), d.choose("1e-6", "1e-2")
    if d.choose(True, False):
        return Example(f"rmsnorm({eps})", lambda: nn.RMSNorm(shape[0], float(eps)), shape[:1])
    norm = lambda: nn.RMSNorm(shape[0], float(eps))  # noqa: E731
    return Example(f"rmsnorm({eps})", lambda: ChannelsLast(norm()), shape)


def groupnorm(d):
    """Return a group normalization."""
    shape, groups = d.shape(3), d.choose(1, 2, 3, 4)
    return Example(f"groupnorm({groups})", lambda: nn.GroupNorm(groups, shape[0]), shape)


def instancenorm(d):
    """Return an instance normalization."""
    shape, affine = d.shape(3), d.choose(True, False)
    text = f"instancenorm(affine = {str(affine).lower()})"
    return Example(text, lambda: d.module("InstanceNorm")(shape[0], affine=affine), shape)


def grn(d):
    """Return a global response normalization, as ConvNeXt V2's code has it, channels last."""
    shape = d.shape()

    def apply(x, gamma, beta):
        x = x.movedim(1, -1)
        norms = torch.linalg.vector_norm(x, dim=tuple(range(1, x.dim() - 1)), keepdim=True)
        scaled = norms / (norms.mean(dim=-1, keepdim=True) + 1e-6)
        return (gamma * (x * scaled) + beta + x).movedim(-1, 1)

    learned = lambda: nn.Parameter(torch.zeros(shape[0]))  # noqa: E731
    return Example("grn", lambda: Lambda(apply, learned(), learned()), shape)


def local_response_norm(d):
    """Return a local response normalization."""
    shape, size = d.shape(), d.integer(1, 6)
    return Example(f"local_response_norm({size})", lambda: nn.LocalResponseNorm(size), shape)


# ---------------------------------------------------------------- pooling and sizes


def maxpool(d):
    """Return a maximum."""
    shape, kernel, geometry = d.shape(), d.sizes(1, 4), _geometry(d)
    ceil = d.choose(True, False)
    text = f"maxpool({list(kernel)}, {_named(**geometry)}, ceil = {str(ceil).lower()})"
    spread = zip(kernel, geometry["dilation"], shape[1:], strict=True)
    if any(k > 1 and step > size for k, step, size in spread):
        return maxpool(d)  # its window may hold padding alone: PyTorch gives -inf there
    return Example(text, lambda: d.module("MaxPool")(kernel, **geometry, ceil_mode=ceil), shape)


def avgpool(d):
    """Return a mean."""
    shape, kernel, stride, padding = d.shape(), d.sizes(1, 4), d.sizes(1, 3), d.sizes(0, 2)
    ceil, count = d.choose(True, False), d.choose(True, False)
    text = (
        f"avgpool({list(kernel)}, {_named(stride=stride, padding=padding)},"
        f" ceil = {str(ceil).lower()}, count_include_pad = {str(count).lower()})"
    )
    return Example(text, lambda: d.module("AvgPool")(kernel, stride, padding, ceil, count), shape)


def adaptive(d):
    """Return a pooling to a size."""
    shape, size, kind = d.shape(), d.sizes(1, 5), d.choose("Max", "Avg")
    module = d.module(f"Adaptive{kind}Pool")
    return Example(f"{kind.lower()}pool(size = {list(size)})", lambda: module(size), shape)


def upsample(d):
    """Return an upsampling by a factor or to a size, with corners where PyTorch has them."""
    shape, mode, corners = (
        d.shape(5),
        d.choose("nearest", "linear", "bilinear", "trilinear"),
        d.choose(True, False),
    )
    if d.choose(True, False):
        factor = d.integer(1, 3)
        text, sizes = f"upsample({factor}", {"scale_factor": factor}
    else:
        size = d.sizes(1, 9)
        text, sizes = f"upsample(size = {list(size)}", {"size": size}
    text += f", mode = {mode}{', align_corners = true' if corners else ''})"
    return Example(
        text, lambda: nn.Upsample(**sizes, mode=mode, align_corners=corners or None), shape
    )


def pad(d):
    """Return a padding."""
    shape = d.shape(4)
    before, behind = d.sizes(0, 4), d.sizes(0, 4)
    mode = d.choose("zeros", "reflect", "replicate")
    name = {"zeros": "ZeroPad", "reflect": "ReflectionPad", "replicate": "ReplicationPad"}[mode]
    pairs = list(zip(before, behind, strict=True))
    ours, theirs = ([n for pair in each for n in pair] for each in (pairs, reversed(pairs)))
    return Example(f"pad({ours}, mode = {mode})", lambda: d.module(name)(tuple(theirs)), shape)


def blur(d):
    """Return Zhang's BlurPool, as his code has it."""
    shape, kernel, stride = d.shape(6), d.integer(2, 7), d.sizes(1, 3)
    taps = {
        2: [1.0, 1.0],
        3: [1.0, 2.0, 1.0],
        4: [1.0, 3.0, 3.0, 1.0],
        5: [1.0, 4.0, 6.0, 4.0, 1.0],
        6: [1.0, 5.0, 10.0, 10.0, 5.0, 1.0],
        7: [1.0, 6.0, 15.0, 20.0, 15.0, 6.0, 1.0],
    }[kernel]

    def apply(x):
        row = filt = torch.tensor(taps, dtype=x.dtype)
        for _ in range(d.dimensions - 1):
            filt = filt[..., None] * row
        filt = (filt / filt.sum()).expand(x.shape[1], 1, *filt.shape)
        before, behind = (kernel - 1) // 2, math.ceil((kernel - 1) / 2)
        x = F.pad(x, (before, behind) * d.dimensions, mode="reflect")
        return d.function("conv")(x, filt, stride=stride, groups=x.shape[1])

    text = f"blur({kernel}, stride = {list(stride)})"
    return Example(text, lambda: Lambda(apply), shape)


# ---------------------------------------------------------------- channels


def pixel_shuffle(d):
    """Return a shuffle of channels into pixels, or back."""
    d.dimensions = 2
    shape, factor = d.shape(channels=(1, 2, 4, 8, 9)), d.integer(1, 3)
    if d.choose(True, False):
        return Example(f"pixel_shuffle({factor})", lambda: nn.PixelShuffle(factor), shape)
    return Example(f"pixel_unshuffle({factor})", lambda: nn.PixelUnshuffle(factor), shape)


def channel_shuffle(d):
    """Return a shuffle of groups of channels."""
    shape, groups = d.shape(), d.integer(1, 4)
    return Example(f"channel_shuffle({groups})", lambda: nn.ChannelShuffle(groups), shape)


def channel_slice(d):
    """Return some of the channels; none of them is refused, as from `narrow` it is not."""
    shape, start, length = d.shape(), d.integer(0, 5), d.integer(1, 5)
    text = f"slice({start}, {start + length})"
    return Example(text, lambda: Lambda(lambda x: x.narrow(1, start, length)), shape)


def softmax(d):
    """Return a softmax."""
    shape, over, parts = d.shape(), d.choose("channels", "pixels", "branches"), d.integer(1, 4)
    apply = {
        "channels": nn.Softmax(1),
        "pixels": lambda x: x.flatten(2).softmax(-1).view(x.shape),
        "branches": lambda x: torch.cat(list(torch.stack(_equal(x, parts)).softmax(0)), dim=1),
    }[over]
    text = f"softmax({over}{f', {parts}' if over == 'branches' else ''})"
    return Example(text, lambda: Lambda(apply), shape)


def _equal(x, parts):
    if x.shape[1] % parts:
        raise RuntimeError
    return x.chunk(parts, dim=1)


def scaled(d):
    """Return a scale or an offset in each of its shapes."""
    shape, word, per = d.shape(), d.choose("scale", "offset"), d.choose("channel", "layer")
    ones, n = (1,) * d.dimensions, shape[0] if per == "channel" else 1
    learned = d.choose((n,), (n, *ones), (1, n, *ones))
    dims = len(learned)

    def apply(x, number):
        number = number.view(-1, *ones)
        return x * number if word == "scale" else x + number

    text = f"{word}(0.5, per = {per}, dims = {dims})"
    return Example(text, lambda: Lambda(apply, nn.Parameter(torch.zeros(learned))), shape)


def activation(d):
    """Return an activation."""
    text, module = d.choose(
        ("gelu(tanh)", nn.GELU("tanh")),
        ("gelu", nn.GELU()),
        ("relu6", nn.ReLU6()),
        ("leaky_relu(0.2)", nn.LeakyReLU(0.2)),
        ("elu(0.5)", nn.ELU(0.5)),
        ("celu(2)", nn.CELU(2)),
        ("selu", nn.SELU()),
        ("silu", nn.SiLU()),
        ("mish", nn.Mish()),
        ("hardswish", nn.Hardswish()),
        ("hardsigmoid", nn.Hardsigmoid()),
        ("hardtanh", nn.Hardtanh()),
        ("logsigmoid", nn.LogSigmoid()),
        ("softplus", nn.Softplus()),
        ("softsign", nn.Softsign()),
        ("prelu", nn.PReLU()),
    )
    return Example(text, lambda: module, d.shape())


LAYERS = (
    conv,
    conv_transpose,
    conv_same,
    conv_same_strided,
    standardized,
    linear,
    linear_per_pixel,
    channel_conv,
    layernorm,
    rmsnorm,
    groupnorm,
    instancenorm,
    grn,
    local_response_norm,
    maxpool,
    maxpool_same,
    avgpool,
    adaptive,
    upsample,
    pad,
    blur,
    pixel_shuffle,
    channel_shuffle,
    channel_slice,
    softmax,
    scaled,
    activation,
)
