"""What must be zero so that a larger network computes the same as the one before it.

Old outputs take nothing from new inputs: their new weights are zero, in every layer. Beside that a
new block must end in zeros, so that it adds nothing to what it is given.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn, TypeAlias, assert_never

from archdsl.analyses.growth.channels import Channels, Through
from archdsl.analyses.growth.layouts import Lengths, settled
from archdsl.analyses.growth.matching import Matched, MatchedNetwork
from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    AdaptivePool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dropout,
    Factor,
    GlobalResponseNorm,
    GroupNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    Pad,
    Pool,
    Scale,
    StochasticDepth,
    Upsample,
    Weighted,
)
from archdsl.ir.network import (
    MAIN,
    Block,
    Join,
    LayerNode,
    Map,
    Node,
    Operator,
    Part,
    Stage,
    Step,
)
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


def check_layers(network: MatchedNetwork, channels: Channels) -> None:
    """Raise SpecError for a layer whose old channels change where others come to them."""
    stack = list(network.inner)
    while stack:
        matched = stack.pop()
        stack += matched.inner
        node = matched.last
        if isinstance(node, LayerNode):
            reason = changes(node, matched, channels.through[id(matched)])
            if reason is not None:
                _fail(f"`{matched.name}`: {reason}", node.span, channels)


def changes(node: LayerNode, matched: Matched, through: Through) -> str | None:
    """Return why a layer gives other values in its old channels once it has new ones."""
    layer = node.layer
    match layer:
        case (
            Conv(scheme=Binary() | Standardized())
            | LayerNorm()
            | LocalResponseNorm()
            | GlobalResponseNorm()
            | GroupNorm()
        ) if not _grows(settled(through.inputs), matched.since):
            return None
        case Conv(scheme=Binary()):
            return "one-bit weights are never zero, so old outputs take something from new inputs"
        case Conv(scheme=Standardized()):
            return "the mean and the variance of each filter are over new inputs too"
        case LayerNorm() | LocalResponseNorm() | GlobalResponseNorm():
            return "it normalizes over the channels, and so over new ones too"
        case GroupNorm() if not _keeps_groups(matched, through):
            return "its groups get new channels"
        case _:
            return None


def _grows(rows: Sequence[Lengths], since: int) -> bool:
    return any(len(set(lengths[since:])) > 1 for lengths in rows)


def _keeps_groups(matched: Matched, through: Through) -> bool:
    """Say whether each old group is a group in the next phase, with the same channels."""
    layers = [n.layer for n in matched.nodes if isinstance(n, LayerNode)]
    norms = [layer for layer in layers if isinstance(layer, GroupNorm)]
    sizes = {norm.num_features // norm.num_groups for norm in norms}
    if len(sizes) > 1:
        return False
    size = sizes.pop()
    rows = settled(through.inputs)
    return all(n % size == 0 for lengths in rows for n in lengths[matched.since :])


# ---------------------------------------------------------------- new blocks


class _Same(Record):
    """A map whose old channels are as they were; `positive`: nothing in it is below zero."""

    positive: bool


class _Other(Record):
    """A map that a new node gives, and what it was made from."""

    matched: Matched
    taken: "tuple[_Value, ...]"
    positive: bool
    inside: "_Other | None" = None  # of a block, part or stage: what it gives inside


_Value: TypeAlias = _Same | _Other


def zeros(network: MatchedNetwork, channels: Channels) -> tuple[Zero, ...]:
    """Return what new blocks must end in; raise SpecError where one cannot be the identity."""
    found: dict[str, Zero] = {}
    for phase in range(1, len(network.networks)):
        growth = _Growth(channels, phase)
        growth.old_body(network.inner, positive=False)
        found |= growth.found
    return tuple(found.values())


class _Growth:
    """Finds the ends of what is new in a phase."""

    def __init__(self, channels: Channels, phase: int) -> None:
        self.channels = channels
        self.phase = phase
        self.found: dict[str, Zero] = {}

    def old_body(self, body: Sequence[Matched], *, positive: bool) -> bool:
        """Follow a body that was there before; say whether what it gives is positive."""
        maps: dict[Map, _Value] = {MAIN: _Same(positive)}
        for matched, step in self._steps(body):
            taken = tuple(maps[name] for name in step.takes)
            if isinstance(matched.last, Join):
                value = self._old_join(matched, matched.last, taken)
            else:
                value = self._old(matched, taken[0])
            for name in step.gives:
                maps[name] = value
        return self._same(maps[MAIN]).positive

    def _steps(self, body: Sequence[Matched]) -> Iterator[tuple[Matched, Step]]:
        for matched in body:
            step = matched.steps[self.phase]
            if step is not None:
                yield matched, step

    def _same(self, value: _Value) -> _Same:
        """Return a value that what was there before takes; raise SpecError if it is another one."""
        if isinstance(value, _Same):
            return value
        matched = value.matched
        message = f"`{matched.name}` is new in phase {self.phase} and no identity"
        first = _first_change(value).matched.last
        notes = () if first is matched.last else (Note(_said_of(first), first.span),)
        help_ = "let what is new be residual"
        _fail(message, matched.last.span, self.channels, help_, notes)

    def _old(self, matched: Matched, given: _Value) -> _Value:
        """Follow a node of a body that was there before."""
        if matched.since == self.phase:
            return self._new(matched, given)
        positive = self._same(given).positive
        node = matched.last
        match node:
            case LayerNode():
                return _Same(_is_positive(node, positive))
            case Block() | Part():
                return _Same(self.old_body(matched.inner, positive=positive))
            case Stage():
                value: _Value = _Same(positive)
                for member in self._members(matched):
                    value = self._same(self._old(member, value))
                return value
            case Join():
                raise AssertionError("a join stands in a body")
            case _:
                assert_never(node)

    def _members(self, stage: Matched) -> Iterator[Matched]:
        return (member for member in stage.inner if member.since <= self.phase)

    def _old_join(self, matched: Matched, join: Join, taken: tuple[_Value, ...]) -> _Value:
        """Follow a join; the maps that it took before are the same still."""
        before, now = matched.steps[self.phase - 1], matched.steps[self.phase]
        if before is None or now is None:
            return self._join(matched, join, taken)
        for name, value in zip(now.takes, taken, strict=True):
            if name in before.takes:
                self._same(value)
        return self._same(self._join(matched, join, taken))

    def _join(self, matched: Matched, join: Join, taken: tuple[_Value, ...]) -> _Value:
        same = [value for value in taken if isinstance(value, _Same)]
        new = [value for value in taken if isinstance(value, _Other)]
        if not same or (new and join.operator is Operator.PRODUCT):
            return _Other(matched, taken, positive=all(value.positive for value in taken))
        if join.operator is Operator.SUM:
            for value in new:
                self._make_zero(value)
            return _Same(all(value.positive for value in same))
        return _Same(all(value.positive for value in taken))

    def _new(self, matched: Matched, given: _Value) -> _Value:
        """Return what a new node gives: the same as it is given, or something else."""
        node = matched.last
        if isinstance(node, LayerNode):
            if isinstance(given, _Same) and _passes(node, given.positive):
                return given
            return _Other(matched, (given,), _is_positive(node, given.positive))
        made = self._through(matched, given) if isinstance(given, _Same) else given
        if isinstance(made, _Same):
            return made
        return _Other(matched, (given,), positive=False, inside=made if made is not given else None)

    def _through(self, matched: Matched, given: _Same) -> _Value:
        """Return what a new block, part or stage gives."""
        value: _Value = given
        if isinstance(matched.last, Stage):
            for member in self._members(matched):
                value = self._new(member, value)
            return value
        maps: dict[Map, _Value] = {MAIN: given}
        for inner, step in self._steps(matched.inner):
            taken = tuple(maps[name] for name in step.takes)
            if isinstance(inner.last, Join):
                value = self._join(inner, inner.last, taken)
            else:
                value = self._new(inner, taken[0])
            for name in step.gives:
                maps[name] = value
        return maps[MAIN]

    def _make_zero(self, value: _Other) -> None:
        try:
            found = list(_ends(value))
        except NotZeroError as error:
            message = f"a new block adds what cannot begin as zero: {error}"
            help_ = "end the branch in `bn`, or in a convolution with a weight of its own"
            _fail(message, error.span, self.channels, help_)
        for zero in found:
            self.found[zero.layer] = zero


def _first_change(value: _Other) -> _Other:
    """Return the first that gives something else than it is given."""
    while True:
        if value.inside is not None:
            value = value.inside
            continue
        others = [each for each in value.taken if isinstance(each, _Other)]
        if len(others) < len(value.taken) or not others:
            return value
        value = others[0]


def _said_of(node: Node) -> str:
    match node:
        case LayerNode(layer=Activation(kind=ActivationKind.RELU)):
            return "this changes what is below zero"
        case _:
            return "this changes what it is given"


# ---------------------------------------------------------------- ends


def _ends(value: _Other) -> Iterator[Zero]:
    """Yield what makes a map zero; raise NotZeroError."""
    matched = value.matched
    node = matched.last
    match node:
        case LayerNode():
            yield from _layer_ends(node, matched, value)
        case Block() | Part():
            yield from _ends(_inner_value(matched))
        case Stage():
            yield from _ends(_Other(matched.inner[-1], (), positive=False))
        case Join(operator=operator):
            others = [each for each in value.taken if isinstance(each, _Other)]
            if operator is Operator.PRODUCT:
                yield from _any_end(others, node.span)
                return
            if len(others) < len(value.taken):
                raise NotZeroError("what it is given", node.span)
            for other in others:
                yield from _ends(other)
        case _:
            assert_never(node)


def _any_end(others: Sequence[_Other], span: Span) -> Iterator[Zero]:
    """Yield what makes one of several factors zero."""
    for other in others:
        try:
            yield from list(_ends(other))
        except NotZeroError:
            continue
        return
    raise NotZeroError("a product", span)


def _inner_value(matched: Matched) -> _Other:
    """Return what a block gives, with all that it is made from inside it."""
    maps: dict[Map, _Value] = {MAIN: _Same(positive=False)}
    for inner in matched.inner:
        step = inner.steps[-1]
        assert step is not None
        taken = tuple(maps[name] for name in step.takes)
        value = _Other(inner, taken, positive=False)
        for name in step.gives:
            maps[name] = value
    main = maps[MAIN]
    if isinstance(main, _Same):
        raise NotZeroError("what it is given", matched.last.span)
    return main


def _layer_ends(node: LayerNode, matched: Matched, value: _Other) -> Iterator[Zero]:
    layer = node.layer
    match layer:
        case Conv() | ConvTranspose() | Linear():
            if node.shared is not None:
                message = f"the weight of `{matched.name}` is shared"
                raise NotZeroError(message, node.span)
            yield Zero(matched.name, _zero_tensors(layer, matched.name, node.span))
        case BatchNorm(affine=True) | Scale():
            yield Zero(matched.name, ("weight",))
        case BatchNorm():
            message = f"`{matched.name}` has no scale, and makes large what is small"
            raise NotZeroError(message, node.span)
        case _ if _keeps_zero(node):
            (before,) = value.taken
            if isinstance(before, _Same):
                raise NotZeroError("what it is given", node.span)
            yield from _ends(before)
        case _:
            raise NotZeroError(f"it ends in `{node.kind}`", node.span)


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
            Pool() | AdaptivePool() | Dropout() | StochasticDepth() | Upsample() | Pad() | Factor()
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
_RECTIFIED = (ActivationKind.RELU, ActivationKind.RELU6)
_ABOVE_ZERO = (
    *_RECTIFIED,
    ActivationKind.SIGMOID,
    ActivationKind.HARDSIGMOID,
    ActivationKind.SOFTPLUS,
)


def _is_positive(node: LayerNode, given: bool) -> bool:
    """Say whether a layer gives nothing below zero."""
    match node.layer:
        case Activation(kind=kind):
            return kind in _ABOVE_ZERO
        case Pool() | AdaptivePool() | Dropout() | StochasticDepth() | Upsample() | Pad():
            return given
        case _:
            return given and node.kind in _ORDERING


_ORDERING = (
    "flatten",
    "pad_channels",
    "channel_shuffle",
    "channel_split",
    "channels",
    "pixel_shuffle",
)


def _passes(node: LayerNode, positive: bool) -> bool:
    """Say whether a layer gives what it is given."""
    match node.layer:
        case Dropout() | StochasticDepth():
            return True
        case Activation(kind=ActivationKind.RELU):
            return positive
        case _:
            return False


def _fail(
    message: str,
    span: Span,
    channels: Channels,
    help_: str | None = None,
    others: tuple[Note, ...] = (),
) -> NoReturn:
    begin = f"{help_}, or " if help_ else ""
    way = f"{begin}write `grow = at(.., new = drawn)` in the recipe: then what is computed changes"
    notes = (*others, Note("the network grows here", channels.span))
    text = f"the network would not compute the same after a growth: {message}"
    raise SpecError([Diagnostic(code="E806", message=text, span=span, help=way, notes=notes)])
