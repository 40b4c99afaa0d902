"""What some instances of a class have and others lack, as their constructor decides.

The shortcut of a residual, and the input among the branches of a sum.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from archdsl.emit.layers import skeleton
from archdsl.emit.skeletons import Key, Tokens, last_drop, may_add_input, site_key
from archdsl.emit.units import (
    CombineSite,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    Unit,
    direct_layers,
)
from archdsl.ir.layers import StochasticDepth
from archdsl.ir.rebuild import replace
from archdsl.record import Record

OptionalSite: TypeAlias = ResidualSite | CombineSite


class _Option(Record):
    """What a unit has at an optional site; `needed` if all instances of its class must have it."""

    key: Key
    needed: bool = False


def optional_sites(unit: Unit) -> list[OptionalSite]:
    """Return what stands directly in a unit and may have an option: residuals and sums."""
    return list(_optional(unit.body))


def _optional(sites: Iterable[Site]) -> Iterator[OptionalSite]:
    for site in sites:
        if isinstance(site, ResidualSite):
            yield from _optional((*site.preactivation, *site.residual))
            yield site
        elif isinstance(site, CombineSite) and may_add_input(site):
            yield site


def fullest(units: list[Unit]) -> list[Unit]:
    """Return the units of a class that have the most options: all that any of them has."""
    if not optional_sites(units[0]):  # nor in any other: they have one skeleton
        return units
    numbers = [sum(map(_has_option, optional_sites(unit))) for unit in units]
    most = max(numbers)
    return [unit for unit, number in zip(units, numbers, strict=True) if number == most]


def _has_option(site: OptionalSite) -> bool:
    if isinstance(site, ResidualSite):
        return site.shortcut is not None
    return None in site.branches


def by_options(units: list[Unit]) -> list[list[Unit]]:
    """Split units of one skeleton into classes: one unit of each has every option of the class."""
    if not optional_sites(units[0]):
        return [units]
    found: dict[tuple[_Option | None, ...], list[Unit]] = {}
    for unit in units:
        found.setdefault(options_of(unit), []).append(unit)
    classes: dict[tuple[_Option | None, ...], list[Unit]] = {}
    for options in sorted(found, key=lambda options: options.count(None)):
        most = next((known for known in classes if _fits(options, known)), options)
        classes.setdefault(most, []).extend(found[options])
    order = {id(unit): index for index, unit in enumerate(units)}
    return [sorted(alike, key=lambda unit: order[id(unit)]) for alike in classes.values()]


def _fits(options: tuple[_Option | None, ...], most: tuple[_Option | None, ...]) -> bool:
    return all(
        one == other or (one is None and other is not None and not other.needed)
        for one, other in zip(options, most, strict=True)
    )


def options_of(unit: Unit) -> tuple[_Option | None, ...]:
    """Return what a unit has at each of its optional sites."""
    tokens = Tokens(unit)
    return tuple(_option(site, tokens) for site in optional_sites(unit))


def _option(site: OptionalSite, tokens: Tokens) -> _Option | None:
    match site:
        case _ if not _has_option(site):
            return None
        case ResidualSite(shortcut=shortcut):
            assert shortcut is not None
            borrows = isinstance(shortcut, Unit) and bool(shortcut.needs)
            return _Option(site_key(shortcut, tokens), needed=borrows)
        case CombineSite(branches=branches):
            drops = (last_drop(branch, site) for branch in branches)
            return _Option(
                (branches.index(None), *(drop and skeleton(drop.node.layer) for drop in drops))
            )


# ---------------------------------------------------------------- agreement


def agree(units: list[Unit]) -> None:
    """Bring the units of a class to what they can have in common."""
    for sites in zip(*map(optional_sites, units), strict=True):
        sums = [site for site in sites if isinstance(site, CombineSite)]
        fullest = next((site for site in sums if None in site.branches), None)
        if fullest is not None:
            for site in sums:
                _add_drops(site, fullest)
    _agree_on_in_place(units)


def _add_drops(site: CombineSite, fullest: CombineSite) -> None:
    """Give the branches of a sum without the input the stochastic depth of rate 0."""
    if None in site.branches:
        return
    theirs = [branch for branch in fullest.branches if branch is not None]
    for branch, other in zip(site.branches, theirs, strict=True):
        drop = last_drop(other, fullest)
        if drop is not None:
            assert isinstance(branch, PartSite)
            assert isinstance(drop.node.layer, StochasticDepth)
            layer = StochasticDepth(p=None if drop.node.layer.p is None else 0.0)
            branch.body.append(LayerSite(replace(drop.node, layer=layer), inplace=False))


def _agree_on_in_place(units: list[Unit]) -> None:
    """Let an activation work in place only if it may in every instance: one module is one text."""
    layers = [site for unit in units for site in direct_layers(unit.body)]
    unsafe = {site.node.name for site in layers if not site.inplace}
    for site in layers:
        site.inplace = site.node.name not in unsafe
