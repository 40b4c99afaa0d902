"""The networks of all phases, node beside node: each phase is contained in the next one.

Nodes are the same where they stand at the same place of the spec's text. A network of the last
phase is walked; what is not there in the first phases is there from one on.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NoReturn, assert_never

from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.layers import (
    ChannelSlice,
    Conv,
    ConvTranspose,
    Dropout,
    Layer,
    Linear,
    PadChannels,
    StochasticDepth,
    tensors,
)
from archdsl.ir.network import (
    Block,
    Form,
    Item,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Phases,
    Shared,
    Stage,
    Step,
)
from archdsl.ir.rebuild import children, replace
from archdsl.ir.showing import show_value
from archdsl.record import Record
from archdsl.source import Span


class Matched(Record, kw_only=True):
    """A node in all phases that have it: the last ones."""

    nodes: tuple[Node | None, ...]  # by phase
    name: str  # from the network down: "conv2.0.conv1"; "conv2.*.conv1" of several copies
    since: int  # the first phase that has it
    inner: "tuple[Matched, ...]" = ()
    steps: "tuple[Step | None, ...]" = ()  # by phase, of a node in a body
    copies: tuple[int, int] = (0, 1)  # of a member of a stage: the first, and how many
    owned: "tuple[MatchedWeight, ...]" = ()

    @property
    def last(self) -> Node:
        """The node in the last phase."""
        node = self.nodes[-1]
        assert node is not None
        return node


class MatchedWeight(Record, kw_only=True):
    """A shared weight in all phases that have it."""

    weights: tuple[Shared | None, ...]
    name: str
    since: int


class MatchedNetwork(Record, kw_only=True):
    """The networks of all phases."""

    networks: tuple[Network, ...]
    phases: Phases
    inner: tuple[Matched, ...]
    owned: tuple[MatchedWeight, ...]


def match_phases(networks: Sequence[Network], phases: Phases) -> MatchedNetwork:
    """Return the networks of all phases as one; raise SpecError where one is not in the next."""
    said = PhaseWords(phases)
    for phase, (before, after) in enumerate(pairwise(networks)):
        old, new = dict(_ends(before)), dict(_ends(after))
        for what in old | new:
            one, other = old.get(what, "not there"), new.get(what, "not there")
            if one != other:
                message = f"the {what} of a growing network stays the same: it is {one}"
                notes = (Note("it grows here", phases.span),)
                help_ = f"let {said.names} change what is between input and output alone"
                text = f"{message} {said.at(phase)} and {other} {said.at(phase + 1)}"
                raise SpecError(
                    [
                        Diagnostic(
                            code="E805", message=text, span=after.span, help=help_, notes=notes
                        )
                    ]
                )
    _refuse_modules(networks[-1], phases)
    bodies = tuple(network.body for network in networks)
    matcher = _Matcher(said)
    return MatchedNetwork(
        networks=tuple(networks),
        phases=phases,
        inner=matcher.bodies(bodies, ""),
        owned=matcher.weights([network.owned for network in networks], "", 0),
    )


def _refuse_modules(network: Network, phases: Phases) -> None:
    """Raise SpecError for a module: where its channels lie would have to agree at all uses."""
    left: list[Node] = [step.node for step in network.body]
    while left:
        node = left.pop()
        if isinstance(node, Block) and node.again:
            message = f"`{node.label}` is used again, and a module does not grow"
            help_ = "write its layers at each use, or let the network not grow"
            notes = (Note("it grows here", phases.span),)
            raise SpecError(
                [Diagnostic(code="E804", message=message, span=node.span, help=help_, notes=notes)]
            )
        left += children(node)


def _ends(network: Network) -> Iterator[tuple[str, str]]:
    """Yield what a network takes and gives, and the shape of each."""
    yield "input", str(network.input)
    yield from ((f"input `{each.label}`", str(each.shape)) for each in network.inputs)
    yield "output", str(network.output)
    for each in network.outputs:
        when = " during training" if each.in_training else ""
        yield f"output `{each.label}`{when}", str(each.shape)


class PhaseWords:
    """What messages say of phases."""

    def __init__(self, phases: Phases) -> None:
        self.phases = phases

    @property
    def names(self) -> str:
        """The arguments that grow: "`depth` and `k`"."""
        return " and ".join(f"`{name}`" for name in self.phases.names)

    def at(self, phase: int) -> str:
        """Return "at depth = 16, k = 4": what tells the phase from the others."""
        values = zip(self.phases.names, self.phases.values[phase], strict=True)
        return f"at {', '.join(f'{name} = {show_value(value)}' for name, value in values)}"


class _Matcher:
    """Matches nodes by their places in the text."""

    def __init__(self, said: PhaseWords) -> None:
        self.said = said

    def bodies(self, bodies: Sequence[tuple[Step, ...] | None], name: str) -> tuple[Matched, ...]:
        """Return the steps of the last body, each beside what it is in the others."""
        last = bodies[-1]
        assert last is not None
        by_site = [None if b is None else {step.site: step for step in b} for b in bodies]
        sites = {step.site for step in last}
        for phase, found in enumerate(by_site[:-1]):
            for site, step in (found or {}).items():
                later = by_site[phase + 1]
                if later is not None and site not in later:
                    self._gone(step.node, phase, name)
        assert all(found is None or sites.issuperset(found) for found in by_site)
        columns = [
            tuple(None if found is None else found.get(step.site) for found in by_site)
            for step in last
        ]
        for column in columns:
            self._check_joins(column, columns, name)
        return tuple(self._step(column, name) for column in columns)

    def _check_joins(
        self,
        steps: tuple[Step | None, ...],
        body: Sequence[tuple[Step | None, ...]],
        name: str,
    ) -> None:
        """Raise SpecError where maps come together of which a phase has others than the next."""
        for phase, (before, after) in enumerate(pairwise(steps)):
            if before is None or after is None or _in_order(before.takes, after.takes):
                continue
            for column in body:
                new = column[phase + 1]
                if column[phase] is None and new is not None and set(new.gives) & set(after.takes):
                    self._new_branch(new.node, phase, name)
            what = f"what `{_join(name, before.node.name)}` takes is {len(before.takes)} maps"
            self._differs(what, "others", phase, (before.node.span, after.node.span))

    def _new_branch(self, node: Node, phase: int, name: str) -> NoReturn:
        what = f"`{_join(name, node.name)}`"
        message = f"{what} is there {self.said.at(phase + 1)} and not {self.said.at(phase)}"
        help_ = "let the first phase be large enough, so that it is there in all of them"
        if _kind(node) == "shortcut":
            message += ": only then the block changes its shape"
            help_ = "begin with a width that the block is not given already"
        self._fail(message, node.span, help_)

    def _step(self, steps: tuple[Step | None, ...], name: str) -> Matched:
        nodes = tuple(None if step is None else step.node for step in steps)
        return replace(self.node(nodes, name), steps=steps)

    def node(self, nodes: tuple[Node | None, ...], around: str, own: str | None = None) -> Matched:
        """Return a node beside what it is in other phases."""
        last = nodes[-1]
        assert last is not None
        name = _join(around, last.name if own is None else own)
        since = next(phase for phase, node in enumerate(nodes) if node is not None)
        for phase in range(since, len(nodes) - 1):
            node, after = nodes[phase], nodes[phase + 1]
            assert node is not None
            assert after is not None
            self._check(node, after, phase, name, is_member=own is not None)
        inner: tuple[Matched, ...] = ()
        match last:
            case LayerNode() | Join():
                pass
            case Block() | Part():
                inner = self.bodies([_body(node) for node in nodes], name)
            case Stage():
                inner = tuple(self._items(nodes, name))
            case _:
                assert_never(last)
        owned = [() if n is None or isinstance(n, LayerNode | Join) else n.owned for n in nodes]
        return Matched(
            nodes=nodes, name=name, since=since, inner=inner, owned=self.weights(owned, name, since)
        )

    def weights(
        self, owned: Sequence[tuple[Shared, ...]], name: str, since: int
    ) -> tuple[MatchedWeight, ...]:
        """Return the shared weights of an owner, each beside what it is in other phases."""
        found: list[MatchedWeight] = []
        for weight in owned[-1]:
            column = tuple(
                next((w for w in weights if w.name == weight.name), None) for weights in owned
            )
            first = next(phase for phase, w in enumerate(column) if w is not None)
            if first > since:
                what = f"the shared weight `{_join(name, weight.name)}`"
                self._apart(what, first - 1, weight.span, "share what is shared in every phase")
            found.append(MatchedWeight(weights=column, name=_join(name, weight.name), since=first))
        return tuple(found)

    def _items(self, nodes: tuple[Node | None, ...], name: str) -> Iterator[Matched]:
        """Yield the members of a stage, cut where in some phase another one begins."""
        stages = [node if isinstance(node, Stage) else None for node in nodes]
        last = stages[-1]
        assert last is not None
        inside = _join(name, "blocks") if last.form is Form.WRITTEN else name
        self._check_rising(stages, inside)
        starts = sorted({start for stage in stages if stage for start in _starts(stage)})
        for start, end in pairwise(starts):
            members = tuple(None if s is None else _member(s.items, start) for s in stages)
            count = end - start
            own = str(start) if count == 1 else "*"
            matched = self.node(members, inside, own)
            yield replace(matched, copies=(start, count))

    def _check_rising(self, stages: Sequence[Stage | None], name: str) -> None:
        """Raise SpecError where a stage has fewer members in the next phase."""
        for phase, (before, after) in enumerate(pairwise(stages)):
            if before is None or after is None:
                continue
            end = max(_starts(after))
            if end < max(_starts(before)):
                node = _member(before.items, end)
                assert node is not None
                self._gone(replace(node, name=str(end)), phase, name)

    # ------------------------------------------------------------ what is not contained

    def _check(self, node: Node, after: Node, phase: int, name: str, *, is_member: bool) -> None:
        """Raise SpecError where a node is another one in the next phase."""
        if type(node) is not type(after) or _kind(node) != _kind(after):
            what = f"`{name}` is `{_kind(node)}`"
            self._differs(what, f"`{_kind(after)}`", phase, (node.span, after.span))
        if not is_member and node.name != after.name and _keeps(node):
            what = f"`{name}` is called `{node.name}`"
            self._differs(what, f"`{after.name}`", phase, (node.span, after.span))
        falls = node.output.channels > after.output.channels
        if falls or node.input.size != after.input.size or node.output.size != after.output.size:
            sizes = (node.output, after.output)
            what = f"`{name}` gives {sizes[0]}"
            help_ = f"let its channels rise with {self.said.names}" if falls else None
            self._differs(what, str(sizes[1]), phase, (node.span, after.span), help_)
        if isinstance(node, LayerNode) and isinstance(after, LayerNode):
            self._check_layer(node, after, phase, name)

    def _check_layer(self, node: LayerNode, after: LayerNode, phase: int, name: str) -> None:
        before, now = _frame(node.layer), _frame(after.layer)
        if before != now:
            field = next(f for f in _fields(before) if _fields(before)[f] != _fields(now).get(f))
            what = f"`{name}` has `{field}` {_said(_fields(before)[field])}"
            self._differs(what, _said(_fields(now)[field]), phase, (node.span, after.span))
        if (node.shared is None) != (after.shared is None):
            words = ("a weight of its own", "a shared one")
            what, other = words if node.shared is None else words[::-1]
            self._differs(f"`{name}` has {what}", other, phase, (node.span, after.span))

    def _differs(
        self,
        what: str,
        other: str,
        phase: int,
        spans: tuple[Span, Span],
        help_: str | None = None,
    ) -> NoReturn:
        message = f"{what} {self.said.at(phase)} and {other} {self.said.at(phase + 1)}"
        notes = () if spans[0] == spans[1] else (Note(self.said.at(phase + 1), spans[1]),)
        help_ = help_ or f"write it without {self.said.names}: channels, blocks and rates may grow"
        self._fail(f"{message}: a phase is contained in the next one", spans[0], help_, notes)

    def _gone(self, node: Node, phase: int, name: str) -> NoReturn:
        """Say that a node of a phase is not in the next one."""
        what = f"`{_join(name, node.name)}`"
        here, there = self.said.at(phase), self.said.at(phase + 1)
        message = f"{what} is there {here} and not {there}: a phase is contained in the next one"
        self._fail(
            message, node.span, f"let it stay; where {self.said.names} is larger more may come"
        )

    def _apart(self, what: str, phase: int, span: Span, help_: str | None) -> NoReturn:
        here, there = self.said.at(phase + 1), self.said.at(phase)
        self._fail(f"{what} is there {here} and not {there}", span, help_)

    def _fail(
        self, message: str, span: Span, help_: str | None, others: tuple[Note, ...] = ()
    ) -> NoReturn:
        notes = (*others, Note("the network grows here", self.said.phases.span))
        found = Diagnostic(code="E803", message=message, span=span, help=help_, notes=notes)
        raise SpecError([found])


# ---------------------------------------------------------------- nodes


def _body(node: Node | None) -> tuple[Step, ...] | None:
    return node.body if isinstance(node, Block | Part) else None


def _starts(stage: Stage) -> Iterator[int]:
    """Yield where the members of a stage begin, and where the last ones end."""
    start = 0
    yield start
    for item in stage.items:
        start += item.count
        yield start


def _member(items: Sequence[Item], place: int) -> Node | None:
    """Return the member at a place, None beyond the end."""
    start = 0
    for item in items:
        start += item.count
        if place < start:
            return item.node
    return None


def _kind(node: Node) -> str:
    match node:
        case LayerNode(kind=kind) | Part(kind=kind) | Stage(kind=kind):
            return kind
        case Block(declaration=declaration):
            return declaration
        case Join(operator=operator):
            return operator.value
        case _:
            assert_never(node)


def _keeps(node: Node) -> bool:
    """Say whether a node's name is part of names of tensors."""
    match node:
        case LayerNode(layer=layer):
            return bool(tensors(layer))
        case _:
            return not isinstance(node, Join)


