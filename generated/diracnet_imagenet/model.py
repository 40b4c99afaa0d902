"""diracnet_imagenet, compiled by archdsl from specs/diracnet_imagenet.arch.

Compiled for depth = 18, b_per = channel, blocks = [2, 2, 2, 2]; width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/diracnet_imagenet.arch

12,759,464 parameters for inputs (3, 224, 224).
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
        self.b = nn.Parameter(torch.full((out_channels,), 0.001))

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
        return self.a * self.delta() + self.b.view(-1, 1, 1, 1) * filters

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


class DiracnetImagenet(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, width: float = 0.75, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, round(64 * width), 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(round(64 * width)),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.group1 = nn.Sequential(
            *(Layer(round(64 * width), round(64 * width)) for _ in range(4))
        )
        self.maxpool = nn.MaxPool2d(2)
        self.group2 = nn.Sequential(
            Layer(round(64 * width), round(128 * width)),
            *(Layer(round(128 * width), round(128 * width)) for _ in range(3)),
        )
        self.group3 = nn.Sequential(
            Layer(round(128 * width), round(256 * width)),
            *(Layer(round(256 * width), round(256 * width)) for _ in range(3)),
        )
        self.group4 = nn.Sequential(
            Layer(round(256 * width), round(512 * width)),
            *(Layer(round(512 * width), round(512 * width)) for _ in range(3)),
        )
        self.head = nn.Sequential(
            nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(round(512 * width), classes)
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
        x = self.stem(x)
        x = self.group1(x)  # (N, round(64 * width), 56, 56)
        x = self.maxpool(x)
        x = self.group2(x)  # (N, round(128 * width), 28, 28)
        x = self.maxpool(x)
        x = self.group3(x)  # (N, round(256 * width), 14, 14)
        x = self.maxpool(x)
        x = self.group4(x)  # (N, round(512 * width), 7, 7)
        return self.head(x)
