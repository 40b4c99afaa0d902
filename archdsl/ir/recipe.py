"""Recipe: how a network is trained, every number known."""

from typing import TypeAlias

from archdsl.ir.initialization import Initialization
from archdsl.record import Record


class Flip(Record):
    """Horizontal flip of half the images."""


class Crop(Record):
    """Crop of the original size from an image padded by `pad` pixels on each side."""

    pad: int
    mode: str = "zeros"  # or "reflect", or "noise": random pixels


class Cutout(Record):
    """A square of `size` pixels becomes noise; it may hang over the border.

    So every pixel is as likely to be in it. Source: DeVries & Taylor 2017, with the random pixels
    of McDonnell 2018, section 3.3.2.
    """

    size: int


Augmentation: TypeAlias = Flip | Crop | Cutout


class Data(Record, kw_only=True):
    """A data set, by its name in the language."""

    name: str  # digits, mnist, fashion_mnist, cifar10, cifar100
    augment: tuple[Augmentation, ...] = ()
    normalize: bool = True  # to mean 0 and deviation 1; else pixels are what they are, 0 to 255


class Sgd(Record, kw_only=True):
    """Stochastic gradient descent."""

    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0


class AdamW(Record, kw_only=True):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01


Optimizer: TypeAlias = Sgd | AdamW


class Steps(Record, kw_only=True):
    """The learning rate is multiplied by `factor` at the start of each of these epochs.

    Over the first `warmup` epochs it rises linearly.
    """

    at: tuple[int, ...]
    factor: float
    warmup: float = 0.0


class Cosine(Record, kw_only=True):
    """Linear warm-up over `warmup` epochs, then half a cosine to zero."""

    warmup: float = 0.0


class WarmRestarts(Record, kw_only=True):
    """Half a cosine down to `min_lr` over `first` epochs, then again and again.

    Each cycle is `growth` times as long as the one before it. Source: Loshchilov & Hutter 2017,
    equation 5. Over the first `warmup` epochs the rate is held down by a linear rise.
    """

    first: int
    growth: int = 2
    min_lr: float = 0.0
    warmup: float = 0.0


Schedule: TypeAlias = Steps | Cosine | WarmRestarts


class Recipe(Record, kw_only=True):
    """Everything a training script is generated from."""

    name: str  # as declared
    data: Data
    batch: int
    epochs: int
    optimizer: Optimizer
    schedule: Schedule
    label_smoothing: float = 0.0
    clip: float = 0.0  # the largest norm of all gradients together; 0: any
    decay: str = "all"  # "all" parameters, or "weights": those of two or more dimensions
    moments: str = "running"  # of batch normalization, for tests; or "averaged" after training
    init: Initialization | None = None  # of the network, unless that says its own
    seed: int = 0
