"""convnext, compiled by archdsl from specs/convnext.arch.

Compiled for blocks = [3, 3, 9, 3]; width and classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/convnext.arch

28,589,128 parameters for inputs (3, 224, 224).
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LayerNorm2d(nn.LayerNorm):
    """Normalization over the channels at each position: (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        x = input.movedim(1, -1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.movedim(-1, 1)


class PixelLinear(nn.Linear):
    """A linear layer on the channels at each pixel: (N, C, ..)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


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
    """Depthwise conv, linear, linear.

    (N, width, H, W) -> (N, width, H, W)
    """

    def __init__(self, width: int, drop_rate: float) -> None:
        super().__init__()
        self.layer_scale = nn.Parameter(torch.empty(width, 1, 1))
        self.block = nn.Sequential(
            OrderedDict(
                [
                    ("0", nn.Conv2d(width, width, 7, padding=3, groups=width)),
                    ("2", LayerNorm2d(width, eps=1e-06)),
                    ("3", PixelLinear(width, 4 * width)),
                    ("4", nn.GELU()),
                    ("5", PixelLinear(4 * width, width)),
                ]
            )
        )
        self.stochastic_depth = StochasticDepth(drop_rate)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.constant_(self.layer_scale, 1e-06)

    def forward(self, x: Tensor) -> Tensor:
        return self.stochastic_depth(self.layer_scale * self.block(x)) + x


class Convnext(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, width: int = 96, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, width, 4, stride=4), LayerNorm2d(width, eps=1e-06)),
            nn.Sequential(*(ConvnextBlock(width, drop_rate=0.1 * i / 18) for i in range(1, 4))),
            nn.Sequential(LayerNorm2d(width, eps=1e-06), nn.Conv2d(width, 2 * width, 2, stride=2)),
            nn.Sequential(*(ConvnextBlock(2 * width, drop_rate=0.1 * i / 18) for i in range(4, 7))),
            nn.Sequential(
                LayerNorm2d(2 * width, eps=1e-06), nn.Conv2d(2 * width, 4 * width, 2, stride=2)
            ),
            nn.Sequential(
                *(ConvnextBlock(4 * width, drop_rate=0.1 * i / 18) for i in range(7, 16))
            ),
            nn.Sequential(
                LayerNorm2d(4 * width, eps=1e-06), nn.Conv2d(4 * width, 8 * width, 2, stride=2)
            ),
            nn.Sequential(
                *(ConvnextBlock(8 * width, drop_rate=0.1 * i / 18) for i in range(16, 19))
            ),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            LayerNorm2d(8 * width, eps=1e-06), nn.Flatten(), nn.Linear(8 * width, classes)
        )
        # Normal initialization, cut off at -2 and 2; biases are 0
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 8 * width, 7, 7)
        x = self.avgpool(x)
        return self.classifier(x)
