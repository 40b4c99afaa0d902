"""The network with numbers that know their polynomials in the place of integers.

What flows is followed through the network anew: the channels and the sizes of each map hang on
those of the input and on what the layers were written with.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, assert_never, cast

from archdsl.analyses.closed.deciding import DecidedWeights
from archdsl.analyses.closed.formulas import FormNames, pin, sizes_given
from archdsl.analyses.closed.traced import Exact, NotClosedError, Trace, Traced, holds, value_of
from archdsl.ir.layers import (
    ChannelShuffle,
    ChannelSlice,
    ChannelSplit,
    Conv,
    ConvTranspose,
    Flatten,
    GroupNorm,
    Layer,
    PadChannels,
    PixelShuffle,
    Softmax,
)
from archdsl.ir.network import (
    MAIN,
    Block,
    FeatureMap,
    Item,
    Join,
    LayerNode,
    Map,
    Network,
    Node,
    Operator,
    Part,
    Site,
    Stage,
    Step,
    given_by,
    handed,
)
from archdsl.ir.numbers import Expr, Literal, Value
from archdsl.ir.rebuild import children, replace
from archdsl.ir.schemes import Identity
from archdsl.ir.shapes import SAME, output_map, reduction
from archdsl.record import Record

Maps: TypeAlias = dict[Map, FeatureMap]

# Fields of layers that are the channels that flow in, unless they are written as a number.
_GIVEN = ("in_channels", "in_features", "num_features", "num_parameters")


class _LiftedPlace(Record):
    """Where a body is lifted: its names, its way from the network, how often it is there."""

    names: FormNames
    path: tuple[Site, ...] = ()
    copies: Any = 1  # Exact


def lift(
    network: Network, arguments: Mapping[str, Value | bool], wholes: frozenset[str]
) -> tuple[Network, Trace]:
    """Return the network over these arguments, which have these values in it, and its trace.

    Its integers are numbers of the trace, which has noted what was decided on the way. Arguments
    among `wholes` may be taken as whole numbers. Raises NotClosedError.
    """
    trace = Trace(wholes)
    lifted = _lifted(network, arguments, trace)
    for _ in range(_PASSES):  # where maps must be equal, sizes turn out to be whole, then others
        known = trace.whole_conditions
        if not known:
            break
        trace = Trace(wholes, known)
        lifted = _lifted(network, arguments, trace)
        if trace.whole_conditions == known:
            break
    return lifted, trace


_PASSES = 12


def _lifted(network: Network, arguments: Mapping[str, Value | bool], trace: Trace) -> Network:
    if network.phases is not None:
        message = "a network that grows has a form for each phase only: set what grows with --set"
        raise NotClosedError(message)
    try:
        return _Lifter(network, trace).network(arguments)
    except (KeyError, ArithmeticError, TypeError) as error:
        raise NotClosedError(f"the compiler does not keep how it is made ({error})") from error


class _Lifter:
    def __init__(self, network: Network, trace: Trace) -> None:
        self.given = network
        self.trace = trace
        self.weights = DecidedWeights(network, trace)

    # ------------------------------------------------------------ the network

    def network(self, arguments: Mapping[str, Value | bool]) -> Network:
        network, names = self.given, self._arguments(arguments)
        self._decide(network, names)
        sizes = [[self._whole(names.number(each), 1) for each in row] for row in network.sizes]
        shapes = [_map(row) for row in sizes]
        maps: Maps = {MAIN: shapes[0]}
        maps |= {each.map: shape for each, shape in zip(network.inputs, shapes, strict=False)}
        names.maps |= {each.label: maps[each.map] for each in network.inputs}
        body = self._body(network.body, maps, _LiftedPlace(names))
        outputs = tuple(replace(each, shape=maps[each.map]) for each in network.outputs)
        lifted = replace(
            network,
            input=shapes[0],
            inputs=tuple(
                replace(each, shape=shape)
                for each, shape in zip(network.inputs, shapes, strict=False)
            ),
            output=_like(network.output, [maps[MAIN], *(each.shape for each in outputs)]),
            outputs=outputs,
            body=body,
        )
        self.weights.own(network.owned, 1)
        self.weights.decide()
        return self.weights.lifted(lifted)

    def _arguments(self, arguments: Mapping[str, Value | bool]) -> FormNames:
        """Return the names of the network: arguments that are asked about, numbers, formulas."""
        network, trace, names = self.given, self.trace, FormNames(self.trace)
        formulas = {let.name: let.number.expr for let in network.formulas}
        tests = dict(network.flags)
        for name, compiled in network.values:
            value = arguments.get(name, compiled)
            if name in arguments:
                if isinstance(value, bool):
                    names.flags[name] = lambda n=name, v=value: trace.flag(n, v)
                else:
                    names.numbers[name] = trace.argument(name, value)
            elif name in tests:
                names.flags[name] = lambda test=tests[name]: names.holds(test)
            elif isinstance(value, bool):
                names.flags[name] = lambda v=value: v
            elif name in formulas:
                names.numbers[name] = names.number(formulas[name])
            else:
                names.numbers[name] = value
        return names

    def _decide(self, node: Network | Block, names: FormNames) -> None:
        """Take the lets of a declaration, and note what its text was decided by."""
        for let in node.lets:
            names.numbers[let.name] = names.number(let.number.expr)
        for require in node.requires:
            if not require.implied:
                names.require(require.test)
        for test in node.required:
            names.require(test)
        for asked in node.decided:
            if all(names.holds(test) for test in asked.inside):
                names.holds(asked.test)
        names.pin(node.settled)

    def _whole(self, given: Exact, least: int) -> Exact:
        """Return a number that is whole and not below `least` wherever the network exists."""
        if isinstance(given, Traced):
            self.trace.whole(given)
            with self.trace.as_facts():
                holds(given >= least)
        return given

    # ------------------------------------------------------------ bodies

    def _body(self, body: Sequence[Step], maps: Maps, place: _LiftedPlace) -> tuple[Step, ...]:
        steps: list[Step] = []
        for step in body:
            inner = replace(place, path=(*place.path, step.site))
            node, gives = self._node(step.node, [maps[each] for each in step.takes], inner)
            maps.update(zip(step.gives, gives, strict=True))
            if isinstance(node, Join) and node.mark:
                place.names.maps[node.mark] = gives[0]
            if isinstance(node, Block | Part) and node.label is not None:
                made = zip(node.made, gives[1:], strict=True)
                place.names.maps |= {f"{node.label}.{each.label}": shape for each, shape in made}
            steps.append(replace(step, node=node))
        return tuple(steps)

    def _node(
        self, node: Node, takes: Sequence[FeatureMap], place: _LiftedPlace
    ) -> tuple[Node, list[FeatureMap]]:
        match node:
            case LayerNode():
                lifted = self._layer(node, takes[0], place)
                return lifted, [lifted.output]
            case Join():
                output = self._join(node, takes)
                return replace(node, output=output), [output]
            case Block():
                return self._block(node, takes, place)
            case Part():
                return self._part(node, takes, place)
            case Stage():
                stage = self._stage(node, takes[0], place)
                return stage, [stage.output]
            case _:
                assert_never(node)

    def _block(
        self, node: Block, takes: Sequence[FeatureMap], place: _LiftedPlace
    ) -> tuple[Node, list[FeatureMap]]:
        names = FormNames(self.trace)
        names.numbers["in_channels"] = takes[0].channels
        names.numbers["stride"] = place.names.number(node.stride.expr)
        names.numbers |= sizes_given(takes[0])
        beside = zip(node.given, takes[1:], strict=True)
        names.maps |= {crossing.label: shape for crossing, shape in beside}
        for name, given in node.arguments:
            names.define(name, given, place.names)
        self._decide(node, names)
        return self._inside(node, takes, replace(place, names=names))

    def _part(
        self, node: Part, takes: Sequence[FeatureMap], place: _LiftedPlace
    ) -> tuple[Node, list[FeatureMap]]:
        lifted, gives = self._inside(node, takes, place)
        if node.kind == "shortcut" and not _reduces(node):
            # it is there because the channels change
            holds(takes[0].channels != gives[0].channels)
        return lifted, gives

    def _inside(
        self, node: Block | Part, takes: Sequence[FeatureMap], place: _LiftedPlace
    ) -> tuple[Node, list[FeatureMap]]:
        maps = handed(node, takes)
        body = self._body(node.body, maps, place)
        gives = given_by(node, maps)
        self.weights.own(node.owned, place.copies)
        return replace(node, body=body, input=takes[0], output=gives[0]), gives

    def _stage(self, node: Stage, given: FeatureMap, place: _LiftedPlace) -> Stage:
        flow, items = given, list[Item]()
        counts = self._counts(node, place.names)
        for item, count in zip(node.items, counts, strict=True):
            inner = _LiftedPlace(place.names, (*place.path, item.site), place.copies * count)
            lifted, (after, *_) = self._node(item.node, [flow], inner)
            if value_of(count) != 1 or isinstance(count, Traced):
                # the next copy is given what this one gives
                _note_equal(after.shape, flow.shape)
            items.append(replace(item, node=lifted, count=count))
            flow = after
        self.weights.own(node.owned, place.copies)
        return replace(node, items=tuple(items), input=given, output=flow)

    def _counts(self, node: Stage, names: FormNames) -> list[Exact]:
        """Return how many copies there are of each member: the last ones are those that repeat."""
        counts: list[Exact] = [item.count for item in node.items]
        if node.repeats is None:
            return counts
        repeats = self._whole(names.number(node.repeats.expr), 1)
        last = node.items[-1].node
        if not isinstance(repeats, Traced):
            return counts
        folds = node.kind == "stage" and isinstance(last, Block) and last.stride.value == 1
        if not folds or last.input != last.output or node.items[-1].count == 1:
            # an annotation may begin with the next one
            self._as_here(repeats)
            return counts
        counts[-1] = repeats - sum(item.count for item in node.items[:-1])
        if isinstance(counts[-1], Traced):
            holds(counts[-1] >= 0)
        return counts

    def _as_here(self, given: Traced) -> None:
        """Note that a number is what it is here, where others near it tell more."""
        holds(given >= given.value)
        holds(given <= given.value)

    def _join(self, node: Join, takes: Sequence[FeatureMap]) -> FeatureMap:
        if len(takes) == 1:
            return takes[0]
        first, *others = takes
        match node.operator:
            case Operator.CONCAT:
                total: Any = first.channels
                for other in others:
                    _note_equal(first.size, other.size)
                    total = total + other.channels
                return replace(first, channels=total)
            case Operator.SUM:  # where they differ, a block has a shortcut
                for other in others:
                    _note_equal(first.shape, other.shape)
                return first
            case Operator.PRODUCT:
                return _like(node.output, takes)
            case _:
                assert_never(node.operator)

    # ------------------------------------------------------------ layers

    def _layer(self, node: LayerNode, given: FeatureMap, place: _LiftedPlace) -> LayerNode:
        layer = self._with_numbers(node, given, place.names)
        if node.implied and isinstance(layer, Flatten):
            for each in given.size or ():
                pin(each)
        output = output_map(layer, given)
        if node.fixed is not None:  # its channels are numbers
            pin(given.channels)
            pin(output.channels)
        if [value_of(each) for each in output.shape] != list(node.output.shape):
            raise NotClosedError(f"`{node.kind}` gives another map than it should")
        lifted = replace(node, layer=layer, input=given, output=output)
        self.weights.use(lifted, place.path, place.copies)
        return lifted

    def _with_numbers(self, node: LayerNode, given: FeatureMap, names: FormNames) -> Layer:
        fields: dict[str, object] = {}
        for written in node.written:
            old = getattr(node.layer, written.field)
            if written.field in _GIVEN:
                if not isinstance(written.exprs[0], Literal):
                    fields[written.field] = given.channels
            elif isinstance(old, tuple):
                row = [self._number(expr, names, written.field) for expr in written.exprs]
                row = row * len(cast("tuple[int, ...]", old)) if len(row) == 1 else row
                fields[written.field] = tuple(row)
            elif isinstance(old, int):
                fields[written.field] = self._number(written.exprs[0], names, written.field)
            elif isinstance(old, float) and written.field == "p":
                rate: Any = names.number(written.exprs[0])
                with self.trace.as_facts():
                    holds(0 <= rate < 1)
        layer = replace(node.layer, **fields) if fields else node.layer
        self._divides(layer, given.channels)
        if isinstance(layer, Conv | ConvTranspose):
            with self.trace.silent():
                for channels in (layer.in_channels, layer.out_channels):
                    self.trace.whole(cast("Exact", channels / layer.groups))
        if isinstance(layer, Conv) and isinstance(layer.scheme, Identity):
            # a delta needs channels of which one number is a multiple of the other
            inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
            holds(inputs % outputs == 0 or outputs % inputs == 0)
            windows = zip(layer.kernel_size, layer.padding, layer.dilation, strict=True)
            for size, padding, spread in windows:  # and a window with a centre, that keeps sizes
                holds(size % 2 == 1)
                holds(2 * padding == (size - 1) * spread)
        if isinstance(layer, Conv) and layer.columns:
            raise NotClosedError("a layer of a nested network has no form")
        return layer

    def _divides(self, layer: Layer, channels: Exact) -> None:
        """Note what the channels are a multiple of wherever the network exists."""
        match layer:
            case (
                GroupNorm(num_groups=parts)
                | ChannelShuffle(groups=parts)
                | ChannelSplit(parts=parts)
                | Softmax(parts=parts)
            ):
                self.trace.whole(cast("Exact", channels / parts))
            case PixelShuffle(factor=factor):
                self.trace.whole(cast("Exact", channels / (factor * factor)))
            case PadChannels(out_channels=more):
                with self.trace.as_facts():
                    holds(more >= channels)
            case ChannelSlice(start=start, stop=stop):
                with self.trace.as_facts():
                    holds(start < stop <= channels)
            case _:
                pass

    def _number(self, expr: Expr, names: FormNames, field: str) -> Exact:
        found = names.number(expr)
        if isinstance(found, Traced):
            self._whole(found, 0 if field.endswith("padding") or field in ("part", "start") else 1)
            if field == "stride":  # which decides where there are shortcuts
                pin(found)
                return found.value
        return found


def _note_equal(left: Sequence[Exact] | None, right: Sequence[Exact] | None) -> None:
    """Note that these are equal, as they are here."""
    for one, other in zip(left or (), right or (), strict=True):
        holds(one == other)


def _like(given: FeatureMap, among: Sequence[FeatureMap]) -> FeatureMap:
    """Return a map with the numbers of others that have its values."""
    channels = next(
        (m.channels for m in among if value_of(m.channels) == given.channels), given.channels
    )
    sizes = (m.size for m in among if m.size and tuple(map(value_of, m.size)) == given.size)
    return FeatureMap(channels, next(sizes, given.size))


def _reduces(node: Node) -> bool:
    """Say whether anything in a node has a stride."""
    if isinstance(node, LayerNode):
        return reduction(node.layer, node.input.dimensions) != SAME
    return any(map(_reduces, children(node)))


def _map(sizes: Sequence[Exact]) -> FeatureMap:
    channels, *size = cast("Sequence[int]", sizes)
    return FeatureMap(channels, cast("Any", tuple(size) or None))
