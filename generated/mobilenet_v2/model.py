"""mobilenet_v2, compiled by archdsl from specs/mobilenet_v2.arch.

Arguments: width = 1.0, classes = 1000.

Change the spec, not this file, and run
    archdsl compile specs/mobilenet_v2.arch

3,504,872 parameters for inputs (3, 224, 224).
"""

from torch import Tensor, nn


class InvertedExpand1(nn.Module):
    """Depthwise conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int, expand: int, stride: int = 1) -> None:
        super().__init__()
        hidden = expand * in_channels
        self.branch1 = nn.Sequential(
            nn.Conv2d(
                in_channels,
                hidden,
                kernel_size=3,
                stride=stride,
                padding=1,
                groups=hidden,
                bias=False,
            ),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, width, kernel_size=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.branch1(x)


class Inverted(nn.Module):
    """Conv1x1, depthwise conv3x3, conv1x1, added to the input where the shape stays.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, expand: int, stride: int = 1) -> None:
        super().__init__()
        hidden = expand * in_channels
        self.branch1 = nn.Sequential(
            nn.Conv2d(in_channels, hidden, kernel_size=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(
                hidden, hidden, kernel_size=3, stride=stride, padding=1, groups=hidden, bias=False
            ),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, width, kernel_size=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.adds = stride == 1 and in_channels == width

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch1(x)
        return out + x if self.adds else out


class MobilenetV2(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU6(inplace=True),
        )
        self.stage1 = nn.Sequential(InvertedExpand1(32, 16, expand=1))
        self.stage2 = nn.Sequential(
            Inverted(16, 24, expand=6, stride=2), Inverted(24, 24, expand=6)
        )
        self.stage3 = nn.Sequential(
            Inverted(24, 32, expand=6, stride=2), *(Inverted(32, 32, expand=6) for _ in range(2))
        )
        self.stage4 = nn.Sequential(
            Inverted(32, 64, expand=6, stride=2), *(Inverted(64, 64, expand=6) for _ in range(3))
        )
        self.stage5 = nn.Sequential(
            Inverted(64, 96, expand=6), *(Inverted(96, 96, expand=6) for _ in range(2))
        )
        self.stage6 = nn.Sequential(
            Inverted(96, 160, expand=6, stride=2), *(Inverted(160, 160, expand=6) for _ in range(2))
        )
        self.stage7 = nn.Sequential(Inverted(160, 320, expand=6))
        self.head = nn.Sequential(
            nn.Conv2d(320, 1280, kernel_size=1, bias=False),
            nn.BatchNorm2d(1280),
            nn.ReLU6(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(1280, 1000),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 32, 112, 112)
        x = self.stage1(x)  # (N, 16, 112, 112)
        x = self.stage2(x)  # (N, 24, 56, 56)
        x = self.stage3(x)  # (N, 32, 28, 28)
        x = self.stage4(x)  # (N, 64, 14, 14)
        x = self.stage5(x)  # (N, 96, 14, 14)
        x = self.stage6(x)  # (N, 160, 7, 7)
        x = self.stage7(x)  # (N, 320, 7, 7)
        return self.head(x)
