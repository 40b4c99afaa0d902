"""share_resnet164, compiled by archdsl from specs/share_resnet164.arch.

Arguments: classes = 10.

Change the spec, not this file, and run
    archdsl compile specs/share_resnet164.arch

929,114 parameters (1,703,258 without sharing) for inputs (3, 32, 32).
"""

from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Pre-activation residual block: conv1x1, conv3x3, conv1x1.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, width: int, has_conv2: bool = False, stride: int = 1
    ) -> None:
        super().__init__()
        out_channels = 4 * width
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        # None: this block uses the shared layer that forward is given.
        self.conv2 = (
            nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False) if has_conv2 else None
        )
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, kernel_size=1, bias=False)
        self.shortcut = (
            nn.Sequential(
                nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)
            )
            if stride != 1 or in_channels != out_channels
            else None
        )

    def forward(self, x: Tensor, shared_conv2: nn.Module) -> Tensor:
        conv2 = shared_conv2 if self.conv2 is None else self.conv2
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.relu(self.bn2(self.conv1(out)))
        out = self.relu(self.bn3(conv2(out)))
        out = self.conv3(out)
        return out + shortcut


class Stage(nn.Module):
    """Blocks in a row that share weights.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.shared_conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            [
                Bottleneck(in_channels, width, has_conv2=True, stride=stride),
                *(Bottleneck(4 * width, width) for _ in range(17)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, self.shared_conv2)
        return x


class ShareResnet164(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False))
        self.conv2 = Stage(16, width=16)
        self.conv3 = Stage(64, width=32, stride=2)
        self.conv4 = Stage(128, width=64, stride=2)
        self.head = nn.Sequential(
            nn.BatchNorm2d(256),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(256, 10),
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
