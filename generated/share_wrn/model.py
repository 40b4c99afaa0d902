"""share_wrn, compiled by archdsl from specs/share_wrn.arch.

Its arguments depth, k, dropout and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/share_wrn.arch

5,852,634 parameters (8,949,210 without sharing) for inputs (3, 32, 32).
"""

from torch import Tensor, nn


class Wide(nn.Module):
    """Pre-activation residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        dropout: float,
        has_spatial: bool = False,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        if has_spatial:
            self.spatial = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, width, 1, stride=stride, bias=False))
            if stride != 1 or in_channels != width
            else None
        )

    def forward(self, x: Tensor, shared_spatial: nn.Module | None = None) -> Tensor:
        spatial = self.spatial if shared_spatial is None else shared_spatial
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.dropout(self.relu(self.bn2(self.conv1(out))))
        return spatial(out) + shortcut


class Stage(nn.Module):
    """Blocks in a row that share weights.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(
        self, in_channels: int, width: int, dropout: float, num_blocks: int, stride: int = 1
    ) -> None:
        super().__init__()
        self.shared_spatial = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            [
                Wide(in_channels, width, dropout, has_spatial=True, stride=stride),
                *(Wide(width, width, dropout) for _ in range(num_blocks - 1)),
            ]
        )
        self.num_own = 1

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks[: self.num_own]:
            x = block(x)
        for block in self.blocks[self.num_own :]:
            x = block(x, self.shared_spatial)
        return x


class ShareWrn(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(
        self, depth: int = 40, k: int = 4, dropout: float = 0.0, classes: int = 10
    ) -> None:
        super().__init__()
        if (depth - 4) % 6 != 0:
            raise ValueError("depth must be 6n + 4")
        if (depth - 4) / 6 <= 2:
            raise ValueError("conv2 needs two blocks that share a weight")
        n = (depth - 4) // 6
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False))
        self.conv2 = Stage(16, 16 * k, dropout, num_blocks=n)
        self.conv3 = Stage(16 * k, 32 * k, dropout, num_blocks=n, stride=2)
        self.conv4 = Stage(32 * k, 64 * k, dropout, num_blocks=n, stride=2)
        self.head = nn.Sequential(
            nn.BatchNorm2d(64 * k),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64 * k, classes),
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
        x = self.conv2(x)  # (N, 16 * k, 32, 32)
        x = self.conv3(x)  # (N, 32 * k, 16, 16)
        x = self.conv4(x)  # (N, 64 * k, 8, 8)
        return self.head(x)
