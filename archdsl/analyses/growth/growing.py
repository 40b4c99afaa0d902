"""A growing network: its phases, and what going on from one to the next takes."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate

from archdsl.analyses.growth.channels import Channels
from archdsl.analyses.growth.ends import Zero
from archdsl.analyses.growth.fixing import with_fixed
from archdsl.analyses.growth.matching import (
    Matched,
    MatchedNetwork,
    MatchedWeight,
    match_phases,
)
from archdsl.analyses.growth.nesting import check_nested, columns_of
from archdsl.analyses.growth.rows import FoundRows, Pieces, Rows, layers_of
from archdsl.analyses.growth.sameness import check_layers, zeros
from archdsl.analyses.walk import leaves
from archdsl.ir.fixing import Axis, axes
from archdsl.ir.layers import Dropout, Layer, StochasticDepth, Tensor, entry_name, tensors
from archdsl.ir.network import Fixed, FixedOld, LayerNode, Network, Phases
from archdsl.ir.recipe import NewChannels
from archdsl.record import Record


class GrownTensor(Record):
    """A tensor some of whose dimensions have old channels elsewhere than in front.

    Or one that the name of such copies means as well: it has no pieces.
    """

    name: str  # "dense1.3.branch1.2.weight", with `*` for copies
    pieces: tuple[Pieces | None, ...]  # of each dimension, None where they are in front


class FixableLayer(Record):
    """A layer that keeps tensors, and what of it does not learn after a growth."""

    name: str
    fixed: Fixed | None


class GrowingNetwork(Record):
    """The phases of a network."""

    phases: Phases
    plain: tuple[Network, ...]  # as members of the family
    networks: tuple[Network, ...]  # with what is fixed in each
    tensors: tuple[GrownTensor, ...]
    layers: tuple[FixableLayer, ...]
    caches: bool  # what is fixed gives the same for an input in a whole phase
    zeros: tuple[Zero, ...]  # what is zero where it is new, if the network is to compute the same


def growing(networks: Sequence[Network], phases: Phases) -> GrowingNetwork:
    """Return what growing from each network to the next takes; raise SpecError.

    `networks` are the members of the family in the order of phases; the last has the recipe.
    """
    matched = match_phases(networks, phases)
    channels = Channels(matched)
    recipe = networks[-1].recipe
    ends: tuple[Zero, ...] = ()
    rows = FoundRows(channels)
    if phases.nested:
        check_nested(matched, rows)
    elif recipe is None or recipe.grow is None or recipe.grow.new is NewChannels.ZERO:
        check_layers(matched, channels)
        ends = zeros(matched, channels)
    kept = list(_kept(matched, rows))
    return GrowingNetwork(
        phases=phases,
        plain=tuple(networks),
        networks=tuple(with_fixed(matched, rows, phase) for phase in range(len(networks))),
        tensors=_elsewhere(kept),
        layers=tuple(FixableLayer(layer.module, layer.fixed) for layer in kept),
        caches=phases.nested and not any(map(_varies, kept)) and not _drops(networks[-1]),
        zeros=ends,
    )


def _varies(layer: "_Kept") -> bool:
    """Say whether what old outputs of a layer are may change within a phase.

    Not that of a classifier, which takes all channels and is taken by none.
    """
    if layer.fixed == FixedOld():
        return False
    gathers = layer.rows.inputs is not None and not _grows(layer.rows.outputs)
    return not (gathers and layer.rows.inputs is not None and _grows(layer.rows.inputs))


def _grows(rows: Pieces) -> bool:
    return any(len({*lengths}) > 1 for lengths in rows)


def _drops(network: Network) -> bool:
    return any(isinstance(leaf.layer, Dropout | StochasticDepth) for leaf in leaves(network))


class _Kept(Record):
    """A layer or a shared weight, its channels and its tensors in the last phase."""

    name: str
    module: str  # that holds the tensors; with `*` for all columns
    fixed: Fixed | None
    rows: Rows
    tensors: tuple[tuple[Tensor, tuple[Axis | None, ...]], ...]


def _kept(network: MatchedNetwork, rows: FoundRows) -> Iterator[_Kept]:
    """Yield all that keeps tensors, in the order of the network."""
    for weight in network.owned:
        yield from _weight(weight, rows)
    stack = list(reversed(network.inner))
    while stack:
        matched = stack.pop()
        for weight in matched.owned:
            yield from _weight(weight, rows)
        yield from _layer(matched, rows)
        stack += reversed(matched.inner)


def _layer(matched: Matched, found: FoundRows) -> Iterator[_Kept]:
    node = matched.last
    if isinstance(node, LayerNode) and node.shared is None:
        rows = found.of_layer(matched)
        if rows is not None:
            has_columns = found.channels.nested and columns_of(layers_of(matched), 0)
            module = f"{matched.name}.columns.*" if has_columns else matched.name
            yield _Kept(matched.name, module, node.fixed, rows, _axes(node.layer))


def _weight(matched: MatchedWeight, found: FoundRows) -> Iterator[_Kept]:
    last = matched.weights[-1]
    assert last is not None
    rows = found.of_weight(matched)
    yield _Kept(matched.name, matched.name, last.fixed, rows, _axes(last.layer))


def _axes(layer: Layer) -> tuple[tuple[Tensor, tuple[Axis | None, ...]], ...]:
    return tuple((tensor, axes(layer, tensor)) for tensor in tensors(layer))


def _elsewhere(layers: Sequence[_Kept]) -> tuple[GrownTensor, ...]:
    """Return the tensors whose old channels are not in front, single ones before copies.

    With them those that are meant by the name of such copies as well, and have all in front.
    """
    grown = [tensor for layer in layers for tensor in _tensors(layer)]
    grown.sort(key=lambda tensor: "*" in tensor.name)
    moved = [tensor.name for tensor in grown if any(tensor.pieces)]
    patterns = [re.compile(translate(name)) for name in moved if "*" in name]
    return tuple(
        tensor
        for tensor in grown
        if any(tensor.pieces) or any(pattern.match(tensor.name) for pattern in patterns)
    )


def _tensors(layer: _Kept) -> Iterator[GrownTensor]:
    rows = {Axis.OUTPUTS: layer.rows.outputs, Axis.INPUTS: layer.rows.inputs, None: None}
    for tensor, found in layer.tensors:
        pieces = (rows[axis] for axis in found)
        shown = tuple(None if each is None or len(each) == 1 else each for each in pieces)
        yield GrownTensor(entry_name(layer.name, tensor), shown)
