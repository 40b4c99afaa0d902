"""resnext, compiled by archdsl from specs/resnext.arch.

Compiled for depth = 50; groups, group_width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/resnext.arch

25,028,904 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


class Aggregated(nn.Module):
    """Residual block: conv, conv, conv.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, inner: int, width: int, groups: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class Resnext(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, groups: int = 32, group_width: int = 4, classes: int = 1000) -> None:
        super().__init__()
        inner = groups * group_width
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(
            Aggregated(64, inner, width=256, groups=groups),
            *(Aggregated(256, inner, width=256, groups=groups) for _ in range(2)),
        )
        self.layer2 = nn.Sequential(
            Aggregated(256, 2 * inner, width=512, groups=groups, stride=2),
            *(Aggregated(512, 2 * inner, width=512, groups=groups) for _ in range(3)),
        )
        self.layer3 = nn.Sequential(
            Aggregated(512, 4 * inner, width=1024, groups=groups, stride=2),
            *(Aggregated(1024, 4 * inner, width=1024, groups=groups) for _ in range(5)),
        )
        self.layer4 = nn.Sequential(
            Aggregated(1024, 8 * inner, width=2048, groups=groups, stride=2),
            *(Aggregated(2048, 8 * inner, width=2048, groups=groups) for _ in range(2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))  # (N, 64, 112, 112)
        x = self.maxpool(x)  # (N, 64, 56, 56)
        x = self.layer1(x)  # (N, 256, 56, 56)
        x = self.layer2(x)  # (N, 512, 28, 28)
        x = self.layer3(x)  # (N, 1024, 14, 14)
        x = self.layer4(x)  # (N, 2048, 7, 7)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 2048)
        return self.fc(x)
