"""googlenet, compiled by archdsl from specs/googlenet.arch.

Compiled for auxiliary = false; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/googlenet.arch

6,624,904 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    """Conv, bn, relu.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, width, kernel, stride=stride, padding=(kernel - 1) // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(width, eps=0.001)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Branches, concatenated: Unit | Unit, Unit | Unit, Unit | Unit.

    (N, in_channels, H, W) -> (N, one + three + five + pooled, H, W)
    """

    def __init__(
        self,
        in_channels: int,
        one: int,
        reduce3: int,
        three: int,
        reduce5: int,
        five: int,
        pooled: int,
    ) -> None:
        super().__init__()
        self.branch1 = Unit(in_channels, one)
        self.branch2 = nn.Sequential(Unit(in_channels, reduce3), Unit(reduce3, three, kernel=3))
        self.branch3 = nn.Sequential(Unit(in_channels, reduce5), Unit(reduce5, five, kernel=3))
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), Unit(in_channels, pooled)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1
        )


class Googlenet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = Unit(3, 64, kernel=7, stride=2)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = Unit(64, 64)
        self.conv3 = Unit(64, 192, kernel=3)
        self.inception3a = Inception(192, 64, reduce3=96, three=128, reduce5=16, five=32, pooled=32)
        self.inception3b = Inception(
            256, 128, reduce3=128, three=192, reduce5=32, five=96, pooled=64
        )
        self.inception4a = Inception(
            480, 192, reduce3=96, three=208, reduce5=16, five=48, pooled=64
        )
        self.inception4b = Inception(
            512, 160, reduce3=112, three=224, reduce5=24, five=64, pooled=64
        )
        self.inception4c = Inception(
            512, 128, reduce3=128, three=256, reduce5=24, five=64, pooled=64
        )
        self.inception4d = Inception(
            512, 112, reduce3=144, three=288, reduce5=32, five=64, pooled=64
        )
        self.inception4e = Inception(
            528, 256, reduce3=160, three=320, reduce5=32, five=128, pooled=128
        )
        self.maxpool2 = nn.MaxPool2d(2, ceil_mode=True)
        self.inception5a = Inception(
            832, 256, reduce3=160, three=320, reduce5=32, five=128, pooled=128
        )
        self.inception5b = Inception(
            832, 384, reduce3=192, three=384, reduce5=48, five=128, pooled=128
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(1024, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # (N, 64, 112, 112)
        x = self.maxpool1(x)  # (N, 64, 56, 56)
        x = self.conv2(x)
        x = self.conv3(x)  # (N, 192, 56, 56)
        x = self.maxpool1(x)  # (N, 192, 28, 28)
        x = self.inception3a(x)  # (N, 256, 28, 28)
        x = self.inception3b(x)  # (N, 480, 28, 28)
        x = self.maxpool1(x)  # (N, 480, 14, 14)
        x = self.inception4a(x)  # (N, 512, 14, 14)
        x = self.inception4b(x)
        x = self.inception4c(x)
        x = self.inception4d(x)  # (N, 528, 14, 14)
        x = self.inception4e(x)  # (N, 832, 14, 14)
        x = self.maxpool2(x)  # (N, 832, 7, 7)
        x = self.inception5a(x)
        x = self.inception5b(x)  # (N, 1024, 7, 7)
        x = torch.flatten(self.dropout(self.avgpool(x)), 1)  # (N, 1024)
        return self.fc(x)
