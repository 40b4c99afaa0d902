"""mnist_nested, compiled by archdsl from specs/mnist_nested.arch.

Its width grows.

Change the spec, not this file, and run
    archdsl compile specs/mnist_nested.arch

15,418 parameters for inputs (1, 28, 28).

phase  width  parameters  learned  fixed     MACs
-----  -----  ----------  -------  -----  -------
    0      4       1,702    1,702      0   77,776
    1      8       4,834    3,132  1,702  226,112
    2     12       9,406    4,572  4,834  445,008
    3     16      15,418    6,012  9,406  734,464
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = (4, 8, 12, 16)


class PartlyFixedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalization, of which some channels stay as in evaluation: (N, C, H, W).

    They are `fixed`, in ranges: from, and up to but not including. What is to learn of the scale
    and the offset is the optimizer's business.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        offset: bool = True,
        fixed: tuple[tuple[int, int], ...] = (),
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)
        if not offset:
            self.register_parameter("bias", None)
        self.fixed = fixed

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not self.fixed:
            return super().forward(input)
        if self.fixed == ((0, self.num_features),):  # all of them
            return self.normalized(input, slice(None), training=False)
        self.num_batches_tracked.add_(1)
        pieces, start = [], 0
        for first, end in (*self.fixed, (self.num_features, self.num_features)):
            for a, b, training in ((start, first, True), (first, end, False)):
                if a < b:
                    pieces.append(self.normalized(input[:, a:b], slice(a, b), training=training))
            start = end
        return torch.cat(pieces, 1)

    def normalized(self, input: Tensor, these: slice, *, training: bool) -> Tensor:
        """Normalize some of the channels, by moments of the batch or by those that are kept."""
        weight = None if self.weight is None else self.weight[these]
        bias = None if self.bias is None else self.bias[these]
        # copies: compiled for a CPU, batch normalization spoils parts of moments (torch 2.13)
        mean, var = self.running_mean[these].clone(), self.running_var[these].clone()
        made = F.batch_norm(input, mean, var, weight, bias, training, self.momentum, self.eps)
        if training:
            self.running_mean[these], self.running_var[these] = mean, var
        return made


Column: TypeAlias = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear  # what can be in columns


class Nested(nn.Module):
    """A convolution or linear layer in columns, one for each growth: (N, C, ..) -> (N, C', ..).

    A column takes the channels that there were when it was added. So the outputs of a phase take
    nothing from what is added later, and stay what they are.
    """

    def __init__(self, columns: list[Column]) -> None:
        super().__init__()
        self.columns = nn.ModuleList(columns)
        self.inputs = [column.weight.shape[1] for column in columns]
        self.outputs = [column.weight.shape[0] for column in columns]
        self.num_fixed = 0  # first columns that are fixed: there is no backward pass through them
        self.held: Tensor | None = None  # what these give for a batch, where that is known

    def forward(self, x: Tensor) -> Tensor:
        made = [] if self.held is None else [self.held]
        for number, (column, inputs) in enumerate(zip(self.columns, self.inputs, strict=True)):
            if number >= self.num_fixed:
                made.append(column(x[:, :inputs]))
            elif self.held is None:
                with torch.no_grad():
                    made.append(column(x[:, :inputs]))
        return torch.cat(made, 1)


def nest(network: nn.Module, build: Callable[[int], nn.Module], phases: int, phase: int) -> None:
    """Put the layers of a network whose outputs grow in columns, those up to a phase.

    `build` makes the network of any phase with layers as they are.
    """
    with torch.device("meta"):
        known = [dict(build(each).named_modules()) for each in range(phases)]
    for name, module in list(network.named_modules()):
        sizes = [size_of(each.get(name)) for each in known]
        if not isinstance(module, Column) or len({*sizes} - {(0, 0)}) < 2:
            continue
        columns, before = [], 0
        for outputs, inputs in sizes[: phase + 1]:
            if outputs > before:
                columns.append(column(module, inputs, outputs - before))
                before = outputs
        if len({outputs for outputs, _ in sizes} - {0}) > 1:
            network.set_submodule(name, Nested(columns))


def size_of(layer: nn.Module | None) -> tuple[int, int]:
    """Return the numbers of outputs and inputs of a layer; 0 where it cannot be in columns."""
    if isinstance(layer, nn.Linear):
        return layer.out_features, layer.in_features
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and layer.groups == 1:
        return layer.out_channels, layer.in_channels
    return 0, 0


def column(layer: Column, inputs: int, outputs: int) -> Column:
    """Return a layer like this one, with other numbers of channels."""
    if isinstance(layer, nn.Linear):
        return nn.Linear(inputs, outputs, bias=layer.bias is not None)
    geometry: Any = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    return type(layer)(inputs, outputs, *geometry, bias=layer.bias is not None)


class Unit(nn.Module):
    """Conv3x3, bn, relu.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = PartlyFixedBatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn1(self.conv1(x)))


class MnistNested(nn.Module):
    """The network: (N, 1, 28, 28) -> (N, 10)."""

    def __init__(self, phase: int = len(WIDTH) - 1, nested: bool = True) -> None:
        super().__init__()
        width = WIDTH[phase]
        self.stem = Unit(1, width, stride=2)
        self.conv2 = Unit(width, 2 * width, stride=2)
        self.conv3 = Unit(2 * width, 4 * width)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10))
        if nested:
            # old channels take no input from new ones
            nest(self, lambda each: MnistNested(each, nested=False), len(WIDTH), phase)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, width, 14, 14)
        x = self.conv2(x)  # (N, 2 * width, 7, 7)
        x = self.conv3(x)  # (N, 4 * width, 7, 7)
        return self.head(x)
