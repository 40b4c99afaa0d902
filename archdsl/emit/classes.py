"""Units -> classes: units of one declaration and one skeleton are instances of one class.

A skeleton is the structure with every number left out. Some things may differ between instances and
are decided in `__init__` instead: whether there is a shortcut, whether the input is added, and
whether a layer has a weight of its own or uses one that it is handed.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import TypeAlias, TypeVar, assert_never

from archdsl.emit.options import agree, by_options, options_of
from archdsl.emit.runs import align
from archdsl.emit.skeletons import unit_key
from archdsl.emit.units import (
    CombineSite,
    Declaration,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
    below,
    direct_layers,
    members,
    nested_in,
)
from archdsl.record import Record

Key: TypeAlias = Hashable
T = TypeVar("T")


class GroupParameter(Record):
    """A parameter of a class: `symbol` is what the spec calls it, `name` what the class does."""

    symbol: str
    name: str
    annotation: str
    default: str | None = None

    @property
    def by_position(self) -> bool:
        """Whether its meaning is plain without its name."""
        declared = not self.symbol.startswith("new ")
        is_plain = self.name == "in_channels" or (declared and self.annotation == "int")
        return is_plain and self.default is None


class Group:
    """A class to be: its units, its name and, once it is resolved, its parameters."""

    parameters: tuple[GroupParameter, ...] = ()

    def __init__(self, units: list[Unit]) -> None:
        self.units = units
        self.name = ""
        self.number = 0
        self.base: Group | None = None  # of a chain
        self.recurses_if = ""  # the condition on which a unit of a chain constructs another

    @property
    def first(self) -> Unit:
        """The unit that stands first in the network."""
        return self.units[0]


def classify(network: Unit, apart: Collection[Declaration] = ()) -> list[Group]:
    """Return the classes of all units; each unit then knows its own.

    Blocks of declarations that are kept `apart` never construct blocks of their own class.
    """
    levels: dict[int, list[Unit]] = {}
    for unit in dict.fromkeys(below(network)):
        levels.setdefault(unit.height, []).append(unit)
    groups: list[Group] = []
    chains: dict[Key, Group] = {}
    for _, units in sorted(levels.items()):
        linked: list[Unit] = []
        others: list[Unit] = []
        for unit in units:
            (linked if unit.home not in apart and _may_link(unit) else others).append(unit)
        new = [*_chains(linked, chains), *_groups(others)]
        for number, group in enumerate(new, len(groups)):
            group.number = number
        groups += new
    for group in groups:
        agree(group.units)
        align(group.units)
    return groups


def _may_link(unit: Unit) -> bool:
    """Whether a unit may be one of a chain."""
    return nested_in(unit) is not None and not unit.owned and not any(_loans(members(unit)))


def _chains(units: list[Unit], known: dict[Key, Group]) -> list[Group]:
    """Add units to the chains that they belong to; return the chains that they begin."""
    new: list[Group] = []
    for unit in units:
        inner = nested_in(unit)
        assert inner is not None
        base = inner.group
        if base.base is not None and known.get(_link(unit, base.base)) is base:
            base = base.base  # one more of the chain that its inner block is in
        key = _link(unit, base)
        if key not in known:
            known[key] = Group([])
            known[key].base = base
            new.append(known[key])
        known[key].units.append(unit)
        unit.group = known[key]
    return new


def _link(unit: Unit, base: Group) -> Key:
    """Return what the blocks of a chain have in common."""
    return base.number, unit_key(unit, base), options_of(unit)


def _groups(units: list[Unit]) -> Iterator[Group]:
    lends = any(site.loan is not None for unit in units for site in direct_layers(unit.body))
    for alike in _alike(units) if lends else ():
        _withdraw(alike)
    for alike in _alike(units):
        for instances in by_options(alike):
            group = Group(instances)
            for unit in instances:
                unit.group = group
                unit.needs = _needs(unit)
            yield group


def _withdraw(units: list[Unit]) -> None:
    """Withdraw the offers of shared weights that no instance took."""
    for column in zip(*(direct_layers(unit.body) for unit in units), strict=True):
        if all(site.owns for site in column):
            for site in column:
                site.loan = None


def _alike(units: list[Unit]) -> list[list[Unit]]:
    return list(_gather(units, unit_key).values())


def _gather(things: Iterable[T], key: Callable[[T], Key]) -> dict[Key, list[T]]:
    found: dict[Key, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def _needs(unit: Unit) -> tuple[int, ...]:
    """Return the shared weights that a unit is handed, in the order of their first use."""
    own = {shared.id for shared in unit.owned}
    return tuple(loan for loan in dict.fromkeys(_loans(members(unit))) if loan not in own)


def _loans(sites: "Iterable[Site | None]") -> Iterator[int]:
    for site in sites:
        match site:
            case LayerSite(loan=int(loan)):
                yield loan
            case Unit():
                yield from site.needs
            case ResidualSite():
                yield from _loans((*site.preactivation, *site.residual, site.shortcut))
            case CombineSite():
                yield from _loans(site.branches)
            case LayerSite() | PartSite() | StageSite() | None:
                pass
            case _:
                assert_never(site)
