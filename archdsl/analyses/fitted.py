"""The members of a family that come nearest to numbers that are wanted."""

from collections.abc import Mapping
from fractions import Fraction

from archdsl.analyses.swept import ShownValue
from archdsl.ir.network import ArgumentValue
from archdsl.record import Record


class FittedMember(Record):
    """A member, its numbers, and how far they are off."""

    values: tuple[ShownValue, ...]  # of the arguments that vary
    numbers: tuple[int, ...]  # by wanted measure
    error: Fraction  # the largest of the relative ones


class Fitted(Record, kw_only=True):
    """The nearest members, the nearest first."""

    network: str
    fixed: tuple[tuple[str, ArgumentValue], ...]  # the arguments that do not vary
    varied: tuple[str, ...]
    wanted: Mapping[str, int]  # by measure
    members: tuple[FittedMember, ...]
    looked_at: int


def error_of(numbers: Mapping[str, int], wanted: Mapping[str, int]) -> Fraction:
    """Return by how much numbers miss what is wanted, which is above 0: the largest share."""
    return max(Fraction(abs(numbers[name] - goal), goal) for name, goal in wanted.items())
