"""densenet, compiled by archdsl from specs/densenet.arch.

Compiled for depth = 121; growth and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/densenet.arch

7,978,856 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


class Dense(nn.Module):
    """Conv1x1, conv3x3, concatenated to the input.

    (N, in_channels, H, W) -> (N, in_channels + growth, H, W)
    """

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.branch1 = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.branch1(x)], dim=1)


class Transition(nn.Module):
    """Bn, relu, conv1x1, avgpool.

    (N, in_channels, H, W) -> (N, in_channels // 2, H / 2, W / 2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)
        self.avgpool = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(x))
        x = self.conv1(x)
        return self.avgpool(x)


class Densenet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, growth: int = 32, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 2 * growth, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(2 * growth),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.dense1 = nn.Sequential(*(Dense(2 * growth + growth * i, growth) for i in range(6)))
        self.transition1 = Transition(8 * growth)
        self.dense2 = nn.Sequential(*(Dense(4 * growth + growth * i, growth) for i in range(12)))
        self.transition2 = Transition(16 * growth)
        self.dense3 = nn.Sequential(*(Dense(8 * growth + growth * i, growth) for i in range(24)))
        self.transition3 = Transition(32 * growth)
        self.dense4 = nn.Sequential(*(Dense(16 * growth + growth * i, growth) for i in range(16)))
        self.head = nn.Sequential(
            nn.BatchNorm2d(32 * growth),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32 * growth, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.dense1(x)  # (N, 8 * growth, 56, 56)
        x = self.transition1(x)  # (N, 4 * growth, 28, 28)
        x = self.dense2(x)  # (N, 16 * growth, 28, 28)
        x = self.transition2(x)  # (N, 8 * growth, 14, 14)
        x = self.dense3(x)  # (N, 32 * growth, 14, 14)
        x = self.transition3(x)  # (N, 16 * growth, 7, 7)
        x = self.dense4(x)  # (N, 32 * growth, 7, 7)
        return self.head(x)
