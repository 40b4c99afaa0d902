"""How PyTorch lays tensors out: which operations give a view, and which have to copy.

Sources: `computeStride_impl` of ATen/TensorUtils.cpp for views, `is_channels_last_strides_2d` of
c10/core/MemoryFormat.h for the format that an operation keeps, TensorIterator for elementwise ones.
"""

from collections.abc import Iterable, Sequence
from math import prod
from typing import TypeAlias

Sizes: TypeAlias = tuple[int, ...]


def contiguous(shape: Sequence[int]) -> Sizes:
    """Return the strides of a tensor whose last dimension lies closest together, in elements."""
    found: list[int] = []
    step = 1
    for size in reversed(shape):
        found.append(step)
        step *= max(size, 1)
    return tuple(reversed(found))


def ordered(shape: Sequence[int], order: Iterable[int]) -> Sizes:
    """Return the strides of a dense tensor whose dimensions lie in an order, the widest first."""
    order = tuple(order)
    found = dict(zip(order, contiguous([shape[axis] for axis in order]), strict=True))
    return tuple(found[axis] for axis in range(len(shape)))


def channels_last(shape: Sequence[int]) -> Sizes:
    """Return the strides of a map whose channels lie closest together."""
    return ordered(shape, (0, *range(2, len(shape)), 1))


def prefers_channels_last(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether operations on a map keep its channels closest together."""
    if len(shape) not in (4, 5) or strides[1] == 0:
        return False
    least = 0
    for axis in (1, *range(len(shape) - 1, 1, -1), 0):
        if shape[axis] == 0 or strides[axis] < least:
            return False
        if axis == 0 and least == strides[1]:
            return False  # one pixel, and one channel or one example: that may be either format
        least = strides[axis] * max(shape[axis], 1)
    return True


def is_contiguous(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether a tensor is as `contiguous` has it; where there is one index, strides say nothing."""
    pairs = zip(shape, strides, contiguous(shape), strict=True)
    return all(size == 1 or one == other for size, one, other in pairs)


def is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements of a tensor lie side by side, in whatever order."""
    axes = sorted((axis for axis, n in enumerate(shape) if n != 1), key=lambda axis: strides[axis])
    step = 1
    for axis in axes:
        if strides[axis] != step:
            return False
        step *= shape[axis]
    return True


def like(shape: Sequence[int], strides: Sequence[int]) -> Sizes:
    """Return the strides of what an elementwise operation makes of a tensor."""
    if is_dense(shape, strides):
        return tuple(strides)
    return ordered(shape, sorted(range(len(shape)), key=lambda axis: -strides[axis]))


def viewed(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> Sizes | None:
    """Return the strides of a view of another shape, None where only a copy has it."""
    if prod(shape) == 0 or not shape:
        return contiguous(wanted)
    found = [0] * len(wanted)
    place = len(wanted) - 1
    base, run, done = strides[-1], 1, 1
    for axis in range(len(shape) - 1, -1, -1):
        run *= shape[axis]
        ends = axis == 0 or (shape[axis - 1] != 1 and strides[axis - 1] != run * base)
        if not ends:
            continue
        while place >= 0 and (done < run or wanted[place] == 1):
            found[place] = done * base
            done *= wanted[place]
            place -= 1
        if done != run:
            return None
        if axis > 0:
            base, run, done = strides[axis - 1], 1, 1
    return tuple(found) if place == -1 else None
