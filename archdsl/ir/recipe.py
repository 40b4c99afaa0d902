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

    name: str  # a key of `archdsl.ir.datasets.DATA_SETS`
    augment: tuple[Augmentation, ...] = ()
    normalize: bool = True  # to mean 0 and deviation 1; else pixels are what they are, 0 to 255


class RandomResizedCrop(Record):
    """A part of the image, in place and shape at random, as `size` x `size` pixels.

    8 to 100 % of the area, sides from 3:4 to 4:3. Source: Szegedy et al. 2015, as in torchvision.
    """

    size: int


class ColorJitter(Record):
    """Brightness, contrast and saturation by factors of up to 1 +- these, in an order at random.

    Source: fb.resnet.torch, after Howard 2013, arXiv:1312.5402.
    """

    brightness: float
    contrast: float
    saturation: float


class Lighting(Record):
    """Colours shifted along the principal components of ImageNet's, by N(0, std^2) of each.

    Source: Krizhevsky, Sutskever & Hinton 2012, section 4.1.
    """

    std: float


PhotoAugmentation: TypeAlias = Flip | ColorJitter | Lighting


class CenterCrop(Record):
    """The middle `size` x `size` pixels of an image whose shorter side is made `resize` pixels."""

    resize: int
    size: int


class ImageFolder(Record, kw_only=True):
    """Photographs, in a folder for each class; the network has an output for each."""

    crop: RandomResizedCrop  # in training, and what follows it
    augment: tuple[PhotoAugmentation, ...]
    test: CenterCrop
    normalize: bool = True  # by mean and deviation; else pixels are what they are, 0 to 255
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # of ImageNet's colours, 0 to 1
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


DataSource: TypeAlias = Data | ImageFolder


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
    data: DataSource
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
