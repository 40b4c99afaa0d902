"""efficientnet, compiled by archdsl from specs/efficientnet.arch.

Compiled for b = 0; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/efficientnet.arch

5,288,548 parameters for inputs (3, 224, 224).
"""

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


class SqueezeExcite(nn.Module):
    """Conv1x1, conv1x1, multiplied with the input.

    (N, in_channels, H, W) -> (N, in_channels, H, W)
    """

    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.branch1 = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, squeeze, 1),
            nn.SiLU(),
            nn.Conv2d(squeeze, in_channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.branch1(x)


class Mbconv(nn.Module):
    """Conv, depthwise conv, SqueezeExcite, conv, added to the input where the shape stays.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel: int = 3,
        expand: int = 6,
        drop_rate: float = 0.0,
        stride: int = 1,
    ) -> None:
        super().__init__()
        hidden = expand * in_channels
        squeeze = in_channels // 4
        self.adds = stride == 1 and in_channels == width
        layers: list[nn.Module] = []
        if expand != 1:
            layers += [
                nn.Conv2d(in_channels, hidden, 1, bias=False),
                nn.BatchNorm2d(hidden),
                nn.SiLU(),
            ]
        layers += [
            nn.Conv2d(
                hidden,
                hidden,
                kernel,
                stride=stride,
                padding=(kernel - 1) // 2,
                groups=hidden,
                bias=False,
            ),
            nn.BatchNorm2d(hidden),
            nn.SiLU(),
            SqueezeExcite(hidden, squeeze),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        ]
        if self.adds:
            layers.append(StochasticDepth(drop_rate))
        self.branch1 = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch1(x)
        return out + x if self.adds else out


class Efficientnet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.SiLU()
        )
        self.stage1 = nn.Sequential(Mbconv(32, 16, expand=1))
        self.stage2 = nn.Sequential(
            Mbconv(16, 24, stride=2), Mbconv(24, 24, drop_rate=0.2 * 3 / 16)
        )
        self.stage3 = nn.Sequential(
            Mbconv(24, 40, kernel=5, stride=2), Mbconv(40, 40, kernel=5, drop_rate=0.2 * 5 / 16)
        )
        self.stage4 = nn.Sequential(
            Mbconv(40, 80, stride=2), *(Mbconv(80, 80, drop_rate=0.2 * i / 16) for i in range(7, 9))
        )
        self.stage5 = nn.Sequential(
            Mbconv(80, 112, kernel=5),
            *(Mbconv(112, 112, kernel=5, drop_rate=0.2 * i / 16) for i in range(10, 12)),
        )
        self.stage6 = nn.Sequential(
            Mbconv(112, 192, kernel=5, stride=2),
            *(Mbconv(192, 192, kernel=5, drop_rate=0.2 * i / 16) for i in range(13, 16)),
        )
        self.stage7 = nn.Sequential(Mbconv(192, 320))
        self.head = nn.Sequential(
            nn.Conv2d(320, 1280, 1, bias=False),
            nn.BatchNorm2d(1280),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(1280, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 32, 112, 112)
        x = self.stage1(x)  # (N, 16, 112, 112)
        x = self.stage2(x)  # (N, 24, 56, 56)
        x = self.stage3(x)  # (N, 40, 28, 28)
        x = self.stage4(x)  # (N, 80, 14, 14)
        x = self.stage5(x)  # (N, 112, 14, 14)
        x = self.stage6(x)  # (N, 192, 7, 7)
        x = self.stage7(x)  # (N, 320, 7, 7)
        return self.head(x)
