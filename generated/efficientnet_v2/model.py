"""efficientnet_v2, compiled by archdsl from specs/efficientnet_v2.arch.

Compiled for size = s; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/efficientnet_v2.arch

21,458,488 parameters for inputs (3, 384, 384).
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
            nn.BatchNorm2d(width, eps=0.001),
        ]
        if active:
            layers.append(nn.SiLU())
        super().__init__(*layers)


class Fused(nn.Module):
    """Unit, Unit, added to the input where `adds` is set.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, width: int, expand: int, drop_rate: float = 0.0, stride: int = 1
    ) -> None:
        super().__init__()
        hidden = expand * in_channels
        self.adds = stride == 1 and in_channels == width
        layers: list[nn.Module] = []
        if expand != 1:
            layers += [
                Unit(in_channels, hidden, kernel=3, stride=stride),
                Unit(hidden, width, active=False),
            ]
        else:
            layers.append(Unit(in_channels, width, kernel=3, stride=stride))
        if self.adds:
            layers.append(StochasticDepth(drop_rate))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x)
        return out + x if self.adds else out


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
        self, in_channels: int, width: int, expand: int, drop_rate: float = 0.0, stride: int = 1
    ) -> None:
        super().__init__()
        hidden = expand * in_channels
        squeeze = in_channels // 4
        self.adds = stride == 1 and in_channels == width
        layers: list[nn.Module] = []
        layers += [
            Unit(in_channels, hidden),
            Unit(hidden, hidden, kernel=3, groups=hidden, stride=stride),
            SqueezeExcite(hidden, squeeze),
            Unit(hidden, width, active=False),
        ]
        if self.adds:
            layers.append(StochasticDepth(drop_rate))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = self.block(x)
        return out + x if self.adds else out


class EfficientnetV2(nn.Module):
    """The network: (N, 3, 384, 384) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Unit(3, 24, kernel=3, stride=2),
            nn.Sequential(*(Fused(24, 24, expand=1, drop_rate=0.2 * i / 40) for i in range(1, 3))),
            nn.Sequential(
                Fused(24, 48, expand=4, stride=2),
                *(Fused(48, 48, expand=4, drop_rate=0.2 * i / 40) for i in range(4, 7)),
            ),
            nn.Sequential(
                Fused(48, 64, expand=4, stride=2),
                *(Fused(64, 64, expand=4, drop_rate=0.2 * i / 40) for i in range(8, 11)),
            ),
            nn.Sequential(
                Mbconv(64, 128, expand=4, stride=2),
                *(Mbconv(128, 128, expand=4, drop_rate=0.2 * i / 40) for i in range(12, 17)),
            ),
            nn.Sequential(
                Mbconv(128, 160, expand=6),
                *(Mbconv(160, 160, expand=6, drop_rate=0.2 * i / 40) for i in range(18, 26)),
            ),
            nn.Sequential(
                Mbconv(160, 256, expand=6, stride=2),
                *(Mbconv(256, 256, expand=6, drop_rate=0.2 * i / 40) for i in range(27, 41)),
            ),
            Unit(256, 1280),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 1280, 12, 12)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 1280)
        return self.classifier(x)
