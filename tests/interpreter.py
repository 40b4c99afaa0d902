"""What a network means, computed straight from it: the judge of generated code.

Nothing of archdsl/emit/ is used here: layers are applied with torch's functions, in evaluation
mode, to the tensors of a `state_dict` that are found by name.
"""

import math
from typing import Any, assert_never

import torch
import torch.nn.functional as F  # noqa: N812

from archdsl.ir import layers as ir
from archdsl.ir import schemes
from archdsl.ir.network import (
    MAIN,
    Block,
    Form,
    Join,
    LayerNode,
    Network,
    Part,
    SharedWeight,
    Stage,
)


class Interpreter:
    """Applies a network to an input, with the tensors of a `state_dict`."""

    def __init__(self, network, tensors):
        self.network = network
        self.tensors = tensors
        self.calls = []  # (name, output shape) of the network's direct parts, in order
        self.rates = []  # of stochastic depth, in the order of the data
        self._around = [(None, 0, None)]  # of the blocks: run, places before, rate

    def __call__(self, *given):
        """Return what the network gives for its inputs in evaluation mode, output by output."""
        network = self.network
        held = self._owned(network, "", {})
        beside = {each.map: x for each, x in zip(network.inputs, given, strict=False)}
        maps = self._body(network.body, "", given[0], held, self._note, beside)
        outputs = [each.map for each in network.outputs if not each.in_training]
        return [maps[each] for each in outputs or [MAIN]]

    def _note(self, node, output):
        if not isinstance(node, Join) and not (isinstance(node, LayerNode) and node.implied):
            self.calls.append((node.name, tuple(output.shape[1:])))

    def _owned(self, owner: Network | Stage | Block | Part, name, held):
        """Return where the shared weights are, below this owner."""
        return held | {s.id: _join(name, s.name) for s in owner.owned}

    def _body(self, body, name, x, held, note=lambda _node, _output: None, beside=None):
        """Apply the steps of a body to the maps that they take; others come from outside."""
        maps = {MAIN: x} | (beside or {})
        for step in body:
            node, taken = step.node, [maps[each] for each in step.takes]
            if isinstance(node, Part) and node.in_training:
                continue
            if isinstance(node, Join):
                output = _together(node.operator, taken)
            else:
                beside = _beside(node, taken)
                output = self._apply(node, _join(name, node.name), taken[0], held, 0, beside)
            outputs = output if isinstance(output, list) else [output]
            note(node, outputs[0])
            maps |= dict(zip(step.gives, outputs, strict=True))
        return maps

    def _enter(self, drop, copy):
        """Begin copy `copy` of a block: the places inside it follow those before it."""
        if drop is None:
            self._around.append((None, 0, None))
            return
        run, before, _ = self._around[-1]
        first = drop.first - 1 + copy * drop.places + (before if run == drop.run else 0)
        growing = self.network.drop_runs[drop.run]
        rate = float(growing.rate) * (first + drop.places) / growing.total
        self._around.append((drop.run, first, rate))

    def _apply(self, node, name, x, held, copy=0, beside=None):
        """Apply the node of this name to x; in its body there are others beside it."""
        match node:
            case LayerNode(layer=ir.StochasticDepth(p=rate)):
                self.rates.append(self._around[-1][2] if rate is None else rate)
                return x
            case LayerNode(shared=SharedWeight(id=identity)):
                return self._layer(node.layer, held[identity], x)
            case LayerNode():
                return self._layer(node.layer, name, x)
            case Block(body=body, drop=drop):
                self._enter(drop, copy)
                maps = self._body(body, name, x, self._owned(node, name, held), beside=beside)
                self._around.pop()
                return _given(node, maps)
            case Part(body=body):
                held = self._owned(node, name, held)
                return _given(node, self._body(body, name, x, held, beside=beside))
            case Stage():
                return self._stage(node, name, x, held)
            case _:
                assert_never(node)

    def _stage(self, stage, name, x, held):
        held = self._owned(stage, name, held)
        prefix = _join(name, "blocks") if stage.form is Form.WRITTEN else name
        index = 0
        for item in stage.items:
            for copy in range(item.count):
                x = self._apply(item.node, _join(prefix, str(index)), x, held, copy)
                index += 1
        return x

    def _layer(self, layer, name, x):
        match layer:
            case ir.Conv():
                weight, bias = self._weight(layer, name)
                weight = self._by_scheme(layer, weight, name)
                kept = layer.stride, layer.padding, layer.dilation, layer.groups
                return _of(x, "conv{}d")(x, weight, bias, *kept)
            case ir.ConvTranspose():
                weight, bias = self._weight(layer, name)
                kept = layer.stride, layer.padding, layer.output_padding
                kept = *kept, layer.groups, layer.dilation
                return _of(x, "conv_transpose{}d")(x, weight, bias, *kept)
            case ir.Linear(per_pixel=True):
                weight, bias = self._weight(layer, name)
                return _of(x, "conv{}d")(x, _spread(weight, x), bias)
            case ir.Linear():
                return F.linear(x, *self._weight(layer, name))
            case ir.ChannelConv(kernel_size=size):
                wide = F.pad(x.flatten(1), (size // 2, size // 2)).unfold(1, size, 1)
                return (wide @ self._get(name, "weight").flatten()).view_as(x)
            case ir.BatchNorm():
                names = ("weight", "bias")[: layer.affine * (1 + layer.offset)]
                scale = (self._get(name, each) for each in names)
                moments = self._get(name, "running_mean"), self._get(name, "running_var")
                return F.batch_norm(x, *moments, *scale, eps=layer.eps)
            case ir.LayerNorm():
                scale = [self._get(name, each) for each in ("weight", "bias")[: 1 + layer.bias]]
                found = F.layer_norm(x.movedim(1, -1), (x.shape[1],), *scale, eps=layer.eps)
                return found.movedim(-1, 1)
            case ir.RMSNorm(eps=eps):
                means = x.square().mean(1, keepdim=True)
                return x / (means + eps).sqrt() * _along(self._get(name, "weight"), x)
            case ir.GroupNorm():
                scale = self._get(name, "weight"), self._get(name, "bias")
                return F.group_norm(x, layer.num_groups, *scale, eps=layer.eps)
            case ir.InstanceNorm(affine=affine):
                names = ("weight", "bias") if affine else ()
                scale = {each: self._get(name, each) for each in names}
                return F.instance_norm(x, **scale, eps=layer.eps)
            case ir.GlobalResponseNorm(eps=eps):
                weight, bias = (_along(self._get(name, each), x) for each in ("weight", "bias"))
                norms = _along(x.square().flatten(2).sum(2).sqrt(), x)
                return weight * (x * (norms / (norms.mean(1, keepdim=True) + eps))) + bias + x
            case ir.PReLU():
                return F.prelu(x, self._get(name, "weight"))
            case ir.Scale():
                return x * _along(self._get(name, "weight"), x)
            case ir.LearnedFactor(dims=dims):
                found = self.tensors[name]
                return found.reshape(-1, *[1] * (x.dim() - 2)) if dims else found
            case ir.Offset():
                return x + _along(self._get(name, "bias"), x)
            case _:
                return _plain(layer, x)

    def _weight(self, layer, name):
        if getattr(layer, "columns", ()):
            return self._nested(layer, name)
        return self._get(name, "weight"), self._get(name, "bias") if layer.bias else None

    def _nested(self, layer, name):
        """Return a weight that is kept in columns, with zeros where outputs take no inputs."""
        columns = [f"{name}.columns.{number}" for number in range(len(layer.columns))]
        weights = [self._get(column, "weight") for column in columns]
        inputs = weights[-1].shape[1]
        wide = [
            torch.cat([w, w.new_zeros(len(w), inputs - w.shape[1], *w.shape[2:])], 1)
            for w in weights
        ]
        biases = [self._get(column, "bias") for column in columns] if layer.bias else None
        return torch.cat(wide), None if biases is None else torch.cat(biases)

    def _by_scheme(self, layer, weight, name):
        """Return what the convolution applies, of what it keeps."""
        match layer.scheme:
            case None:
                return weight
            case schemes.Dirac(eps=eps):
                a, b = (_per_filter(self._get(name, each), weight) for each in "ab")
                norms = _per_filter(weight.square().flatten(1).sum(1).sqrt(), weight)
                return a * _delta(layer, weight) + b * weight / norms.clamp(min=eps)
            case schemes.UnnormalizedDirac():
                a = _per_filter(self._get(name, "a"), weight)
                return a * _delta(layer, weight) + weight
            case schemes.BareDirac():
                return _delta(layer, weight) + weight
            case schemes.Binary(scale="constant", gain=gain):
                signs = 1 - 2 * (weight < 0).to(weight.dtype)
                return signs * math.sqrt(gain / weight[0].numel())
            case schemes.Binary():
                means = _per_filter(weight.abs().flatten(1).mean(1), weight)
                return torch.where(weight < 0, -means, means)
            case schemes.Standardized(eps=eps, gain=has_gain):
                centred = weight - _per_filter(weight.flatten(1).mean(1), weight)
                variances = _per_filter(centred.square().flatten(1).mean(1), weight)
                gain = self._get(name, "gain") if has_gain else 1
                fan_in = weight[0].numel() if has_gain else 1
                return gain * centred / (fan_in * (variances + eps)).sqrt()
            case _:
                assert_never(layer.scheme)

    def _get(self, name, tensor):
        return self.tensors[_join(name, tensor)]


def _of(x, name):
    """Return the function of this name for maps such as x."""
    return getattr(F, name.format(x.dim() - 2))


def _along(numbers, x):
    """Return a number for each channel, or one for all, so that it stands at each pixel of x."""
    return numbers.reshape(len(numbers) if numbers.dim() == 2 else 1, -1, *(1 for _ in x.shape[2:]))


def _spread(weight, x):
    """Return a matrix as the weight of a window of one pixel."""
    return weight.reshape(*weight.shape, *(1 for _ in x.shape[2:]))


def _per_filter(numbers, weight):
    """Return a number for each filter of a weight, or one for all."""
    return numbers.reshape(-1, *(1 for _ in weight.shape[1:]))


def _delta(layer, weight):
    """Return 1 where an input channel of a group is passed on to an output channel of it."""
    outputs, inputs = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    period = min(outputs, inputs)
    centre = [size // 2 for size in layer.kernel_size]
    delta = torch.zeros_like(weight)
    for filter_ in range(layer.out_channels):
        for channel in range(inputs):
            output = filter_ % outputs
            tiled = layer.scheme.delta == "tiled" and output % period == channel % period
            if tiled or output == channel:
                delta[(filter_, channel, *centre)] = 1
    return delta


def _join(prefix, name):
    return f"{prefix}.{name}" if prefix else name


def _given(node, maps):
    """Return what a block or part gives: what flows through it, and what it marked for others."""
    found = [maps[MAIN], *(maps[each.map] for each in node.made)]
    return found if len(found) > 1 else found[0]


def _beside(node, taken):
    """Return what a block or part is handed beside what flows through it, by its own names."""
    if len(taken) == 1:
        return None
    return {each.map: x for each, x in zip(node.given, taken[1:], strict=True)}


def _together(operator, found):
    total = found[0]
    if operator == "concat":
        return torch.cat(found, 1)
    for other in found[1:]:
        total = total + other if operator == "sum" else total * other
    return total


def _plain(layer, x):
    """Apply a layer that keeps nothing."""
    match layer:
        case ir.LocalResponseNorm():
            return F.local_response_norm(x, layer.size, layer.alpha, layer.beta, layer.k)
        case ir.Pool(kind=ir.PoolKind.MAX):
            window = layer.kernel_size, layer.stride, layer.padding, layer.dilation
            return _of(x, "max_pool{}d")(x, *window, ceil_mode=layer.ceil_mode)
        case ir.Pool():
            window = layer.kernel_size, layer.stride, layer.padding
            return _of(x, "avg_pool{}d")(x, *window, layer.ceil_mode, layer.count_include_pad)
        case ir.AdaptivePool(kind=kind, output_size=size):
            word = "max" if kind is ir.PoolKind.MAX else "avg"
            return _of(x, f"adaptive_{word}_pool{{}}d")(x, size)
        case ir.Activation(approximate=True):
            return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        case ir.Softmax(over=over, parts=parts):
            shape = {"channels": (1, -1), "pixels": (x.shape[1], -1), "branches": (parts, -1)}[over]
            apart, dim = x.reshape(len(x), *shape), 2 if over == "pixels" else 1
            if over == "channels":
                apart, dim = x, 1
            powers = (apart - apart.amax(dim, keepdim=True)).exp()
            return (powers / powers.sum(dim, keepdim=True)).view_as(x)
        case ir.Activation(kind=kind, slope=slope):
            function: Any = torch.tanh if kind == "tanh" else getattr(F, kind)
            return function(x) if slope is None else function(x, slope)
        case ir.NCReLU():
            return torch.cat((x * (x > 0), x * (x < 0)), 1)
        case ir.PadChannels(out_channels=channels):
            zeros = x.new_zeros(len(x), channels - x.shape[1], *x.shape[2:])
            return torch.cat((x, zeros), 1)
        case ir.Dropout() | ir.StochasticDepth():
            return x
        case ir.Flatten():
            return x.flatten(1)
        case ir.Pad(before=before, behind=behind, mode=mode):
            mode = "constant" if mode == "zeros" else mode
            sides = [n for pair in zip(before[::-1], behind[::-1], strict=True) for n in pair]
            return F.pad(x, sides, mode=mode)
        case ir.ChannelShuffle(groups=groups):
            grouped = x.unflatten(1, (groups, x.shape[1] // groups))
            return grouped.transpose(1, 2).flatten(1, 2)
        case ir.ChannelSplit(parts=parts, part=part):
            return x.chunk(parts, 1)[part]
        case ir.ChannelSlice(start=start, stop=stop):
            return x.narrow(1, start, stop - start)
        case ir.Upsample(factor=factor, size=size, mode=mode, align_corners=corners):
            corners = None if mode == "nearest" else corners
            size = size or [factor * n for n in x.shape[2:]]
            return F.interpolate(x, size, mode=str(mode), align_corners=corners)
        case ir.SamePad():
            return _same_padded(layer, x)
        case ir.Blur(kernel_size=size, stride=stride):
            row = torch.tensor([math.comb(size - 1, i) for i in range(size)], dtype=x.dtype)
            row = row / row.sum()
            wide = F.pad(x, ((size - 1) // 2, size // 2) * (x.dim() - 2), mode="reflect")
            weight = torch.ones((), dtype=x.dtype)
            for _ in x.shape[2:]:
                weight = weight[..., None] * row
            weight = weight.expand(x.shape[1], 1, *weight.shape)
            return _of(x, "conv{}d")(wide, weight, stride=stride, groups=x.shape[1])
        case ir.PixelUnshuffle(factor=factor):
            apart = x.unflatten(2, (-1, factor)).unflatten(4, (-1, factor))
            return apart.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
        case ir.PixelShuffle(factor=factor):
            return F.pixel_shuffle(x, factor)
        case ir.Factor(value=value):
            return x * value
        case _:
            message = f"{layer} has no rule here"
            raise AssertionError(message)


def _same_padded(layer, x):
    """Pad as TensorFlow's SAME: outputs are ceil(size / stride), what is odd is at the end."""
    sides = []
    for axis in reversed(range(len(layer.stride))):
        size, stride = x.shape[2 + axis], layer.stride[axis]
        reach = layer.dilation[axis] * (layer.kernel_size[axis] - 1) + 1
        total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides, value=-math.inf if layer.of_maxima else 0.0)
