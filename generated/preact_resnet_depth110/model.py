"""preact_resnet, compiled by archdsl from specs/preact_resnet.arch.

Compiled for bottlenecks = false; depth and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/preact_resnet.arch --set depth=110

1,730,522 parameters for inputs (3, 32, 32).
"""

from torch import Tensor, nn


class Basic(nn.Module):
    """Pre-activation residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, width, 1, stride=stride, bias=False))
            if stride != 1 or in_channels != width
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.relu(self.bn2(self.conv1(out)))
        return self.conv2(out) + shortcut


class PreactResnetDepth110(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, depth: int = 110, classes: int = 10) -> None:
        super().__init__()
        per_stage = (depth - 2) // 3
        n = per_stage // 2
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False))
        self.conv2 = nn.Sequential(*(Basic(16, 16) for _ in range(n)))
        self.conv3 = nn.Sequential(Basic(16, 32, stride=2), *(Basic(32, 32) for _ in range(n - 1)))
        self.conv4 = nn.Sequential(Basic(32, 64, stride=2), *(Basic(64, 64) for _ in range(n - 1)))
        self.head = nn.Sequential(
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 32, 32)
        x = self.conv2(x)
        x = self.conv3(x)  # (N, 32, 16, 16)
        x = self.conv4(x)  # (N, 64, 8, 8)
        return self.head(x)
