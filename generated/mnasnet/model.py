"""mnasnet, compiled by archdsl from specs/mnasnet.arch.

Its arguments width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/mnasnet.arch

4,383,312 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


def round_to(x: float, step: int) -> int:
    """Round to a multiple of step as MobileNet does: never below nine tenths of x."""
    rounded = max(step, int(x + step / 2) // step * step)
    return rounded + step if rounded < 0.9 * x else rounded


class Inverted(nn.Module):
    """Conv, depthwise conv, conv, added to the input where the shape stays.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, width: int, kernel: int, expand: int, stride: int = 1
    ) -> None:
        super().__init__()
        hidden = expand * in_channels
        self.adds = stride == 1 and in_channels == width
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden, momentum=0.0003),
            nn.ReLU(inplace=True),
            nn.Conv2d(
                hidden,
                hidden,
                kernel,
                stride=stride,
                padding=(kernel - 1) // 2,
                groups=hidden,
                bias=False,
            ),
            nn.BatchNorm2d(hidden, momentum=0.0003),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width, momentum=0.0003),
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(x)
        return out + x if self.adds else out


class Mnasnet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        first = round_to(32 * width, 8)
        self.layers = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first, momentum=0.0003),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, first, 3, padding=1, groups=first, bias=False),
            nn.BatchNorm2d(first, momentum=0.0003),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, round_to(16 * width, 8), 1, bias=False),
            nn.BatchNorm2d(round_to(16 * width, 8), momentum=0.0003),
            nn.Sequential(
                Inverted(
                    round_to(16 * width, 8), round_to(24 * width, 8), kernel=3, expand=3, stride=2
                ),
                *(
                    Inverted(round_to(24 * width, 8), round_to(24 * width, 8), kernel=3, expand=3)
                    for _ in range(2)
                ),
            ),
            nn.Sequential(
                Inverted(
                    round_to(24 * width, 8), round_to(40 * width, 8), kernel=5, expand=3, stride=2
                ),
                *(
                    Inverted(round_to(40 * width, 8), round_to(40 * width, 8), kernel=5, expand=3)
                    for _ in range(2)
                ),
            ),
            nn.Sequential(
                Inverted(
                    round_to(40 * width, 8), round_to(80 * width, 8), kernel=5, expand=6, stride=2
                ),
                *(
                    Inverted(round_to(80 * width, 8), round_to(80 * width, 8), kernel=5, expand=6)
                    for _ in range(2)
                ),
            ),
            nn.Sequential(
                Inverted(round_to(80 * width, 8), round_to(96 * width, 8), kernel=3, expand=6),
                Inverted(round_to(96 * width, 8), round_to(96 * width, 8), kernel=3, expand=6),
            ),
            nn.Sequential(
                Inverted(
                    round_to(96 * width, 8), round_to(192 * width, 8), kernel=5, expand=6, stride=2
                ),
                *(
                    Inverted(round_to(192 * width, 8), round_to(192 * width, 8), kernel=5, expand=6)
                    for _ in range(3)
                ),
            ),
            nn.Sequential(
                Inverted(round_to(192 * width, 8), round_to(320 * width, 8), kernel=3, expand=6)
            ),
            nn.Conv2d(round_to(320 * width, 8), 1280, 1, bias=False),
            nn.BatchNorm2d(1280, momentum=0.0003),
            nn.ReLU(inplace=True),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)  # (N, 1280, 7, 7)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 1280)
        return self.classifier(x)
