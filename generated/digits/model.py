"""digits, compiled by archdsl from specs/digits.arch.

Its arguments width, n and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/digits.arch

17,530 parameters (42,874 without sharing) for inputs (1, 8, 8).
"""

from torch import Tensor, nn


class Wide(nn.Module):
    """Pre-activation residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        # None: this block uses the shared layer that forward is given.
        self.conv1 = (
            nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
            if stride != 1 or in_channels != width
            else None
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, width, 1, stride=stride, bias=False))
            if stride != 1 or in_channels != width
            else None
        )

    def forward(self, x: Tensor, shared_conv1: nn.Module) -> Tensor:
        conv1 = shared_conv1 if self.conv1 is None else self.conv1
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.relu(self.bn2(conv1(out)))
        return shared_conv1(out) + shortcut


class Stage(nn.Module):
    """Blocks in a row that share weights.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, num_blocks: int, stride: int = 1) -> None:
        super().__init__()
        self.shared_conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            [
                Wide(in_channels, width, stride=stride),
                *(Wide(width, width) for _ in range(num_blocks - 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, self.shared_conv1)
        return x


class Digits(nn.Module):
    """The network: (N, 1, 8, 8) -> (N, classes)."""

    def __init__(self, width: int = 16, n: int = 2, classes: int = 10) -> None:
        super().__init__()
        if n <= 1:
            raise ValueError("conv2 needs two blocks that share a weight")
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False))
        self.conv2 = Stage(width, width, num_blocks=n)
        self.conv3 = Stage(width, 2 * width, num_blocks=n, stride=2)
        self.head = nn.Sequential(
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * width, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, width, 8, 8)
        x = self.conv2(x)
        x = self.conv3(x)  # (N, 2 * width, 4, 4)
        return self.head(x)
