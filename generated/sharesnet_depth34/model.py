"""sharesnet, compiled by archdsl from specs/sharesnet.arch.

Compiled for depth = 34; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/sharesnet.arch --set depth=34

13,613,864 parameters (21,797,672 without sharing) for inputs (3, 224, 224).
"""

from torch import Tensor, nn


class Basic(nn.Module):
    """Residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = (
            nn.Sequential(
                nn.Conv2d(in_channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor, shared_spatial: nn.Module) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(shared_spatial(out)) + self.shortcut(x))


class Stage(nn.Module):
    """Blocks in a row that share weights.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, num_blocks: int, stride: int = 1) -> None:
        super().__init__()
        self.shared_spatial = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            [
                Basic(in_channels, width, stride=stride),
                *(Basic(width, width) for _ in range(num_blocks - 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, self.shared_spatial)
        return x


class SharesnetDepth34(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.conv2 = Stage(64, 64, num_blocks=3)
        self.conv3 = Stage(64, 128, num_blocks=4, stride=2)
        self.conv4 = Stage(128, 256, num_blocks=6, stride=2)
        self.conv5 = Stage(256, 512, num_blocks=3, stride=2)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 64, 56, 56)
        x = self.conv2(x)
        x = self.conv3(x)  # (N, 128, 28, 28)
        x = self.conv4(x)  # (N, 256, 14, 14)
        x = self.conv5(x)  # (N, 512, 7, 7)
        return self.head(x)
