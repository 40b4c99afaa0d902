"""squeezenet, compiled by archdsl from specs/squeezenet.arch.

Its argument classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/squeezenet.arch

1,235,496 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


class Fire(nn.Module):
    """Conv1x1, conv1x1, conv3x3.

    (N, in_channels, H, W) -> (N, 2 * expand, H, W)
    """

    def __init__(self, in_channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, squeeze, 1)
        self.relu = nn.ReLU(inplace=True)
        self.branch1 = nn.Sequential(nn.Conv2d(squeeze, expand, 1), nn.ReLU(inplace=True))
        self.branch2 = nn.Sequential(
            nn.Conv2d(squeeze, expand, 3, padding=1), nn.ReLU(inplace=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))
        return torch.cat([self.branch1(x), self.branch2(x)], dim=1)


class Squeezenet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.fire2 = nn.Sequential(Fire(64, 16, expand=64), Fire(128, 16, expand=64))
        self.fire4 = nn.Sequential(Fire(128, 32, expand=128), Fire(256, 32, expand=128))
        self.fire6 = nn.Sequential(
            Fire(256, 48, expand=192),
            Fire(384, 48, expand=192),
            Fire(384, 64, expand=256),
            Fire(512, 64, expand=256),
        )
        self.head = nn.Sequential(
            nn.Dropout(0.5),
            nn.Conv2d(512, classes, 1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))  # (N, 64, 111, 111)
        x = self.maxpool(x)  # (N, 64, 55, 55)
        x = self.fire2(x)  # (N, 128, 55, 55)
        x = self.maxpool(x)  # (N, 128, 27, 27)
        x = self.fire4(x)  # (N, 256, 27, 27)
        x = self.maxpool(x)  # (N, 256, 13, 13)
        x = self.fire6(x)  # (N, 512, 13, 13)
        return torch.flatten(self.head(x), 1)
