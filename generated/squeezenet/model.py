"""squeezenet, compiled by archdsl from specs/squeezenet.arch.

Compiled for version = 1.1; classes may be given.

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
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.relu = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.squeeze(x))
        return torch.cat([self.relu(self.expand1x1(x)), self.relu(self.expand3x3(x))], dim=1)


class Squeezenet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(64, 16, expand=64),
            Fire(128, 16, expand=64),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(128, 32, expand=128),
            Fire(256, 32, expand=128),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(256, 48, expand=192),
            Fire(384, 48, expand=192),
            Fire(384, 64, expand=256),
            Fire(512, 64, expand=256),
        )
        self.classifier = nn.Sequential(
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
        x = self.features(x)  # (N, 512, 13, 13)
        return torch.flatten(self.classifier(x), 1)