def _frame(layer: Layer) -> Layer:
    """Return the layer without what may change from a phase to the next: its channels, a rate."""
    match layer:
        case Conv() | ConvTranspose():
            return replace(layer, in_channels=0, out_channels=0, groups=1)
        case Linear():
            return replace(layer, in_features=0, out_features=0)
        case PadChannels():
            return replace(layer, out_channels=0)
        case ChannelSlice():
            return replace(layer, start=0, stop=0)
        case Dropout() | StochasticDepth():
            return replace(layer, p=0.0)
        case _:
            numbers = [n for n in _NUMBERS if hasattr(layer, n)]
            return replace(layer, **dict.fromkeys(numbers, 0)) if numbers else layer


_NUMBERS = ("num_features", "num_groups", "num_parameters")


def _fields(layer: Layer) -> dict[str, object]:
    return {name: getattr(layer, name) for name in layer.__struct_fields__}


def _said(value: object) -> str:
    return "none" if value is None else str(value).replace("(", "[").replace(")", "]")


def _in_order(some: Sequence[object], every: Sequence[object]) -> bool:
    """Say whether some things stand among others in the same order."""
    rest = iter(every)
    return all(thing in rest for thing in some)


def _join(around: str, name: str) -> str:
    return f"{around}.{name}" if around and name else around or name
