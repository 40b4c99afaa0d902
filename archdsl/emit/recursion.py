"""Blocks that hold a block of their own declaration: one class that constructs itself.

A *chain* are units of one skeleton but for the unit of the same declaration that each holds: it is
another of the chain or, in the innermost, a unit of the class that the chain is `based` on.
"""

from collections.abc import Iterator

from archdsl.emit.classes import Group, GroupParameter
from archdsl.emit.construction import construct
from archdsl.emit.expressions import Argument
from archdsl.emit.plan import Call, Conditional, Hole, Keyword, Python
from archdsl.emit.units import Declaration, Unit, nested_in
from archdsl.ir.network import Block
from archdsl.ir.numbers import Expr, Literal, Operation, Symbol


class NotOneClassError(Exception):
    """The blocks of a declaration that hold each other cannot be instances of one class."""

    def __init__(self, home: Declaration) -> None:
        super().__init__(home)
        self.home = home


def settle_chain(group: Group) -> None:
    """Decide on the parameters of a chain's class, and on when it constructs itself.

    Raises NotOneClassError.
    """
    if not any(_inner(unit).group is group for unit in group.units):
        group.base = None
        return
    symbols = list(_symbols(group.first))
    condition = _condition(group, symbols)
    if condition is None:
        symbols.append(DEPTH)
        _add_depth(group)
    group.recurses_if = condition or f"{DEPTH} > 1"
    columns = {s: tuple(_whole(unit, s) for unit in group.units) for s in symbols}
    group.parameters = tuple(
        GroupParameter(s, s, Argument(s, s, values).annotation) for s, values in columns.items()
    )
    for index, unit in enumerate(group.units):
        unit.arguments = {s: values[index] for s, values in columns.items()}


def check_chain(group: Group, parameters: tuple[GroupParameter, ...]) -> None:
    """Raise NotOneClassError if the class of a chain needs other parameters than were decided."""
    decided = [(p.symbol, p.name) for p in group.parameters]
    if decided != [(p.symbol, p.name) for p in parameters]:
        raise NotOneClassError(group.first.home)


def construct_inner(unit: Unit) -> Python:
    """Return the construction of the unit that a unit of a chain holds."""
    inner, group = _inner(unit), unit.group
    assert group.base is not None
    is_last = inner.group is group.base
    again = construct(group.first if is_last else inner)
    last = construct(inner if is_last else group.base.first)
    calls = (_blank(again), last) if is_last else (again, _blank(last))
    return Conditional(calls[0], group.recurses_if, calls[1])


def _blank(call: Call) -> Call:
    """Return a call whose numbers do not matter."""
    return Call(call.function, tuple(_blank_argument(a) for a in call.arguments))


def _blank_argument(argument: Python) -> Python:
    match argument:
        case Keyword(name, value, default):
            return Keyword(name, _blank_argument(value), default)
        case Hole(value, _, hint, kind):
            return Hole(value, (), hint=hint, kind=kind, matters=False)
        case _:
            raise AssertionError("a block of a chain is given numbers")


def _inner(unit: Unit) -> Unit:
    inner = nested_in(unit)
    assert inner is not None, "units of a chain hold another"
    return inner


def _symbols(unit: Unit) -> Iterator[str]:
    assert isinstance(unit.node, Block)
    yield "in_channels"
    yield from (name for name, _ in unit.node.arguments)


def _whole(unit: Unit, symbol: str) -> int:
    value = unit.values[symbol]
    if not isinstance(value, int):
        raise NotOneClassError(unit.home)
    return value


def _add_depth(group: Group) -> None:
    """Give each unit how many of its class it holds, itself included, as a number."""
    if any(DEPTH in unit.values for unit in group.units):
        raise NotOneClassError(group.first.home)
    for unit in group.units:  # inner ones come first
        inner = _inner(unit)
        is_last = inner.group is not group
        depth = 1 if is_last else 1 + _whole(inner, DEPTH)
        unit.values = {**unit.values, DEPTH: depth}
        if not is_last:
            inner.added = {DEPTH: Operation("-", Symbol(DEPTH), Literal(1))}


DEPTH = "depth"
PLAIN_ENDS = (0, 1)  # other numbers in a condition would want a name


def _condition(group: Group, symbols: list[str]) -> str | None:
    """Return when a unit holds another of its class: what counts down comes first."""
    counting = [s for s in symbols if all(_counts(unit, s) for unit in group.units)]
    for symbol in (*counting, *symbols[1:]):
        last = {_whole(u, symbol) for u in group.units if _inner(u).group is not group}
        others = {_whole(u, symbol) for u in group.units if _inner(u).group is group}
        if len(last) == 1 and max(last) in PLAIN_ENDS and min(others) > max(last):
            return f"{symbol} > {max(last)}"
    return None


def _counts(unit: Unit, symbol: str) -> bool:
    down: Expr = Operation("-", Symbol(symbol), Literal(1))
    return _inner(unit).written[symbol] == down
