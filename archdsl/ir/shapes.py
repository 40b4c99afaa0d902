"""What a layer makes of a feature map."""

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import TypeAlias, TypeVar

from archdsl.ir.layers import (
    AdaptivePool,
    AsLarge,
    AsLargeMap,
    BatchNorm,
    Blur,
    ChannelConv,
    ChannelSlice,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Dropout,
    Flatten,
    GroupNorm,
    InstanceNorm,
    Layer,
    LearnedFactor,
    Linear,
    NCReLU,
    Pad,
    PadChannels,
    PixelShuffle,
    PixelUnshuffle,
    Pool,
    PoolKind,
    SamePad,
    Size,
    Softmax,
    SoftmaxOver,
    StochasticDepth,
    Upsample,
    every,
    is_point,
)
from archdsl.ir.network import FeatureMap

Kind = TypeVar("Kind")


class ShapeError(Exception):
    """A layer does not fit the map it is given; the message says why."""


def conv_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return the output size of a convolution along one dimension, in positions.

    Source: Dumoulin & Visin, arXiv:1603.07285, relationship 15.
    """
    reach = dilation * (kernel - 1) + 1
    if size + 2 * padding < reach:
        extra = f" (with padding {size + 2 * padding})" if padding else ""
        message = f"a window of {reach} pixels does not fit {size} pixels{extra}: nothing is left"
        raise ShapeError(message)
    return (size + 2 * padding - reach) // stride + 1


def pool_size(size: int, kernel: int, stride: int, padding: int, *, ceil_mode: bool) -> int:
    """Return the output size of a pooling; in ceil mode the last window starts inside the map.

    It may then reach out of the padding. `kernel` includes the dilation.
    Source: torch.nn.MaxPool2d, notes on `ceil_mode`; pooling_output_shape of ATen/native/Pool.h.
    """
    found = -((size + 2 * padding - kernel) // -stride) + 1
    if not ceil_mode or found < 1:
        return conv_size(size, kernel, stride, padding, 1)
    return found if (found - 1) * stride < size + padding else found - 1


def transposed_size(
    size: int, kernel: int, stride: int, padding: int, *, output_padding: int, dilation: int
) -> int:
    """Return the output size of a transposed convolution (torch.nn.ConvTranspose2d)."""
    result = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
    if result < 1:
        message = f"padding {padding} leaves nothing of {size} pixels"
        raise ShapeError(message)
    return result


def output_map(layer: Layer, given: FeatureMap) -> FeatureMap:
    """Return the map that the layer puts out; raise ShapeError where it does not fit."""
    match layer:
        case Linear(out_features=features, per_pixel=per_pixel):
            return FeatureMap(features, _size(given) if per_pixel else None)
        case Flatten():
            return FeatureMap(given.channels * given.positions)
        case BatchNorm() | Dropout() | StochasticDepth():
            return given
        case NCReLU():
            return FeatureMap(2 * given.channels, given.size)
        case PadChannels(out_channels=channels):
            return FeatureMap(channels, _size(given))
        case LearnedFactor():
            size = None if given.size is None else every(1, given.dimensions)
            return FeatureMap(given.channels, size)
        case ChannelSplit(parts=parts):
            return FeatureMap(given.channels // parts, given.size)
        case ChannelSlice(start=start, stop=stop):
            return FeatureMap(stop - start, given.size)
        case InstanceNorm():
            if is_point(_size(given)):
                message = "each channel is normalized over its pixels, and there is only one"
                raise ShapeError(message)
            return given
        case GroupNorm(num_groups=groups):
            if given.channels * prod(_size(given)) == groups:
                message = "each group is normalized over its values, and there is only one"
                raise ShapeError(message)
            return given
        case Softmax(over=SoftmaxOver.PIXELS):
            return FeatureMap(given.channels, _size(given))
        case Softmax():
            return given
        case ChannelConv():
            if given.size is not None and not is_point(given.size):
                message = f"is about a vector or [C, 1, 1], not {given}: put `avgpool` before it"
                raise ShapeError(message)
            return given
        case (
            Conv()
            | ConvTranspose()
            | Pool()
            | AdaptivePool()
            | Pad()
            | SamePad()
            | Blur()
            | Upsample()
        ):
            return _spatial(layer, given.channels, _size(given))
        case PixelShuffle(factor=factor):
            height, width = _image(given)
            return FeatureMap(given.channels // factor**2, (height * factor, width * factor))
        case PixelUnshuffle(factor=factor):
            height, width = _image(given)
            if height % factor or width % factor:
                message = f"factor {factor} does not divide both sizes of {list(_size(given))}"
                raise ShapeError(message)
            return FeatureMap(given.channels * factor**2, (height // factor, width // factor))
        case _:
            return _as_large(layer, given)


def _as_large(layer: AsLarge | AsLargeMap, given: FeatureMap) -> FeatureMap:
    return FeatureMap(given.channels, _size(given)) if isinstance(layer, AsLargeMap) else given


def _size(given: FeatureMap) -> Size:
    if given.size is None:
        message = f"needs a map [channels, height, width], not {given}"
        raise ShapeError(message)
    return given.size


def _image(given: FeatureMap) -> Size:
    if given.dimensions != 2:
        message = f"is about a map [channels, height, width], not {given}"
        raise ShapeError(message)
    return _size(given)


def _spatial(
    layer: Conv | ConvTranspose | Pool | AdaptivePool | Pad | SamePad | Blur | Upsample,
    channels: int,
    size: Size,
) -> FeatureMap:
    match layer:
        case Conv(out_channels=out):
            return FeatureMap(out, _each(_conv_axis, layer, size))
        case ConvTranspose(out_channels=out):
            return FeatureMap(out, _each(_transposed_axis, layer, size))
        case Pool():
            return FeatureMap(channels, _each(_pool_axis, layer, size))
        case AdaptivePool(output_size=output):
            return FeatureMap(channels, output)
        case Pad():
            return FeatureMap(channels, _padded(layer, size))
        case SamePad():
            return FeatureMap(channels, _each(_same_axis, layer, size))
        case Blur():
            return FeatureMap(channels, _each(_blur_axis, layer, size))
        case Upsample(factor=factor, size=wanted):
            if wanted is None:
                assert factor is not None, "one of the two is there"
                wanted = tuple(side * factor for side in size)
            return FeatureMap(channels, wanted)


def _each(axis: Callable[[Kind, int, int], int], layer: Kind, size: Size) -> Size:
    return tuple(axis(layer, side, i) for i, side in enumerate(size))


def _conv_axis(layer: Conv, size: int, i: int) -> int:
    kernel, stride = layer.kernel_size[i], layer.stride[i]
    return conv_size(size, kernel, stride, layer.padding[i], layer.dilation[i])


def _transposed_axis(layer: ConvTranspose, size: int, i: int) -> int:
    kernel, stride, padding = layer.kernel_size[i], layer.stride[i], layer.padding[i]
    return transposed_size(
        size,
        kernel,
        stride,
        padding,
        output_padding=layer.output_padding[i],
        dilation=layer.dilation[i],
    )


def _pool_axis(layer: Pool, size: int, i: int) -> int:
    dilation, kernel = layer.dilation[i], layer.kernel_size[i]
    if kernel > 1 and dilation > size:
        # such a window may hold padding alone, where torch gives -inf and a wild index
        message = f"a window with dilation {dilation} reaches past {size} pixels"
        raise ShapeError(message)
    if layer.kind is PoolKind.AVG and len(layer.kernel_size) == 3 and kernel > size:
        # pool3d_shape_check of ATen/native/Pool.h
        message = f"a mean over a window of {kernel} needs as many positions, not {size}"
        raise ShapeError(message)
    reach = dilation * (kernel - 1) + 1
    return pool_size(size, reach, layer.stride[i], layer.padding[i], ceil_mode=layer.ceil_mode)


def _same_axis(layer: SamePad, size: int, i: int) -> int:
    reach = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
    return max(size, -(-size // layer.stride[i]) * layer.stride[i] - layer.stride[i] + reach)


def _blur_axis(layer: Blur, size: int, i: int) -> int:
    border = layer.kernel_size // 2
    if border >= size:
        message = f"reflection by {border} pixels needs a larger map than {size} pixels"
        raise ShapeError(message)
    return (size - 1) // layer.stride[i] + 1


def _padded(layer: Pad, size: Size) -> Size:
    borders = list(zip(size, layer.before, layer.behind, strict=True))
    if layer.mode == "reflect" and any(max(pair) >= side for side, *pair in borders):
        message = f"reflection by more than {min(size) - 1} pixels needs a larger map than"
        raise ShapeError(f"{message} {list(size)}")
    return tuple(side + before + behind for side, before, behind in borders)


Reduction: TypeAlias = tuple[Fraction, ...]
"""By what the sizes of a map have been divided; () where none of them was."""

SAME: Reduction = ()


def reduction(layer: Layer, dimensions: int) -> Reduction:
    """Return by what a layer divides the sizes of a map; 0 where only a size could tell."""
    match layer:
        case Conv(stride=stride) | Pool(stride=stride) | Blur(stride=stride):
            return SAME if all(step == 1 for step in stride) else tuple(map(Fraction, stride))
        case ConvTranspose(stride=stride):
            return tuple(Fraction(1, step) for step in stride)
        case Upsample(factor=int(factor)) | PixelShuffle(factor=factor):
            return (Fraction(1, factor),) * dimensions
        case PixelUnshuffle(factor=factor):
            return (Fraction(factor),) * dimensions
        case AdaptivePool() | Flatten() | Upsample() | LearnedFactor():
            return (Fraction(0),) * dimensions
        case _:
            return SAME


def times(left: Reduction, right: Reduction) -> Reduction:
    """Return the product of two reductions."""
    if not right:  # as of most layers
        return left
    if len(left) != len(right):  # there was no stride before, or a map of other dimensions
        return right
    product = tuple(a * b for a, b in zip(left, right, strict=True))
    return product if any(each != 1 for each in product) else SAME
