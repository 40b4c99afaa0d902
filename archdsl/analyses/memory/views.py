"""Tensors in the storage of another one, and the copies that stand in where there is no view."""

from collections.abc import Sequence

from archdsl.analyses.memory.strides import Sizes, is_contiguous, viewed
from archdsl.analyses.memory.tape import Tape, TensorView


def view(
    tape: Tape, tensor: TensorView, shape: Sequence[int], strides: Sizes | None = None
) -> TensorView:
    """Return a view of another shape, or a copy where there is none: `reshape`, `flatten`."""
    found = viewed(tensor.shape, tensor.strides, shape) if strides is None else strides
    if found is None:
        copy = tape.make(shape, learns=tensor.learns, itemsize=tensor.itemsize)
        tape.note((tensor,), copy, passes=True)
        return copy
    return _alias(tape, tensor, shape, found)


def _alias(tape: Tape, tensor: TensorView, shape: Sequence[int], strides: Sizes) -> TensorView:
    result = tape.alias(tensor, shape, strides)
    tape.note((tensor,), result, is_view=True, passes=True)
    return result


def permute(tape: Tape, tensor: TensorView, *order: int) -> TensorView:
    """Return a view whose dimensions are in another order."""
    shape = tuple(tensor.shape[axis] for axis in order)
    return _alias(tape, tensor, shape, tuple(tensor.strides[axis] for axis in order))


def narrow(tape: Tape, tensor: TensorView, channels: int) -> TensorView:
    """Return a view of some channels."""
    result = tape.alias(tensor, (tensor.shape[0], channels, *tensor.shape[2:]), tensor.strides)
    tape.note((tensor,), result, is_view=True)
    return result


def as_contiguous(tape: Tape, tensor: TensorView) -> TensorView:
    """Return the tensor, or a copy whose last dimension lies closest together."""
    if is_contiguous(tensor.shape, tensor.strides):
        return tensor
    result = tape.make(tensor.shape, learns=tensor.learns, itemsize=tensor.itemsize)
    tape.note((tensor,), result, passes=True)
    return result
