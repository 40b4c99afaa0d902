"""shufflenet_v2, compiled by archdsl from specs/shufflenet_v2.arch.

Arguments: width = 1.0, classes = 1000.

Change the spec, not this file, and run
    archdsl compile specs/shufflenet_v2.arch

2,278,604 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


class ChannelSplit(nn.Module):
    """Slice number `part`, from 0, of `parts` equal slices of the channels."""

    def __init__(self, parts: int, part: int) -> None:
        super().__init__()
        self.parts = parts
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        return x.chunk(self.parts, dim=1)[self.part]


class ShuffleStride2(nn.Module):
    """Branches, concatenated: depthwise conv3x3, conv1x1 | conv1x1, depthwise conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        half = width // 2
        self.branch1 = nn.Sequential(
            nn.Conv2d(
                in_channels,
                in_channels,
                kernel_size=3,
                stride=stride,
                padding=1,
                groups=in_channels,
                bias=False,
            ),
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, half, kernel_size=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )
        self.branch2 = nn.Sequential(
            nn.Conv2d(in_channels, half, kernel_size=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, kernel_size=3, stride=stride, padding=1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, kernel_size=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )
        self.channel_shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.channel_shuffle(torch.cat([self.branch1(x), self.branch2(x)], dim=1))


class Shuffle(nn.Module):
    """Branches, concatenated: channel_split | conv1x1, depthwise conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, in_channels, H, W)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        half = width // 2
        self.branch1 = nn.Sequential(ChannelSplit(2, 0))
        self.branch2 = nn.Sequential(
            ChannelSplit(2, 1),
            nn.Conv2d(in_channels // 2, half, kernel_size=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, kernel_size=3, stride=stride, padding=1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, kernel_size=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )
        self.channel_shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.channel_shuffle(torch.cat([self.branch1(x), self.branch2(x)], dim=1))


class ShufflenetV2(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 24, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        self.stage2 = nn.Sequential(
            ShuffleStride2(24, 116, stride=2), *(Shuffle(116, 116) for _ in range(3))
        )
        self.stage3 = nn.Sequential(
            ShuffleStride2(116, 232, stride=2), *(Shuffle(232, 232) for _ in range(7))
        )
        self.stage4 = nn.Sequential(
            ShuffleStride2(232, 464, stride=2), *(Shuffle(464, 464) for _ in range(3))
        )
        self.head = nn.Sequential(
            nn.Conv2d(464, 1024, kernel_size=1, bias=False),
            nn.BatchNorm2d(1024),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(1024, 1000),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 24, 56, 56)
        x = self.stage2(x)  # (N, 116, 28, 28)
        x = self.stage3(x)  # (N, 232, 14, 14)
        x = self.stage4(x)  # (N, 464, 7, 7)
        return self.head(x)
