"""inception_v3, compiled by archdsl from specs/inception_v3.arch.

Compiled for auxiliary = false; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/inception_v3.arch

23,834,568 parameters for inputs (3, 299, 299).
"""

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    """Conv, bn, relu.

    (N, in_channels, H, W) -> (N, width, H', W')
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel_size_height: int,
        kernel_size_width: int,
        padding_height: int,
        padding_width: int,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            width,
            (kernel_size_height, kernel_size_width),
            stride=stride,
            padding=(padding_height, padding_width),
            bias=False,
        )
        self.bn = nn.BatchNorm2d(width, eps=0.001)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x)))


class Wide(nn.Module):
    """Branches, concatenated: Unit | Unit, Unit | Unit, Unit, Unit | Unit.

    (N, in_channels, H, W) -> (N, 224 + pooled, H, W)
    """

    def __init__(self, in_channels: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(
            in_channels,
            64,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch5x5_1 = Unit(
            in_channels,
            48,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch5x5_2 = Unit(
            48, 64, kernel_size_height=5, kernel_size_width=5, padding_height=2, padding_width=2
        )
        self.branch3x3dbl_1 = Unit(
            in_channels,
            64,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch3x3dbl_2 = Unit(
            64, 96, kernel_size_height=3, kernel_size_width=3, padding_height=1, padding_width=1
        )
        self.branch3x3dbl_3 = Unit(
            96, 96, kernel_size_height=3, kernel_size_width=3, padding_height=1, padding_width=1
        )
        self.avgpool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = Unit(
            in_channels,
            pooled,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch5x5_1(x)
        out2 = self.branch3x3dbl_1(x)
        out2 = self.branch3x3dbl_2(out2)
        out3 = self.branch1x1(x)
        x = self.avgpool(x)
        return torch.cat(
            [out3, self.branch5x5_2(out), self.branch3x3dbl_3(out2), self.branch_pool(x)], dim=1
        )


class Shrink5(nn.Module):
    """Branches, concatenated: Unit | Unit, Unit, Unit | maxpool.

    (N, in_channels, H, W) -> (N, 480 + in_channels, H', W')
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch3x3 = Unit(
            in_channels,
            384,
            kernel_size_height=3,
            kernel_size_width=3,
            padding_height=0,
            padding_width=0,
            stride=2,
        )
        self.branch3x3dbl_1 = Unit(
            in_channels,
            64,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch3x3dbl_2 = Unit(
            64, 96, kernel_size_height=3, kernel_size_width=3, padding_height=1, padding_width=1
        )
        self.branch3x3dbl_3 = Unit(
            96,
            96,
            kernel_size_height=3,
            kernel_size_width=3,
            padding_height=0,
            padding_width=0,
            stride=2,
        )
        self.branch1 = nn.MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch3x3dbl_1(x)
        out = self.branch3x3dbl_2(out)
        return torch.cat([self.branch3x3(x), self.branch3x3dbl_3(out), self.branch1(x)], dim=1)


class Long(nn.Module):
    """Branches, concatenated: Unit | Unit, Unit, Unit | Unit, Unit, Unit, Unit, Unit | Unit.

    (N, in_channels, H, W) -> (N, 768, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(
            in_channels,
            192,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch7x7_1 = Unit(
            in_channels,
            width,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch7x7_2 = Unit(
            width,
            width,
            kernel_size_height=1,
            kernel_size_width=7,
            padding_height=0,
            padding_width=3,
        )
        self.branch7x7_3 = Unit(
            width, 192, kernel_size_height=7, kernel_size_width=1, padding_height=3, padding_width=0
        )
        self.branch7x7dbl_1 = Unit(
            in_channels,
            width,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch7x7dbl_2 = Unit(
            width,
            width,
            kernel_size_height=7,
            kernel_size_width=1,
            padding_height=3,
            padding_width=0,
        )
        self.branch7x7dbl_3 = Unit(
            width,
            width,
            kernel_size_height=1,
            kernel_size_width=7,
            padding_height=0,
            padding_width=3,
        )
        self.branch7x7dbl_4 = Unit(
            width,
            width,
            kernel_size_height=7,
            kernel_size_width=1,
            padding_height=3,
            padding_width=0,
        )
        self.branch7x7dbl_5 = Unit(
            width, 192, kernel_size_height=1, kernel_size_width=7, padding_height=0, padding_width=3
        )
        self.avgpool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = Unit(
            in_channels,
            192,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch7x7_1(x)
        out = self.branch7x7_2(out)
        out2 = self.branch7x7dbl_1(x)
        out2 = self.branch7x7dbl_2(out2)
        out2 = self.branch7x7dbl_3(out2)
        out2 = self.branch7x7dbl_4(out2)
        out3 = self.branch1x1(x)
        x = self.avgpool(x)
        return torch.cat(
            [out3, self.branch7x7_3(out), self.branch7x7dbl_5(out2), self.branch_pool(x)], dim=1
        )


class Shrink6(nn.Module):
    """Branches, concatenated: Unit, Unit | Unit, Unit, Unit, Unit | maxpool.

    (N, in_channels, H, W) -> (N, 512 + in_channels, H', W')
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch3x3_1 = Unit(
            in_channels,
            192,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch3x3_2 = Unit(
            192,
            320,
            kernel_size_height=3,
            kernel_size_width=3,
            padding_height=0,
            padding_width=0,
            stride=2,
        )
        self.branch7x7x3_1 = Unit(
            in_channels,
            192,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch7x7x3_2 = Unit(
            192, 192, kernel_size_height=1, kernel_size_width=7, padding_height=0, padding_width=3
        )
        self.branch7x7x3_3 = Unit(
            192, 192, kernel_size_height=7, kernel_size_width=1, padding_height=3, padding_width=0
        )
        self.branch7x7x3_4 = Unit(
            192,
            192,
            kernel_size_height=3,
            kernel_size_width=3,
            padding_height=0,
            padding_width=0,
            stride=2,
        )
        self.branch1 = nn.MaxPool2d(3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch3x3_1(x)
        out2 = self.branch7x7x3_1(x)
        out2 = self.branch7x7x3_2(out2)
        out2 = self.branch7x7x3_3(out2)
        return torch.cat([self.branch3x3_2(out), self.branch7x7x3_4(out2), self.branch1(x)], dim=1)


class Last(nn.Module):
    """Unit, Unit, Unit, Unit, Unit, Unit, Unit, Unit, Unit.

    (N, in_channels, H, W) -> (N, 2048, H, W)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(
            in_channels,
            320,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch3x3_1 = Unit(
            in_channels,
            384,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch3x3_2a = Unit(
            384, 384, kernel_size_height=1, kernel_size_width=3, padding_height=0, padding_width=1
        )
        self.branch3x3_2b = Unit(
            384, 384, kernel_size_height=3, kernel_size_width=1, padding_height=1, padding_width=0
        )
        self.branch3x3dbl_1 = Unit(
            in_channels,
            448,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )
        self.branch3x3dbl_2 = Unit(
            448, 384, kernel_size_height=3, kernel_size_width=3, padding_height=1, padding_width=1
        )
        self.branch3x3dbl_3a = Unit(
            384, 384, kernel_size_height=1, kernel_size_width=3, padding_height=0, padding_width=1
        )
        self.branch3x3dbl_3b = Unit(
            384, 384, kernel_size_height=3, kernel_size_width=1, padding_height=1, padding_width=0
        )
        self.avgpool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = Unit(
            in_channels,
            192,
            kernel_size_height=1,
            kernel_size_width=1,
            padding_height=0,
            padding_width=0,
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch3x3_1(x)
        out2 = self.branch3x3dbl_1(x)
        out2 = self.branch3x3dbl_2(out2)
        out3 = self.branch1x1(x)
        x = self.avgpool(x)
        return torch.cat(
            [
                out3,
                torch.cat([self.branch3x3_2a(out), self.branch3x3_2b(out)], dim=1),
                torch.cat([self.branch3x3dbl_3a(out2), self.branch3x3dbl_3b(out2)], dim=1),
                self.branch_pool(x),
            ],
            dim=1,
        )


class InceptionV3(nn.Module):
    """The network: (N, 3, 299, 299) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(
            3,
            32,
            kernel_size_height=3,
            kernel_size_width=3,
            padding_height=0,
            padding_width=0,
            stride=2,
        )
        self.Conv2d_2a_3x3 = Unit(
            32, 32, kernel_size_height=3, kernel_size_width=3, padding_height=0, padding_width=0
        )
        self.Conv2d_2b_3x3 = Unit(
            32, 64, kernel_size_height=3, kernel_size_width=3, padding_height=1, padding_width=1
        )
        self.maxpool = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = Unit(
            64, 80, kernel_size_height=1, kernel_size_width=1, padding_height=0, padding_width=0
        )
        self.Conv2d_4a_3x3 = Unit(
            80, 192, kernel_size_height=3, kernel_size_width=3, padding_height=0, padding_width=0
        )
        self.Mixed_5b = Wide(192, 32)
        self.Mixed_5c = Wide(256, 64)
        self.Mixed_5d = Wide(288, 64)
        self.Mixed_6a = Shrink5(288)
        self.Mixed_6b = Long(768, 128)
        self.Mixed_6c = Long(768, 160)
        self.Mixed_6d = Long(768, 160)
        self.Mixed_6e = Long(768, 192)
        self.Mixed_7a = Shrink6(768)
        self.Mixed_7b = Last(1280)
        self.Mixed_7c = Last(2048)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(2048, classes)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.Conv2d_1a_3x3(x)  # (N, 32, 149, 149)
        x = self.Conv2d_2a_3x3(x)  # (N, 32, 147, 147)
        x = self.Conv2d_2b_3x3(x)  # (N, 64, 147, 147)
        x = self.maxpool(x)  # (N, 64, 73, 73)
        x = self.Conv2d_3b_1x1(x)  # (N, 80, 73, 73)
        x = self.Conv2d_4a_3x3(x)  # (N, 192, 71, 71)
        x = self.maxpool(x)  # (N, 192, 35, 35)
        x = self.Mixed_5b(x)  # (N, 256, 35, 35)
        x = self.Mixed_5c(x)  # (N, 288, 35, 35)
        x = self.Mixed_5d(x)
        x = self.Mixed_6a(x)  # (N, 768, 17, 17)
        x = self.Mixed_6b(x)
        x = self.Mixed_6c(x)
        x = self.Mixed_6d(x)
        x = self.Mixed_6e(x)
        x = self.Mixed_7a(x)  # (N, 1280, 8, 8)
        x = self.Mixed_7b(x)  # (N, 2048, 8, 8)
        x = self.Mixed_7c(x)
        x = torch.flatten(self.dropout(self.avgpool(x)), 1)  # (N, 2048)
        return self.fc(x)
