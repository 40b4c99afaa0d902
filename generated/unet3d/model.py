"""unet3d, compiled by archdsl from specs/unet3d.arch.

Compiled for voxels = 64; width, depth and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/unet3d.arch

19,074,627 parameters for inputs (3, 64, 64, 64).
"""

import torch
from torch import Tensor, nn


class Level(nn.Module):
    """Level, transposed conv2x2x2, concatenated to the input.

    (N, in_channels, D, H, W) -> (N, 2 * width, D, H, W)
    """

    def __init__(self, in_channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.has_below = depth > 0
        self.conv1 = nn.Conv3d(in_channels, width, 3, padding=1)
        self.bn1 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv3d(width, 2 * width, 3, padding=1)
        self.bn2 = nn.BatchNorm3d(2 * width)
        if self.has_below:
            self.below = nn.Sequential(
                nn.MaxPool3d(2),
                Level(2 * width, 2 * width, depth=depth - 1),
                nn.ConvTranspose3d(2 * (2 * width), 4 * width, 2, stride=2, bias=False),
            )
            self.conv3 = nn.Conv3d(2 * width + 4 * width, 2 * width, 3, padding=1)
            self.bn3 = nn.BatchNorm3d(2 * width)
            self.conv4 = nn.Conv3d(2 * width, 2 * width, 3, padding=1)
            self.bn4 = nn.BatchNorm3d(2 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        if self.has_below:
            x = torch.cat([x, self.below(x)], dim=1)
            x = self.relu(self.bn3(self.conv3(x)))
            x = self.relu(self.bn4(self.conv4(x)))
        return x


class Unet3d(nn.Module):
    """The network: (N, 3, D, H, W) -> (N, classes, D, H, W)."""

    def __init__(self, width: int = 32, depth: int = 3, classes: int = 3) -> None:
        super().__init__()
        self.level1 = Level(3, width, depth)
        self.conv1 = nn.Conv3d(2 * width, classes, 1)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.level1(x)
        return self.conv1(x)
