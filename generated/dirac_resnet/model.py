"""dirac_resnet, compiled by archdsl from specs/dirac_resnet.arch.

Compiled for sigma = 0.01; depth, k and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/dirac_resnet.arch

369,498 parameters for inputs (3, 32, 32).
"""

from torch import Tensor, nn
from torch.nn import functional as F


class BareDiracConv2d(nn.Conv2d):
    """Convolution by delta + W (arXiv:1706.00388, equation 14)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, padding: int = 0
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=padding, bias=False)

    def reset_parameters(self) -> None:
        """Draw W; nn.Conv2d.__init__ ends with it."""
        super().reset_parameters()
        nn.init.normal_(self.weight, std=0.01)

    def delta(self) -> Tensor:
        """Return the weight that passes the channels on: an identity in the centre."""
        n = min(self.out_channels, self.in_channels)
        identity = self.weight.new_ones(n).diag()
        identity = identity.repeat(self.out_channels // n, self.in_channels // n)  # tiled
        height, width = self.kernel_size
        borders = (width // 2, width // 2, height // 2, height // 2)
        return F.pad(identity[:, :, None, None], borders)

    def effective_weight(self) -> Tensor:
        """Return what the convolution applies, of the shape of its weight."""
        return self.delta() + self.weight

    def forward(self, input: Tensor) -> Tensor:
        weight = self.effective_weight()
        return self._conv_forward(input, weight, self.bias)


class Basic(nn.Module):
    """Pre-activation residual block: conv3x3, conv3x3.

    (N, in_channels, H, W) -> (N, width, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = (
            BareDiracConv2d(in_channels, width, 3, padding=1)
            if stride == 1
            else nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = BareDiracConv2d(width, width, 3, padding=1)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, width, 1, stride=stride, bias=False))
            if stride != 1 or in_channels != width
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out2 = out
        out2 = self.conv1(out)
        out2 = self.relu(self.bn2(out2))
        return self.conv2(out2) + shortcut


class DiracResnet(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(self, depth: int = 28, k: int = 1, classes: int = 10) -> None:
        super().__init__()
        if (depth - 4) % 6 != 0:
            raise ValueError("depth must be 6n + 4")
        n = (depth - 4) // 6
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False))
        self.conv2 = nn.Sequential(
            Basic(16, 16 * k), *(Basic(16 * k, 16 * k) for _ in range(n - 1))
        )
        self.conv3 = nn.Sequential(
            Basic(16 * k, 32 * k, stride=2), *(Basic(32 * k, 32 * k) for _ in range(n - 1))
        )
        self.conv4 = nn.Sequential(
            Basic(32 * k, 64 * k, stride=2), *(Basic(64 * k, 64 * k) for _ in range(n - 1))
        )
        self.head = nn.Sequential(
            nn.BatchNorm2d(64 * k),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64 * k, classes),
        )
        # He initialization of the weights without a scheme; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Linear) or type(module) is nn.Conv2d:
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
