"""wrn_grown, compiled by archdsl from specs/wrn_grown.arch.

Its depth and k grow; classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/wrn_grown.arch

36,479,194 parameters for inputs (3, 32, 32).

phase  depth   k  parameters     learned  fixed           MACs
-----  -----  --  ----------  ----------  -----  -------------
    0     16   4   2,748,890   2,748,890      0    392,612,352
    1     22   8  17,158,106  17,158,106      0  2,454,115,328
    2     28  10  36,479,194  36,479,194      0  5,243,328,768
"""

from torch import Tensor, nn

DEPTH = (16, 22, 28)
K = (4, 8, 10)


class Wide(nn.Module):
    """Pre-activation residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, dropout: float, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, width, 1, stride=stride, bias=False))
            if stride != 1 or in_channels != width
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.dropout(self.relu(self.bn2(self.conv1(out))))
        return self.conv2(out) + shortcut


class WrnGrown(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, phase: int = len(DEPTH) - 1, classes: int = 10) -> None:
        super().__init__()
        depth = DEPTH[phase]
        k = K[phase]
        if (depth - 4) % 6 != 0:
            raise ValueError("depth must be 6n + 4")
        n = (depth - 4) // 6
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False))
        self.conv2 = nn.Sequential(
            Wide(16, 16 * k, dropout=0.0),
            *(Wide(16 * k, 16 * k, dropout=0.0) for _ in range(n - 1)),
        )
        self.conv3 = nn.Sequential(
            Wide(16 * k, 32 * k, dropout=0.0, stride=2),
            *(Wide(32 * k, 32 * k, dropout=0.0) for _ in range(n - 1)),
        )
        self.conv4 = nn.Sequential(
            Wide(32 * k, 64 * k, dropout=0.0, stride=2),
            *(Wide(64 * k, 64 * k, dropout=0.0) for _ in range(n - 1)),
        )
        self.head = nn.Sequential(
            nn.BatchNorm2d(64 * k),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64 * k, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
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
