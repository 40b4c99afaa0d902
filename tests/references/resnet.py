"""ResNet-18 to 152 by hand (He et al. 2016, Table 1), to hold generated networks against.

The parameter names are torchvision's, and so is the place of a bottleneck's stride: its 3x3.
"""

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


class Unit(nn.Module):
    """Convolutions with batch normalization, ReLU between them, and ReLU after the sum.

    `kernels` and `widths` have an entry per convolution; the first 3x3 one has the stride.
    """

    def __init__(self, channels: int, kernels: list[int], widths: list[int], stride: int) -> None:
        super().__init__()
        self.length = len(kernels)
        strided = kernels.index(3)
        inputs = [channels, *widths]
        for i, (kernel, width) in enumerate(zip(kernels, widths, strict=True)):
            step = stride if i == strided else 1
            conv = nn.Conv2d(inputs[i], width, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{i + 1}", conv)
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(width))
        self.downsample = None
        if stride != 1 or channels != widths[-1]:
            projection = nn.Conv2d(channels, widths[-1], 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(widths[-1]))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i in range(1, self.length + 1):
            y = self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(y))
            if i < self.length:
                y = relu(y)
        shortcut = x if self.downsample is None else self.downsample(x)
        return relu(y + shortcut)


class ResNet(nn.Module):
    """(N, 3, H, W) -> (N, 1000)."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for stage, blocks in enumerate(BLOCKS[depth]):
            width = 64 * 2**stage
            kernels, widths = ([3, 3], [width] * 2)
            if depth >= 50:
                kernels, widths = ([1, 3, 1], [width, width, 4 * width])
            units = []
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                units.append(Unit(channels, kernels, widths, stride))
                channels = widths[-1]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*units))
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool2d(relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return self.fc(x.mean(dim=(2, 3)))
