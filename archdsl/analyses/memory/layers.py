"""What the module of a layer does in training: the operations of its class in generated code.

The classes are those of torch.nn, and `emit/templates/model/`.
"""

from typing import assert_never

from archdsl.analyses.memory import operations as ops
from archdsl.analyses.memory import views
from archdsl.analyses.memory.normalization import normalization
from archdsl.analyses.memory.tape import Tape, TensorView
from archdsl.analyses.memory.weights import AppliedWeight, applied, parameters
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    AdaptivePool,
    BatchNorm,
    Blur,
    ChannelConv,
    ChannelShuffle,
    ChannelSlice,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Dropout,
    Factor,
    Flatten,
    GlobalResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LearnedFactor,
    Linear,
    LocalResponseNorm,
    NCReLU,
    Offset,
    Pad,
    PadChannels,
    PadMode,
    PixelShuffle,
    PixelUnshuffle,
    Pool,
    PoolKind,
    PReLU,
    RMSNorm,
    SamePad,
    Scale,
    Softmax,
    SoftmaxOver,
    StochasticDepth,
    Upsample,
    Weighted,
)
from archdsl.ir.network import LayerNode
from archdsl.ir.numbers import Literal


def apply(
    tape: Tape,
    node: LayerNode,
    given: TensorView,
    shared: AppliedWeight | None,
    *,
    in_place: bool,
    in_sequence: bool,
) -> TensorView:
    """Apply a layer, which may be a member of an nn.Sequential; `shared` is a weight it borrows."""
    layer, learns = node.layer, not node.frozen and tape.setting.training
    shape = (tape.setting.batch, *node.output.shape)
    match layer:
        case Conv() | ConvTranspose() | Linear():
            if shared is None and isinstance(layer, Conv | Linear) and layer.columns:
                return _nested(tape, layer, given, shape, learns=learns)
            weight = shared or applied(tape, layer, learns=learns)
            return _weighted(tape, layer, given, weight, shape)
        case BatchNorm() | LayerNorm() | RMSNorm() | GroupNorm() | InstanceNorm():
            return normalization(tape, layer, given, learns=learns, frozen=node.frozen)
        case LocalResponseNorm() | GlobalResponseNorm():
            return normalization(tape, layer, given, learns=learns, frozen=node.frozen)
        case Pool(kind=PoolKind.MAX) | AdaptivePool(kind=PoolKind.MAX):
            return ops.largest(tape, given, shape)
        case Pool():
            return ops.resized(tape, given, shape, keeps_input=True)
        case AdaptivePool(output_size=size):
            is_mean = all(each == 1 for each in size)
            return ops.resized(tape, given, shape, keeps_input=not is_mean)
        case Activation():
            return _activation(tape, layer.kind, given, in_place=in_place)
        case NCReLU():
            parts = [ops.elementwise(tape, given, keeps_input=True) for _ in range(2)]
            return ops.concatenate(tape, parts)
        case PReLU():
            slope = parameters(tape, layer, learns=learns)["weight"]
            given, slope = ops.lower(tape, given), ops.lower(tape, slope)
            return _with_slope(tape, given, slope)
        case Softmax(over=over, parts=parts):
            return _softmax(tape, over, parts, ops.full(tape, given))
        case Dropout(p=p, channels=channels):
            if node.frozen or not tape.setting.training:
                return given
            noise = (*shape[:2], *(1 for _ in shape[2:])) if channels else shape
            return ops.dropout(tape, given, p, noise)
        case StochasticDepth():
            if node.frozen or not tape.setting.training or (in_sequence and _is_idle(node, layer)):
                return given
            per_example = (shape[0], *(1 for _ in shape[1:]))
            noise = ops.constant(tape, per_example, given.itemsize)
            return ops.times(tape, given, noise)
        case Flatten():
            return views.view(tape, given, shape)
        case Scale() | LearnedFactor() | Offset():
            return _spread(tape, layer, given, learns=learns)
        case Factor():
            return ops.elementwise(tape, given)
        case _:
            return _moved(tape, layer, given, shape, learns=learns)


def _is_idle(node: LayerNode, layer: StochasticDepth) -> bool:
    """Whether an nn.Sequential leaves it out."""
    exprs = (expr for each in node.written if each.field == "p" for expr in each.exprs)
    return layer.p == 0 and all(isinstance(expr, Literal) for expr in exprs)


def _weighted(
    tape: Tape,
    layer: Weighted,
    given: TensorView,
    applied: AppliedWeight,
    shape: tuple[int, ...],
) -> TensorView:
    weight, bias = applied.weight, applied.bias
    match layer:
        case Linear(per_pixel=True):
            dims = len(given.shape)
            rows = views.permute(tape, given, 0, *range(2, dims), 1)
            found = ops.linear(tape, rows, weight, bias)
            return views.permute(tape, found, 0, dims - 1, *range(1, dims - 1))
        case Linear():
            return ops.linear(tape, given, weight, bias)
        case Conv() | ConvTranspose():
            return ops.convolution(tape, given, weight, bias, shape)
        case _:
            assert_never(layer)


