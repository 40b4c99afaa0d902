"""Numbers in the instances of a class, and whether what Python computes is one of them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from archdsl.emit.expressions.arithmetic import Plain, run
from archdsl.ir.numbers import Expr, Value
from archdsl.record import Record


class WrittenNumber(Record):
    """A number in one instance: its value, and how it was written over the names there."""

    value: Value | float
    expr: Expr | None = None


Slot: TypeAlias = Sequence[WrittenNumber | None]  # one for each instance; None where it has none


def plain_number(value: Value | float) -> Plain:
    """Return a number as generated code has it."""
    return float(value) if isinstance(value, Fraction) else value


def result_of(expr: Expr, values: Mapping[str, Plain]) -> Plain | None:
    """Return what Python computes, None where it cannot."""
    try:
        return run(expr, values)
    except (ArithmeticError, KeyError):
        return None


def is_number(value: Value | float, result: Plain | None, *, rounds: bool) -> bool:
    """Whether Python's result is a number."""
    if result is None:
        return False
    if rounds:
        return round(result) == value and abs(result - value) < _NEAR
    return result == plain_number(value)


_NEAR = 1e-6  # a float that should be whole is not further from it


def agree(slot: Slot, values: Sequence[Plain]) -> bool:
    """Whether a number has these values and types in all instances that have it."""
    return all(
        each is None or (type(plain_number(each.value)) is type(value) and each.value == value)
        for each, value in zip(slot, values, strict=True)
    )
