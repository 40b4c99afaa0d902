"""Where the channels of each phase lie in the next one: what each kind of layer makes of a layout.

The table of docs/growing.md has a line for each kind here.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NoReturn, assert_never

from archdsl.analyses.growth.layouts import (
    Layout,
    LayoutError,
    Layouts,
    Lengths,
    PiecesError,
    expanded,
    fixed,
    free,
    lengths_of,
    repeated,
    settled,
    spread,
)
from archdsl.analyses.growth.matching import Matched, MatchedNetwork, PhaseWords
from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.layers import (
    Activation,
    AdaptivePool,
    BatchNorm,
    Blur,
    ChannelConv,
    ChannelShuffle,
    ChannelSlice,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Dropout,
    Factor,
    Flatten,
    GlobalResponseNorm,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
    LearnedFactor,
    Linear,
    LocalResponseNorm,
    NCReLU,
    Offset,
    Pad,
    PadChannels,
    PixelShuffle,
    PixelUnshuffle,
    Pool,
    PReLU,
    RMSNorm,
    SamePad,
    Scale,
    Softmax,
    SoftmaxOver,
    StochasticDepth,
    Upsample,
)
from archdsl.ir.network import (
    Block,
    FeatureMap,
    Join,
    LayerNode,
    Map,
    Operator,
    Part,
    SharedWeight,
    Stage,
    given_by,
    handed,
    taken_by,
)
from archdsl.ir.schemes import Delta, Identity
from archdsl.limits import MAX_PIECES
from archdsl.record import Record
from archdsl.source import Span


class Through(Record):
    """Where the channels lie that a layer takes, and those that it gives."""

    inputs: Layout
    outputs: Layout


class Channels:
    """Follows the channels of a growing network through all of its layers."""

    def __init__(self, network: MatchedNetwork) -> None:
        self.said = PhaseWords(network.phases)
        self.span = network.phases.span
        self.nested = network.phases.nested
        self.layouts = Layouts()
        self.through: dict[int, Through] = {}  # of a layer, by id of what matches it
        self.shared: dict[int, Through] = {}  # by id of a weight in the last phase
        self.phases = len(network.networks)
        last = network.networks[-1]  # whose inputs are those of all phases
        start = taken_by(last, lambda shape: fixed((shape.channels,) * self.phases))
        try:
            self._body(network.inner, start)
        except PiecesError:
            self._too_many()

    # ------------------------------------------------------------ bodies

    def _body(self, body: Sequence[Matched], maps: dict[Map, Layout]) -> dict[Map, Layout]:
        """Follow the steps of a body; return where the channels lie of what flows at its end."""
        givers: dict[Map, Span] = {}  # where what gives a map is written
        for matched in body:
            step = matched.steps[-1]
            assert step is not None
            taken = [maps[name] for name in step.takes]
            if isinstance(matched.last, Join):
                made = [self._join(matched, taken, [givers.get(name) for name in step.takes])]
            else:
                made = self._node(matched, taken)
            for name, each in zip(step.gives, made, strict=True):
                maps[name], givers[name] = each, matched.last.span
        return maps

    def _node(self, matched: Matched, taken: Sequence[Layout]) -> list[Layout]:
        given = taken[0]
        match matched.last:
            case LayerNode():
                return [self._layer(matched, given)]
            case Block() | Part():
                maps = self._body(matched.inner, handed(matched.last, taken))
                return given_by(matched.last, maps)
            case Stage():
                for member in matched.inner:
                    given = self._members(member, given)
                return [given]
            case Join():
                raise AssertionError("a join stands in a body")
            case _:
                assert_never(matched.last)

    def _members(self, member: Matched, given: Layout) -> Layout:
        """Follow equal blocks in a row: what one gives the next one takes."""
        made = self._node(member, [given])[0]
        if member.copies[1] == 1:
            return made
        try:
            return self.layouts.equal(given, made, member.since)
        except LayoutError:
            again = self._node(member, [made])[0]  # from the second on they may be equal
        try:
            self.layouts.equal(made, again, member.since)
        except LayoutError:
            message = f"the channels of `{member.name}` lie elsewhere in each copy"
            self._fail("E804", message, member, "write the stage out, or grow another argument")
        # what the first one takes lies otherwise than in the others
        message = f"the first copy of `{member.name}` takes channels that lie otherwise"
        self._fail("E804", message, member, "give the first block a stage of its own")

    def _join(
        self, matched: Matched, taken: Sequence[Layout], givers: Sequence[Span | None]
    ) -> Layout:
        join = matched.last
        assert isinstance(join, Join)
        if join.operator is Operator.CONCAT:
            return _simple(expanded(tuple(chain.from_iterable(taken))))
        if join.operator is Operator.PRODUCT:  # without gates of one channel for all
            most = max(lengths_of(layout)[-1] for layout in taken)
            whole = [i for i, layout in enumerate(taken) if lengths_of(layout)[-1] == most]
            taken, givers = [taken[i] for i in whole], [givers[i] for i in whole]
        made = taken[0]
        for i, other in enumerate(taken[1:], 1):
            try:
                made = self.layouts.equal(made, other, matched.since)
            except LayoutError:
                what = f"the branches of `{matched.name}` have their old channels"
                rows = " and ".join(_shown(layout) for layout in (made, other))
                message = f"{what} in different places: {rows}"
                help_ = "let one end in a layer that may lay them out anew, such as conv1x1"
                ends = ((givers[i - 1], made), (givers[i], other))
                notes = tuple(Note(_shown(row), span) for span, row in ends if span is not None)
                self._fail("E804", message, matched, help_, notes)
        return made

    # ------------------------------------------------------------ layers

    def _layer(self, matched: Matched, given: Layout) -> Layout:
        node = matched.last
        assert isinstance(node, LayerNode)
        try:
            made = _PassedLayer(self, matched, given).made()
            found = Through(given, made)
            if isinstance(node.shared, SharedWeight):
                self._one_weight(node.shared.id, found, matched.since)
        except LayoutError:
            message = f"`{matched.name}` would take old channels apart: it is given {_shown(given)}"
            self._fail("E804", message, matched, "put conv1x1 before it, or grow another argument")
        self.through[id(matched)] = found
        return made

    def _one_weight(self, id_: int, found: Through, since: int) -> None:
        """Let all who use a weight have their channels in the same places."""
        first = self.shared.setdefault(id_, found)
        if first is not found:
            self.layouts.equal(first.inputs, found.inputs, since)
            self.layouts.equal(first.outputs, found.outputs, since)

    def _too_many(self) -> NoReturn:
        message = f"old channels would lie in more than {MAX_PIECES:,} pieces of one map"
        help_ = "grow another argument, or put conv1x1 where many maps come together"
        raise SpecError([Diagnostic(code="E804", message=message, span=self.span, help=help_)])

    def fail(self, message: str, matched: Matched, help_: str) -> NoReturn:
        """Raise SpecError: a phase is not contained in the next one."""
        self._fail("E803", message, matched, help_)

    def _fail(
        self,
        code: str,
        message: str,
        matched: Matched,
        help_: str,
        others: tuple[Note, ...] = (),
    ) -> NoReturn:
        notes = (*others, Note("the network grows here", self.span))
        span = matched.last.span
        found = Diagnostic(code=code, message=message, span=span, help=help_, notes=notes)
        raise SpecError([found])


def _shown(layout: Layout) -> str:
    """Return a layout as a message has it: "channels 4 + 4, then 8 + 8"."""
    columns = zip(*settled(layout), strict=True)
    rows = dict.fromkeys(_row([n for n in column if n]) for column in columns)
    return f"channels {_few(list(rows), ', then ')}"


def _row(lengths: Sequence[int]) -> str:
    return _few([f"{n:,}" for n in lengths], " + ") or "none"


def _few(texts: Sequence[str], between: str) -> str:
    return between.join((*texts[:4], "..") if len(texts) > 4 else texts)


class _PassedLayer:
    """A layer in all phases that have it, and what it takes."""

    def __init__(self, channels: Channels, matched: Matched, given: Layout) -> None:
        self.channels = channels
        self.matched = matched
        self.given = given
        self.since = matched.since
        nodes = [node for node in matched.nodes if isinstance(node, LayerNode)]
        self.layers: list[Layer] = [node.layer for node in nodes]
        self.inputs = self._padded([node.input for node in nodes])
        self.outputs = self._padded([node.output for node in nodes])

    def _padded(self, maps: Sequence[FeatureMap]) -> Lengths:
        return (*(0,) * self.since, *(each.channels for each in maps))

    def made(self) -> Layout:
        """Return where the channels lie that the layer gives; raise LayoutError."""
        layer = self.layers[-1]
        if len({*self.inputs}) == len({*self.outputs}) == 1:  # in no phase anything is new
            return fixed(self.outputs)
        match layer:
            case Conv() if isinstance(layer.scheme, Identity):
                return self._identity(layer)
            case Conv() | ConvTranspose() if any(self._groups()):
                return self._grouped()
            case Conv() | ConvTranspose():
                return free(self.outputs, self.since)
            case Linear():
                return free(self.outputs, self.since)
            case NCReLU():
                return repeated(self.given, 2)
            case Flatten():
                return spread(self.given, self._positions())
            case PadChannels():
                new = (b - a for a, b in zip(self.inputs, self.outputs, strict=True))
                return (*self.given, *fixed(tuple(new)))
            case ChannelShuffle(groups=groups):
                return spread(self._each(groups, self.given), groups)
            case ChannelSplit(parts=parts, part=part):
                one = _divide(self.inputs, parts)
                before = tuple(part * n for n in one)
                return self._cut([before, one])[1]
            case ChannelSlice():
                return self._cut(self._slices())[1]
            case PixelShuffle(factor=factor):
                whole = free(self.outputs, self.since)
                self._equal(self.given, spread(whole, factor * factor))
                return whole
            case PixelUnshuffle(factor=factor):
                return spread(self.given, factor * factor)
            case Softmax(over=SoftmaxOver.BRANCHES, parts=parts):
                self._each(parts, self.given)
                return self.given
            case (
                BatchNorm()
                | LayerNorm()
                | RMSNorm()
                | GroupNorm()
                | InstanceNorm()
                | LocalResponseNorm()
                | GlobalResponseNorm()
                | Pool()
                | AdaptivePool()
                | Activation()
                | PReLU()
                | Dropout()
                | StochasticDepth()
                | Pad()
                | SamePad()
                | Blur()
                | Upsample()
                | ChannelConv()
                | Softmax()
                | Scale()
                | LearnedFactor()
                | Offset()
                | Factor()
            ):
                return self.given
            case _:
                assert_never(layer)

    def _equal(self, left: Layout, right: Layout) -> None:
        self.channels.layouts.equal(left, right, self.since)

    def _cut(self, places: list[Lengths]) -> list[Layout]:
        return self.channels.layouts.cut(self.given, places, self.since)

    def _each(self, groups: int, layout: Layout) -> Layout:
        """Return the layout that each of equal groups of channels has."""
        each = free(_divide(lengths_of(layout), groups, self.since), self.since)
        self._equal(layout, repeated(each, groups))
        return each

    def _positions(self) -> int:
        node = self.matched.last
        assert isinstance(node, LayerNode)
        return node.input.positions

    def _slices(self) -> list[Lengths]:
        """Return the lengths before a slice, of it and behind it."""
        slices = [layer for layer in self.layers if isinstance(layer, ChannelSlice)]
        none = (0,) * self.since
        before = (*none, *(s.start for s in slices))
        inside = (*none, *(s.stop - s.start for s in slices))
        sizes = zip(self.inputs, before, inside, strict=True)
        return [before, inside, tuple(n - a - b for n, a, b in sizes)]

    # ------------------------------------------------------------ groups

    def _groups(self) -> list[int]:
        """Return the groups of a convolution in each phase that has it, 0 where it has but one."""
        layers = [each for each in self.layers if isinstance(each, Conv | ConvTranspose)]
        return [each.groups if each.groups > 1 else 0 for each in layers]

    def _grouped(self) -> Layout:
        groups = (*(0,) * self.since, *(each or 1 for each in self._groups()))
        inputs = tuple(n // g if g else 0 for n, g in zip(self.inputs, groups, strict=True))
        outputs = tuple(n // g if g else 0 for n, g in zip(self.outputs, groups, strict=True))
        own = (inputs[self.since :], outputs[self.since :], groups[self.since :])
        if self.since and all(len({*each}) == 1 for each in own):
            return free(self.outputs, self.since)  # none of its channels is ever old
        if len({*own[0]}) == len({*own[1]}) == 1:
            each = free(groups, self.since)  # there are more groups, as large as those before
            self._equal(self.given, spread(each, inputs[-1]))
            return spread(each, outputs[-1])
        if len({*groups[self.since :]}) == 1:
            self._equal(self.given, repeated(fixed(inputs), groups[-1]))
            return repeated(fixed(outputs), groups[-1])
        what = f"`{self.matched.name}` has groups of other sizes, and not as many, in each phase"
        self.channels.fail(what, self.matched, "let the groups, or what is in each, stay the same")

    # ------------------------------------------------------------ deltas

    def _identity(self, layer: Conv) -> Layout:
        """Return what the delta passes on: each output is the input that it stands at."""
        scheme = layer.scheme
        assert isinstance(scheme, Identity)
        pairs = list(zip(self.inputs[self.since :], self.outputs[self.since :], strict=True))
        if layer.groups != 1:
            return self._grouped()
        if scheme.delta is Delta.PADDED:
            return self._padded_delta()
        if all(n == m for n, m in pairs):
            return self.given
        if len({(max(n // m, 1), max(m // n, 1)) for n, m in pairs}) > 1:
            what = f"the delta of `{self.matched.name}` is repeated more often in a later phase"
            self.channels.fail(what, self.matched, "let inputs and outputs grow alike")
        inputs, outputs = pairs[-1]
        if inputs > outputs:
            return self._each(inputs // outputs, self.given)
        return repeated(self.given, outputs // inputs)

    def _padded_delta(self) -> Layout:
        """Return what torch's delta passes on: the first channels, and none for further outputs."""
        kept = tuple(map(min, zip(self.inputs, self.outputs, strict=True)))
        rest = tuple(n - k for n, k in zip(self.inputs, kept, strict=True))
        new = tuple(m - k for m, k in zip(self.outputs, kept, strict=True))
        return (*self._cut([kept, rest])[0], *fixed(new))


def _simple(layout: Layout) -> Layout:
    """Return a layout in one piece where it does not grow: its pieces then do not, either."""
    lengths = lengths_of(layout)
    return fixed(lengths) if len(set(lengths)) == 1 else layout


def _divide(lengths: Lengths, parts: int, since: int = 0) -> Lengths:
    """Return the lengths of one of equal parts; raise LayoutError."""
    if any(length % parts for length in lengths[since:]):
        raise LayoutError
    return tuple(length // parts for length in lengths)
