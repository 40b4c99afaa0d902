"""preact_resnet, compiled by archdsl from specs/preact_resnet.arch.

Compiled for bottlenecks = true; depth and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/preact_resnet.arch

1,703,258 parameters for inputs (3, 32, 32).
"""

from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Pre-activation residual block: conv1x1, conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, 1, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, 4 * width, 1, stride=stride, bias=False))
            if stride != 1 or in_channels != 4 * width
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.relu(self.bn2(self.conv1(out)))
        out = self.relu(self.bn3(self.conv2(out)))
        return self.conv3(out) + shortcut


class PreactResnet(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, depth: int = 164, classes: int = 10) -> None:
        super().__init__()
        if (depth - 2) % 9 != 0:
            raise ValueError("depth must be 9n + 2 with bottlenecks, 6n + 2 with basic blocks")
        per_stage = (depth - 2) // 3
        n = per_stage // 3
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False))
        self.conv2 = nn.Sequential(Bottleneck(16, 16), *(Bottleneck(64, 16) for _ in range(n - 1)))
        self.conv3 = nn.Sequential(
            Bottleneck(64, 32, stride=2), *(Bottleneck(128, 32) for _ in range(n - 1))
        )
        self.conv4 = nn.Sequential(
            Bottleneck(128, 64, stride=2), *(Bottleneck(256, 64) for _ in range(n - 1))
        )
        self.head = nn.Sequential(
            nn.BatchNorm2d(256),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(256, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 32, 32)
        x = self.conv2(x)  # (N, 64, 32, 32)
        x = self.conv3(x)  # (N, 128, 16, 16)
        x = self.conv4(x)  # (N, 256, 8, 8)
        return self.head(x)
