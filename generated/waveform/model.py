"""waveform, compiled by archdsl from specs/waveform.arch.

Compiled for depth = 34, samples = 32000; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/waveform.arch

4,070,890 parameters for inputs (1, 32000).
"""

import torch
from torch import Tensor, nn


class ResidualUnit(nn.Module):
    """Residual block: conv3, conv3.

    (N, in_channels, L) -> (N, width, L)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm1d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv1d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm1d(width)
        self.shortcut = (
            nn.Sequential(nn.Conv1d(in_channels, width, 1, bias=False), nn.BatchNorm1d(width))
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class Waveform(nn.Module):
    """The network: (N, 1, L) -> (N, classes)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, 48, 80, stride=4, padding=39, bias=False)
        self.bn1 = nn.BatchNorm1d(48)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool1d(4, padding=1)
        self.stage1 = nn.Sequential(*(ResidualUnit(48, 48) for _ in range(3)))
        self.stage2 = nn.Sequential(ResidualUnit(48, 96), *(ResidualUnit(96, 96) for _ in range(3)))
        self.stage3 = nn.Sequential(
            ResidualUnit(96, 192), *(ResidualUnit(192, 192) for _ in range(5))
        )
        self.stage4 = nn.Sequential(
            ResidualUnit(192, 384), *(ResidualUnit(384, 384) for _ in range(2))
        )
        self.avgpool = nn.AdaptiveAvgPool1d(1)
        self.linear1 = nn.Linear(384, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)  # (N, 48, 2000)
        x = self.stage1(x)
        x = self.maxpool(x)  # (N, 48, 500)
        x = self.stage2(x)  # (N, 96, 500)
        x = self.maxpool(x)  # (N, 96, 125)
        x = self.stage3(x)  # (N, 192, 125)
        x = self.maxpool(x)  # (N, 192, 31)
        x = self.stage4(x)  # (N, 384, 31)
        x = torch.flatten(self.avgpool(x), 1)  # (N, 384)
        return self.linear1(x)
