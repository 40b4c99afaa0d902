"""deeplabv3_mobilenet, compiled by archdsl from specs/deeplabv3_mobilenet.arch.

Compiled for auxiliary = false, image = 520; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/deeplabv3_mobilenet.arch

11,025,477 parameters for inputs (3, 520, 520).
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
                padding=(kernel - 1) // 2 * dilation,
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


class Mobilenet(nn.Module):
    """Unit, Inverted, Inverted, Inverted, Inverted, Inverted, Inverted, Inverted, Inverted, ...

    (N, in_channels, H, W) -> (N, 960, H', W')
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.add_module("0", Unit(in_channels, 16, kernel=3, stride=2))
        self.add_module("1", Inverted(16, 3, hidden=16, width=16, gated=False, hard=False))
        self.add_module(
            "2", Inverted(16, 3, hidden=64, width=24, gated=False, hard=False, stride=2)
        )
        self.add_module("3", Inverted(24, 3, hidden=72, width=24, gated=False, hard=False))
        self.add_module("4", Inverted(24, 5, hidden=72, width=40, gated=True, hard=False, stride=2))
        self.add_module("5", Inverted(40, 5, hidden=120, width=40, gated=True, hard=False))
        self.add_module("6", Inverted(40, 5, hidden=120, width=40, gated=True, hard=False))
        self.add_module(
            "7", Inverted(40, 3, hidden=240, width=80, gated=False, hard=True, stride=2)
        )
        self.add_module("8", Inverted(80, 3, hidden=200, width=80, gated=False, hard=True))
        self.add_module("9", Inverted(80, 3, hidden=184, width=80, gated=False, hard=True))
        self.add_module("10", Inverted(80, 3, hidden=184, width=80, gated=False, hard=True))
        self.add_module("11", Inverted(80, 3, hidden=480, width=112, gated=True, hard=True))
        self.add_module("12", Inverted(112, 3, hidden=672, width=112, gated=True, hard=True))
        self.add_module(
            "13", Inverted(112, 5, hidden=672, width=160, gated=True, hard=True, dilation=2)
        )
        self.add_module(
            "14", Inverted(160, 5, hidden=960, width=160, gated=True, hard=True, dilation=2)
        )
        self.add_module(
            "15", Inverted(160, 5, hidden=960, width=160, gated=True, hard=True, dilation=2)
        )
        self.add_module("16", Unit(160, 960))

    def forward(self, x: Tensor) -> Tensor:
        x = getattr(self, "0")(x)
        x = getattr(self, "1")(x)
        x = getattr(self, "2")(x)
        x = getattr(self, "3")(x)
        x = getattr(self, "4")(x)
        x = getattr(self, "5")(x)
        x = getattr(self, "6")(x)
        x = getattr(self, "7")(x)
        x = getattr(self, "8")(x)
        x = getattr(self, "9")(x)
        x = getattr(self, "10")(x)
        x = getattr(self, "11")(x)
        x = getattr(self, "12")(x)
        x = getattr(self, "13")(x)
        x = getattr(self, "14")(x)
        x = getattr(self, "15")(x)
        return getattr(self, "16")(x)


class PyramidConvs(nn.Module):
    """Branches, concatenated: conv1x1, bn, relu | conv3x3, bn, relu | conv3x3, bn, relu | ...

    (N, in_channels, H, W) -> (N, 1280, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.add_module(
            "0",
            nn.Sequential(
                nn.Conv2d(in_channels, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ),
        )
        self.add_module(
            "1",
            nn.Sequential(
                nn.Conv2d(in_channels, width, 3, padding=12, dilation=12, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ),
        )
        self.add_module(
            "2",
            nn.Sequential(
                nn.Conv2d(in_channels, width, 3, padding=24, dilation=24, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ),
        )
        self.add_module(
            "3",
            nn.Sequential(
                nn.Conv2d(in_channels, width, 3, padding=36, dilation=36, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ),
        )
        self.add_module(
            "4",
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(in_channels, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Upsample(scale_factor=33, mode="bilinear"),
            ),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [
                getattr(self, "0")(x),
                getattr(self, "1")(x),
                getattr(self, "2")(x),
                getattr(self, "3")(x),
                getattr(self, "4")(x),
            ],
            dim=1,
        )


class Pyramid(nn.Module):
    """Conv1x1, conv3x3, conv3x3, conv3x3, conv1x1, conv1x1.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.convs = PyramidConvs(in_channels, width)
        self.project = nn.Sequential(
            nn.Conv2d(2 * width + width + width + width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.convs(x)
        return self.project(x)


class Deeplabv3Mobilenet(nn.Module):
    """The network: (N, 3, 520, 520) -> (N, classes, 520, 520)."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        self.backbone = Mobilenet(3)
        self.classifier = nn.Sequential(
            Pyramid(960, 256),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, classes, 1),
        )
        self.upsample = nn.Upsample(size=520, mode="bilinear")
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x)  # (N, 960, 33, 33)
        x = self.classifier(x)  # (N, classes, 33, 33)
        return self.upsample(x)
