"""vgg_cnn_s, compiled by archdsl from specs/vgg_cnn_s.arch.

Its argument classes may be given.

Change the spec, not this file, and run
    archdsl compile specs/vgg_cnn_s.arch

102,908,520 parameters for inputs (3, 224, 224).
"""

import torch
from torch import Tensor, nn


class VggCnnS(nn.Module):
    """The network: (N, 3, 224, 224) -> (N, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 7, stride=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(5, alpha=0.0005, k=2.0),
            nn.MaxPool2d(3, ceil_mode=True),
            nn.Conv2d(96, 256, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(256, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(512, 512, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, ceil_mode=True),
        )
        self.classifier = nn.Sequential(
            nn.Linear(18432, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, classes),
        )
        # He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.features(x), 1)  # (N, 18432)
        return self.classifier(x)
