"""The network as occurrences: what becomes an instance of a class, and what stands in which.

A *unit* is an occurrence of a node that generated code gives a class of its own: the network, every
block, and the parts and stages that need a `forward`. The other nodes are *sites* inside a unit.
Equal records may stand in several places of a network, so each place gets an object here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias, assert_never

from archdsl.emit.layers import DROP_RATE
from archdsl.emit.plan import Constant
from archdsl.ir.network import (
    Block,
    Combine,
    Drop,
    LayerNode,
    Network,
    Part,
    Residual,
    Shared,
    Stage,
)
from archdsl.ir.numbers import Expr, Symbol, Value
from archdsl.record import Record

if TYPE_CHECKING:
    from archdsl.emit.classes import Group

Declaration: TypeAlias = tuple[str, ...]  # file, name


class LayerSite:
    """A layer. `loan` is the id of the shared weight that it uses or, if it `owns` one, could."""

    def __init__(self, node: LayerNode, *, inplace: bool) -> None:
        self.node = node
        self.inplace = inplace
        self.loan = node.shared
        self.owns = node.shared is None


class PartSite:
    """An nn.Sequential; nothing in it is a unit with a loan."""

    def __init__(self, node: Part, body: "list[Site]") -> None:
        self.node = node
        self.body = body


class LoopForm(Record):
    """What a loop over different blocks runs over: symbols of arguments.

    It is regular if all of them grow by a whole number from block to block.
    """

    varying: tuple[str, ...]
    regular: bool


class Item:
    """A member of a stage and how often it stands there in a row.

    It `repeats` if it stands several times in any instance of the class it is written in.
    """

    loop: LoopForm | None = None  # of the run that it begins

    def __init__(self, site: "Site", count: int, drop: Drop | None) -> None:
        self.site = site
        self.count = count
        self.drop = drop
        self.repeats = count > 1


class StageSite:
    """An nn.Sequential of items."""

    def __init__(self, node: Stage, items: list[Item]) -> None:
        self.node = node
        self.items = items


class ResidualSite:
    """The two branches of a residual block."""

    def __init__(
        self,
        node: Residual,
        preactivation: "list[Site]",
        residual: "list[Site]",
        shortcut: "Site | None",
    ) -> None:
        self.node = node
        self.preactivation = preactivation
        self.residual = residual
        self.shortcut = shortcut


class CombineSite:
    """Branches side by side; None is the identity."""

    def __init__(self, node: Combine, branches: "list[Site | None]") -> None:
        self.node = node
        self.branches = branches


class Unit:
    """An occurrence of a node that has a class.

    `values` are the numbers that its text may name: in a block, and in the parts and stages
    written inside it, the block's symbols; in the network none.
    """

    group: "Group"  # its class
    arguments: Mapping[str, Constant]  # what its class is constructed with here

    def __init__(
        self, node: "Network | Block | Part | Stage", values: Mapping[str, Value], home: Declaration
    ) -> None:
        self.node = node
        self.values = values
        self.home = home  # the declaration whose text it stands in
        self.body: list[Site] = []
        self.items: list[Item] = []  # of a stage
        self.added: dict[str, Expr] = {}  # how arguments that the spec does not have are written
        self.drop: Drop | None = None  # of a block, if a branch of it is dropped
        self.needs: tuple[int, ...] = ()  # ids of the shared weights handed to its forward
        self.inner: tuple[Unit, ...] = ()  # directly inside it, in the order of the walk
        self.height = 0

    @property
    def owned(self) -> tuple[Shared, ...]:
        """The shared weights it holds."""
        return self.node.owned

    @property
    def written(self) -> dict[str, Expr]:
        """How its arguments were written, over the symbols of the unit that it stands in."""
        if isinstance(self.node, Block):
            block = self.node
            return {
                "in_channels": block.in_channels.expr,
                **{name: number.expr for name, number in block.arguments},
                "stride": block.stride.expr,
                **self.added,
            }
        return {name: Symbol(name) for name in (*self.values, DROP_RATE)}


Site: TypeAlias = LayerSite | PartSite | StageSite | ResidualSite | CombineSite | Unit


def below(unit: Unit) -> Iterator[Unit]:
    """Yield every unit inside a unit and the unit itself, inner ones first."""
    for child in unit.inner:
        yield from below(child)
    yield unit


def inner_units(unit: Unit) -> Iterator[Unit]:
    """Yield the units directly inside a unit, in the order of the walk: once, for its `inner`."""
    yield from _units_in(members(unit))


def nested_in(unit: Unit) -> Unit | None:
    """Return the block of the same declaration in a block, if there is exactly one."""
    inner = [child for child in unit.inner if child.home == unit.home]
    if len(inner) != 1 or not isinstance(unit.node, Block) or not isinstance(inner[0].node, Block):
        return None
    return inner[0]


def members(unit: Unit) -> list[Site]:
    """Return what stands directly in a unit."""
    return unit.body or [item.site for item in unit.items]


def _units_in(sites: "Iterable[Site | None]") -> Iterator[Unit]:
    for site in sites:
        match site:
            case Unit():
                yield site
            case PartSite():
                yield from _units_in(site.body)
            case StageSite():
                yield from _units_in(item.site for item in site.items)
            case ResidualSite():
                yield from _units_in((*site.preactivation, *site.residual, site.shortcut))
            case CombineSite():
                yield from _units_in(site.branches)
            case LayerSite() | None:
                pass
            case _:
                assert_never(site)


def direct_layers(sites: Iterable[Site]) -> Iterator[LayerSite]:
    """Yield the layers whose modules are attributes of the unit with this body."""
    for site in sites:
        match site:
            case LayerSite():
                yield site
            case ResidualSite():
                yield from direct_layers((*site.preactivation, *site.residual))
            case _:
                pass
