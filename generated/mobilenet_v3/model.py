"""mobilenet_v3, compiled by archdsl from specs/mobilenet_v3.arch.

Compiled for size = large; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/mobilenet_v3.arch

5,483,032 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


def round_to(x: float, step: int) -> int:
    """Round to a multiple of step as MobileNet does: never below nine tenths of x."""
    rounded = max(step, int(x + step / 2) // step * step)
    return rounded + step if rounded < 0.9 * x else rounded


class Unit(nn.Sequential):
    """Conv, bn, hardswish.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel: int = 1,
        groups: int = 1,
        hard: bool = True,
        dilation: int = 1,
        stride: int = 1,
    ) -> None:
        layers: list[nn.Module] = []
        layers += [
            nn.Conv2d(
                in_channels,
                width,
                kernel,
                stride=stride,
                padding=(kernel - 1) // 2,
                dilation=dilation,
                groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(width, eps=0.001, momentum=0.01),
        ]
        if hard:
            layers.append(nn.Hardswish())
        else:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class LinearUnit(nn.Sequential):
    """Conv1x1, bn.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, width, 1, bias=False),
            nn.BatchNorm2d(width, eps=0.001, momentum=0.01),
        )


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
        self.hardsigmoid = nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        out = self.avgpool(x)
        out = self.relu(self.fc1(out))
        return x * self.hardsigmoid(self.fc2(out))


class Inverted(nn.Module):
    """Unit, Unit, SqueezeExcite, LinearUnit, added to the input where `adds` is set.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self,
        in_channels: int,
        kernel: int,
        hidden: int,
        width: int,
        gated: bool,
        hard: bool,
        dilation: int = 1,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.adds = stride == 1 and in_channels == width
        layers: list[nn.Module] = []
        if hidden != in_channels:
            layers.append(Unit(in_channels, hidden, hard=hard))
        layers.append(
            Unit(
                hidden,
                hidden,
                kernel=kernel,
                groups=hidden,
                hard=hard,
                dilation=dilation,
                stride=stride,
            )
        )
        if gated:
            layers.append(SqueezeExcite(hidden, round_to(hidden // 4, 8)))
        layers.append(LinearUnit(hidden, width))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x)
        return out + x if self.adds else out


class MobilenetV3(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Unit(3, 16, kernel=3, stride=2),
            Inverted(16, 3, hidden=16, width=16, gated=False, hard=False),
            Inverted(16, 3, hidden=64, width=24, gated=False, hard=False, stride=2),
            Inverted(24, 3, hidden=72, width=24, gated=False, hard=False),
            Inverted(24, 5, hidden=72, width=40, gated=True, hard=False, stride=2),
            Inverted(40, 5, hidden=120, width=40, gated=True, hard=False),
            Inverted(40, 5, hidden=120, width=40, gated=True, hard=False),
            Inverted(40, 3, hidden=240, width=80, gated=False, hard=True, stride=2),
            Inverted(80, 3, hidden=200, width=80, gated=False, hard=True),
            Inverted(80, 3, hidden=184, width=80, gated=False, hard=True),
            Inverted(80, 3, hidden=184, width=80, gated=False, hard=True),
            Inverted(80, 3, hidden=480, width=112, gated=True, hard=True),
            Inverted(112, 3, hidden=672, width=112, gated=True, hard=True),
            Inverted(112, 5, hidden=672, width=160, gated=True, hard=True, stride=2),
            Inverted(160, 5, hidden=960, width=160, gated=True, hard=True),
            Inverted(160, 5, hidden=960, width=160, gated=True, hard=True),
            Unit(160, 960),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(960, 1280), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1280, classes)
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 960, 7, 7)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 960)
        return self.classifier(x)
