"""Operations of PyTorch: what each makes, and what its backward pass needs.

Source: tools/autograd/derivatives.yaml of PyTorch 2.13. A tensor that a formula names is kept where
a gradient asks for the formula; those of one formula for several gradients, as of a convolution,
where any of them is asked for. Under autocast on a GPU operations of `lower` work in bfloat16 and
those of `full` in float32 (the lists of torch.amp, "CUDA Ops that can autocast").
"""

from collections.abc import Sequence

from archdsl.analyses.memory import views
from archdsl.analyses.memory.strides import (
    Sizes,
    channels_last,
    contiguous,
    like,
    ordered,
    prefers_channels_last,
)
from archdsl.analyses.memory.tape import (
    BFLOAT16,
    BOOL,
    FLOAT32,
    INT64,
    Precision,
    Tape,
    TensorView,
)


def lower(tape: Tape, tensor: TensorView) -> TensorView:
    """Return a tensor as autocast gives it to convolutions and matrix products."""
    is_cast = tape.setting.precision is Precision.BFLOAT16
    return tape.cast(tensor, BFLOAT16) if is_cast else tensor


def full(tape: Tape, tensor: TensorView) -> TensorView:
    """Return a tensor as autocast gives it to norms, powers and softmax."""
    return tape.cast(tensor, FLOAT32)


def formatted(tensor: TensorView, shape: Sequence[int]) -> Sizes:
    """Return the strides of a map that is made of another one."""
    is_last = len(shape) == len(tensor.shape) and prefers_channels_last(
        tensor.shape, tensor.strides
    )
    return channels_last(shape) if is_last else contiguous(shape)


def constant(tape: Tape, shape: Sequence[int], itemsize: int = FLOAT32) -> TensorView:
    """Make a tensor of nothing."""
    result = tape.make(shape, itemsize=itemsize)
    tape.note((), result)
    return result


# ---------------------------------------------------------------- products


def convolution(
    tape: Tape,
    given: TensorView,
    weight: TensorView,
    bias: TensorView | None,
    shape: Sequence[int],
) -> TensorView:
    """Convolve, transposed or not; it keeps its input and its weight."""
    given, weight = lower(tape, given), lower(tape, weight)
    reads = (given, weight) if bias is None else (given, weight, bias)
    learns = any(each.learns for each in reads)
    if learns:
        tape.keep(given, weight)
    is_last = any(prefers_channels_last(each.shape, each.strides) for each in (given, weight))
    result = tape.make(
        shape,
        strides=channels_last(shape) if is_last and len(shape) > 3 else None,
        learns=learns,
        itemsize=given.itemsize,
    )
    tape.note(reads, result, is_product=True)
    return result


