"""Units -> classes: units of one declaration and one skeleton are instances of one class.

A skeleton is the structure with every number left out. Two things may differ between instances and
are decided in `__init__` instead: whether there is a shortcut, and whether a layer has a weight of
its own or uses one that it is handed.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from enum import StrEnum
from typing import TypeAlias, TypeVar, assert_never

from archdsl.emit.layers import skeleton
from archdsl.emit.runs import align, needs, runs_key
from archdsl.emit.units import (
    CombineSite,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
    below,
    direct_layers,
    members,
)
from archdsl.ir.network import Block, Network, Part, Stage
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
        self.number = 0  # children have smaller numbers than those who use them

    @property
    def first(self) -> Unit:
        """The unit that stands first in the network."""
        return self.units[0]


def classify(network: Unit) -> list[Group]:
    """Return the classes of all units, children first; each unit then knows its own."""
    levels: dict[int, list[Unit]] = {}
    for unit in dict.fromkeys(below(network)):
        levels.setdefault(unit.height, []).append(unit)
    groups: list[Group] = []
    for _, units in sorted(levels.items()):
        for group in _groups(units):
            group.number = len(groups)
            groups.append(group)
    return groups


def _groups(units: list[Unit]) -> Iterator[Group]:
    for alike in _alike(units):
        _withdraw(alike)
    for alike in _alike(units):
        for instances in _by_shortcut(alike):
            group = Group(instances)
            for unit in instances:
                unit.group = group
                unit.needs = _needs(unit)
            align(group.units)
            yield group


def _withdraw(units: list[Unit]) -> None:
    """Withdraw the offers of shared weights that no instance took."""
    for column in zip(*(direct_layers(unit.body) for unit in units), strict=True):
        if all(site.owns for site in column):
            for site in column:
                site.loan = None


def _alike(units: list[Unit]) -> list[list[Unit]]:
    return list(_gather(units, _unit_key).values())


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


# ---------------------------------------------------------------- shortcuts


def _by_shortcut(units: list[Unit]) -> Iterator[list[Unit]]:
    """Split units that differ in their shortcuts; one without any goes with the first that has."""
    found = _gather(units, _shortcut_key)
    bare = found.pop((None,), [])
    for key, alike in found.items():
        joins = bool(bare) and not any(unit.needs for u in alike for unit in _shortcuts(u))
        if joins and key != ():
            order = {id(unit): index for index, unit in enumerate(units)}
            yield sorted((*alike, *bare), key=lambda unit: order[id(unit)])
            bare = []
        else:
            yield alike
    if bare:
        yield bare


def _shortcut_key(unit: Unit) -> Key:
    """Return a skeleton for each residual of the unit, None where its shortcut is the identity."""
    tokens = _Tokens(unit)
    return tuple(
        None if site.shortcut is None else _site_key(site.shortcut, tokens)
        for site in residuals(unit)
    )


def _shortcuts(unit: Unit) -> Iterator[Unit]:
    for site in residuals(unit):
        if isinstance(site.shortcut, Unit):
            yield site.shortcut


def residuals(unit: Unit) -> Iterator[ResidualSite]:
    """Yield the residuals that stand directly in a unit."""
    return (site for site in unit.body if isinstance(site, ResidualSite))


# ---------------------------------------------------------------- skeletons


class _Tokens:
    """Numbers the shared weights of a unit: its own, and the others in the order of first use."""

    def __init__(self, unit: Unit) -> None:
        self._tokens: dict[int, Key] = {s.id: f"own{i}" for i, s in enumerate(unit.owned)}

    def __call__(self, loan: int | None) -> Key:
        if loan is None:
            return None
        return self._tokens.setdefault(loan, len(self._tokens))


def _unit_key(unit: Unit) -> Key:
    tokens = _Tokens(unit)
    owned = tuple((shared.name, skeleton(shared.layer)) for shared in unit.owned)
    body = tuple(_site_key(site, tokens) for site in unit.body)
    return _place(unit), owned, body, _stage_key(unit, tokens)


class _Place(StrEnum):
    NETWORK = "network"
    BLOCK = "block"
    PART = "part"
    STAGE = "stage"


def _place(unit: Unit) -> Key:
    match unit.node:
        case Network():
            return _Place.NETWORK
        case Block():
            return _Place.BLOCK, unit.home
        case Part():
            return _Place.PART, unit.home
        case Stage():
            return _Place.STAGE, unit.home


def _site_key(site: Site, tokens: _Tokens) -> Key:
    match site:
        case LayerSite(node=node, inplace=inplace):
            name = node.name if site.loan is None else None
            return name, skeleton(node.layer), inplace, node.implied, tokens(site.loan)
        case PartSite(node=node, body=body):
            return node.name, tuple(_site_key(inner, tokens) for inner in body)
        case StageSite(node=node, items=items):
            return node.name, runs_key(items)
        case ResidualSite():
            first = tuple(_site_key(inner, tokens) for inner in site.preactivation)
            return first, tuple(_site_key(inner, tokens) for inner in site.residual), "residual"
        case CombineSite(node=node, branches=branches):
            keys = (None if inner is None else _site_key(inner, tokens) for inner in branches)
            return node.operator, tuple(keys)
        case Unit():
            return _name(site), site.group.number, tuple(tokens(loan) for loan in site.needs)
        case _:
            assert_never(site)


def _name(unit: Unit) -> str:
    assert not isinstance(unit.node, Network), "a network stands in nothing"
    return unit.node.name


def _stage_key(unit: Unit, tokens: _Tokens) -> Key:
    """Return the skeleton of a stage's items and of what each is handed."""
    if not unit.items:
        return None
    handed = [(tuple(map(tokens, needs(item))), item.count) for item in unit.items]
    same = len({loans for loans, _ in handed}) == 1
    return runs_key(unit.items), handed[0][0] if same else tuple(handed)
