"""convnext, compiled by archdsl from specs/convnext.arch.

Compiled for blocks = [3, 3, 9, 3]; width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/convnext.arch

28,589,128 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LayerNorm2d(nn.LayerNorm):
    """Normalization over the channels at each position: (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        x = input.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Scale(nn.Module):
    """A learned factor for each channel (layer scale, Touvron et al. 2021), or for all."""

    def __init__(self, shape: int | tuple[int, ...], init: float = 1.0) -> None:
        super().__init__()
        self.init = init
        self.weight = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.constant_(self.weight, self.init)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, *[1] * (x.dim() - 2))


class StochasticDepth(nn.Module):
    """Zeroes its input, example by example, with probability p in training (Huang et al. 2016)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        ones = x.new_ones((x.shape[0], *[1] * (x.dim() - 1)))
        return x * F.dropout(ones, self.p)


class ConvnextBlock(nn.Module):
    """Depthwise conv, conv, conv, added to the input.

    (N, width, H, W) -> (N, width, H, W)
    """

    def __init__(self, width: int, drop_rate: float) -> None:
        super().__init__()
        self.branch1 = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            LayerNorm2d(width, eps=1e-06),
            nn.Conv2d(width, 4 * width, 1),
            nn.GELU(),
            nn.Conv2d(4 * width, width, 1),
            Scale(width, init=1e-06),
            StochasticDepth(drop_rate),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch1(x)


class Convnext(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, width: int = 96, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, stride=4), LayerNorm2d(width, eps=1e-06))
        self.stage1 = nn.Sequential(
            *(ConvnextBlock(width, drop_rate=0.1 * i / 18) for i in range(1, 4))
        )
        self.down2 = nn.Sequential(
            LayerNorm2d(width, eps=1e-06), nn.Conv2d(width, 2 * width, 2, stride=2)
        )
        self.stage2 = nn.Sequential(
            *(ConvnextBlock(2 * width, drop_rate=0.1 * i / 18) for i in range(4, 7))
        )
        self.down3 = nn.Sequential(
            LayerNorm2d(2 * width, eps=1e-06), nn.Conv2d(2 * width, 4 * width, 2, stride=2)
        )
        self.stage3 = nn.Sequential(
            *(ConvnextBlock(4 * width, drop_rate=0.1 * i / 18) for i in range(7, 16))
        )
        self.down4 = nn.Sequential(
            LayerNorm2d(4 * width, eps=1e-06), nn.Conv2d(4 * width, 8 * width, 2, stride=2)
        )
        self.stage4 = nn.Sequential(
            *(ConvnextBlock(8 * width, drop_rate=0.1 * i / 18) for i in range(16, 19))
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            LayerNorm2d(8 * width, eps=1e-06),
            nn.Flatten(),
            nn.Linear(8 * width, classes),
        )
        # Normal initialization, cut off at -2 and 2; biases are 0
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # (N, width, 56, 56)
        x = self.stage1(x)
        x = self.down2(x)  # (N, 2 * width, 28, 28)
        x = self.stage2(x)
        x = self.down3(x)  # (N, 4 * width, 14, 14)
        x = self.stage3(x)
        x = self.down4(x)  # (N, 8 * width, 7, 7)
        x = self.stage4(x)
        return self.head(x)