def linear(
    tape: Tape, given: TensorView, weight: TensorView, bias: TensorView | None
) -> TensorView:
    """Multiply the last dimension with a weight; more than two dimensions become rows first."""
    given, weight = lower(tape, given), lower(tape, weight)
    *rows, inputs = given.shape
    outputs = weight.shape[0]
    if len(rows) > 1:
        flat = (given.numel // max(inputs, 1), inputs)
        product = linear(tape, views.view(tape, given, flat), weight, bias)
        return views.view(tape, product, (*rows, outputs))
    if weight.learns:
        tape.keep(given)
    if given.learns:
        tape.keep(weight)
    reads = (given, weight) if bias is None else (given, weight, bias)
    learns = any(each.learns for each in reads)
    result = tape.make((*rows, outputs), learns=learns, itemsize=given.itemsize)
    tape.note(reads, result, is_product=True)
    return result


def times(tape: Tape, one: TensorView, other: TensorView) -> TensorView:
    """Multiply elementwise; each factor is kept for the gradient of the other."""
    if one.learns:
        tape.keep(other)
    if other.learns:
        tape.keep(one)
    return _together(tape, one, other)


def plus(tape: Tape, one: TensorView, other: TensorView) -> TensorView:
    """Add, or subtract, elementwise."""
    return _together(tape, one, other, passes=one.shape == other.shape)


def over(tape: Tape, one: TensorView, other: TensorView) -> TensorView:
    """Divide elementwise."""
    if one.learns or other.learns:
        tape.keep(other)
    if other.learns:
        tape.keep(one)
    return _together(tape, one, other)


def _together(
    tape: Tape, one: TensorView, other: TensorView, *, passes: bool = False
) -> TensorView:
    dims = max(len(one.shape), len(other.shape))
    shapes = [(1,) * (dims - len(each.shape)) + each.shape for each in (one, other)]
    shape = tuple(max(pair) if 0 not in pair else 0 for pair in zip(*shapes, strict=True))
    whole = next((each for each in (one, other) if each.shape == shape), None)
    result = tape.make(
        shape,
        strides=None if whole is None else like(shape, whole.strides),
        learns=one.learns or other.learns,
        itemsize=max(one.itemsize, other.itemsize),
    )
    tape.note((one, other), result, passes=passes)
    return result


def concatenate(tape: Tape, tensors: Sequence[TensorView]) -> TensorView:
    """Put the channels of maps behind each other."""
    shape = list(tensors[0].shape)
    shape[1] = sum(each.shape[1] for each in tensors)
    formats = {prefers_channels_last(each.shape, each.strides) for each in tensors}
    result = tape.make(
        shape,
        strides=channels_last(shape) if formats == {True} else None,
        learns=any(each.learns for each in tensors),
        itemsize=max(each.itemsize for each in tensors),
    )
    tape.note(tensors, result)
    return result


# ---------------------------------------------------------------- of one tensor


def elementwise(
    tape: Tape, given: TensorView, *, keeps_input: bool = False, keeps_result: bool = False
) -> TensorView:
    """Compute a function of each element; `keeps_*` is what its derivative is a function of."""
    if keeps_input and given.learns:
        tape.keep(given)
    result = tape.make(
        given.shape,
        strides=like(given.shape, given.strides),
        learns=given.learns,
        itemsize=given.itemsize,
    )
    if keeps_result and given.learns:
        tape.keep(result)
    tape.note((given,), result)
    return result


def in_place(tape: Tape, given: TensorView, *, keeps_result: bool = True) -> TensorView:
    """Compute a rectifier where its input lies."""
    if given.learns and keeps_result:
        tape.keep(given)
    result = tape.alias(given, given.shape, given.strides)
    tape.note((given,), result, in_place=True)
    return result


def resized(
    tape: Tape, given: TensorView, shape: Sequence[int], *, keeps_input: bool = False
) -> TensorView:
    """Make a map of another size."""
    if keeps_input and given.learns:
        tape.keep(given)
    result = tape.make(
        shape,
        strides=formatted(given, shape),
        learns=given.learns,
        itemsize=given.itemsize,
    )
    tape.note((given,), result)
    return result


def largest(tape: Tape, given: TensorView, shape: Sequence[int]) -> TensorView:
    """Take maxima of windows; where they were is kept, in 64 bits each."""
    places = tape.make(shape, itemsize=INT64)
    if given.learns:
        tape.keep(given, places)
    result = tape.make(
        shape, strides=formatted(given, shape), learns=given.learns, itemsize=given.itemsize
    )
    tape.note((given,), result)
    return result


def reduced(
    tape: Tape, given: TensorView, shape: Sequence[int], *, keeps: bool = False
) -> TensorView:
    """Sum, or take a mean or a norm, over some dimensions; a norm keeps both ends."""
    result = tape.make(shape, learns=given.learns, itemsize=given.itemsize)
    if keeps and given.learns:
        tape.keep(given, result)
    tape.note((given,), result)
    return result


def dropout(tape: Tape, given: TensorView, p: float, shape: Sequence[int]) -> TensorView:
    """Multiply with noise of a shape, which is kept; on a GPU elements have a mask of one byte."""
    if p == 0 or given.numel == 0:
        return given
    if tape.setting.on_gpu and p < 1 and tuple(shape) == given.shape and given.learns:
        mask = tape.make(shape, itemsize=BOOL)
        tape.keep(mask)
        return elementwise(tape, given)
    if p == 1:
        shape = ()
    return times(tape, given, constant(tape, shape, given.itemsize))


# ---------------------------------------------------------------- normalization


def normalized(
    tape: Tape,
    given: TensorView,
    statistics: Sequence[int],
    scale: Sequence[TensorView],
    *,
    strides: Sizes | None = None,
) -> TensorView:
    """Normalize: the input, means and deviations are kept, and the scale that is applied."""
    reads = (given, *scale)
    learns = any(each.learns for each in reads)
    if learns:
        tape.keep(given, *scale[:1], tape.make(statistics), tape.make(statistics))
    result = tape.make(
        given.shape,
        strides=formatted(given, given.shape) if strides is None else strides,
        learns=learns,
        itemsize=given.itemsize,
    )
    tape.note(reads, result)
    return result


def moved(tape: Tape, given: TensorView, shape: Sequence[int], order: Sequence[int]) -> TensorView:
    """Copy to another place: a shuffle of pixels or channels."""
    result = tape.make(
        shape, strides=ordered(shape, order), learns=given.learns, itemsize=given.itemsize
    )
    tape.note((given,), result, passes=True)
    return result
