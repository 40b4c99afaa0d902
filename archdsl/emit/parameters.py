"""The parameters of a class, in order and with their defaults."""

from archdsl.emit.classes import Group, GroupParameter
from archdsl.emit.expressions import Argument
from archdsl.emit.layers import DROP_RATE
from archdsl.emit.units import Unit
from archdsl.ir.network import Block


def parameters(group: Group, arguments: list[Argument]) -> tuple[GroupParameter, ...]:
    """Return the arguments that a class uses as its parameters."""
    symbols = list(group.first.values)
    found = (GroupParameter(a.symbol, a.name, a.annotation, _default(a, group)) for a in arguments)
    return tuple(sorted(found, key=lambda parameter: _rank(parameter, symbols)))


def _drops_nothing(unit: Unit) -> bool:
    return isinstance(unit.node, Block) and unit.drop is None


def _rank(parameter: GroupParameter, symbols: list[str]) -> tuple[bool, int, int]:
    """Order parameters: in_channels, as declared, new ones, the drop rate, flags, stride."""
    has_default = parameter.default is not None
    if parameter.name == "stride":
        return has_default, 5, 0
    if parameter.annotation == "bool":
        return has_default, 4, 0
    if parameter.symbol == DROP_RATE:
        return has_default, 3, 0
    if parameter.symbol in symbols:
        return has_default, 0, symbols.index(parameter.symbol)
    return has_default, 0 if parameter.name == "in_channels" else 2, 0


def _default(argument: Argument, group: Group) -> str | None:
    if argument.annotation == "bool":
        return "False"
    if argument.symbol == DROP_RATE:
        return "0.0" if any(_drops_nothing(unit) for unit in group.units) else None
    return "1" if argument.name == "stride" and 1 in argument.values else None
