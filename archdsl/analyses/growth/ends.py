"""The ends of new blocks: what makes what they add zero."""

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from archdsl.analyses.growth.matching import Matched
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    AdaptivePool,
    BatchNorm,
    Blur,
    Conv,
    ConvTranspose,
    Dropout,
    Factor,
    Linear,
    Offset,
    Pad,
    Pool,
    Scale,
    StochasticDepth,
    Upsample,
    Weighted,
)
from archdsl.ir.network import MAIN, Block, Join, LayerNode, Operator, Part, Stage, handed
from archdsl.ir.schemes import BareDirac, Binary, Dirac, Standardized, UnnormalizedDirac
from archdsl.record import Record
from archdsl.source import Span


class Zero(Record):
    """Tensors of a layer that begin as zeros where the layer is new."""

    layer: str  # name, with `*` for copies
    tensors: tuple[str, ...]


class NotZeroError(Exception):
    """Nothing at the end of a map can be made zero; the message says of what, the span where."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


class Same(Record):
    """A map whose old channels are as they were; `positive`: nothing in it is below zero."""

    positive: bool


class Other(Record):
    """A map that a new node gives, and what it was made from."""

    matched: Matched
    taken: "tuple[Value, ...]"
    positive: bool
    inside: "Other | None" = None  # of a block, part or stage: what it gives inside


Value: TypeAlias = Same | Other


class Ends:
    """Finds what makes maps zero, each once: what a sum or product takes may come from one map."""

    def __init__(self) -> None:
        self.found: dict[str, Zero] = {}
        self._done: set[int] = set()
        self._failed: dict[int, NotZeroError] = {}
        self._alive: list[Other] = []  # so that no other value gets its id

    def of(self, value: Other) -> None:
        """Find what makes a map zero; raise NotZeroError."""
        if id(value) in self._failed:
            raise self._failed[id(value)]
        if id(value) in self._done:
            return
        self._alive.append(value)
        try:
            self._of(value)
        except NotZeroError as error:
            self._failed[id(value)] = error
            raise
        self._done.add(id(value))

    def _of(self, value: Other) -> None:
        matched = value.matched
        node = matched.last
        match node:
            case LayerNode():
                self._layer(node, value)
            case Block() | Part():
                self.of(_inner_value(matched))
            case Stage():
                self.of(Other(matched.inner[-1], (), positive=False))
            case Join(operator=operator):
                others = [each for each in value.taken if isinstance(each, Other)]
                if operator is Operator.PRODUCT:
                    self._any(others, node.span)
                    return
                if len(others) < len(value.taken):
                    raise NotZeroError("what it is given", node.span)
                for other in others:
                    self.of(other)
            case _:
                assert_never(node)

    def _any(self, others: Sequence[Other], span: Span) -> None:
        """Make one of several factors zero."""
        for other in others:
            found, done = dict(self.found), set(self._done)
            try:
                self.of(other)
            except NotZeroError:
                self.found, self._done = found, done
                continue
            return
        raise NotZeroError("a product", span)

    def _layer(self, node: LayerNode, value: Other) -> None:
        layer, name = node.layer, value.matched.name
        match layer:
            case Conv() | ConvTranspose() | Linear():
                if node.shared is not None:
                    raise NotZeroError(f"the weight of `{name}` is shared", node.span)
                self.found[name] = Zero(name, _zero_tensors(layer, name, node.span))
            case BatchNorm(affine=True) | Scale():
                self.found[name] = Zero(name, ("weight",))
            case BatchNorm():
                message = f"`{name}` has no scale, and makes large what is small"
                raise NotZeroError(message, node.span)
            case _ if _keeps_zero(node) or isinstance(layer, Offset):
                (before,) = value.taken
                if isinstance(layer, Offset):
                    self.found[name] = Zero(name, ("bias",))
                if isinstance(before, Same):
                    raise NotZeroError("what it is given", node.span)
                self.of(before)
            case _:
                raise NotZeroError(f"it ends in `{node.kind}`", node.span)


def _inner_value(matched: Matched) -> Other:
    """Return what a block gives, with all that it is made from inside it."""
    step = matched.steps[-1]
    number = 1 if step is None else len(step.takes)  # a member of a stage is handed no more
    start: list[Value] = [Same(positive=False)] * number
    maps = handed(matched.last, start)
    for inner in matched.inner:
        step = inner.steps[-1]
        assert step is not None
        taken = tuple(maps[name] for name in step.takes)
        name, *others = step.gives
        if others:
            raise NotZeroError("what gives several maps", inner.last.span)
        maps[name] = Other(inner, taken, positive=False)
    main = maps[MAIN]
    if isinstance(main, Same):
        raise NotZeroError("what it is given", matched.last.span)
    return main


def _zero_tensors(layer: Weighted, name: str, span: Span) -> tuple[str, ...]:
    """Return the tensors that make a layer give zeros; raise NotZeroError."""
    bias = ("bias",) if layer.bias else ()
    match layer:
        case Conv(scheme=Dirac()):
            return ("a", "b", *bias)
        case Conv(scheme=UnnormalizedDirac()):
            return ("weight", "a", *bias)
        case Conv(scheme=Standardized(gain=True)):
            return ("gain", *bias)
        case Conv(scheme=Binary() | BareDirac() | Standardized()):
            raise NotZeroError(f"the weight of `{name}` is never zero", span)
        case Conv() | ConvTranspose() | Linear():
            return ("weight", *bias)
        case _:
            assert_never(layer)


def _keeps_zero(node: LayerNode) -> bool:
    """Say whether a layer makes zeros of zeros, and still lets what is behind them learn.

    A rectifier does not: its gradient at 0 is 0.
    """
    match node.layer:
        case Activation(kind=kind):
            return kind in _STEEP_AT_ZERO
        case (
            Pool()
            | AdaptivePool()
            | Dropout()
            | StochasticDepth()
            | Upsample()
            | Pad()
            | Blur()
            | Factor()
        ):
            return True
        case _:
            return False


_STEEP_AT_ZERO = (
    ActivationKind.TANH,
    ActivationKind.SOFTSIGN,
    ActivationKind.SILU,
    ActivationKind.GELU,
    ActivationKind.MISH,
    ActivationKind.HARDSWISH,
    ActivationKind.ELU,
    ActivationKind.SELU,
    ActivationKind.CELU,
)
