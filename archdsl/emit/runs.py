"""Runs: neighbours in a stage that are instances of one class."""

from collections.abc import Hashable, Iterable, Iterator
from itertools import groupby
from typing import TypeAlias

from archdsl.emit.layers import skeleton
from archdsl.emit.units import (
    CombineSite,
    Item,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
)
from archdsl.ir.network import Drop

Key: TypeAlias = Hashable

FEW = 2  # runs of one or two items are brought to the same number of items
MANY = 5  # a run of so many different blocks is a loop over a range or a table


def needs(item: Item) -> tuple[int, ...]:
    """Return the shared weights that an item of a stage is handed."""
    return item.site.needs if isinstance(item.site, Unit) else ()


def runs(items: list[Item]) -> list[list[Item]]:
    """Return the items in runs of one class (or one skeleton)."""
    return [list(run) for _, run in groupby(items, key=_item_key)]


def _item_key(item: Item) -> Key:
    site = item.site
    if isinstance(site, Unit):
        return site.group.number, item.drop is None
    return _without_name(site)


def _without_name(site: Site) -> Key:
    match site:
        case LayerSite(node=node):
            return skeleton(node.layer)
        case PartSite(body=body):
            return tuple(_without_name(inner) for inner in body)
        case StageSite(items=items):
            return runs_key(items)
        case Unit():
            return site.group.number
        case ResidualSite() | CombineSite():
            return id(site)


def runs_key(items: list[Item]) -> Key:
    """Return the skeleton of a stage's items."""
    return tuple((_item_key(run[0]), run_form(run)) for run in runs(items))


def run_form(run: list[Item]) -> str:
    """Return what instances of a class must agree in for this run."""
    if len(run) >= MANY and all(item.count == 1 and isinstance(item.site, Unit) for item in run):
        return "many"
    if len(run) > FEW or (len(run) == 1 and run[0].count == 1):
        return f"exactly {len(run)}"
    return "few"


def item_lists(unit: Unit) -> Iterator[list[Item]]:
    """Yield the lists of items that the text of a unit spells out."""
    if unit.items:
        yield unit.items
    yield from _item_lists(unit.body)


def _item_lists(sites: "Iterable[Site | None]") -> Iterator[list[Item]]:
    for site in sites:
        match site:
            case StageSite():
                yield site.items
                yield from _item_lists(item.site for item in site.items)
            case PartSite():
                yield from _item_lists(site.body)
            case ResidualSite():
                yield from _item_lists((*site.preactivation, *site.residual))
            case CombineSite():
                yield from _item_lists(site.branches)
            case LayerSite() | Unit() | None:
                pass


def align(units: list[Unit]) -> None:
    """Bring corresponding runs of a class to the same number of items: [n] beside [1, m]."""
    if len(units) == 1:
        return
    for lists in zip(*(list(item_lists(unit)) for unit in units), strict=True):
        columns = list(zip(*(runs(items) for items in lists), strict=True))
        for column in columns:
            if run_form(column[0]) == "few" and len({len(run) for run in column}) > 1:
                for run in column:
                    _split(run)
            if run_form(column[0]) != "many":
                _agree_on_repeats(column)
        for index, items in enumerate(lists):
            items[:] = [item for column in columns for item in column[index]]


def _agree_on_repeats(column: "tuple[list[Item], ...]") -> None:
    for row in zip(*column, strict=True):
        repeats = any(item.count > 1 for item in row)
        for item in row:
            item.repeats = repeats


def _split(run: list[Item]) -> None:
    if len(run) == 1:
        (item,) = run
        drop = item.drop
        later = None if drop is None else Drop(drop.rate, drop.first + 1, drop.total)
        run[:] = [Item(item.site, 1, drop), Item(item.site, item.count - 1, later)]


def slices(items: list[Item]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the slices of a stage's blocks that are handed the same, and what that is."""
    bounds: list[tuple[int, tuple[int, ...]]] = []
    start = 0
    for item in items:
        if not bounds or bounds[-1][1] != needs(item):
            bounds.append((start, needs(item)))
        start += item.count
    ends = [*(begin for begin, _ in bounds[1:]), None]
    for (begin, loans), end in zip(bounds, ends, strict=True):
        yield _slice(begin, end), loans


def _slice(begin: int, end: int | None) -> str:
    if begin == 0 and end is None:
        return ""
    return f"[{begin or ''}:{'' if end is None else end}]"
