"""mobilenet_v2, compiled by archdsl from specs/mobilenet_v2.arch.

Its arguments width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/mobilenet_v2.arch

3,504,872 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


def round_to(x: float, step: int) -> int:
    """Round to a multiple of step as MobileNet does: never below nine tenths of x."""
    rounded = max(step, int(x + step / 2) // step * step)
    return rounded + step if rounded < 0.9 * x else rounded


class Unit(nn.Sequential):
    """Conv, bn, relu6.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, width: int, kernel: int = 1, groups: int = 1, stride: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels,
                width,
                kernel,
                stride=stride,
                padding=(kernel - 1) // 2,
                groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(width),
            nn.ReLU6(inplace=True),
        )


class Inverted(nn.Module):
    """Unit, Unit, conv1x1, added to the input where the shape stays.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, expand: int, stride: int = 1) -> None:
        super().__init__()
        hidden = expand * in_channels
        self.adds = stride == 1 and in_channels == width
        layers: list[nn.Module] = []
        if expand != 1:
            layers.append(Unit(in_channels, hidden))
        layers += [
            Unit(hidden, hidden, kernel=3, groups=hidden, stride=stride),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        return out + x if self.adds else out


class MobilenetV2(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        last = round_to(1280 * max(1, width), 8)
        self.features = nn.Sequential(
            Unit(3, round_to(32 * width, 8), kernel=3, stride=2),
            Inverted(round_to(32 * width, 8), round_to(16 * width, 8), expand=1),
            Inverted(round_to(16 * width, 8), round_to(24 * width, 8), expand=6, stride=2),
            Inverted(round_to(24 * width, 8), round_to(24 * width, 8), expand=6),
            Inverted(round_to(24 * width, 8), round_to(32 * width, 8), expand=6, stride=2),
            Inverted(round_to(32 * width, 8), round_to(32 * width, 8), expand=6),
            Inverted(round_to(32 * width, 8), round_to(32 * width, 8), expand=6),
            Inverted(round_to(32 * width, 8), round_to(64 * width, 8), expand=6, stride=2),
            Inverted(round_to(64 * width, 8), round_to(64 * width, 8), expand=6),
            Inverted(round_to(64 * width, 8), round_to(64 * width, 8), expand=6),
            Inverted(round_to(64 * width, 8), round_to(64 * width, 8), expand=6),
            Inverted(round_to(64 * width, 8), round_to(96 * width, 8), expand=6),
            Inverted(round_to(96 * width, 8), round_to(96 * width, 8), expand=6),
            Inverted(round_to(96 * width, 8), round_to(96 * width, 8), expand=6),
            Inverted(round_to(96 * width, 8), round_to(160 * width, 8), expand=6, stride=2),
            Inverted(round_to(160 * width, 8), round_to(160 * width, 8), expand=6),
            Inverted(round_to(160 * width, 8), round_to(160 * width, 8), expand=6),
            Inverted(round_to(160 * width, 8), round_to(320 * width, 8), expand=6),
            Unit(round_to(320 * width, 8), last),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, last, 7, 7)
        x = torch.flatten(self.avgpool(x), 1)
        return self.classifier(x)
