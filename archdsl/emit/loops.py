"""Loops over blocks that differ: ranges where their numbers grow evenly, else tables."""

from itertools import pairwise

from archdsl.emit.classes import Group
from archdsl.emit.construction import atom, construct, index, rate_at
from archdsl.emit.layers import DROP_RATE
from archdsl.emit.plan import (
    Call,
    Comprehension,
    Constant,
    Hole,
    HoleKind,
    Keyword,
    Python,
    Star,
    Text,
)
from archdsl.emit.runs import item_lists, run_form, runs
from archdsl.emit.units import Item, LoopForm, Unit
from archdsl.ir.network import Network


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


def loop_over(run: list[Item], unit: Unit) -> Python:
    """Return a loop over what the blocks of a run differ in."""
    first = run[0]
    assert isinstance(first.site, Unit)
    assert first.loop is not None, "loops are settled before attributes are made"
    columns, varying = _columns(run), first.loop.varying
    if not varying:
        count = Hole(len(run), hint="depth", kind=HoleKind.INDEX)
        return star(construct(first.site, rate=None), "_", Call("range", (count,)))
    targets = {symbol: _target(symbol, first.site, unit) for symbol in varying}
    loop: dict[str, Python] = {symbol: Text(name) for symbol, name in targets.items()}
    rate = loop.pop(DROP_RATE, None)
    if first.drop is not None:
        rate = rate_at(first.drop, rate or atom(first.drop.first, "position"))
    ranges = _over(tuple(tuple(columns[s]) for s in varying), regular=first.loop.regular)
    return star(construct(first.site, loop, rate=rate), ", ".join(targets.values()), ranges)


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
    bounds = (index(start, "start"), index(stop, "stop"))
    return Call("range", bounds if step == 1 else (*bounds, index(step, "step")))


def star(element: Python, target: str, iterable: Python) -> Star:
    """Return `*(element for target in iterable)`."""
    return Star(Comprehension(element, target, iterable))
