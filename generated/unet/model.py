"""unet, compiled by archdsl from specs/unet.arch.

Compiled for image = 256; width, depth and classes may be given.

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
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))
        return self.relu(self.conv2(x))


class Level(nn.Module):
    """Level, transposed conv2x2, concatenated to the input.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.has_below = depth > 0
        self.double1 = Double(in_channels, width)
        if self.has_below:
            self.below = nn.Sequential(
                nn.MaxPool2d(2),
                Level(width, 2 * width, depth=depth - 1),
                nn.ConvTranspose2d(2 * width, width, 2, stride=2),
            )
            self.double2 = Double(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.double1(x)
        if self.has_below:
            x = torch.cat([x, self.below(x)], dim=1)
            x = self.double2(x)
        return x


class Unet(nn.Module):
    """The network: (N, 1, H, W) -> (N, classes, H, W)."""

    def __init__(self, width: int = 64, depth: int = 4, classes: int = 2) -> None:
        super().__init__()
        self.level1 = Level(1, width, depth)
        self.conv1 = nn.Conv2d(width, classes, 1)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.level1(x)
        return self.conv1(x)
