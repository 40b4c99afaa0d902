"""What modules that normalize do in training."""

from math import prod
from typing import assert_never

from archdsl.analyses.memory import operations as ops
from archdsl.analyses.memory import views
from archdsl.analyses.memory.strides import contiguous
from archdsl.analyses.memory.tape import Tape, TensorView
from archdsl.analyses.memory.weights import parameters
from archdsl.ir.layers import (
    BatchNorm,
    GlobalResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)


def normalization(
    tape: Tape,
    layer: BatchNorm
    | LayerNorm
    | RMSNorm
    | GroupNorm
    | InstanceNorm
    | LocalResponseNorm
    | GlobalResponseNorm,
    given: TensorView,
    *,
    learns: bool,
    frozen: bool,
) -> TensorView:
    """Normalize a map or a vector."""
    scale = list(parameters(tape, layer, learns=learns).values())
    batch, channels = given.shape[:2]
    match layer:
        case BatchNorm():
            measures = layer.moments and not frozen and tape.setting.training
            if not measures or not layer.fixed:
                statistics = (channels,) if measures else (0,)
                return ops.normalized(tape, given, statistics, scale)
            return _in_pieces(tape, layer, layer.fixed, given, scale)
        case GroupNorm(num_groups=groups):
            given = ops.full(tape, given)
            return ops.normalized(tape, given, (batch, groups), scale)
        case InstanceNorm():
            rows = (1, batch * channels, *given.shape[2:])
            flat = views.view(tape, views.as_contiguous(tape, given), rows)
            repeated = [_repeated(tape, each, batch) for each in scale]
            found = ops.normalized(tape, flat, rows[1:2], repeated)
            return views.view(tape, found, given.shape)
        case LayerNorm(spatial=spatial):
            given = _channels_behind(tape, ops.full(tape, given), spatial=spatial)
            statistics = (*given.shape[:-1], 1)
            strides = contiguous(given.shape)
            found = ops.normalized(tape, given, statistics, scale, strides=strides)
            return _channels_before(tape, found, spatial=spatial)
        case RMSNorm(spatial=spatial):
            given = _channels_behind(tape, given, spatial=spatial)
            statistics = (*given.shape[:-1], 1)
            square = ops.elementwise(tape, ops.full(tape, given), keeps_input=True)
            means = ops.reduced(tape, square, statistics)
            roots = ops.elementwise(tape, means, keeps_result=True)
            found = ops.times(tape, ops.times(tape, given, roots), *scale)
            return _channels_before(tape, found, spatial=spatial)
        case LocalResponseNorm():
            return _local_response(tape, layer.size, given)
        case GlobalResponseNorm():
            ones = tuple(1 for _ in given.shape[2:])
            weight, bias = (views.view(tape, each, (channels, *ones)) for each in scale)
            pixel = (batch, channels, *ones)
            norms = ops.reduced(tape, ops.full(tape, given), pixel, keeps=True)
            means = ops.reduced(tape, norms, (batch, 1, *pixel[2:]))
            share = ops.over(tape, norms, ops.elementwise(tape, means))
            scaled = ops.times(tape, weight, ops.times(tape, given, share))
            return ops.plus(tape, ops.plus(tape, scaled, bias), given)
        case _:
            assert_never(layer)


def _in_pieces(
    tape: Tape,
    layer: BatchNorm,
    fixed: tuple[tuple[int, int], ...],
    given: TensorView,
    scale: list[TensorView],
) -> TensorView:
    """Normalize channels that are fixed apart from the others."""
    n = layer.num_features
    if fixed == ((0, n),):
        return ops.normalized(tape, given, (0,), scale)
    made: list[TensorView] = []
    start = 0
    for first, end in (*fixed, (n, n)):
        for a, b, measures in ((start, first, True), (first, end, False)):
            if a < b:
                taken = views.narrow(tape, given, b - a)
                for _ in range(2):  # copies of its moments
                    tape.keep(tape.make((b - a,))) if _learns(given, scale) else None
                made.append(ops.normalized(tape, taken, (b - a if measures else 0,), scale))
        start = end
    return ops.concatenate(tape, made)


def _learns(given: TensorView, scale: list[TensorView]) -> bool:
    return given.learns or any(each.learns for each in scale)


def _repeated(tape: Tape, scale: TensorView, batch: int) -> TensorView:
    return ops.reduced(tape, scale, (batch * scale.numel,))


def _channels_behind(tape: Tape, given: TensorView, *, spatial: bool) -> TensorView:
    return views.permute(tape, given, 0, *range(2, len(given.shape)), 1) if spatial else given


def _channels_before(tape: Tape, given: TensorView, *, spatial: bool) -> TensorView:
    dims = len(given.shape)
    return views.permute(tape, given, 0, dims - 1, *range(1, dims - 1)) if spatial else given


def _local_response(tape: Tape, size: int, given: TensorView) -> TensorView:
    """Divide by a power of a mean over neighbouring channels: F.local_response_norm."""
    batch, channels, *pixels = given.shape
    squares = ops.times(tape, given, given)
    column = views.view(tape, squares, (batch, 1, channels, *pixels))
    padded = ops.resized(tape, column, (batch, 1, channels + size - 1, *pixels))
    means = ops.resized(tape, padded, column.shape, keeps_input=True)
    means = views.view(tape, means, given.shape)
    powers = ops.elementwise(tape, ops.elementwise(tape, means))
    powers = ops.elementwise(tape, ops.full(tape, powers), keeps_input=True)
    assert prod(powers.shape) == given.numel, "one for each element"
    return ops.over(tape, given, powers)
