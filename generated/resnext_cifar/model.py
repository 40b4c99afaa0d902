"""resnext_cifar, compiled by archdsl from specs/resnext_cifar.arch.

Its arguments depth, groups, group_width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/resnext_cifar.arch

34,426,698 parameters for inputs (3, 32, 32).
"""

from torch import Tensor, nn


class Aggregated(nn.Module):
    """Residual block: conv, conv, conv.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, inner: int, width: int, groups: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class ResnextCifar(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(
        self, depth: int = 29, groups: int = 8, group_width: int = 64, classes: int = 10
    ) -> None:
        super().__init__()
        if (depth - 2) % 9 != 0:
            raise ValueError("depth must be 9n + 2")
        inner = groups * group_width
        n = (depth - 2) // 9
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(
            Aggregated(64, inner, width=256, groups=groups),
            *(Aggregated(256, inner, width=256, groups=groups) for _ in range(n - 1)),
        )
        self.conv3 = nn.Sequential(
            Aggregated(256, 2 * inner, width=512, groups=groups, stride=2),
            *(Aggregated(512, 2 * inner, width=512, groups=groups) for _ in range(n - 1)),
        )
        self.conv4 = nn.Sequential(
            Aggregated(512, 4 * inner, width=1024, groups=groups, stride=2),
            *(Aggregated(1024, 4 * inner, width=1024, groups=groups) for _ in range(n - 1)),
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, classes))
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
