"""What a unit registers: for each attribute the expression that makes it, its numbers still holes.

Units of one class give lists of equal length that correspond; an attribute that an instance does
not have has no expression there.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import assert_never

from archdsl.emit.classes import Group, GroupParameter, item_lists, run_form, runs
from archdsl.emit.layers import DROP_RATE, constructor
from archdsl.emit.plan import (
    Call,
    Comprehension,
    Constant,
    Hole,
    HoleKind,
    Keyword,
    Operation,
    Python,
    Sequence,
    Star,
    Text,
)
from archdsl.emit.units import (
    CombineSite,
    Item,
    LayerSite,
    LoopForm,
    PartSite,
    ResidualSite,
    Site,
    StageSite,
    Unit,
)
from archdsl.ir.layers import Flatten
from archdsl.ir.network import Block, Drop, LayerNode, Network, Part, Shared
from archdsl.record import Record

POSITIONAL = 2  # so many arguments of a block are given by position


class Attribute(Record):
    """`self.name = value`; without a value this instance does not have it.

    `site` is what it is for: the residual of a shortcut, the layer that may have its own weight.
    """

    name: str
    value: Python | None
    site: Site | None = None


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
        case Unit(node=node):
            return construct(site, rate=_rate(node.drop) if isinstance(node, Block) else None)
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


def construct(
    unit: Unit, loop: "dict[str, Python] | None" = None, *, rate: Python | None = None
) -> Call:
    """Return the construction of a unit; `loop` has the arguments that a loop runs over."""
    given = dict(loop or {})
    if rate is not None:
        given[DROP_RATE] = rate
    arguments: list[Python] = []
    for parameter in unit.group.parameters:
        value = given.get(parameter.symbol) or argument_hole(unit, parameter)
        if parameter.by_position and len(arguments) < POSITIONAL and _all_positional(arguments):
            arguments.append(value)
        else:
            arguments.append(Keyword(parameter.name, value, _default(parameter)))
    return Call(unit.group.name, tuple(arguments))


def _all_positional(arguments: list[Python]) -> bool:
    return not any(isinstance(argument, Keyword) for argument in arguments)


def _default(parameter: GroupParameter) -> Constant | None:
    match parameter.default:
        case None:
            return None
        case "False":
            return False
        case number:
            return int(number)


def argument_hole(unit: Unit, parameter: GroupParameter) -> Hole:
    """Return what a unit's class is given for a parameter."""
    written = unit.written.get(parameter.symbol)
    exprs = () if written is None else (written,)
    return Hole(unit.arguments[parameter.symbol], exprs, hint=parameter.name)


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
            elements.append(_loop(run, unit))
        else:
            before = 0
            for item in run:
                elements.append(_repeated(item, unit, before))
                before += item.count
    return elements


def _repeated(item: Item, unit: Unit, before: int) -> Python:
    if not item.repeats:
        return _element(item.site, unit, _rate(item.drop))
    if item.drop is not None:
        bounds = _index(item.drop.first, "first"), _index(item.drop.first + item.count, "stop")
        rate = _rate_at(item.drop, Text("i"))
        return _star(_element(item.site, unit, rate), "i", Call("range", bounds))
    count = Hole(item.count, hint="depth", kind=HoleKind.INDEX, offset=before)
    return _star(_element(item.site, unit, None), "_", Call("range", (count,)))


def _element(site: Site, unit: Unit, rate: Python | None) -> Python:
    return construct(site, rate=rate) if isinstance(site, Unit) else module(site, unit)


def _star(element: Python, target: str, iterable: Python) -> Star:
    return Star(Comprehension(element, target, iterable))


def _index(value: int, hint: str) -> Hole:
    return Hole(value, hint=hint, kind=HoleKind.INDEX)


def _atom(value: float, hint: str) -> Hole:
    return Hole(value, hint=hint, kind=HoleKind.ATOM)


def _rate(drop: Drop | None) -> Python | None:
    return None if drop is None else _rate_at(drop, _atom(drop.first, "position"))


