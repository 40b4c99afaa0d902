"""onebit_mnist, compiled by archdsl from specs/onebit_mnist.arch.

Compiled for epochs = 14, norm = frozen, image_norm = learned; depth and k may be given.

Change the spec, not this file, and run
    archdsl compile specs/onebit_mnist.arch

4,279,362 parameters for inputs (1, 28, 28).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PadChannels(nn.Module):
    """Appends channels of zeros: (N, C, H, W) -> (N, out_channels, H, W)."""

    def __init__(self, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 0, 0, 0, self.out_channels - x.shape[1]))


class BinaryConv2d(nn.Conv2d):
    """Convolution by sqrt(2 / fan_in) * sign(W) (arXiv:1802.08530, eq. 1)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=False
        )
        self.scale = (2 / self.weight[0].numel()) ** 0.5

    def reset_parameters(self) -> None:
        """Draw W; nn.Conv2d.__init__ ends with it."""
        super().reset_parameters()
        nn.init.normal_(self.weight, std=(2 / self.weight[0].numel()) ** 0.5)

    def effective_weight(self) -> Tensor:
        """Return scale * sign(W), sign(0) = 1, whose gradient passes to W as it is."""
        signs = torch.where(self.weight < 0, -1.0, 1.0).to(self.weight.dtype)
        return self.scale * signs + (self.weight - self.weight.detach())

    def forward(self, input: Tensor) -> Tensor:
        weight = self.effective_weight()
        return self._conv_forward(input, weight, self.bias)


class Basic(nn.Module):
    """Residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels, affine=False)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = BinaryConv2d(in_channels, width, 3, stride=stride, padding=1)
        self.bn2 = nn.BatchNorm2d(width, affine=False)
        self.conv2 = BinaryConv2d(width, width, 3, padding=1)
        self.shortcut = (
            nn.Sequential(
                nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False),
                PadChannels(width),
            )
            if stride != 1 or in_channels != width
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(x))
        out = self.relu(self.bn2(self.conv1(out)))
        return self.conv2(out) + self.shortcut(x)


class OnebitMnist(nn.Module):
    """The network: (N, 1, 28, 28) -> (N, 10)."""

    def __init__(self, depth: int = 20, k: int = 4) -> None:
        super().__init__()
        if (depth - 2) % 6 != 0:
            raise ValueError("depth must be 6n + 2")
        n = (depth - 2) // 6
        self.stem = nn.Sequential(
            nn.BatchNorm2d(1), nn.ReLU(inplace=True), BinaryConv2d(1, 16 * k, 3, padding=1)
        )
        self.scale1 = nn.Sequential(*(Basic(16 * k, 16 * k) for _ in range(n)))
        self.scale2 = nn.Sequential(
            Basic(16 * k, 32 * k, stride=2), *(Basic(32 * k, 32 * k) for _ in range(n - 1))
        )
        self.scale3 = nn.Sequential(
            Basic(32 * k, 64 * k, stride=2), *(Basic(64 * k, 64 * k) for _ in range(n - 1))
        )
        self.head = nn.Sequential(
            nn.BatchNorm2d(64 * k, affine=False),
            nn.ReLU(inplace=True),
            BinaryConv2d(64 * k, 10, 1),
            nn.BatchNorm2d(10, affine=False),
            nn.AdaptiveAvgPool2d(1),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, 16 * k, 28, 28)
        x = self.scale1(x)
        x = self.scale2(x)  # (N, 32 * k, 14, 14)
        x = self.scale3(x)  # (N, 64 * k, 7, 7)
        return torch.flatten(self.head(x), 1)
