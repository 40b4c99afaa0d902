"""What must be zero so that a larger network computes the same as the one before it.

Old outputs take nothing from new inputs: their new weights are zero, in every layer. Beside that a
new block must end in zeros, so that it adds nothing to what it is given.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn, assert_never

from archdsl.analyses.growth.channels import Channels, Through
from archdsl.analyses.growth.ends import Ends, NotZeroError, Other, Same, Value, Zero
from archdsl.analyses.growth.layouts import Lengths, settled
from archdsl.analyses.growth.matching import Matched, MatchedNetwork
from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.layers import (
    Activation,
    ActivationKind,
    AdaptivePool,
    Conv,
    Dropout,
    GlobalResponseNorm,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    Pad,
    Pool,
    StochasticDepth,
    Upsample,
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
    given_by,
    handed,
    returned_by,
    taken_by,
)
from archdsl.ir.schemes import Binary, Standardized
from archdsl.source import Span


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


def zeros(network: MatchedNetwork, channels: Channels) -> tuple[Zero, ...]:
    """Return what new blocks must end in; raise SpecError where one cannot be the identity."""
    found: dict[str, Zero] = {}
    for phase in range(1, len(network.networks)):
        growth = _Growth(channels, phase)
        last = network.networks[-1]
        maps = growth.old_body(network.inner, taken_by(last, lambda _: Same(positive=False)))
        growth.same_of([maps[name] for name in returned_by(last)])
        found |= growth.found
    return tuple(found.values())


class _Growth:
    """Finds the ends of what is new in a phase."""

    def __init__(self, channels: Channels, phase: int) -> None:
        self.channels = channels
        self.phase = phase
        self.found: dict[str, Zero] = {}

    def old_body(self, body: Sequence[Matched], maps: dict[Map, Value]) -> dict[Map, Value]:
        """Follow a body that was there; return what flows at its end."""
        for matched, step in self._steps(body):
            taken = tuple(maps[name] for name in step.takes)
            if isinstance(matched.last, Join):
                values = [self._old_join(matched, matched.last, taken)]
            else:
                values = self._old(matched, taken)
            maps |= zip(step.gives, values, strict=True)
        return maps

    def same_of(self, given: Sequence[Value]) -> list[Value]:
        """Return what a body gives; raise SpecError if it is not what it was."""
        return [self._same(value) for value in given]

    def _steps(self, body: Sequence[Matched]) -> Iterator[tuple[Matched, Step]]:
        for matched in body:
            step = matched.steps[self.phase]
            if step is not None:
                yield matched, step

    def _same(self, value: Value) -> Same:
        """Return a value that what was there before takes; raise SpecError if it is another one."""
        if isinstance(value, Same):
            return value
        matched = value.matched
        message = f"`{matched.name}` is new in phase {self.phase} and no identity"
        first = _first_change(value).matched.last
        notes = () if first is matched.last else (Note(_said_of(first), first.span),)
        help_ = "let what is new be residual"
        _fail(message, matched.last.span, self.channels, help_, notes)

    def _old(self, matched: Matched, taken: Sequence[Value]) -> list[Value]:
        """Follow a node of a body that was there before; return what it gives."""
        if matched.since == self.phase:
            return [self._new(matched, taken)]
        positive = self._same(taken[0]).positive
        for beside in taken[1:]:
            self._same(beside)
        node = matched.last
        match node:
            case LayerNode():
                return [Same(_is_positive(node, positive))]
            case Block() | Part():
                maps = self.old_body(matched.inner, handed(node, taken))
                return self.same_of(given_by(node, maps))
            case Stage():
                value: Value = Same(positive)
                for member in self._members(matched):
                    value = self._same(self._old(member, [value])[0])
                return [value]
            case Join():
                raise AssertionError("a join stands in a body")
            case _:
                assert_never(node)

    def _members(self, stage: Matched) -> Iterator[Matched]:
        return (member for member in stage.inner if member.since <= self.phase)

    def _old_join(self, matched: Matched, join: Join, taken: tuple[Value, ...]) -> Value:
        """Follow a join; the maps that it took before are the same still."""
        before, now = matched.steps[self.phase - 1], matched.steps[self.phase]
        if before is None or now is None:
            return self._join(matched, join, taken)
        for name, value in zip(now.takes, taken, strict=True):
            if name in before.takes:
                self._same(value)
        # what flowed before, and is added now, changes what is computed
        values = (
            value
            if name in before.takes or isinstance(value, Other)
            else Other(matched, (value,), positive=value.positive)
            for name, value in zip(now.takes, taken, strict=True)
        )
        return self._same(self._join(matched, join, tuple(values)))

    def _join(self, matched: Matched, join: Join, taken: tuple[Value, ...]) -> Value:
        same = [value for value in taken if isinstance(value, Same)]
        new = [value for value in taken if isinstance(value, Other)]
        doubles = matched.since == self.phase and len(same) > 1
        if not same or doubles or (new and join.operator is Operator.PRODUCT):
            return Other(matched, taken, positive=all(value.positive for value in taken))
        if join.operator is Operator.SUM:
            for value in new:
                self._make_zero(value)
            return Same(all(value.positive for value in same))
        return Same(all(value.positive for value in taken))

    def _new(self, matched: Matched, taken: Sequence[Value]) -> Value:
        """Return what a new node gives: the same as it is given, or something else."""
        node, given = matched.last, taken[0]
        if isinstance(node, LayerNode):
            if isinstance(given, Same) and _passes(node, given.positive):
                return given
            return Other(matched, (given,), _is_positive(node, given.positive))
        if isinstance(node, Block | Part) and node.made:
            message = f"`{matched.name}` is new in phase {self.phase} and gives named maps"
            _fail(message, node.span, self.channels, "mark them around what is new")
        made = self._through(matched, taken) if isinstance(given, Same) else given
        if isinstance(made, Same):
            return made
        return Other(matched, (given,), positive=False, inside=made if made is not given else None)

    def _through(self, matched: Matched, taken: Sequence[Value]) -> Value:
        """Return what a new block, part or stage gives."""
        value = taken[0]
        if isinstance(matched.last, Stage):
            for member in self._members(matched):
                value = self._new(member, [value])
            return value
        maps = handed(matched.last, taken)
        for inner, step in self._steps(matched.inner):
            taken = tuple(maps[name] for name in step.takes)
            if isinstance(inner.last, Join):
                value = self._join(inner, inner.last, taken)
            else:
                value = self._new(inner, taken)
            for name in step.gives:
                maps[name] = value
        return maps[MAIN]

    def _make_zero(self, value: Other) -> None:
        ends = Ends()
        try:
            ends.of(value)
        except NotZeroError as error:
            message = f"a new block adds what cannot begin as zero: {error}"
            help_ = "end the branch in `bn`, or in a convolution with a weight of its own"
            _fail(message, error.span, self.channels, help_)
        self.found |= ends.found


def _first_change(value: Other) -> Other:
    """Return the first that gives something else than it is given."""
    while True:
        if value.inside is not None:
            value = value.inside
            continue
        others = [each for each in value.taken if isinstance(each, Other)]
        if len(others) < len(value.taken) or not others:
            return value
        value = others[0]


def _said_of(node: Node) -> str:
    match node:
        case LayerNode(layer=Activation(kind=ActivationKind.RELU)):
            return "this changes what is below zero"
        case _:
            return "this changes what it is given"


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
