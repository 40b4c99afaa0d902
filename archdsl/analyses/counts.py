"""Counts: what a network holds and costs, in all and part by part.

Every element counts once per copy of its owner, every use and its MACs once per copy of the layer,
and copies are multiplied, never visited: a run of a million blocks costs what a run of one does.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from msgspec.structs import astuple

from archdsl.analyses.macs import macs
from archdsl.analyses.tensors import kept, num_fixed
from archdsl.analyses.walk import Place, members, root, walk
from archdsl.ir.layers import Conv, ConvTranspose, tensors
from archdsl.ir.network import Block, Join, LayerNode, Network, Node, Part, Shared, Stage
from archdsl.record import Record


class Sums(Record, kw_only=True):
    """What adds up over places."""

    learned: int = 0  # elements of parameters that training changes
    frozen: int = 0  # elements of the other parameters
    unshared: int = 0  # elements of parameters if every layer had a weight of its own
    buffers: int = 0  # elements of all else in `state_dict`
    conv_layers: int = 0  # convolutions as used, projections and transposed ones included
    conv_tensors: int = 0  # distinct weights among them
    macs: int = 0  # multiply-accumulates for one input, outside of training
    training_macs: int = 0  # those that there are in training only
    deployed_bits: int = 0  # of all parameters in the deployed form

    @property
    def total(self) -> int:
        """Elements of all parameters."""
        return self.learned + self.frozen

    @property
    def trained_bits(self) -> int:
        """Bits of all parameters in training: float32."""
        return 32 * self.total

    @property
    def shared_away(self) -> int:
        """Elements that sharing saves here; negative at an owner, which holds others' weights."""
        return self.unshared - self.total


_NOTHING = Sums()


class Row(Record):
    """A line of a table."""

    name: str
    kind: str  # "stage", "block", "conv", "shared", ..
    output: tuple[int, ...] | None  # None where nothing flows: shared weights
    copies: int
    blocks: int  # outermost block instances inside
    sums: Sums  # over all copies


class Counts(Record):
    """A network's sums, and those of its direct parts, which add up to them."""

    sums: Sums
    parts: tuple[Row, ...]  # in order; then a row `shared` if the network itself owns weights


def count(network: Network) -> Counts:
    """Return the counts of a network."""
    parts = rows_by_part(network)
    return Counts(add(row.sums for row in parts), parts)


def rows_by_part(network: Network) -> tuple[Row, ...]:
    """Return a row for each direct part, and one for what the network itself owns."""
    rows = places_by(network, "part")
    return tuple(_shared_row(p) if isinstance(p[0].node, Shared) else _row(p[0]) for p in rows)


def rows_by_block(network: Network) -> tuple[Row, ...]:
    """Return a row for each run of equal blocks, and one for each part that has no block in it."""
    return tuple(_row(place) for (place,) in places_by(network, "block"))


def rows_by_layer(network: Network) -> tuple[Row, ...]:
    """Return a row for each layer as folded, and one for each shared weight."""
    return tuple(_row(place) for (place,) in places_by(network, "layer"))


def places_by(network: Network, by: str) -> Iterator[tuple[Place, ...]]:
    """Yield what is in each row of the table by "part", "block" or "layer"."""
    match by:
        case "block":
            yield from ((place,) for place in _down_to(root(network), _is_block_or_blockless))
        case "layer":
            yield from ((place,) for place in _down_to(root(network), _is_leaf))
        case _:
            direct = [each for each in members(root(network), again=True) if not _is_implied(each)]
            yield from ((place,) for place in direct if not isinstance(place.node, Shared))
            owned = tuple(place for place in direct if isinstance(place.node, Shared))
            if owned:
                yield owned


def add(sums: Iterable[Sums]) -> Sums:
    """Return the sums of sums."""
    every = [astuple(each) for each in sums if each is not _NOTHING]
    totals = map(sum, zip(*every, strict=True))
    return Sums(**dict(zip(Sums.__struct_fields__, totals, strict=True))) if every else _NOTHING


def _down_to(place: Place, is_row: Callable[[Place], bool]) -> Iterator[Place]:
    """Yield the topmost places below this one that are rows, in order."""
    stack = [*members(place, again=True)][::-1]
    while stack:
        below = stack.pop()
        if _is_implied(below):
            continue
        if isinstance(below.node, Shared) or is_row(below):
            yield below
        else:
            stack += [*members(below, again=True)][::-1]


def _is_leaf(place: Place) -> bool:
    return isinstance(place.node, LayerNode)


def _is_block_or_blockless(place: Place) -> bool:
    return isinstance(place.node, Block) or not any(
        isinstance(below.node, Block) for below in walk(place, again=True)
    )


def _is_implied(place: Place) -> bool:
    """Whether it is no row: a flatten that the spec leaves unsaid, or the name of a map."""
    match place.node:
        case LayerNode(implied=implied):
            return implied
        case Join(mark=mark):
            return bool(mark)
        case _:
            return False


def _shared_row(owned: tuple[Place, ...]) -> Row:
    """Return the row of the weights that the network itself owns."""
    return Row("shared", "shared", None, 1, 0, add(map(_own, owned)))


def _row(place: Place) -> Row:
    node = place.node
    assert not isinstance(node, Network), "the network is not a row of its own table"
    output = None if isinstance(node, Shared) else node.output.shape
    sums = add(map(_own, (place, *walk(place, again=True))))
    return Row(place.name, _kind(node), output, place.copies, _num_blocks(place), sums)


def _kind(node: Node | Shared) -> str:
    match node:
        case LayerNode(kind=kind) | Part(kind=kind) | Stage(kind=kind):
            return kind
        case Block(declaration=declaration):
            return declaration
        case Join(operator=operator):
            return operator.value
        case Shared():
            return "shared"
        case _:
            assert_never(node)


def _num_blocks(place: Place) -> int:
    """Return the number of block instances that are in no other block."""
    if isinstance(place.node, Block):
        return place.copies
    total, stack = 0, [place]
    while stack:
        for below in members(stack.pop(), again=True):
            if isinstance(below.node, Block):
                total += below.copies
            else:
                stack.append(below)
    return total


def _own(place: Place) -> Sums:
    """Return what a place itself adds, what is below it left out."""
    node = place.node
    if not isinstance(node, LayerNode | Shared):
        return _NOTHING
    held, fixed, buffers, deployed = 0, 0, 0, 0
    for tensor in () if place.again else kept(place):
        if tensor.is_parameter:
            held += tensor.numel
            fixed += num_fixed(node, tensor)
            deployed += 0 if place.in_training else tensor.numel * tensor.bits
        else:
            buffers += tensor.numel
    is_conv = isinstance(node.layer, Conv | ConvTranspose)
    is_use = isinstance(node, LayerNode)
    has_weight = not place.again and (not is_use or node.shared is None)
    copies = place.copies
    multiplied = copies * macs(node) if is_use else 0
    return Sums(
        learned=copies * (held - fixed),
        frozen=copies * fixed,
        unshared=copies * (held if is_use and has_weight else _needed(node)),
        buffers=copies * buffers,
        conv_layers=copies * (is_conv and is_use),
        conv_tensors=copies * (is_conv and has_weight),
        macs=0 if place.in_training else multiplied,
        training_macs=multiplied if place.in_training else 0,
        deployed_bits=copies * deployed,
    )


def _needed(node: LayerNode | Shared) -> int:
    """Return the elements of parameters that a layer needs, whoever holds them."""
    if isinstance(node, Shared):
        return 0
    return sum(tensor.numel for tensor in tensors(node.layer) if tensor.is_parameter)
