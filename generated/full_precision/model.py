"""full_precision, compiled by archdsl from specs/full_precision.arch.

Compiled for norm = frozen, image_norm = learned, patch = 0; depth, k and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/full_precision.arch

26,737,126 parameters for inputs (3, 32, 32).
"""

import torch
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
        self.bn1 = nn.BatchNorm2d(in_channels, affine=False)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, affine=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = (
            nn.Sequential(
                nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False),
                PadChannels(width),
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(x))
        out = self.relu(self.bn2(self.conv1(out)))
        return self.conv2(out) + self.shortcut(x)


class FullPrecision(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, depth: int = 20, k: int = 10, classes: int = 10) -> None:
        super().__init__()
        if (depth - 2) % 6 != 0:
            raise ValueError("depth must be 6n + 2")
        n = (depth - 2) // 6
        self.stem = nn.Sequential(
            nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Conv2d(3, 16 * k, 3, padding=1, bias=False)
        )
        self.scale1 = nn.Sequential(*(Basic(16 * k, 16 * k) for _ in range(n)))
        self.scale2 = nn.Sequential(
            Basic(16 * k, 32 * k, stride=2), *(Basic(32 * k, 32 * k) for _ in range(n - 1))
        )
        self.scale3 = nn.Sequential(
            Basic(32 * k, 64 * k, stride=2), *(Basic(64 * k, 64 * k) for _ in range(n - 1))
        )
        self.head = nn.Sequential(
            nn.BatchNorm2d(64 * k, affine=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(64 * k, classes, 1, bias=False),
            nn.BatchNorm2d(classes, affine=False),
            nn.AdaptiveAvgPool2d(1),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16 * k, 32, 32)
        x = self.scale1(x)
        x = self.scale2(x)  # (N, 32 * k, 16, 16)
        x = self.scale3(x)  # (N, 64 * k, 8, 8)
        return torch.flatten(self.head(x), 1)
