"""shufflenet_v2, compiled by archdsl from specs/shufflenet_v2.arch.

Compiled for width = 1.0; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/shufflenet_v2.arch

2,278,604 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


class Shuffle(nn.Module):
    """Branches, concatenated: depthwise conv3x3, conv1x1 | conv1x1, depthwise conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, 2 * half, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        half = width // 2
        self.splits = stride == 1
        layers: list[nn.Module] = []
        if not self.splits:
            layers += [
                nn.Conv2d(
                    in_channels,
                    in_channels,
                    3,
                    stride=stride,
                    padding=1,
                    groups=in_channels,
                    bias=False,
                ),
                nn.BatchNorm2d(in_channels),
                nn.Conv2d(in_channels, half, 1, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(inplace=True),
            ]
        self.branch1 = nn.Sequential(*layers)
        self.branch2 = nn.Sequential(
            nn.Conv2d(in_channels // 2 if stride == 1 else in_channels, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, 3, stride=stride, padding=1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )
        self.channel_shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        out = x.chunk(2, dim=1)[0] if self.splits else x
        out2 = x.chunk(2, dim=1)[1] if self.splits else x
        return self.channel_shuffle(torch.cat([self.branch1(out), self.branch2(out2)], dim=1))


class ShufflenetV2(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(inplace=True),
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stage2 = nn.Sequential(
            Shuffle(24, 116, stride=2), *(Shuffle(116, 116) for _ in range(3))
        )
        self.stage3 = nn.Sequential(
            Shuffle(116, 232, stride=2), *(Shuffle(232, 232) for _ in range(7))
        )
        self.stage4 = nn.Sequential(
            Shuffle(232, 464, stride=2), *(Shuffle(464, 464) for _ in range(3))
        )
        self.conv5 = nn.Sequential(
            nn.Conv2d(464, 1024, 1, bias=False), nn.BatchNorm2d(1024), nn.ReLU(inplace=True)
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(1024, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 24, 112, 112)
        x = self.maxpool(x)  # (N, 24, 56, 56)
        x = self.stage2(x)  # (N, 116, 28, 28)
        x = self.stage3(x)  # (N, 232, 14, 14)
        x = self.stage4(x)  # (N, 464, 7, 7)
        x = self.conv5(x)  # (N, 1024, 7, 7)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 1024)
        return self.fc(x)
