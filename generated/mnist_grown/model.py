"""mnist_grown, compiled by archdsl from specs/mnist_grown.arch.

Its width grows.

Change the spec, not this file, and run
    archdsl compile specs/mnist_grown.arch

24,058 parameters for inputs (1, 28, 28).

phase  width  parameters  learned   fixed       MACs
-----  -----  ----------  -------  ------  ---------
    0      4       1,702    1,702       0     77,776
    1      8       6,274    4,742   1,532    296,672
    2     12      13,726    7,782   5,944    656,688
    3     16      24,058   10,822  13,236  1,157,824
"""

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


class MnistGrown(nn.Module):
    """The network: (N, 1, 28, 28) -> (N, 10)."""

    def __init__(self, phase: int = len(WIDTH) - 1) -> None:
        super().__init__()
        width = WIDTH[phase]
        self.stem = Unit(1, width, stride=2)
        self.conv2 = Unit(width, 2 * width, stride=2)
        self.conv3 = Unit(2 * width, 4 * width)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, width, 14, 14)
        x = self.conv2(x)  # (N, 2 * width, 7, 7)
        x = self.conv3(x)  # (N, 4 * width, 7, 7)
        return self.head(x)
