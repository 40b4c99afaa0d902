"""The network as occurrences: what becomes an instance of a class, and what stands in which.

A *unit* is an occurrence of a node that generated code gives a class of its own: the network, every
block, and the parts and stages that need a `forward`. The other nodes are *sites* inside a unit.
Equal records may stand in several places of a network, so each place gets an object here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias, assert_never

from archdsl.emit.layers import DROP_RATE
from archdsl.emit.plan import Constant
from archdsl.ir.layers import BatchNorm, Conv, ConvTranspose, GroupNorm, Linear, StochasticDepth
from archdsl.ir.network import (
    Block,
    Combine,
    Drop,
    Form,
    LayerNode,
    Network,
    Node,
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


def units_of(network: Network) -> Unit:
    """Return the network as a unit, with all other units inside it."""
    root = Unit(network, {}, (network.file, network.name))
    root.body = _body(network.body, root)
    return _finished(root)


def below(unit: Unit) -> Iterator[Unit]:
    """Yield every unit inside a unit and the unit itself, inner ones first."""
    for child in inner_units(unit):
        yield from below(child)
    yield unit


def inner_units(unit: Unit) -> Iterator[Unit]:
    """Yield the units directly inside a unit, in the order of the walk."""
    yield from _units_in(members(unit))


def nested_in(unit: Unit) -> Unit | None:
    """Return the block of the same declaration in a block, if there is exactly one."""
    inner = [child for child in inner_units(unit) if child.home == unit.home]
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


def _finished(unit: Unit) -> Unit:
    """Set what follows from what stands in the unit."""
    inner = list(inner_units(unit))
    unit.height = 1 + max((child.height for child in inner), default=-1)
    return unit


def _site(node: Node, unit: Unit, *, fresh: bool) -> Site:
    match node:
        case LayerNode():
            return LayerSite(node, inplace=fresh)
        case Block():
            return _block(node)
        case Part(form=Form.WRITTEN):
            inner = Unit(node, unit.values, unit.home)
            inner.body = _body(node.body, inner)
            return _finished(inner)
        case Part():
            return PartSite(node, _chain(node.body, unit))
        case Stage(form=Form.WRITTEN):
            inner = Unit(node, unit.values, unit.home)
            inner.items = _items(node, inner)
            return _finished(inner)
        case Stage():
            return StageSite(node, _items(node, unit))
        case Residual():
            return _residual(node, unit)
        case Combine():
            branches = [_site(p, unit, fresh=False) if p.body else None for p in node.branches]
            return CombineSite(node, branches)
        case _:
            assert_never(node)


def _block(node: Block) -> Unit:
    values: dict[str, Value] = {"in_channels": node.in_channels.value, "stride": node.stride.value}
    values |= {name: number.value for name, number in node.arguments}
    values |= {let.name: let.number.value for let in node.lets}
    unit = Unit(node, values, (node.file, node.declaration))
    unit.body = _body(node.body, unit)
    unit.drop = node.drop if _has_rate(node.body) else None
    return _finished(unit)


def _has_rate(nodes: Iterable[Node]) -> bool:
    """Whether a branch is dropped at the rate that the block is given."""
    for node in nodes:
        match node:
            case LayerNode(layer=StochasticDepth(p=None)):
                return True
            case Part(body=inner) | Residual(residual=inner) | Combine(branches=inner):
                if _has_rate(inner):
                    return True
            case LayerNode() | Block() | Stage():
                pass
            case _:
                assert_never(node)
    return False


def _items(node: Stage, unit: Unit) -> list[Item]:
    sites = [_site(item.node, unit, fresh=False) for item in node.items]
    return [
        Item(site, item.count, site.drop if isinstance(site, Unit) else None)
        for site, item in zip(sites, node.items, strict=True)
    ]


def _residual(node: Residual, unit: Unit) -> ResidualSite:
    shortcut = None if node.shortcut is None else _site(node.shortcut, unit, fresh=False)
    return ResidualSite(
        node, _chain(node.preactivation, unit), _chain(node.residual, unit), shortcut
    )


def _body(nodes: Iterable[Node], unit: Unit) -> list[Site]:
    """Return the sites of a written body; one module serves all layers of one name."""
    sites = _chain(nodes, unit)
    layers = list(direct_layers(sites))
    unsafe = {site.node.name for site in layers if not site.inplace}
    for site in layers:
        site.inplace = site.node.name not in unsafe
    return sites


def _chain(nodes: Iterable[Node], unit: Unit) -> list[Site]:
    """Return the sites of nodes in a row.

    A layer may work in place where its input is fresh: nobody else reads it, and what made it does
    not need it for its gradient. The input of the whole chain is somebody else's.
    """
    sites: list[Site] = []
    fresh = False
    for node in nodes:
        sites.append(_site(node, unit, fresh=fresh))
        fresh = _is_fresh(node)
    return sites


def _is_fresh(node: Node) -> bool:
    match node:
        case LayerNode(layer=layer):
            return isinstance(layer, Conv | ConvTranspose | Linear | BatchNorm | GroupNorm)
        case Combine(branches=branches):  # of one branch: what the branch gives
            return len(branches) > 1
        case Residual():
            return True
        case Block() | Part() | Stage():
            return False
        case _:
            assert_never(node)
