"""unet, compiled by archdsl from specs/unet.arch.

Arguments: width = 64, depth = 4, classes = 2, image = 256.

Change the spec, not this file, and run
    archdsl compile specs/unet.arch

31,030,658 parameters for inputs (1, 256, 256).
"""

import torch
from torch import Tensor, nn


class Double(nn.Module):
    """Conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))
        return self.relu(self.conv2(x))


class InnermostLevel(nn.Module):
    """Double.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.double1 = Double(in_channels, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.double1(x)


class Level(nn.Module):
    """Double, concatenation of (the input | Level, transposed conv2x2), Double.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.double1 = Double(in_channels, width)
        self.below = nn.Sequential(
            nn.MaxPool2d(kernel_size=2),
            (
                Level(width, 2 * width, depth=depth - 1)
                if depth > 1
                else InnermostLevel(width, 2 * width)
            ),
            nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2),
        )
        self.double2 = Double(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.double1(x)
        x = torch.cat([x, self.below(x)], dim=1)
        return self.double2(x)


class Unet(nn.Module):
    """The network: (N, 1, 256, 256) -> (N, 2, 256, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Level(1, 64, depth=4)
        self.conv1 = nn.Conv2d(64, 2, kernel_size=1)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.level1(x)  # (N, 64, 256, 256)
        return self.conv1(x)
