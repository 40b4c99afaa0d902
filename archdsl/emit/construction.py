"""The construction of units: a call of their class, with arguments that are still holes."""

from archdsl.emit.classes import GroupParameter
from archdsl.emit.layers import DROP_RATE
from archdsl.emit.plan import Call, Constant, Hole, HoleKind, Keyword, Operation, Python
from archdsl.emit.units import Unit
from archdsl.ir.network import Drop

POSITIONAL = 2  # so many arguments of a block are given by position


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
            return float(number) if "." in number else int(number)


def argument_hole(unit: Unit, parameter: GroupParameter) -> Hole:
    """Return what a unit's class is given for a parameter."""
    written = unit.written.get(parameter.symbol)
    exprs = () if written is None else (written,)
    value = unit.arguments[parameter.symbol]
    kind = HoleKind.TABLE if isinstance(value, tuple) else HoleKind.NUMBER
    return Hole(value, exprs, hint=parameter.name, kind=kind)


def index(value: int, hint: str) -> Hole:
    """Return a count or a bound of a loop."""
    return Hole(value, hint=hint, kind=HoleKind.INDEX)


def atom(value: float, hint: str) -> Hole:
    """Return a number that stands in an operation."""
    return Hole(value, hint=hint, kind=HoleKind.ATOM)


def rate_of(drop: Drop | None) -> Python | None:
    """Return the rate of the first copy of a block."""
    return None if drop is None else rate_at(drop, atom(drop.first, "position"))


def rate_at(drop: Drop, position: Python) -> Python:
    """Return rate * position / total."""
    rate = atom(float(drop.rate), "drop_rate")
    total = atom(drop.total, "total_depth")
    return Operation("/", (Operation("*", (rate, position)), total))
