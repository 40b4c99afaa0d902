"""What a layer makes of a feature map."""

from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

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
    SamePad,
    Size,
    Softmax,
    SoftmaxOver,
    StochasticDepth,
    Upsample,
)
from archdsl.ir.network import FeatureMap

Kind = TypeVar("Kind")


class ShapeError(Exception):
    """A layer does not fit the map it is given; the message says why."""


def conv_size(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Return the output height (or width) of a convolution, in pixels.

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
            height, width = given.size or (1, 1)
            return FeatureMap(given.channels * height * width)
        case BatchNorm() | Dropout() | StochasticDepth():
            return given
        case NCReLU():
            return FeatureMap(2 * given.channels, given.size)
        case PadChannels(out_channels=channels):
            return FeatureMap(channels, _size(given))
        case LearnedFactor():
            return FeatureMap(given.channels, None if given.size is None else (1, 1))
        case ChannelSplit(parts=parts):
            return FeatureMap(given.channels // parts, given.size)
        case ChannelSlice(start=start, stop=stop):
            return FeatureMap(stop - start, given.size)
        case InstanceNorm():
            if _size(given) == (1, 1):
                message = "each channel is normalized over its pixels, and there is only one"
                raise ShapeError(message)
            return given
        case GroupNorm(num_groups=groups):
            height, width = _size(given)
            if given.channels * height * width == groups:
                message = "each group is normalized over its values, and there is only one"
                raise ShapeError(message)
            return given
        case Softmax(over=SoftmaxOver.PIXELS):
            return FeatureMap(given.channels, _size(given))
        case Softmax():
            return given
        case ChannelConv():
            if given.size not in (None, (1, 1)):
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
            height, width = _size(given)
            return FeatureMap(given.channels // factor**2, (height * factor, width * factor))
        case PixelUnshuffle(factor=factor):
            height, width = _size(given)
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


def _spatial(
    layer: Conv | ConvTranspose | Pool | AdaptivePool | Pad | SamePad | Blur | Upsample,
    channels: int,
    size: Size,
) -> FeatureMap:
    match layer:
        case Conv(out_channels=out):
            return FeatureMap(out, _both(_conv_axis, layer, size))
        case ConvTranspose(out_channels=out):
            return FeatureMap(out, _both(_transposed_axis, layer, size))
        case Pool():
            return FeatureMap(channels, _both(_pool_axis, layer, size))
        case AdaptivePool(output_size=output):
            return FeatureMap(channels, output)
        case Pad():
            return FeatureMap(channels, _padded(layer, size))
        case SamePad():
            return FeatureMap(channels, _both(_same_axis, layer, size))
        case Blur():
            return FeatureMap(channels, _both(_blur_axis, layer, size))
        case Upsample(factor=factor, size=wanted):
            if wanted is None:
                assert factor is not None, "one of the two is there"
                wanted = size[0] * factor, size[1] * factor
            return FeatureMap(channels, wanted)


def _both(axis: Callable[[Kind, int, int], int], layer: Kind, size: Size) -> Size:
    return axis(layer, size[0], 0), axis(layer, size[1], 1)


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
    height, width = size
    too_far = max(layer.top, layer.bottom) >= height or max(layer.left, layer.right) >= width
    if layer.mode == "reflect" and too_far:
        most = min(height, width) - 1
        message = f"reflection by more than {most} pixels needs a larger map than {list(size)}"
        raise ShapeError(message)
    return height + layer.top + layer.bottom, width + layer.left + layer.right


SAME = (Fraction(1), Fraction(1))


def reduction(layer: Layer) -> tuple[Fraction, Fraction]:
    """Return by what a layer divides a map's (height, width); 0 where only a size could tell."""
    match layer:
        case Conv(stride=(1, 1)):
            return SAME
        case (
            Conv(stride=(vertical, horizontal))
            | Pool(stride=(vertical, horizontal))
            | Blur(stride=(vertical, horizontal))
        ):
            return Fraction(vertical), Fraction(horizontal)
        case ConvTranspose(stride=(vertical, horizontal)):
            return Fraction(1, vertical), Fraction(1, horizontal)
        case Upsample(factor=int(factor)) | PixelShuffle(factor=factor):
            return Fraction(1, factor), Fraction(1, factor)
        case PixelUnshuffle(factor=factor):
            return Fraction(factor), Fraction(factor)
        case AdaptivePool() | Flatten() | Upsample() | LearnedFactor():
            return Fraction(0), Fraction(0)
        case _:
            return SAME
