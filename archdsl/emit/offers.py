"""Offers of shared weights, so that blocks with and without one can be instances of one class."""

from collections.abc import Iterable, Iterator

from archdsl.emit.units import (
    CombineSite,
    Declaration,
    LayerSite,
    ResidualSite,
    Site,
    Unit,
    below,
    direct_layers,
    members,
)
from archdsl.ir.layers import Conv, ConvTranspose, Linear
from archdsl.ir.network import Stage


def offer(network: Unit) -> None:
    """Offer to each block the shared weights that blocks beside it use where it has its own."""
    for unit in dict.fromkeys(below(network)):
        _offer([site for site in members(unit) if isinstance(site, Unit)], frozenset())


def _offer(siblings: list[Unit], owned: frozenset[int]) -> None:
    """Offer to each block the shared weights that blocks beside it use where it has its own.

    So they can be instances of one class, whose `forward` takes the shared layer in any case.
    Weights `owned` inside one of the siblings are nobody else's.
    """
    for alike in _by_declaration(siblings):
        inside = owned | {shared.id for unit in alike for shared in unit.owned}
        for column in zip(*(direct_layers(unit.body) for unit in alike), strict=False):
            _offer_layer(column, inside)
        for inner in zip(*(direct_units(unit.body) for unit in alike), strict=False):
            _offer(list(inner), inside)


def _offer_layer(column: tuple[LayerSite, ...], inside: frozenset[int]) -> None:
    loans = (site.loan for site in column if not site.owns and site.loan not in inside)
    lent = next(loans, None)
    for site in column:
        if site.owns and isinstance(site.node.layer, Conv | ConvTranspose | Linear):
            site.loan = lent


def _by_declaration(units: list[Unit]) -> Iterator[list[Unit]]:
    found: dict[Declaration, list[Unit]] = {}
    for unit in units:
        if not isinstance(unit.node, Stage):
            found.setdefault((type(unit.node).__name__, *unit.home), []).append(unit)
    return (alike for alike in found.values() if len(alike) > 1)


def direct_units(sites: "Iterable[Site | None]") -> Iterator[Unit]:
    """Yield the units that the forward of the unit with this body calls itself."""
    for site in sites:
        match site:
            case Unit():
                yield site
            case ResidualSite():
                yield from direct_units((*site.preactivation, *site.residual, site.shortcut))
            case CombineSite():
                yield from direct_units(site.branches)
            case _:
                pass
