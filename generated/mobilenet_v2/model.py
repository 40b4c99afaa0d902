"""mobilenet_v2, compiled by archdsl from specs/mobilenet_v2.arch.

Its arguments width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/mobilenet_v2.arch

3,504,872 parameters for inputs (3, 224, 224).
"""

from torch import Tensor, nn


def round_to(x: float, step: int) -> int:
    """Round to a multiple of step as MobileNet does: never below nine tenths of x."""
    rounded = max(step, int(x + step / 2) // step * step)
    return rounded + step if rounded < 0.9 * x else rounded


class Inverted(nn.Module):
    """Conv1x1, depthwise conv3x3, conv1x1, added to the input where the shape stays.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, expand: int, stride: int = 1) -> None:
        super().__init__()
        hidden = expand * in_channels
        self.adds = stride == 1 and in_channels == width
        layers: list[nn.Module] = []
        if expand != 1:
            layers += [
                nn.Conv2d(in_channels, hidden, 1, bias=False),
                nn.BatchNorm2d(hidden),
                nn.ReLU6(inplace=True),
            ]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride=stride, padding=1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        ]
        self.branch1 = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch1(x)
        return out + x if self.adds else out


class MobilenetV2(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        last = round_to(1280 * max(1, width), 8)
        self.stem = nn.Sequential(
            nn.Conv2d(3, round_to(32 * width, 8), 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(round_to(32 * width, 8)),
            nn.ReLU6(inplace=True),
        )
        self.stage1 = nn.Sequential(
            Inverted(round_to(32 * width, 8), round_to(16 * width, 8), expand=1)
        )
        self.stage2 = nn.Sequential(
            Inverted(round_to(16 * width, 8), round_to(24 * width, 8), expand=6, stride=2),
            Inverted(round_to(24 * width, 8), round_to(24 * width, 8), expand=6),
        )
        self.stage3 = nn.Sequential(
            Inverted(round_to(24 * width, 8), round_to(32 * width, 8), expand=6, stride=2),
            *(
                Inverted(round_to(32 * width, 8), round_to(32 * width, 8), expand=6)
                for _ in range(2)
            ),
        )
        self.stage4 = nn.Sequential(
            Inverted(round_to(32 * width, 8), round_to(64 * width, 8), expand=6, stride=2),
            *(
                Inverted(round_to(64 * width, 8), round_to(64 * width, 8), expand=6)
                for _ in range(3)
            ),
        )
        self.stage5 = nn.Sequential(
            Inverted(round_to(64 * width, 8), round_to(96 * width, 8), expand=6),
            *(
                Inverted(round_to(96 * width, 8), round_to(96 * width, 8), expand=6)
                for _ in range(2)
            ),
        )
        self.stage6 = nn.Sequential(
            Inverted(round_to(96 * width, 8), round_to(160 * width, 8), expand=6, stride=2),
            *(
                Inverted(round_to(160 * width, 8), round_to(160 * width, 8), expand=6)
                for _ in range(2)
            ),
        )
        self.stage7 = nn.Sequential(
            Inverted(round_to(160 * width, 8), round_to(320 * width, 8), expand=6)
        )
        self.head = nn.Sequential(
            nn.Conv2d(round_to(320 * width, 8), last, 1, bias=False),
            nn.BatchNorm2d(last),
            nn.ReLU6(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(last, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.stage1(x)  # (N, round_to(16 * width, 8), 112, 112)
        x = self.stage2(x)  # (N, round_to(24 * width, 8), 56, 56)
        x = self.stage3(x)  # (N, round_to(32 * width, 8), 28, 28)
        x = self.stage4(x)  # (N, round_to(64 * width, 8), 14, 14)
        x = self.stage5(x)  # (N, round_to(96 * width, 8), 14, 14)
        x = self.stage6(x)  # (N, round_to(160 * width, 8), 7, 7)
        x = self.stage7(x)  # (N, round_to(320 * width, 8), 7, 7)
        return self.head(x)
