"""resnext_cifar, compiled by archdsl from specs/resnext_cifar.arch.

Arguments: depth = 29, groups = 8, group_width = 64, classes = 10.

Change the spec, not this file, and run
    archdsl compile specs/resnext_cifar.arch

34,426,698 parameters for inputs (3, 32, 32).
"""

from torch import Tensor, nn


class Aggregated(nn.Module):
    """Residual block: conv1x1, conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, inner: int, width: int, groups: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, inner, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(
            inner, inner, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, width, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, width, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(width),
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + self.downsample(x))


class ResnextCifar(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
        )
        self.conv2 = nn.Sequential(
            Aggregated(64, 512, width=256, groups=8),
            *(Aggregated(256, 512, width=256, groups=8) for _ in range(2)),
        )
        self.conv3 = nn.Sequential(
            Aggregated(256, 1024, width=512, groups=8, stride=2),
            *(Aggregated(512, 1024, width=512, groups=8) for _ in range(2)),
        )
        self.conv4 = nn.Sequential(
            Aggregated(512, 2048, width=1024, groups=8, stride=2),
            *(Aggregated(1024, 2048, width=1024, groups=8) for _ in range(2)),
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 10))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 64, 32, 32)
        x = self.conv2(x)  # (N, 256, 32, 32)
        x = self.conv3(x)  # (N, 512, 16, 16)
        x = self.conv4(x)  # (N, 1024, 8, 8)
        return self.head(x)
