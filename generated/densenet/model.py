"""densenet, compiled by archdsl from specs/densenet.arch.

Compiled for depth = 121; growth and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/densenet.arch

7,978,856 parameters for inputs (3, 224, 224).
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Dense(nn.Module):
    """Conv1x1, conv3x3, concatenated to the input.

    (N, in_channels, H, W) -> (N, in_channels + growth, H, W)
    """

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(x))
        out = self.relu(self.norm2(self.conv1(out)))
        return torch.cat([x, self.conv2(out)], dim=1)


class Transition(nn.Sequential):
    """Bn, relu, conv1x1, avgpool.

    (N, in_channels, H, W) -> (N, in_channels // 2, H / 2, W / 2)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__(
            OrderedDict(
                norm=nn.BatchNorm2d(in_channels),
                relu1=nn.ReLU(inplace=True),
                conv=nn.Conv2d(in_channels, in_channels // 2, 1, bias=False),
                avgpool1=nn.AvgPool2d(2),
            )
        )


class Densenet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, growth: int = 32, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, 2 * growth, 7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(2 * growth),
                relu1=nn.ReLU(inplace=True),
                maxpool1=nn.MaxPool2d(3, stride=2, padding=1),
                denseblock1=nn.Sequential(
                    OrderedDict(
                        [
                            (f"denselayer{i + 1}", Dense(2 * growth + growth * i, growth))
                            for i in range(6)
                        ]
                    )
                ),
                transition1=Transition(8 * growth),
                denseblock2=nn.Sequential(
                    OrderedDict(
                        [
                            (f"denselayer{i + 1}", Dense(4 * growth + growth * i, growth))
                            for i in range(12)
                        ]
                    )
                ),
                transition2=Transition(16 * growth),
                denseblock3=nn.Sequential(
                    OrderedDict(
                        [
                            (f"denselayer{i + 1}", Dense(8 * growth + growth * i, growth))
                            for i in range(24)
                        ]
                    )
                ),
                transition3=Transition(32 * growth),
                denseblock4=nn.Sequential(
                    OrderedDict(
                        [
                            (f"denselayer{i + 1}", Dense(16 * growth + growth * i, growth))
                            for i in range(16)
                        ]
                    )
                ),
                norm5=nn.BatchNorm2d(32 * growth),
            )
        )
        self.relu = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(32 * growth, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 32 * growth, 7, 7)
        x = self.relu(x)
        x = torch.flatten(self.avgpool(x), 1)
        return self.classifier(x)
