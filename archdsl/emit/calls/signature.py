"""What a class is constructed with, and what whoever constructs it writes."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from archdsl.emit.calls.drops import BRANCHES_BEFORE, counts_branches, takes_rate
from archdsl.emit.calls.layers import DROP_RATE
from archdsl.emit.classes.instances import Instance
from archdsl.emit.expressions.arithmetic import Plain
from archdsl.emit.expressions.scope import ClassScope
from archdsl.emit.expressions.slots import WrittenNumber
from archdsl.emit.python.nodes import (
    FormalParameter,
    Invocation,
    Keyword,
    Python,
    Text,
)
from archdsl.ir.numbers import Number, Truth
from archdsl.record import Record

POSITIONAL = 2  # so many arguments of a block are given by position


class ClassParameter(Record, kw_only=True):
    """A parameter of a class: a symbol of its spec, one of stochastic depth, or new."""

    name: str
    annotation: str
    default: str | None = None
    symbol: str | None = None
    added: Mapping[int, Plain] | None = None  # the value in each instance

    def printed(self) -> FormalParameter:
        """Return the parameter as Python has it."""
        return FormalParameter(self.name, self.annotation, self.default)


class Signature(Record):
    """The parameters of a class, in order."""

    parameters: tuple[ClassParameter, ...] = ()


def signature(
    scope: ClassScope, instances: Sequence[Instance], defaults: Mapping[str, str]
) -> Signature:
    """Return the parameters that a class turned out to need; `defaults` by symbol."""
    order = list(instances[0].values)
    found = [_of_symbol(s, scope, defaults.get(s)) for s in sorted(scope.used, key=order.index)]
    for added in scope.added:
        values = {i.number: v for i, v in zip(instances, added.values, strict=True)}
        is_flag = isinstance(added.values[0], bool)
        default = "False" if is_flag else None
        parameter = ClassParameter(
            name=added.name, annotation=_annotation(added.values), default=default, added=values
        )
        found.append(parameter)
    rated = [i for i in instances if takes_rate(i)]
    if rated:
        default = None if len(rated) == len(instances) else "0.0"
        found.append(ClassParameter(name=DROP_RATE, annotation="float", default=default))
    counting = [i for i in instances if counts_branches(i)]
    if counting:
        default = None if len(counting) == len(instances) else "0"
        found.append(ClassParameter(name=BRANCHES_BEFORE, annotation="int", default=default))
    last = [p for p in found if p.symbol == "stride"]
    ordered = [p for p in found if p.symbol != "stride"] + last
    return Signature(tuple(sorted(ordered, key=lambda p: p.default is not None)))


def _of_symbol(symbol: str, scope: ClassScope, default: str | None) -> ClassParameter:
    values = scope.values_of(symbol)
    is_float = symbol in scope.floats
    annotation = "float" if is_float else _annotation(values)
    if default == "None":
        annotation = f"{annotation} | None"
    elif default is not None and is_float and "." not in default and "e" not in default:
        default = f"{default}.0"
    return ClassParameter(
        name=scope.name_of(symbol), annotation=annotation, default=default, symbol=symbol
    )


def _annotation(values: Sequence[Plain]) -> str:
    types = {type(value) for value in values}
    if types == {bool}:
        return "bool"
    return "int" if types <= {bool, int} else "float"


# ---------------------------------------------------------------- the other side


class Given(Record, kw_only=True):
    """What an instance is constructed with, over the symbols of the text that it stands in."""

    instance: Instance
    numbers: Mapping[str, Number | Truth]


def construct(
    name: str,
    parameters: Signature,
    column: Sequence[Given | None],
    scope: ClassScope,
    drops: Mapping[str, Python],
) -> Invocation:
    """Return the construction of a class, what is a default left out; `drops` are by parameter."""
    arguments: list[Python] = []
    for index, parameter in enumerate(parameters.parameters):
        value = _argument(parameter, column, scope, drops)
        if value is None or value == Text(parameter.default or ""):
            continue
        is_counted = parameter.name == BRANCHES_BEFORE
        is_plain = index < POSITIONAL and parameter.annotation == "int" and not is_counted
        is_told = is_plain or value == Text(parameter.name)
        if parameter.default is None and is_told and index == len(arguments) == _plain(arguments):
            arguments.append(value)
        else:
            arguments.append(Keyword(parameter.name, value))
    return Invocation(name, tuple(arguments))


def _plain(arguments: Sequence[Python]) -> int:
    return sum(1 for argument in arguments if not isinstance(argument, Keyword))


def _argument(
    parameter: ClassParameter,
    column: Sequence[Given | None],
    scope: ClassScope,
    drops: Mapping[str, Python],
) -> Python | None:
    if parameter.added is not None:
        added = parameter.added
        values = tuple(
            None if g is None else WrittenNumber(added[g.instance.number]) for g in column
        )
        return scope.number(values, parameter.name)
    if parameter.symbol is None:
        return drops.get(parameter.name)
    given = [None if g is None else g.numbers[parameter.symbol] for g in column]
    if any(isinstance(each, Truth) for each in given):
        return scope.flag([g if isinstance(g, Truth) else None for g in given], parameter.name)
    is_float = parameter.annotation == "float"
    slot = tuple(_written(g, is_float=is_float) if isinstance(g, Number) else None for g in given)
    return scope.number(slot, parameter.name)


def _written(number: Number, *, is_float: bool) -> WrittenNumber:
    if is_float or isinstance(number.value, Fraction):
        return WrittenNumber(float(number.value), number.expr)
    return WrittenNumber(number.value, number.expr)
