"""Pre-activation residual networks for CIFAR by hand, to hold generated networks against.

He et al. 2016, "Identity Mappings in Deep Residual Networks", and Zagoruyko & Komodakis 2016. Where
a unit changes the shape, its first BN-ReLU is common to the residual branch and the projection;
elsewhere the shortcut takes what came in.
"""

from torch import Tensor, nn
from torch.nn.functional import relu


class Unit(nn.Module):
    """BN-ReLU-convolution for each (kernel, width), the first convolution strided."""

    def __init__(self, channels: int, plan: list[tuple[int, int]], stride: int) -> None:
        super().__init__()
        self.length = len(plan)
        inputs = channels
        for i, (kernel, width) in enumerate(plan, start=1):
            step = stride if i == 1 else 1
            self.add_module(f"bn{i}", nn.BatchNorm2d(inputs))
            conv = nn.Conv2d(inputs, width, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{i}", conv)
            inputs = width
        self.changes_shape = stride != 1 or channels != inputs
        if self.changes_shape:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, inputs, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        activated = relu(self.get_submodule("bn1")(x))
        y = self.get_submodule("conv1")(activated)
        for i in range(2, self.length + 1):
            y = self.get_submodule(f"conv{i}")(relu(self.get_submodule(f"bn{i}")(y)))
        return y + (self.shortcut(activated) if self.changes_shape else x)


class Network(nn.Module):
    """(N, 3, 32, 32) -> (N, classes); `plans` has the units' plan of each of the three stages."""

    def __init__(self, units: int, plans: list[list[tuple[int, int]]], classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False))
        channels = 16
        for number, plan in enumerate(plans, start=2):
            stage = nn.Sequential()
            for i in range(units):
                stage.append(Unit(channels, plan, 2 if number > 2 and i == 0 else 1))
                channels = plan[-1][1]
            self.add_module(f"conv{number}", stage)
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), pool, nn.Identity(), nn.Linear(channels, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x


def wide(depth: int, k: int, kernels: tuple[int, ...] = (3, 3), classes: int = 10) -> Network:
    """Return WRN-depth-k with blocks B(kernels), the depth counted as 6n + 4."""
    plans = [[(kernel, width * k) for kernel in kernels] for width in (16, 32, 64)]
    return Network((depth - 4) // 6, plans, classes)


def basic(depth: int) -> Network:
    """Return ResNet-depth, 6n + 2."""
    return Network((depth - 2) // 6, [[(3, width), (3, width)] for width in (16, 32, 64)])


def bottleneck(depth: int) -> Network:
    """Return ResNet-depth, 9n + 2."""
    plans = [[(1, width), (3, width), (1, 4 * width)] for width in (16, 32, 64)]
    return Network((depth - 2) // 9, plans)
