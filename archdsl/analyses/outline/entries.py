"""Entry: what stands in the cell of a paper's table.

OutlineRow  =  a name, the size of what it gives, and Entries in the order of the data
Entry  =  Line | RunBracket | Branches
"""

from enum import StrEnum
from typing import TypeAlias

from archdsl.ir.layers import Size
from archdsl.ir.network import FeatureMap, Operator
from archdsl.record import Record


class Shown(StrEnum):
    """What a line is about."""

    CONV = "conv"
    CONV_TRANSPOSE = "conv_transpose"
    LINEAR = "linear"
    MAX_POOL = "max pool"
    AVERAGE_POOL = "average pool"
    GLOBAL_MAX_POOL = "global max pool"
    GLOBAL_AVERAGE_POOL = "global average pool"
    OTHER = "other"  # by the language's word


class LayerMark(StrEnum):
    """What is said of a layer below the table."""

    SHARED = "shared"
    DIRAC = "dirac"
    BINARY = "binary"
    STANDARDIZED = "standardized"
    FROZEN = "frozen"


class Line(Record, kw_only=True):
    """A layer: its window, its channels, its stride where it is not 1."""

    shown: Shown
    word: str = ""  # of the language, where that is what is shown
    window: Size = ()
    channels: int | None = None  # that it gives, where it says so
    stride: Size = ()  # () where it is 1, or the block's
    groups: int = 1
    depthwise: bool = False
    marks: frozenset[LayerMark] = frozenset()


class RunBracket(Record):
    """Lines of a block, `count` times."""

    entries: "tuple[Entry, ...]"
    count: int


class Branches(Record):
    """Branches side by side, and how they come together."""

    operator: Operator
    branches: "tuple[tuple[Entry, ...], ...]"


Entry: TypeAlias = Line | RunBracket | Branches


class OutlineRow(Record, kw_only=True):
    """A row of the table."""

    name: str
    output: FeatureMap
    entries: tuple[Entry, ...]
    strided: bool = False  # its first block, or blocks, are those that reduce the map
