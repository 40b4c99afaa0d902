"""Recipe: how a network is trained, every number known."""

from enum import StrEnum
from typing import TypeAlias, assert_never

from archdsl.ir.initialization import Initialization
from archdsl.ir.task import Loss, Task
from archdsl.record import Record


class Flip(Record):
    """Horizontal flip of half the images, at random.

    `alternate`: of half the images, at random, in the first epoch, of the others in the second, and
    so on (Jordan 2024, arXiv:2404.00498, section 3.6).
    """

    alternate: bool = False


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


class Views(Record, kw_only=True):
    """What a test sees of an image: the mean of what the network says to each is what counts."""

    flip: bool = False  # its mirror image, too
    shift: int = 0  # moved up and left by so many pixels, and down and right; half as much each


class Data(Record, kw_only=True):
    """A data set, by its name in the language."""

    name: str  # a key of `archdsl.ir.datasets.DATA_SETS`
    augment: tuple[Augmentation, ...] = ()
    normalize: bool = True  # to mean 0 and deviation 1; else pixels are what they are, 0 to 255
    unit: bool = False  # pixels / 255, instead
    whiten: bool = False  # contrast normalized and ZCA, instead, over the training images
    views: Views | None = None


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


class Sine(Record, kw_only=True):
    """Points (x, sin x) with x in [-2 pi, 2 pi], how many of each split."""

    train: int  # drawn uniformly, the same in every run
    test: int  # evenly spaced, both ends among them


DataSource: TypeAlias = Data | ImageFolder | Sine


def task_of(data: DataSource) -> Task:
    """Return what a network can be trained for on this data."""
    match data:
        case Data() | ImageFolder():
            return Task.CLASSIFICATION
        case Sine():
            return Task.REGRESSION
        case _:
            assert_never(data)


def samples_of(data: DataSource) -> str:
    """Return what a batch is a batch of, in prose."""
    match data:
        case Data() | ImageFolder():
            return "images"
        case Sine():
            return "points"
        case _:
            assert_never(data)


class Sgd(Record, kw_only=True):
    """Stochastic gradient descent."""

    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    factors: "Factors | None" = None


class Adam(Record, kw_only=True):
    """Adam (Kingma & Ba 2015), whose weight decay is a part of the gradient."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    factors: "Factors | None" = None


class AdamW(Record, kw_only=True):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    factors: "Factors | None" = None


Optimizer: TypeAlias = Sgd | Adam | AdamW


class Factors(Record):
    """What the rate is multiplied by for scales of normalization, and for biases and offsets."""

    norms: float = 1.0
    biases: float = 1.0


class Constant(Record, kw_only=True):
    """The same rate all the time, after a linear rise over the first `warmup` epochs."""

    warmup: float = 0.0


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
    `reset_momentum`: each cycle begins with a momentum of 0, as McDonnell's code has it.
    """

    first: int
    growth: int = 2
    min_lr: float = 0.0
    warmup: float = 0.0
    reset_momentum: bool = False


Schedule: TypeAlias = Constant | Steps | Cosine | WarmRestarts


class AveragedMoments(Record, kw_only=True):
    """Tests are made with the means of moments over all batches, measured when training has ended.

    `of`: what is averaged of the spread, "variances" or "deviations", roots of variance + eps
    (McDonnell 2018, section 3.2.1, and MatConvNet). `between`: after the epochs before the last,
    how many batches are measured; 0: none, and tests are made with running moments.
    """

    of: str = "variances"
    between: int = 0


class NewChannels(StrEnum):
    """What channels and blocks begin as that a growth adds."""

    ZERO = "zero"  # of no effect on what was there: the larger network computes the same
    DRAWN = "drawn"  # as they were drawn before any training, with the whole capacity


class GrowAt(Record, kw_only=True):
    """The network goes on to its next phase at the start of each of these epochs, from 2.

    `restarts`: the schedule of the rate starts again in each phase, and lasts as long.
    """

    at: tuple[int, ...]
    new: NewChannels = NewChannels.ZERO
    restarts: bool = False


class Plateau(Record, kw_only=True):
    """The network goes on to its next phase where a loss has stopped falling.

    So it has when the mean over the last `window` epochs is not by the fraction `least` below that
    over the `window` before them; not in the first `cooldown` epochs of a phase. `restarts`: the
    schedule starts again in each phase, over what is left of the training.
    """

    metric: str  # of an epoch: "train_loss" or "held_out_loss"
    window: int
    least: float
    cooldown: int
    new: NewChannels = NewChannels.ZERO
    restarts: bool = False


Growth: TypeAlias = GrowAt | Plateau

# Of mixup and cutmix: below, float32 does not hold the shares, which are nearly always 0 or 1.
LEAST_ALPHA = 0.001


class Recipe(Record, kw_only=True):
    """Everything a training script is generated from."""

    name: str  # as declared
    data: DataSource
    batch: int
    epochs: int
    optimizer: Optimizer
    schedule: Schedule
    loss: Loss = Loss.CROSS_ENTROPY
    label_smoothing: float = 0.0
    auxiliary: float = 0.0  # what the loss of each auxiliary head counts; 0: nothing is said of it
    clip: float = 0.0  # the largest norm of all gradients together; 0: any
    decay: str = "all"  # "all" parameters, or "weights": those of two or more dimensions
    moments: AveragedMoments | None = None  # of batch normalization, for tests; None: running ones
    accumulate: int = 0  # parts of a batch whose gradients are added up, in turn; 0: one
    ema: float = 0.0  # what remains each step of the average that is tested; 0: there is none
    mixup: float = 0.0  # alpha of Zhang et al. 2018, arXiv:1710.09412; 0: images are not mixed
    cutmix: float = 0.0  # alpha of Yun et al. 2019, arXiv:1905.04899; 0: nothing is pasted
    held_out: int = 0  # training images that are tested on after each epoch, and not trained on
    grow: Growth | None = None  # of a network that grows; None: it does not
    init: Initialization | None = None  # of the network, unless that says its own
    seed: int = 0
