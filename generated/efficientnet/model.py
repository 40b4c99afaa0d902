"""efficientnet, compiled by archdsl from specs/efficientnet.arch.

Compiled for b = 0; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/efficientnet.arch

5,288,548 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StochasticDepth(nn.Module):
    """Zeroes its input, example by example, with probability p in training (Huang et al. 2016)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        ones = x.new_ones((x.shape[0], *[1] * (x.dim() - 1)))
        return x * F.dropout(ones, self.p)


class Unit(nn.Sequential):
    """Conv, bn, silu.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel: int = 1,
        groups: int = 1,
        active: bool = True,
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
                groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(width),
        ]
        if active:
            layers.append(nn.SiLU())
        super().__init__(*layers)


class SqueezeExcite(nn.Module):
    """Conv1x1, conv1x1, multiplied with the input.

    (N, in_channels, H, W) -> (N, in_channels, H, W)
    """

    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(in_channels, squeeze, 1)
        self.silu = nn.SiLU()
        self.fc2 = nn.Conv2d(squeeze, in_channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        out = self.avgpool(x)
        out = self.silu(self.fc1(out))
        return x * self.sigmoid(self.fc2(out))


class Mbconv(nn.Module):
    """Unit, Unit, SqueezeExcite, Unit, added to the input where the shape stays.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel: int,
        expand: int,
        drop_rate: float = 0.0,
        stride: int = 1,
    ) -> None:
        super().__init__()
        hidden = expand * in_channels
        squeeze = in_channels // 4
        self.adds = stride == 1 and in_channels == width
        layers: list[nn.Module] = []
        if expand != 1:
            layers.append(Unit(in_channels, hidden))
        layers += [
            Unit(hidden, hidden, kernel=kernel, groups=hidden, stride=stride),
            SqueezeExcite(hidden, squeeze),
            Unit(hidden, width, active=False),
        ]
        if self.adds:
            layers.append(StochasticDepth(drop_rate))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x)
        return out + x if self.adds else out


class Efficientnet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Unit(3, 32, kernel=3, stride=2),
            nn.Sequential(Mbconv(32, 16, kernel=3, expand=1)),
            nn.Sequential(
                Mbconv(16, 24, kernel=3, expand=6, stride=2),
                Mbconv(24, 24, kernel=3, expand=6, drop_rate=0.2 * 3 / 16),
            ),
            nn.Sequential(
                Mbconv(24, 40, kernel=5, expand=6, stride=2),
                Mbconv(40, 40, kernel=5, expand=6, drop_rate=0.2 * 5 / 16),
            ),
            nn.Sequential(
                Mbconv(40, 80, kernel=3, expand=6, stride=2),
                *(Mbconv(80, 80, kernel=3, expand=6, drop_rate=0.2 * i / 16) for i in range(7, 9)),
            ),
            nn.Sequential(
                Mbconv(80, 112, kernel=5, expand=6),
                *(
                    Mbconv(112, 112, kernel=5, expand=6, drop_rate=0.2 * i / 16)
                    for i in range(10, 12)
                ),
            ),
            nn.Sequential(
                Mbconv(112, 192, kernel=5, expand=6, stride=2),
                *(
                    Mbconv(192, 192, kernel=5, expand=6, drop_rate=0.2 * i / 16)
                    for i in range(13, 16)
                ),
            ),
            nn.Sequential(Mbconv(192, 320, kernel=3, expand=6)),
            Unit(320, 1280),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 1280, 7, 7)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 1280)
        return self.classifier(x)
