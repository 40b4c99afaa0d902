"""plain_net, compiled by archdsl from specs/plain.arch.

Its arguments depth, k and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/plain.arch

3,693,098 parameters for inputs (3, 32, 32).
"""

import torch
from torch import Tensor, nn


class NCReLU(nn.Module):
    """The positive part, then the negative part: (N, C, ..) -> (N, 2 * C, ..)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.clamp(min=0), x.clamp(max=0)), dim=1)


class Layer(nn.Module):
    """Ncrelu, conv3x3, bn.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.ncrelu = NCReLU()
        self.conv1 = nn.Conv2d(2 * in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ncrelu(x)
        return self.bn1(self.conv1(x))


class PlainNet(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, depth: int = 34, k: int = 2, classes: int = 10) -> None:
        super().__init__()
        if (depth - 4) % 6 != 0:
            raise ValueError("depth must be 6n + 4")
        n = (depth - 4) // 6
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16 * k, 3, padding=1, bias=False),
            nn.BatchNorm2d(16 * k),
            nn.ReLU(inplace=True),
        )
        self.group1 = nn.Sequential(*(Layer(16 * k, 16 * k) for _ in range(2 * n)))
        self.maxpool = nn.MaxPool2d(2)
        self.group2 = nn.Sequential(
            Layer(16 * k, 32 * k), *(Layer(32 * k, 32 * k) for _ in range(2 * n - 1))
        )
        self.group3 = nn.Sequential(
            Layer(32 * k, 64 * k), *(Layer(64 * k, 64 * k) for _ in range(2 * n - 1))
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64 * k, classes))
        # He initialization of the weights; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        # scales of batch normalization begin between 0 and 1, as in Torch of 2016
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and module.affine:
                nn.init.uniform_(module.weight)
        # biases begin at 0
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.group1(x)  # (N, 16 * k, 32, 32)
        x = self.maxpool(x)
        x = self.group2(x)  # (N, 32 * k, 16, 16)
        x = self.maxpool(x)
        x = self.group3(x)  # (N, 64 * k, 8, 8)
        return self.head(x)
