"""What a printed figure is: the row it stands in, the network it is about, and what it counts.

A printed figure matches where ours, rounded half up to its decimals, prints the same; `< 5` matches
where ours is less.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Quantity(StrEnum):
    """What a figure counts."""

    PARAMETERS = "parameters"  # printed in millions
    ELEMENTS = "elements"  # parameters, printed as they are
    DECREASE = "decrease"  # per cent of the parameters that sharing saves
    CONVOLUTIONS = "convolutions"  # distinct weights
    RATIO = "ratio"  # parameters, in those of another network
    MB = "MB"  # of the deployed weights: 1,000,000 bytes
    MIB = "MiB"  # the same: 1,048,576 bytes


class Figure(NamedTuple):
    """A printed figure and the network that it is about."""

    row: str
    printed: str  # "1.70", or "< 5"
    spec: str  # with `:network` where the file has several
    arguments: Mapping[str, object]
    quantity: Quantity = Quantity.PARAMETERS
    projections: int = 0  # left out of the count of convolutions, and the classifier counted
    why: str = ""
    paper_says_so: bool = True  # False: another reading of a row, beside it
    other: tuple[str, Mapping[str, object]] | None = None  # of a ratio: spec and arguments


class Size(NamedTuple):
    """A network whose deployed weights are shown in bits, bytes, MB and MiB."""

    row: str
    spec: str
    arguments: Mapping[str, object]


class Table(NamedTuple):
    """Figures that stand together, or sizes."""

    title: str
    note: str
    figures: tuple[Figure, ...] = ()
    sizes: tuple[Size, ...] = ()


class Paper(NamedTuple):
    """A paper and its tables."""

    title: str
    tables: tuple[Table, ...]


RESNET, SHARESNET = "specs/resnet.arch", "specs/sharesnet.arch"
PREACT, SHARE_164 = "specs/preact_resnet.arch", "specs/share_resnet164.arch"
WRN, SHARE_WRN, VGG = "specs/wrn.arch", "specs/share_wrn.arch", "specs/vgg.arch"

WRN_40_4 = {"depth": 40, "k": 4}
WRN_28_10_C100 = {"depth": 28, "k": 10, "classes": 100}

DEEP_1001 = "10.2 leaves the scales and offsets of batch normalization out: 10,178,490"
