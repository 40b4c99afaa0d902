"""What a unit registers: for each attribute the expression that makes it, its numbers still holes.

Units of one class give lists of equal length that correspond; an attribute that an instance does
not have has no expression there.
"""

from collections.abc import Iterable, Iterator
from typing import assert_never

from archdsl.emit.construction import construct, index, rate_at, rate_of
from archdsl.emit.layers import constructor
from archdsl.emit.loops import loop_over, star
from archdsl.emit.options import OptionalSite
from archdsl.emit.plan import (
    Call,
    Comprehension,
    Hole,
    HoleKind,
    Keyword,
    Python,
    Sequence,
    Star,
    Text,
)
from archdsl.emit.recursion import construct_inner
from archdsl.emit.runs import run_form, runs
from archdsl.emit.skeletons import may_add_input
from archdsl.emit.units import (
    CombineSite,
    Item,
    LayerSite,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
    nested_in,
)
from archdsl.ir.layers import Flatten
from archdsl.ir.network import LayerNode, Network, Part, Shared
from archdsl.record import Record


class Attribute(Record):
    """`self.name = value`; without a value this instance does not have it.

    `site` is what it is for: the residual of a shortcut, the layer that may have its own weight,
    the sum that may add the input; the last has no name yet.
    """

    name: str
    value: Python | None
    site: OptionalSite | LayerSite | None = None


def attributes(unit: Unit) -> list[Attribute]:
    """Return the attributes of a unit in order of registration."""
    found = [Attribute(s.name, constructor(_node(s, unit))) for s in unit.owned]
    if unit.items:
        found.append(Attribute("blocks", Call("nn.ModuleList", _list(_elements(unit.items, unit)))))
    names: set[str] = set()
    for attribute in _attributes(unit.body, unit):
        if attribute.site is not None or attribute.name not in names:
            found.append(attribute)
        names.add(attribute.name)
    return found


def _node(shared: Shared, unit: Unit) -> LayerNode:
    """Return a layer like the shared one, with the numbers that its first user was written with."""
    for site in _users(unit.body):
        if site.loan == shared.id and site.node.layer == shared.layer:
            return site.node
    given = unit.node.input
    return LayerNode(
        kind="", label=None, layer=shared.layer, input=given, output=given, span=shared.span
    )


def _users(sites: Iterable[Site | None]) -> Iterator[LayerSite]:
    """Yield the layers written in the same declaration: nearer ones first."""
    for site in sites:
        match site:
            case LayerSite():
                yield site
            case ResidualSite():
                yield from _users((*site.preactivation, *site.residual, site.shortcut))
            case CombineSite():
                yield from _users(site.branches)
            case Unit(node=Part()):
                yield from _users(site.body)
            case Unit() | PartSite() | StageSite() | None:
                pass
            case _:
                assert_never(site)


def _attributes(sites: Iterable[Site], unit: Unit) -> Iterator[Attribute]:
    for site in sites:
        match site:
            case LayerSite():
                yield from _layer(site)
            case PartSite(node=node) | StageSite(node=node):
                yield Attribute(node.name, module(site, unit))
            case ResidualSite():
                yield from _attributes((*site.preactivation, *site.residual), unit)
                yield _shortcut(site, unit)
            case CombineSite(branches=branches):
                yield from _attributes((b for b in branches if b is not None), unit)
                if may_add_input(site):
                    yield Attribute("", Text("True") if None in branches else None, site)
            case Unit(node=node):
                assert not isinstance(node, Network), "a network stands in nothing"
                yield Attribute(node.name, module(site, unit))
            case _:
                assert_never(site)


def _layer(site: LayerSite) -> Iterator[Attribute]:
    if isinstance(site.node.layer, Flatten):
        return  # written forwards call torch.flatten
    if site.loan is None:
        yield Attribute(site.node.name, constructor(site.node, inplace=site.inplace))
    else:
        yield Attribute(site.node.name, constructor(site.node) if site.owns else None, site)


def _shortcut(site: ResidualSite, unit: Unit) -> Attribute:
    if site.shortcut is None:
        return Attribute("", None, site)
    assert site.node.shortcut is not None
    return Attribute(site.node.shortcut.name, module(site.shortcut, unit), site)


# ---------------------------------------------------------------- modules


def module(site: Site, unit: Unit) -> Python:
    """Return the expression that makes the module of a site that stands in a unit."""
    match site:
        case LayerSite(node=node, inplace=inplace):
            return constructor(node, inplace=inplace)
        case PartSite():
            return _sequential(site, unit)
        case StageSite(items=items):
            return Call("nn.Sequential", tuple(_elements(items, unit)))
        case Unit() if unit.group.base is not None and site is nested_in(unit):
            return construct_inner(unit)
        case Unit():
            return construct(site, rate=rate_of(site.drop))
        case ResidualSite() | CombineSite():
            raise AssertionError("branches make no module")


def _sequential(site: PartSite, unit: Unit) -> Python:
    if not site.body:
        return Call("nn.Identity")
    values = [module(inner, unit) for inner in site.body]
    names = [_name(inner) for inner in site.body]
    if names == [str(index) for index in range(len(names))]:
        return Call("nn.Sequential", tuple(values))
    pairs = [Keyword(name, value) for name, value in zip(names, values, strict=True)]
    return Call("nn.Sequential", (Call("OrderedDict", tuple(pairs)),))


def _name(site: Site) -> str:
    assert not isinstance(site, ResidualSite), "a residual has no name"
    assert not isinstance(site.node, Network)
    return site.node.name


# ---------------------------------------------------------------- members of a stage


def _list(elements: list[Python]) -> tuple[Python, ...]:
    """Return the elements as a list, a single loop as a list comprehension."""
    match elements:
        case [Star(Comprehension(element, target, iterable))]:
            return (Comprehension(element, target, iterable, is_list=True),)
        case _:
            return (Sequence(tuple(elements)),)


def _elements(items: list[Item], unit: Unit) -> list[Python]:
    """Return the members of a stage, equal ones and those that differ regularly as loops."""
    elements: list[Python] = []
    for run in runs(items):
        if run_form(run) == "many":
            elements.append(loop_over(run, unit))
        else:
            before = 0
            for item in run:
                elements.append(_repeated(item, unit, before))
                before += item.count
    return elements


def _repeated(item: Item, unit: Unit, before: int) -> Python:
    if not item.repeats:
        return _element(item.site, unit, rate_of(item.drop))
    if item.drop is not None:
        bounds = index(item.drop.first, "first"), index(item.drop.first + item.count, "stop")
        rate = rate_at(item.drop, Text("i"))
        return star(_element(item.site, unit, rate), "i", Call("range", bounds))
    count = Hole(item.count, hint="depth", kind=HoleKind.INDEX, offset=before)
    return star(_element(item.site, unit, None), "_", Call("range", (count,)))


def _element(site: Site, unit: Unit, rate: Python | None) -> Python:
    return construct(site, rate=rate) if isinstance(site, Unit) else module(site, unit)
