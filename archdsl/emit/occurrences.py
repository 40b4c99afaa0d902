"""The network -> its units: each place where a node stands gets an object here."""

from collections.abc import Iterable
from typing import assert_never

from archdsl.emit.units import (
    CombineSite,
    Item,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
    direct_layers,
    inner_units,
)
from archdsl.ir.layers import BatchNorm, Conv, ConvTranspose, GroupNorm, Linear, StochasticDepth
from archdsl.ir.network import (
    Block,
    Combine,
    Form,
    LayerNode,
    Network,
    Node,
    Part,
    Residual,
    Stage,
)
from archdsl.ir.numbers import Value


def units_of(network: Network) -> Unit:
    """Return the network as a unit, with all other units inside it."""
    root = Unit(network, {}, (network.file, network.name))
    root.body = _body(network.body, root)
    return _finished(root)


def _finished(unit: Unit) -> Unit:
    """Set what follows from what stands in the unit."""
    unit.inner = tuple(inner_units(unit))
    unit.height = 1 + max((child.height for child in unit.inner), default=-1)
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
