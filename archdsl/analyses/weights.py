"""What a checkpoint can hold of each layer, and the record of what it does hold.

The numbers come from `archdsl/deploy/measuring.py`, which needs torch; tables and plots do not.
"""

from collections.abc import Iterator
from typing import assert_never

from archdsl.analyses.origins import tensors_of
from archdsl.analyses.tensors import kept
from archdsl.analyses.walk import root, walk
from archdsl.ir.layers import Conv, ConvTranspose, Layer, Linear, Tensor, scheme_of
from archdsl.ir.network import LayerNode, Network, Shared
from archdsl.ir.schemes import word
from archdsl.record import Record

BINS = 64  # of a histogram


class KeptLayer(Record):
    """A layer that keeps tensors, or a shared weight."""

    name: str  # "conv2.0.conv1"
    kind: str  # "conv", "dirac conv", "bn"
    layer: Layer
    uses: int  # layers that use its weight
    tensors: tuple[Tensor, ...]  # those that inference needs


class Norms(Record, kw_only=True):
    """Euclidean norms of the filters that hold finite numbers only."""

    least: float
    mean: float
    largest: float
    zeros: int  # filters of zeros


class Moments(Record, kw_only=True):
    """Of a tensor's finite elements, of which there is one at least."""

    mean: float
    std: float  # the root of the mean squared deviation
    norm: float  # Euclidean
    least: float
    largest: float


class Statistics(Record, kw_only=True):
    """What is said of a tensor. All but `nan` and `infinite` is of its finite elements."""

    nan: int
    infinite: int
    negative: int
    zero: int
    positive: int
    moments: Moments | None  # None where no element is finite
    filters: Norms | None = None  # of the weight of a convolution or linear layer
    histogram: tuple[int, ...] = ()  # BINS equal bins from least to largest; () where those agree

    @property
    def finite(self) -> int:
        """Number of finite elements."""
        return self.negative + self.zero + self.positive


class Measured(Record, kw_only=True):
    """A tensor of a checkpoint."""

    checkpoint: str  # its path
    layer: KeptLayer
    tensor: Tensor
    statistics: Statistics


def kept_layers(network: Network) -> Iterator[KeptLayer]:
    """Yield what keeps tensors in PyTorch's order, each copy; a shared weight at its owner."""
    for place in walk(root(network), unfold=True):
        node = place.node
        if isinstance(node, LayerNode | Shared) and kept(place):
            uses = node.uses if isinstance(node, Shared) else 1
            yield KeptLayer(place.name, _kind(node), node.layer, uses, tensors_of(node.layer))


def notes(measured: Measured) -> tuple[str, ...]:
    """Return what is to be marked of a tensor."""
    found, is_variance = measured.statistics, measured.tensor.name == "running_var"
    norms = found.filters
    counts = (
        (found.nan, "NaN"),
        (found.infinite, "infinite"),
        (found.negative if is_variance else 0, "negative"),
        (found.zero if is_variance else 0, "zero"),
    )
    zeros = 0 if norms is None else norms.zeros
    filters = (f"{zeros:,} filter{'' if zeros == 1 else 's'} of zeros",) if zeros else ()
    return (*(f"{number:,} {what}" for number, what in counts if number), *filters)


def _kind(node: LayerNode | Shared) -> str:
    scheme = scheme_of(node.layer)
    words = () if scheme is None else (word(scheme),)
    return " ".join((*words, node.kind if isinstance(node, LayerNode) else _weighted(node)))


def _weighted(shared: Shared) -> str:
    match shared.layer:
        case Conv():
            return "conv"
        case ConvTranspose():
            return "conv_transpose"
        case Linear():
            return "linear"
        case _:
            assert_never(shared.layer)
