"""sharesnet50, compiled by archdsl from specs/sharesnet50.arch.

Its argument classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/sharesnet50.arch

20,469,800 parameters (25,557,032 without sharing) for inputs (3, 224, 224).
"""

from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Residual block: conv1x1, conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        if stride != 1:
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

    def forward(self, x: Tensor, shared_conv2: nn.Module | None = None) -> Tensor:
        conv2 = self.conv2 if shared_conv2 is None else shared_conv2
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(conv2(out)))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class Stage(nn.Module):
    """Blocks in a row that share weights.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, num_blocks: int, stride: int = 1) -> None:
        super().__init__()
        self.shared_conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            [
                Bottleneck(in_channels, width, stride=stride),
                *(Bottleneck(4 * width, width) for _ in range(num_blocks - 1)),
            ]
        )
        self.num_own = int(stride != 1)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks[: self.num_own]:
            x = block(x)
        for block in self.blocks[self.num_own :]:
            x = block(x, self.shared_conv2)
        return x


class Sharesnet50(nn.Module):
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
        self.conv3 = Stage(256, 128, num_blocks=4, stride=2)
        self.conv4 = Stage(512, 256, num_blocks=6, stride=2)
        self.conv5 = Stage(1024, 512, num_blocks=3, stride=2)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, classes))
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 64, 56, 56)
        x = self.conv2(x)  # (N, 256, 56, 56)
        x = self.conv3(x)  # (N, 512, 28, 28)
        x = self.conv4(x)  # (N, 1024, 14, 14)
        x = self.conv5(x)  # (N, 2048, 7, 7)
        return self.head(x)
