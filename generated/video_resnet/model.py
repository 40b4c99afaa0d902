"""video_resnet, compiled by archdsl from specs/video_resnet.arch.

Compiled for kind = r3d, frames = 16, image = 112; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/video_resnet.arch

33,371,472 parameters for inputs (3, 16, 112, 112).
"""

import torch
from torch import Tensor, nn


class Cubes(nn.Module):
    """Residual block: conv3x3x3, conv3x3x3.

    (N, in_channels, D, H, W) -> (N, width, D / stride, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv3d(in_channels, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
        )
        self.conv2 = nn.Sequential(
            nn.Conv3d(width, width, 3, padding=1, bias=False), nn.BatchNorm3d(width)
        )
        self.downsample = (
            nn.Sequential(
                nn.Conv3d(in_channels, width, 1, stride=stride, bias=False), nn.BatchNorm3d(width)
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(x)
        return self.relu(self.conv2(out) + self.downsample(x))


class VideoResnet(nn.Module):
    """The network: (N, 3, D, H, W) -> (N, classes)."""

    def __init__(self, classes: int = 400) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, 64, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
        )
        self.layer1 = nn.Sequential(*(Cubes(64, 64) for _ in range(2)))
        self.layer2 = nn.Sequential(Cubes(64, 128, stride=2), Cubes(128, 128))
        self.layer3 = nn.Sequential(Cubes(128, 256, stride=2), Cubes(256, 256))
        self.layer4 = nn.Sequential(Cubes(256, 512, stride=2), Cubes(512, 512))
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(512, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 512)
        return self.fc(x)
