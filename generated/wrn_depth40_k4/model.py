"""wrn, compiled by archdsl from specs/wrn.arch.

Arguments: depth = 40, k = 4, kernels = [3, 3], per_block = 2, dropout = 0.0, classes = 10.

Change the spec, not this file, and run
    archdsl compile specs/wrn.arch --set depth=40 --set k=4

8,949,210 parameters for inputs (3, 32, 32).
"""

from torch import Tensor, nn


class Wide(nn.Module):
    """Pre-activation residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, dropout: float, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(
            in_channels, width, kernel_size=3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, width, kernel_size=1, stride=stride, bias=False))
            if stride != 1 or in_channels != width
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.dropout(self.relu(self.bn2(self.conv1(out))))
        out = self.conv2(out)
        return out + shortcut


class WrnDepth40K4(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False))
        self.conv2 = nn.Sequential(
            Wide(16, 64, dropout=0.0), *(Wide(64, 64, dropout=0.0) for _ in range(5))
        )
        self.conv3 = nn.Sequential(
            Wide(64, 128, dropout=0.0, stride=2), *(Wide(128, 128, dropout=0.0) for _ in range(5))
        )
        self.conv4 = nn.Sequential(
            Wide(128, 256, dropout=0.0, stride=2), *(Wide(256, 256, dropout=0.0) for _ in range(5))
        )
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
