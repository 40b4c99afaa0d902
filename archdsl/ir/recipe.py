"""Recipe: how a network is trained, every number known."""

from typing import TypeAlias

from archdsl.record import Record


class Flip(Record):
    """Horizontal flip of half the images."""


class Crop(Record):
    """Crop of the original size from an image padded by `pad` pixels on each side."""

    pad: int
    mode: str = "zeros"  # or "reflect"


Augmentation: TypeAlias = Flip | Crop


class Data(Record, kw_only=True):
    """A data set, by its name in the language."""

    name: str  # digits, mnist, fashion_mnist, cifar10, cifar100
    augment: tuple[Augmentation, ...] = ()


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
    """The learning rate is multiplied by `factor` at the start of each of these epochs."""

    at: tuple[int, ...]
    factor: float


class Cosine(Record, kw_only=True):
    """Linear warm-up over `warmup` epochs, then half a cosine to zero."""

    warmup: float = 0.0


Schedule: TypeAlias = Steps | Cosine


class Recipe(Record, kw_only=True):
    """Everything a training script is generated from."""

    name: str  # as declared
    data: Data
    batch: int
    epochs: int
    optimizer: Optimizer
    schedule: Schedule
    label_smoothing: float = 0.0
    decay: str = "all"  # "all" parameters, or "weights": those of two or more dimensions
    seed: int = 0
