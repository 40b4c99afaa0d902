"""What a deployed network is made of: where its layers come from, and their tensors in the file."""

from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from typing import TypeAlias

from archdsl.ir.layers import BatchNorm, Conv, Layer, Tensor, scheme_of, tensors
from archdsl.ir.network import Network
from archdsl.ir.schemes import Binary, BinaryScale, Computed, Packed, Scheme
from archdsl.record import Record

COUNTER = "num_batches_tracked"  # of use in training only


class Copies(Record):
    """The indices of equal members of a stage: `first` to `first + count - 1`."""

    first: int
    count: int


ModulePath: TypeAlias = tuple[str | Copies, ...]  # a dotted name, over all copies


class Origin(Record, kw_only=True):
    """The trained layers that a deployed layer is made of; copies correspond in order."""

    path: ModulePath
    layer: Layer  # as deployed; a binary convolution stays one
    trained_path: ModulePath
    trained: Layer
    norm_path: ModulePath = ()
    norm: BatchNorm | None = None  # folded into it


class DeployedPart(Record, kw_only=True):
    """A direct part of the network, or `shared`: what the network itself owns."""

    name: str
    kind: str
    trained_bytes: int  # of its tensors, all of them float32 but for the counters
    origins: tuple[Origin, ...]

    @property
    def elements(self) -> int:
        """Weights, moments and biases that inference needs."""
        return sum(_numel(origin, tensors_of(origin.layer)) for origin in self.origins)

    @property
    def bytes(self) -> int:
        """Bytes of its tensors in the file."""
        return sum(
            num_copies(origin.path) * sum(file_bits(t) for t in file_tensors(origin.layer)) // 8
            for origin in self.origins
        )


class Deployed(Record, kw_only=True):
    """A deployed network and where it comes from."""

    network: Network  # binary convolutions are still said to be binary
    parts: tuple[DeployedPart, ...]

    @property
    def origins(self) -> tuple[Origin, ...]:
        """A record for each layer, as folded, that keeps tensors."""
        return tuple(origin for part in self.parts for origin in part.origins)

    @property
    def trained_bytes(self) -> int:
        """Bytes of the trained network's `state_dict`."""
        return sum(part.trained_bytes for part in self.parts)

    @property
    def bytes(self) -> int:
        """Bytes of the file but for its head, which names the tensors."""
        return sum(part.bytes for part in self.parts)


# ---------------------------------------------------------------- paths


def names(path: ModulePath) -> Iterator[str]:
    """Yield the name of every copy, in order."""
    steps = [
        [step] if isinstance(step, str) else map(str, range(step.first, step.first + step.count))
        for step in path
    ]
    return (".".join(name) for name in product(*steps))


def num_copies(path: ModulePath) -> int:
    """Return how many names a path stands for."""
    return prod(step.count for step in path if isinstance(step, Copies))


# ---------------------------------------------------------------- tensors of the file


def tensors_of(layer: Layer) -> tuple[Tensor, ...]:
    """Return what inference needs of a layer's `state_dict`."""
    return tuple(tensor for tensor in tensors(layer) if tensor.name != COUNTER)


def file_tensors(layer: Layer) -> tuple[Tensor, ...]:
    """Return what the file holds of a deployed layer.

    A binary convolution has `bits`, eight weights in a byte, and `scale` instead of its weight.
    """
    needed = tensors_of(layer)
    match layer:
        case Conv(scheme=Binary(scale=scale), out_channels=filters):
            return (
                Tensor("bits", (-(-needed[0].numel // 8),), bits=8),
                Tensor("scale", (filters if scale is BinaryScale.MEAN else 1,)),
                *needed[1:],
            )
        case _:
            return needed


def file_bits(tensor: Tensor) -> int:
    """Return the bits that a tensor takes in the file."""
    return tensor.numel * tensor.bits


def is_binary(layer: Layer) -> bool:
    """Whether the file has one bit for each weight."""
    return kept_scheme(scheme_of(layer)) is not None


def kept_scheme(scheme: Scheme | None) -> Packed | None:
    """Return the scheme that a deployed weight has; others are computed once and for all."""
    return None if scheme is None or isinstance(scheme, Computed) else scheme


def _numel(origin: Origin, tensors: Iterable[Tensor]) -> int:
    return num_copies(origin.path) * sum(tensor.numel for tensor in tensors)
