"""resnet_cifar, compiled by archdsl from specs/resnet_cifar.arch.

Its arguments depth and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/resnet_cifar.arch

1,727,962 parameters for inputs (3, 32, 32).
"""

from torch import Tensor, nn
from torch.nn import functional as F


class PadChannels(nn.Module):
    """Appends channels of zeros: (N, C, H, W) -> (N, out_channels, H, W)."""

    def __init__(self, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 0, 0, 0, self.out_channels - x.shape[1]))


class Basic(nn.Module):
    """Residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = (
            nn.Sequential(nn.AvgPool2d(1, stride=stride), PadChannels(width))
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResnetCifar(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, depth: int = 110, classes: int = 10) -> None:
        super().__init__()
        if (depth - 2) % 6 != 0:
            raise ValueError("depth must be 6n + 2")
        n = (depth - 2) // 6
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(*(Basic(16, 16) for _ in range(n)))
        self.conv3 = nn.Sequential(Basic(16, 32, stride=2), *(Basic(32, 32) for _ in range(n - 1)))
        self.conv4 = nn.Sequential(Basic(32, 64, stride=2), *(Basic(64, 64) for _ in range(n - 1)))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 32, 32)
        x = self.conv2(x)
        x = self.conv3(x)  # (N, 32, 16, 16)
        x = self.conv4(x)  # (N, 64, 8, 8)
        return self.head(x)
