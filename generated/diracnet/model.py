"""diracnet, compiled by archdsl from specs/diracnet.arch.

Compiled for b_per = layer; depth, k, classes and stem_width may be given.

Change the spec, not this file, and run
    archdsl compile specs/diracnet.arch

3,693,158 parameters for inputs (3, 32, 32).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NCReLU(nn.Module):
    """The positive part, then the negative part: (N, C, ..) -> (N, 2 * C, ..)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.clamp(min=0), x.clamp(max=0)), dim=1)


class DiracConv2d(nn.Conv2d):
    """Convolution by a * delta + b * W / |W|, |W| per filter (arXiv:1706.00388, equation 4)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, padding: int = 0
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=padding, bias=False)
        self.a = nn.Parameter(torch.full((1,), 5.0))
        self.b = nn.Parameter(torch.full((1,), 0.001))

    def reset_parameters(self) -> None:
        """Draw W and set a and b; nn.Conv2d.__init__ ends with it, before they are there."""
        super().reset_parameters()
        nn.init.normal_(self.weight)
        if hasattr(self, "b"):
            nn.init.constant_(self.a, 5.0)
            nn.init.constant_(self.b, 0.001)

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
        filters = F.normalize(self.weight.flatten(1)).view_as(self.weight)
        return self.a * self.delta() + self.b * filters

    def forward(self, input: Tensor) -> Tensor:
        weight = self.effective_weight()
        return self._conv_forward(input, weight, self.bias)


class Layer(nn.Module):
    """Ncrelu, conv3x3, bn.

    (N, in_channels, H, W) -> (N, width, H, W)
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.ncrelu = NCReLU()
        self.conv1 = DiracConv2d(2 * in_channels, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ncrelu(x)
        return self.bn1(self.conv1(x))


class Diracnet(nn.Module):
    """The network: (N, 3, 32, 32) -> (N, classes)."""

    def __init__(
        self, depth: int = 34, k: int = 2, classes: int = 10, stem_width: int | None = None
    ) -> None:
        super().__init__()
        if stem_width is None:
            stem_width = 16 * k
        if (depth - 4) % 6 != 0:
            raise ValueError("depth must be 6n + 4")
        n = (depth - 4) // 6
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem_width, 3, padding=1, bias=False),
            nn.BatchNorm2d(stem_width),
            nn.ReLU(inplace=True),
        )
        self.group1 = nn.Sequential(
            Layer(stem_width, 16 * k), *(Layer(16 * k, 16 * k) for _ in range(2 * n - 1))
        )
        self.maxpool = nn.MaxPool2d(2)
        self.group2 = nn.Sequential(
            Layer(16 * k, 32 * k), *(Layer(32 * k, 32 * k) for _ in range(2 * n - 1))
        )
        self.group3 = nn.Sequential(
            Layer(32 * k, 64 * k), *(Layer(64 * k, 64 * k) for _ in range(2 * n - 1))
        )
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64 * k, classes))
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
        x = self.stem(x)  # (N, stem_width, 32, 32)
        x = self.group1(x)  # (N, 16 * k, 32, 32)
        x = self.maxpool(x)
        x = self.group2(x)  # (N, 32 * k, 16, 16)
        x = self.maxpool(x)
        x = self.group3(x)  # (N, 64 * k, 8, 8)
        return self.head(x)
