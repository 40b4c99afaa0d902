"""A forward pass without numbers: which storages it makes, and which autograd keeps.

Tensors are known by their shape, how they lie in memory and whether a gradient flows through them.
What an operation keeps for the backward pass counts once for each *storage*, all of its bytes, at
the layer that keeps it first. Not counted is what is there anyway: parameters, buffers, and what
the network is given. On the CPU this is what `torch.autograd.graph.saved_tensors_hooks` sees.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from enum import StrEnum
from math import prod

from archdsl.analyses.memory.strides import Sizes, contiguous
from archdsl.ir.rebuild import replace
from archdsl.record import Record

FLOAT32, BFLOAT16, INT64, BOOL = 4, 2, 8, 1  # bytes of an element
NOWHERE = -1  # the place of what stands before all layers


class Precision(StrEnum):
    """In what a network is trained."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"  # as autocast has it: weights, gradients and normalization in float32


class PassSetting(Record, kw_only=True):
    """How a network is run."""

    batch: int
    precision: Precision = Precision.FLOAT32
    on_gpu: bool = False  # with CUDA's operations, which differ in masks
    training: bool = True


class TensorView(Record, kw_only=True):
    """A tensor of a forward pass; the batch is the first number of its shape."""

    storage: int
    value: int  # what its gradient is the gradient of: two views of a storage have two values
    shape: Sizes
    strides: Sizes
    learns: bool = False  # a gradient flows back through it
    itemsize: int = FLOAT32

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of its elements; its storage may have more."""
        return self.numel * self.itemsize


class TapeEntry(Record, kw_only=True):
    """An operation: what it reads, what it makes, and what autograd keeps for it."""

    layer: int  # the place of the layer on the tape
    reads: tuple[TensorView, ...]  # parameters and buffers are not among them
    makes: TensorView
    makes_storage: bool  # else it gives a view, or works in place
    kept: int  # bytes of the storages that are kept from here on
    beside: int  # bytes of those of them that no operation of the tape makes: masks, statistics
    learned: tuple[int, ...] = ()  # storages of the parameters whose gradient it gives
    weights: int = 0  # bytes of the parameters and buffers that it reads
    passes: bool = False  # its gradient is the one that it is given: of a sum, of a view
    computes: bool = True  # it reads and writes elements; else it gives a view
    is_product: bool = False  # with the weight of a convolution or a linear layer


class TapeRun(Record):
    """Entries `start` to `stop - 1`, which happen `times` times, one after the other."""

    start: int
    stop: int
    times: int
    storage: int  # the first that each of them has anew; those before are there for all


class Tape:
    """Notes down a forward pass."""

    def __init__(self, setting: PassSetting) -> None:
        self.setting = setting
        self.entries: list[TapeEntry] = []
        self.runs: list[TapeRun] = []
        self.names: list[str] = []  # of layers
        self.kept_at: list[int] = []  # by layer
        self.layer = NOWHERE  # the one that runs
        self.is_grad_enabled = setting.training
        self.sizes: dict[int, int] = {}  # of storages
        self._makers: dict[int, int] = {}  # layers, by storage
        self._there: set[int] = set()  # storages that are there anyway
        self._kept: set[int] = set()
        self._casts: dict[int, TensorView] = {}
        self._new: list[int] = []  # storages that are kept since the last entry
        self._made: set[int] = set()  # storages that operations make
        self._values = 0

    # ------------------------------------------------------------ tensors

    def given(self, shape: Sequence[int], *, learns: bool = False) -> TensorView:
        """Return a tensor that is there anyway: a parameter, a buffer, an input."""
        found = self.make(shape, learns=learns)
        self._there.add(found.storage)
        return found

    def make(
        self,
        shape: Sequence[int],
        *,
        strides: Sizes | None = None,
        learns: bool = False,
        itemsize: int = FLOAT32,
    ) -> TensorView:
        """Return a tensor with a storage of its own."""
        storage = len(self.sizes)
        self.sizes[storage] = prod(shape) * itemsize
        self._makers[storage] = self.layer
        self._values += 1
        return TensorView(
            storage=storage,
            value=self._values,
            shape=tuple(shape),
            strides=contiguous(shape) if strides is None else strides,
            learns=learns,
            itemsize=itemsize,
        )

    def alias(self, tensor: TensorView, shape: Sequence[int], strides: Sizes) -> TensorView:
        """Return a tensor in the storage of another one."""
        self._values += 1
        return replace(tensor, value=self._values, shape=tuple(shape), strides=strides)

    def maker(self, tensors: Iterable[TensorView]) -> int:
        """Return the place of the last layer that made one of some tensors."""
        return max(self._makers[each.storage] for each in tensors)

    def is_there(self, tensor: TensorView) -> bool:
        """Whether a tensor is there anyway."""
        return tensor.storage in self._there

    def is_kept(self, storage: int) -> bool:
        """Whether a storage is kept."""
        return storage in self._kept

    def stays(self, storage: int) -> bool:
        """Whether a storage is there for longer than what reads it."""
        return storage in self._kept or storage in self._there

    def cast(self, tensor: TensorView, itemsize: int) -> TensorView:
        """Return a tensor in another precision; a parameter is cast once, as autocast does."""
        if tensor.itemsize == itemsize:
            return tensor
        if tensor.storage in self._casts and self.is_there(tensor):
            return self._casts[tensor.storage]
        found = self.make(
            tensor.shape, strides=tensor.strides, learns=tensor.learns, itemsize=itemsize
        )
        self.note((tensor,), found)
        if self.is_there(tensor) and tensor.learns:
            self._casts[tensor.storage] = found
        return found

    # ------------------------------------------------------------ what happens

    def keep(self, *tensors: TensorView) -> None:
        """Keep tensors for the backward pass."""
        for tensor in tensors:
            storage = tensor.storage
            if not self.is_grad_enabled or storage in self._there or storage in self._kept:
                continue
            self._kept.add(storage)
            size = self.sizes[storage]
            self._new.append(storage)
            self.kept_at[max(self.layer, 0)] += size

    def note(
        self,
        reads: Iterable[TensorView],
        makes: TensorView,
        *,
        is_view: bool = False,
        passes: bool = False,
        in_place: bool = False,
        is_product: bool = False,
    ) -> None:
        """Note an operation down, behind what it keeps."""
        reads = tuple(reads)
        there = [each for each in reads if self.is_there(each)]
        if not (is_view or in_place):
            self._made.add(makes.storage)
        entry = TapeEntry(
            layer=self.layer,
            reads=tuple(each for each in reads if not self.is_there(each)),
            makes=makes,
            makes_storage=not (is_view or in_place),
            kept=sum(self.sizes[each] for each in self._new),
            beside=sum(self.sizes[each] for each in self._new if each not in self._made),
            learned=tuple(each.storage for each in there if each.learns),
            weights=sum(each.bytes for each in there),
            passes=passes,
            computes=not is_view,
            is_product=is_product,
        )
        self._new = []
        self.entries.append(entry)

    # ------------------------------------------------------------ where

    def place(self, name: str) -> int:
        """Return the number of a new layer."""
        self.names.append(name)
        self.kept_at.append(0)
        return len(self.names) - 1

    @contextmanager
    def at(self, layer: int) -> Generator[None]:
        """Note down what a layer does."""
        before, self.layer = self.layer, layer
        try:
            yield
        finally:
            self.layer = before

    def repeat(self, start: int, storage: int, kept_before: Sequence[int], times: int) -> None:
        """Say that what was noted since then happens so many times in all."""
        self.runs.append(TapeRun(start, len(self.entries), times, storage))
        for layer, before in enumerate(kept_before):
            self.kept_at[layer] = before + times * (self.kept_at[layer] - before)
