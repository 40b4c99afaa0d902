"""The members of a family that a sweep found, with their numbers."""

from collections.abc import Sequence
from typing import TypeAlias

from archdsl.ir.network import ArgumentValue
from archdsl.ir.numbers import Value
from archdsl.record import Record

ShownValue: TypeAlias = Value | bool | str


class SweptMember(Record):
    """A member of a grid."""

    place: tuple[int, ...]  # of each axis
    numbers: tuple[int, ...]  # by measure


class Swept(Record, kw_only=True):
    """The members of a grid that are there and wanted."""

    network: str
    fixed: tuple[tuple[str, ArgumentValue], ...]  # the arguments that are the same in all
    axes: tuple[tuple[str, tuple[ShownValue, ...]], ...]  # arguments, and their values in turn
    measures: tuple[str, ...]
    members: tuple[SweptMember, ...]
    total: int  # of the grid
    refused: int  # that are not there
    left_out: int  # that a condition does not hold for

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments that differ."""
        return tuple(name for name, _ in self.axes)

    def values(self, member: SweptMember) -> tuple[ShownValue, ...]:
        """Return the arguments of a member."""
        pairs = zip(self.axes, member.place, strict=True)
        return tuple(values[place] for (_, values), place in pairs)


def front(members: Sequence[SweptMember]) -> frozenset[SweptMember]:
    """Return the Pareto front: the most of the first number for the least of the second.

    No other member has as much of the first one for less of the second one, or more for as much.
    """
    found: list[SweptMember] = []
    most: int | None = None
    for member in sorted(members, key=lambda each: (each.numbers[1], -each.numbers[0])):
        if most is None or member.numbers[0] > most:
            found.append(member)
            most = member.numbers[0]
    return frozenset(found)
