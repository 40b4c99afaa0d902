"""Nested networks: old channels take no input from new ones, so that each phase stays in the next.

The weight of a layer whose outputs grow is in columns: what each phase adds takes all inputs that
there are in it, and none that come later.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn, TypeAlias

from archdsl.analyses.growth.layouts import Layout, settled
from archdsl.analyses.growth.matching import Matched, MatchedNetwork
from archdsl.analyses.growth.rows import FoundRows
from archdsl.analyses.growth.sameness import changes, zeros
from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.fixing import channels_of
from archdsl.ir.layers import Columns, Conv, ConvTranspose, Layer, Linear, tensors
from archdsl.ir.network import Join, LayerNode, Map, Stage, given_by, handed, taken_by
from archdsl.source import Span


def columns_of(layers: Sequence[Layer | None], phase: int) -> Columns:
    """Return the columns that a layer has in a phase; () where its outputs do not grow."""
    last = layers[-1]
    if not isinstance(last, Conv | Linear) or (isinstance(last, Conv) and last.groups > 1):
        return ()
    found: list[tuple[int, int]] = []
    outputs, number = 0, 0
    for index, layer in enumerate(layers):
        channels = None if layer is None else channels_of(layer)
        if channels is None or channels.inputs is None or channels.outputs == outputs:
            continue
        if index <= phase:
            found.append((channels.inputs, channels.outputs - outputs))
        outputs, number = channels.outputs, number + 1
    return tuple(found) if number > 1 else ()


def check_nested(network: MatchedNetwork, rows: FoundRows) -> None:
    """Raise SpecError where old channels would take something from new ones."""
    start: dict[Map, _Hanging] = taken_by(network.networks[-1], lambda _: None)
    _Nesting(rows).body(network.inner, start)
    ends = zeros(network, rows.channels)
    if ends:
        message = f"a new block adds to old channels, and ends in `{ends[0].layer}`"
        _fail(message, network.phases.span, rows.channels.span)


_Hanging: TypeAlias = LayerNode | None
"""The layer by which the old channels of a map hang on new ones; None: they do not."""


class _Nesting:
    """Follows what hangs on new channels."""

    def __init__(self, rows: FoundRows) -> None:
        self.rows = rows
        self.channels = rows.channels

    def body(self, body: Sequence[Matched], maps: dict[Map, _Hanging]) -> dict[Map, _Hanging]:
        """Follow a body; return what the old channels hang on of what flows at its end."""
        for matched in body:
            step = matched.steps[-1]
            assert step is not None
            made = self._node(matched, [maps[name] for name in step.takes])
            maps |= zip(step.gives, made, strict=True)
        return maps

    def _node(self, matched: Matched, taken: Sequence[_Hanging]) -> list[_Hanging]:
        node = matched.last
        if isinstance(node, LayerNode):
            return [self._layer(node, matched, taken[0])]
        if isinstance(node, Join):
            return [next(filter(None, taken), None)]
        if isinstance(node, Stage):
            given = taken[0]
            for member in matched.inner:
                given = self._node(member, [given])[0]
            return [given]
        return given_by(node, self.body(matched.inner, handed(node, taken)))

    def _layer(self, node: LayerNode, matched: Matched, given: _Hanging) -> _Hanging:
        reason = next(self._reasons(node, matched), None)
        if reason is not None:
            _fail(f"`{matched.name}`: {reason}", node.span, self.channels.span)
        if given is not None and tensors(node.layer):
            message = f"`{matched.name}` hangs on new channels, by a layer that has no more outputs"
            note = Note("it takes them all, in each phase", given.span)
            _fail(message, node.span, self.channels.span, note)
        return node if self._gathers(node, matched) else given

    def _gathers(self, node: LayerNode, matched: Matched) -> bool:
        """Say whether a layer takes new inputs and has no new outputs: a classifier."""
        if not isinstance(node.layer, Conv | ConvTranspose | Linear):
            return False
        through = self.channels.through[id(matched)]
        return _grows(through.inputs, matched) and not _grows(through.outputs, matched)

    def _reasons(self, node: LayerNode, matched: Matched) -> Iterator[str]:
        """Yield why a layer cannot be in columns, or mixes channels."""
        through = self.channels.through[id(matched)]
        reason = changes(node, matched, through)
        if reason is not None:
            yield reason
        rows = self.rows.of_layer(matched)
        if rows is None or rows.inputs is None or not _grows(through.inputs, matched):
            return
        match node.layer:
            case ConvTranspose():
                yield "a transposed convolution is not nested yet"
            case Conv(scheme=scheme) if scheme is not None:
                yield "a weight that is computed is not nested yet"
            case Conv(groups=groups) if groups > 1 and len({*rows.inputs[0][matched.since :]}) > 1:
                yield "its groups get new channels"
            case _ if node.shared is not None:
                yield "a shared weight is not nested yet"
            case _ if max(len(rows.outputs), len(rows.inputs)) > 1:
                yield "its old channels are not all in front, as `nested` needs them"
            case _:
                pass


def _grows(layout: Layout, matched: Matched) -> bool:
    return any(len({*lengths[matched.since :]}) > 1 for lengths in settled(layout))


def _fail(message: str, span: Span, grows: Span, *notes: Note) -> NoReturn:
    text = f"old channels would take input from new ones: {message}"
    help_ = "drop `nested`: then old channels take new ones, too"
    note = Note("the network is nested here", grows)
    found = Diagnostic(code="E811", message=text, span=span, help=help_, notes=(*notes, note))
    raise SpecError([found])
