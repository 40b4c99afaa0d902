"""fcn, compiled by archdsl from specs/fcn.arch.

Compiled for depth = 50, auxiliary = false, image = 520; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/fcn.arch

32,957,013 parameters for inputs (3, 520, 520).
"""

from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Residual block: conv1x1, conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=1 * dilation, dilation=dilation, bias=False
        )
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


class Backbone(nn.Module):
    """Conv7x7, Bottleneck, Bottleneck, Bottleneck, Bottleneck, Bottleneck, Bottleneck, ...

    (N, 3, H, W) -> (N, 2048, H / 8, W / 8)
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(2)))
        self.layer2 = nn.Sequential(
            Bottleneck(256, 128, stride=2), *(Bottleneck(512, 128) for _ in range(3))
        )
        self.layer3 = nn.Sequential(
            Bottleneck(512, 256),
            Bottleneck(1024, 256, dilation=2),
            Bottleneck(1024, 256, dilation=2),
            Bottleneck(1024, 256, dilation=2),
            Bottleneck(1024, 256, dilation=2),
            Bottleneck(1024, 256, dilation=2),
        )
        self.layer4 = nn.Sequential(
            Bottleneck(1024, 512, dilation=2),
            Bottleneck(2048, 512, dilation=4),
            Bottleneck(2048, 512, dilation=4),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        return self.layer4(x)


class Fcn(nn.Module):
    """The network: (N, 3, H, W) -> (N, classes, H, W)."""

    def __init__(self, classes: int = 21) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.classifier = nn.Sequential(
            nn.Conv2d(2048, 512, 3, padding=1, bias=False),
            nn.BatchNorm2d(512),
            nn.ReLU(inplace=True),
            nn.Dropout(0.1),
            nn.Conv2d(512, classes, 1),
        )
        self.upsample = nn.Upsample(scale_factor=8, mode="bilinear")
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x)
        x = self.classifier(x)
        return self.upsample(x)
