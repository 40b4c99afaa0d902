"""regnet, compiled by archdsl from specs/regnet.arch.

Compiled for kind = y, mega = 400; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/regnet.arch

4,344,144 parameters for inputs (3, 224, 224).
"""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Conv1x1, conv1x1, multiplied with the input.

    (N, in_channels, H, W) -> (N, in_channels, H, W)
    """

    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(in_channels, squeeze, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(squeeze, in_channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        out = self.avgpool(x)
        out = self.relu(self.fc1(out))
        return x * self.sigmoid(self.fc2(out))


class Unit(nn.Module):
    """Residual block: conv1x1, conv3x3, SqueezeExcite, conv1x1.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, group: int, stride: int = 1) -> None:
        super().__init__()
        squeeze = math.floor(0.25 * in_channels + 0.5)
        self.proj = (
            nn.Sequential(
                nn.Conv2d(in_channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )
        self.f = nn.Sequential(
            OrderedDict(
                a=nn.Sequential(
                    nn.Conv2d(in_channels, width, 1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ),
                b=nn.Sequential(
                    nn.Conv2d(
                        width, width, 3, stride=stride, padding=1, groups=width // group, bias=False
                    ),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ),
                se=SqueezeExcite(width, squeeze),
                c=nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)),
            )
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.f(x) + self.proj(x))


class Regnet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        )
        self.trunk_output = nn.Sequential(
            OrderedDict(
                block1=nn.Sequential(OrderedDict([("block1-0", Unit(32, 48, group=8, stride=2))])),
                block2=nn.Sequential(
                    OrderedDict(
                        [
                            ("block2-0", Unit(48, 104, group=8, stride=2)),
                            ("block2-1", Unit(104, 104, group=8)),
                            ("block2-2", Unit(104, 104, group=8)),
                        ]
                    )
                ),
                block3=nn.Sequential(
                    OrderedDict(
                        [
                            ("block3-0", Unit(104, 208, group=8, stride=2)),
                            *((f"block3-{i + 1}", Unit(208, 208, group=8)) for i in range(5)),
                        ]
                    )
                ),
                block4=nn.Sequential(
                    OrderedDict(
                        [
                            ("block4-0", Unit(208, 440, group=8, stride=2)),
                            *((f"block4-{i + 1}", Unit(440, 440, group=8)) for i in range(5)),
                        ]
                    )
                ),
            )
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(440, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 32, 112, 112)
        x = self.trunk_output(x)  # (N, 440, 7, 7)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 440)
        return self.fc(x)
