"""Skeletons: the structure of a unit with every number left out.

What instances of one class may have or not (options.py) is no part of it.
"""

from collections.abc import Hashable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, assert_never

from archdsl.emit.layers import skeleton
from archdsl.emit.runs import needs, runs_key
from archdsl.emit.units import (
    CombineSite,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
    nested_in,
)
from archdsl.ir.layers import StochasticDepth
from archdsl.ir.network import Block, LayerNode, Network, Operator, Part, Stage

if TYPE_CHECKING:
    from archdsl.emit.classes import Group

Key: TypeAlias = Hashable


class Tokens:
    """Numbers what differs without being a difference.

    Of a unit's shared weights its own, and the others in the order of first use; in a chain, what
    each unit holds has the number of the class that the chain is based on.
    """

    def __init__(self, unit: Unit, base: "Group | None" = None) -> None:
        self._inner = None if base is None else nested_in(unit)
        self._base = base
        self._tokens: dict[int, Key] = {s.id: f"own{i}" for i, s in enumerate(unit.owned)}

    def __call__(self, loan: int | None) -> Key:
        """Return the same for the same weight of any instance."""
        if loan is None:
            return None
        return self._tokens.setdefault(loan, len(self._tokens))

    def number(self, site: Unit) -> int:
        """Return the number of a unit's class."""
        return (self._base if self._base and site is self._inner else site.group).number


def unit_key(unit: Unit, base: "Group | None" = None) -> Key:
    """Return the skeleton of a unit, as one of a chain if there is a base."""
    tokens = Tokens(unit, base)
    owned = tuple((shared.name, skeleton(shared.layer)) for shared in unit.owned)
    body = tuple(site_key(site, tokens) for site in unit.body)
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


def site_key(site: Site, tokens: Tokens) -> Key:
    """Return the skeleton of what stands in a unit."""
    match site:
        case LayerSite(node=node):
            name = node.name if site.loan is None else None
            return name, skeleton(node.layer), node.implied, tokens(site.loan)
        case PartSite(node=node, body=body):
            return node.name, tuple(site_key(inner, tokens) for inner in body)
        case StageSite(node=node, items=items):
            return node.name, runs_key(items)
        case ResidualSite():
            first = tuple(site_key(inner, tokens) for inner in site.preactivation)
            return first, tuple(site_key(inner, tokens) for inner in site.residual), "residual"
        case CombineSite() if may_add_input(site):
            return "sum", tuple(
                _branch_key(b, site, tokens) for b in site.branches if b is not None
            )
        case CombineSite(node=node, branches=branches):
            keys = (None if inner is None else site_key(inner, tokens) for inner in branches)
            return node.operator, tuple(keys)
        case Unit():
            loans = tuple(tokens(loan) for loan in site.needs)
            return _name(site), tokens.number(site), site.drop is None, loans
        case _:
            assert_never(site)


def may_add_input(site: CombineSite) -> bool:
    """Whether branches are added and the input is, or could be, one of them, but not several."""
    others = [branch for branch in site.branches if branch is not None]
    is_sum = site.node.operator is Operator.SUM
    return is_sum and bool(others) and len(site.branches) - len(others) <= 1


def last_drop(branch: Site | None, site: CombineSite) -> LayerSite | None:
    """Return the stochastic depth of a branch that it has because the input is added to it."""
    match branch:
        case PartSite(body=[*_, LayerSite(node=LayerNode(layer=StochasticDepth())) as last]):
            return last if None in site.branches else None
        case _:
            return None


def _branch_key(branch: Site, site: CombineSite, tokens: Tokens) -> Key:
    if isinstance(branch, PartSite):
        end = -1 if last_drop(branch, site) else None
        return branch.node.name, tuple(site_key(inner, tokens) for inner in branch.body[:end])
    return site_key(branch, tokens)


def _name(unit: Unit) -> str:
    assert not isinstance(unit.node, Network), "a network stands in nothing"
    return unit.node.name


def _stage_key(unit: Unit, tokens: Tokens) -> Key:
    """Return the skeleton of a stage's items and of what each is handed."""
    if not unit.items:
        return None
    handed = [(tuple(map(tokens, needs(item))), item.count) for item in unit.items]
    same = len({loans for loans, _ in handed}) == 1
    return runs_key(unit.items), handed[0][0] if same else tuple(handed)
