"""lraspp, compiled by archdsl from specs/lraspp.arch.

Compiled for image = 520; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/lraspp.arch

3,221,538 parameters for inputs (3, 520, 520).
"""

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

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = getattr(self, "0")(x)
        x = getattr(self, "1")(x)
        x = getattr(self, "2")(x)
        x = getattr(self, "3")(x)
        low = getattr(self, "4")(x)
        x = getattr(self, "5")(low)
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
        return getattr(self, "16")(x), low


class Classifier(nn.Module):
    """Conv1x1, conv1x1, conv1x1, conv1x1.

    (N, 960, H, W) -> (N, classes, H', W')
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(960, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(inplace=True)
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(960, 128, 1, bias=False), nn.Sigmoid()
        )
        self.upsample = nn.Upsample(size=(65, 65), mode="bilinear")
        self.low_classifier = nn.Conv2d(40, classes, 1)
        self.high_classifier = nn.Conv2d(128, classes, 1)

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        out = self.cbr(x) * self.scale(x)
        out = self.upsample(out)
        return self.low_classifier(low) + self.high_classifier(out)


class Lraspp(nn.Module):
    """The network: (N, 3, 520, 520) -> (N, classes, 520, 520)."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        self.backbone = Mobilenet(3)
        self.classifier = Classifier(classes)
        self.upsample = nn.Upsample(size=520, mode="bilinear")
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x, low = self.backbone(x)  # (N, 960, 33, 33)
        x = self.classifier(x, low)  # (N, classes, 65, 65)
        return self.upsample(x)
