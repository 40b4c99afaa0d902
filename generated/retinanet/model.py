"""retinanet, compiled by archdsl from specs/retinanet.arch.

Compiled for image = 512; classes, anchors and width may be given.

Change the spec, not this file, and run
    archdsl compile specs/retinanet.arch

38,198,935 parameters (64,972,787 without sharing) for inputs (3, 512, 512).
"""

from typing import NamedTuple

from torch import Tensor, nn


class RetinanetOutputs(NamedTuple):
    """What Retinanet gives."""

    scores0: Tensor  # (N, anchors * classes, 64, 64)
    boxes0: Tensor  # (N, anchors * 4, 64, 64)
    scores1: Tensor  # (N, anchors * classes, 32, 32)
    boxes1: Tensor  # (N, anchors * 4, 32, 32)
    scores2: Tensor  # (N, anchors * classes, 16, 16)
    boxes2: Tensor  # (N, anchors * 4, 16, 16)
    scores3: Tensor  # (N, anchors * classes, 8, 8)
    boxes3: Tensor  # (N, anchors * 4, 8, 8)
    scores4: Tensor  # (N, anchors * classes, 4, 4)
    boxes4: Tensor  # (N, anchors * 4, 4, 4)


class Bottleneck(nn.Module):
    """Residual block: conv1x1, conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, 4 * width, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * width),
            )
            if stride != 1 or in_channels != 4 * width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class Unit(nn.Module):
    """Conv3x3, groupnorm, relu.

    (N, in_channels, H, W) -> (N, in_channels, H, W)
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, in_channels, 3, padding=1, bias=False)
        self.groupnorm1 = nn.GroupNorm(32, in_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.groupnorm1(self.conv1(x)))


class Predictor(nn.Module):
    """Unit, conv3x3.

    (N, in_channels, H, W) -> (N, outputs, H, W)
    """

    def __init__(self, in_channels: int, outputs: int) -> None:
        super().__init__()
        self.tower = nn.Sequential(*(Unit(in_channels) for _ in range(4)))
        self.conv1 = nn.Conv2d(in_channels, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tower(x)
        return self.conv1(x)


class Retinanet(nn.Module):
    """The network: (N, 3, 512, 512) -> RetinanetOutputs."""

    def __init__(self, classes: int = 91, anchors: int = 9, width: int = 256) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(2)))
        self.layer2 = nn.Sequential(
            Bottleneck(256, 128, stride=2), *(Bottleneck(512, 128) for _ in range(3))
        )
        self.layer3 = nn.Sequential(
            Bottleneck(512, 256, stride=2), *(Bottleneck(1024, 256) for _ in range(5))
        )
        self.layer4 = nn.Sequential(
            Bottleneck(1024, 512, stride=2), *(Bottleneck(2048, 512) for _ in range(2))
        )
        self.lateral2 = nn.Conv2d(2048, width, 1)
        self.upsample1 = nn.Upsample(size=(32, 32))
        self.lateral1 = nn.Sequential(nn.Conv2d(1024, width, 1))
        self.upsample2 = nn.Upsample(size=(64, 64))
        self.lateral0 = nn.Sequential(nn.Conv2d(512, width, 1))
        self.smooth0 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1))
        self.smooth1 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1))
        self.smooth2 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1))
        self.p6 = nn.Sequential(nn.Conv2d(2048, width, 3, stride=2, padding=1))
        self.p7 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.classify = Predictor(width, anchors * classes)
        self.locate = Predictor(width, anchors * 4)
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> RetinanetOutputs:
        x = self.relu(self.bn1(self.conv1(x)))  # (N, 64, 256, 256)
        x = self.maxpool(x)  # (N, 64, 128, 128)
        x = self.layer1(x)  # (N, 256, 128, 128)
        c3 = self.layer2(x)  # (N, 512, 64, 64)
        c4 = self.layer3(c3)  # (N, 1024, 32, 32)
        c5 = self.layer4(c4)  # (N, 2048, 16, 16)
        merged0 = self.lateral2(c5)  # (N, width, 16, 16)
        merged1 = self.upsample1(merged0) + self.lateral1(c4)  # (N, width, 32, 32)
        merged2 = self.upsample2(merged1) + self.lateral0(c3)  # (N, width, 64, 64)
        levels0 = self.smooth0(merged2)
        levels1 = self.smooth1(merged1)  # (N, width, 32, 32)
        levels2 = self.smooth2(merged0)  # (N, width, 16, 16)
        levels3 = self.p6(c5)  # (N, width, 8, 8)
        x = self.relu(levels3)
        levels4 = self.p7(x)  # (N, width, 4, 4)
        scores0 = self.classify(levels0)  # (N, anchors * classes, 64, 64)
        boxes0 = self.locate(levels0)  # (N, anchors * 4, 64, 64)
        scores1 = self.classify(levels1)  # (N, anchors * classes, 32, 32)
        boxes1 = self.locate(levels1)  # (N, anchors * 4, 32, 32)
        scores2 = self.classify(levels2)  # (N, anchors * classes, 16, 16)
        boxes2 = self.locate(levels2)  # (N, anchors * 4, 16, 16)
        scores3 = self.classify(levels3)  # (N, anchors * classes, 8, 8)
        boxes3 = self.locate(levels3)  # (N, anchors * 4, 8, 8)
        scores4 = self.classify(levels4)  # (N, anchors * classes, 4, 4)
        boxes4 = self.locate(levels4)  # (N, anchors * 4, 4, 4)
        return RetinanetOutputs(
            scores0, boxes0, scores1, boxes1, scores2, boxes2, scores3, boxes3, scores4, boxes4
        )