def _rate_at(drop: Drop, position: Python) -> Python:
    """Return rate * position / total."""
    rate = _atom(float(drop.rate), "drop_rate")
    total = _atom(drop.total, "total_depth")
    return Operation("/", (Operation("*", (rate, position)), total))


# ---------------------------------------------------------------- loops over different blocks


def settle_loops(group: Group) -> None:
    """Decide for each long run of a class what its loop runs over, alike in all instances."""
    for lists in zip(*(list(item_lists(unit)) for unit in group.units), strict=True):
        for column in zip(*(runs(items) for items in lists), strict=True):
            if run_form(column[0]) == "many":
                tables = [_columns(run) for run in column]
                varying = [s for s in tables[0] if any(len(set(t[s])) > 1 for t in tables)]
                regular = all(_step(t[s]) is not None for t in tables for s in varying)
                for run in column:
                    run[0].loop = LoopForm(tuple(varying), regular=regular)


def _columns(run: list[Item]) -> dict[str, list[Constant]]:
    """Return the arguments of the blocks of a run, by symbol; for a drop rate its position."""
    columns: dict[str, list[Constant]] = {}
    for item in run:
        assert isinstance(item.site, Unit)
        for symbol, value in item.site.arguments.items():
            at = item.drop.first if symbol == DROP_RATE and item.drop else value
            columns.setdefault(symbol, []).append(at)
    return columns


def _step(values: list[Constant]) -> int | None:
    """Return the difference of neighbours if it is the same whole number for all, and not 0."""
    steps = {
        b - a if isinstance(a, int) and isinstance(b, int) else None for a, b in pairwise(values)
    }
    step = steps.pop()
    return step if not steps and step else None


def _loop(run: list[Item], unit: Unit) -> Python:
    """Return a loop over what the blocks of a run differ in."""
    first = run[0]
    assert isinstance(first.site, Unit)
    assert first.loop is not None, "loops are settled before attributes are made"
    columns, varying = _columns(run), first.loop.varying
    if not varying:
        count = Hole(len(run), hint="depth", kind=HoleKind.INDEX)
        return _star(construct(first.site, rate=None), "_", Call("range", (count,)))
    targets = {symbol: _target(symbol, first.site, unit) for symbol in varying}
    loop: dict[str, Python] = {symbol: Text(name) for symbol, name in targets.items()}
    rate = loop.pop(DROP_RATE, None)
    if first.drop is not None:
        rate = _rate_at(first.drop, rate or _atom(first.drop.first, "position"))
    ranges = _over(tuple(tuple(columns[s]) for s in varying), regular=first.loop.regular)
    return _star(construct(first.site, loop, rate=rate), ", ".join(targets.values()), ranges)


def _target(symbol: str, block: Unit, unit: Unit) -> str:
    """Return the name of a loop's variable, different from the arguments around it."""
    if symbol == DROP_RATE:
        return "i"
    name = next(p.name for p in block.group.parameters if p.symbol == symbol)
    return name if isinstance(unit.node, Network) else f"block_{name}"


def _over(columns: tuple[tuple[Constant, ...], ...], *, regular: bool) -> Python:
    """Return what a loop runs over: ranges where numbers grow evenly, else a table."""
    if not regular:
        table = columns[0] if len(columns) == 1 else tuple(zip(*columns, strict=True))
        return Hole(table, hint="table", kind=HoleKind.TABLE)
    ranges = tuple(_range(column) for column in columns)
    return ranges[0] if len(ranges) == 1 else Call("zip", (*ranges, _STRICT))


_STRICT = Keyword("strict", Text("True"))


def _range(values: tuple[Constant, ...]) -> Python:
    start, step = values[0], _step(list(values))
    assert isinstance(start, int)
    assert step is not None
    stop = start + step * len(values)
    bounds = (_index(start, "start"), _index(stop, "stop"))
    return Call("range", bounds if step == 1 else (*bounds, _index(step, "step")))