def _nested(
    tape: Tape, layer: Conv | Linear, given: TensorView, shape: tuple[int, ...], *, learns: bool
) -> TensorView:
    """Apply a layer of a nested network, column by column."""
    found = parameters(tape, layer, learns=learns)
    made: list[TensorView] = []
    for number, (inputs, outputs) in enumerate(layer.columns):
        weight, bias = (found.get(f"columns.{number}.{name}") for name in ("weight", "bias"))
        assert weight is not None, "each column has one"
        column = AppliedWeight(weight, bias)
        taken = views.narrow(tape, given, inputs)
        made.append(_weighted(tape, layer, taken, column, (shape[0], outputs, *shape[2:])))
    return ops.concatenate(tape, made)


def _activation(
    tape: Tape, kind: ActivationKind, given: TensorView, *, in_place: bool
) -> TensorView:
    match kind:
        case ActivationKind.RELU if in_place:
            return ops.in_place(tape, given)
        case ActivationKind.RELU6 if in_place:
            if given.learns:  # its derivative is one of the input, of which PyTorch keeps a copy
                tape.keep(tape.make(given.shape, itemsize=given.itemsize))
            return ops.in_place(tape, given, keeps_result=False)
        case ActivationKind.RELU | ActivationKind.SIGMOID | ActivationKind.TANH:
            return ops.elementwise(tape, given, keeps_result=True)
        case ActivationKind.LOGSIGMOID:
            if given.learns and not tape.setting.on_gpu:
                tape.keep(tape.make(given.shape, itemsize=given.itemsize))  # exponentials
            return ops.elementwise(tape, given, keeps_input=True)
        case ActivationKind.SOFTPLUS:
            return ops.elementwise(tape, ops.full(tape, given), keeps_input=True)
        case ActivationKind.SOFTSIGN:
            below = ops.elementwise(tape, given, keeps_input=True)  # x / (|x| + 1)
            return ops.over(tape, given, ops.elementwise(tape, below))
        case _:
            return ops.elementwise(tape, given, keeps_input=True)


def _with_slope(tape: Tape, given: TensorView, slope: TensorView) -> TensorView:
    """Apply a rectifier with a learned slope; it keeps its input and the slope."""
    if given.learns or slope.learns:
        tape.keep(given, slope)
    dims = (1,) * (len(given.shape) - 2)
    slope = views.view(tape, slope, (slope.numel, *dims))
    return ops.plus(tape, given, slope)


def _softmax(tape: Tape, over: SoftmaxOver, parts: int, given: TensorView) -> TensorView:
    batch, channels, *size = given.shape
    match over:
        case SoftmaxOver.CHANNELS:
            return ops.elementwise(tape, given, keeps_result=True)
        case SoftmaxOver.PIXELS:
            flat = (batch, channels, given.numel // max(batch * channels, 1))
        case SoftmaxOver.BRANCHES:
            flat = (batch, parts, channels // parts, *size)
        case _:
            assert_never(over)
    found = ops.elementwise(tape, views.view(tape, given, flat), keeps_result=True)
    return views.view(tape, found, given.shape)


def _spread(
    tape: Tape, layer: Scale | LearnedFactor | Offset, given: TensorView, *, learns: bool
) -> TensorView:
    (weight,) = parameters(tape, layer, learns=learns).values()
    if isinstance(layer, LearnedFactor):
        return weight
    weight = views.view(tape, weight, (weight.numel, *(1 for _ in given.shape[2:])))
    if isinstance(layer, Offset):
        return ops.plus(tape, given, weight)
    return ops.times(tape, given, weight)


def _moved(
    tape: Tape,
    layer: Pad
    | SamePad
    | PadChannels
    | ChannelShuffle
    | ChannelSplit
    | ChannelSlice
    | Upsample
    | Blur
    | PixelShuffle
    | PixelUnshuffle
    | ChannelConv,
    given: TensorView,
    shape: tuple[int, ...],
    *,
    learns: bool,
) -> TensorView:
    match layer:
        case Pad(mode=mode):
            return ops.resized(tape, given, shape, keeps_input=mode is not PadMode.ZEROS)
        case SamePad() | PadChannels() | Upsample():
            return ops.resized(tape, given, shape)
        case ChannelSplit() | ChannelSlice():
            return views.narrow(tape, given, shape[1])
        case ChannelShuffle() | PixelShuffle() | PixelUnshuffle():
            return ops.moved(tape, given, shape, range(len(shape)))
        case Blur(kernel_size=kernel):
            border = kernel - 1
            sizes = [[n + border - turn for n in given.shape[2:]] for turn in range(border)]
            found = given
            for size in sizes:
                found = ops.resized(tape, found, (*shape[:2], *size), keeps_input=True)
            return ops.resized(tape, found, shape, keeps_input=True)
        case ChannelConv():
            weight = applied(tape, layer, learns=learns)
            channels = given.shape[1]
            line = views.view(tape, given, (given.shape[0], 1, channels))
            found = ops.convolution(tape, line, weight.weight, None, line.shape)
            return views.view(tape, found, given.shape)
        case _:
            assert_never(layer)
