"""share_resnet164, compiled by archdsl from specs/share_resnet164.arch.

Its argument classes may be given.

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
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, 1, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        if has_conv2:
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, 4 * width, 1, stride=stride, bias=False))
            if stride != 1 or in_channels != 4 * width
            else None
        )

    def forward(self, x: Tensor, shared_conv2: nn.Module | None = None) -> Tensor:
        conv2 = self.conv2 if shared_conv2 is None else shared_conv2
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.relu(self.bn2(self.conv1(out)))
        out = self.relu(self.bn3(conv2(out)))
        return self.conv3(out) + shortcut


class Stage(nn.Module):
    """Blocks in a row that share weights.

    (N, in_channels, H, W) -> (N, 4 * width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, num_blocks: int, stride: int = 1) -> None:
        super().__init__()
        self.shared_conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            [
                Bottleneck(in_channels, width, has_conv2=True, stride=stride),
                *(Bottleneck(4 * width, width) for _ in range(num_blocks - 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks[:1]:
            x = block(x)
        for block in self.blocks[1:]:
            x = block(x, self.shared_conv2)
        return x


class ShareResnet164(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False))
        self.conv2 = Stage(16, 16, num_blocks=18)
        self.conv3 = Stage(64, 32, num_blocks=18, stride=2)
        self.conv4 = Stage(128, 64, num_blocks=18, stride=2)
        self.head = nn.Sequential(
            nn.BatchNorm2d(256),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(256, classes),
        )
        # He initialization of the weights; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        # scales of batch normalization begin between 0 and 1, as in Torch of 2016
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and module.affine:
                nn.init.uniform_(module.weight)
        # biases begin at 0
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16, 32, 32)
        x = self.conv2(x)  # (N, 64, 32, 32)
        x = self.conv3(x)  # (N, 128, 16, 16)
        x = self.conv4(x)  # (N, 256, 8, 8)
        return self.head(x)
