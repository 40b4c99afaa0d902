"""Sweeps: the numbers of every member of a grid of arguments that is there and wanted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import product
from math import prod
from typing import Any, TypeAlias

from archdsl.analyses.swept import ShownValue, Swept, SweptMember
from archdsl.ir.network import ArgumentValue
from archdsl.ir.numbers import Test, Value, holds
from archdsl.limits import MAX_BUILT, MAX_MEMBERS
from archdsl.pipeline.members import Members
from archdsl.pipeline.numbering import Numbering, TooManyError
from archdsl.record import Record
from archdsl.recursion import deep_recursion
from archdsl.syntax import tree

Chosen: TypeAlias = Value | bool | tree.Expression
Progress: TypeAlias = Callable[[str], None]

MANY = 300  # members from which on numpy pays


class SweepError(Exception):
    """A sweep is not as it should be; the message says how."""


class SweptAxis(Record):
    """An argument and the values that it has in turn."""

    name: str
    values: tuple[Chosen, ...]
    shown: tuple[ShownValue, ...]  # as a table has them

    @property
    def numbers(self) -> tuple[Value | bool, ...]:
        """The values where all are numbers or flags; else none."""
        found = tuple(value for value in self.values if isinstance(value, int | Fraction))
        return found if len(found) == len(self.values) else ()


@deep_recursion()
def sweep(
    members: Members,
    axes: Sequence[SweptAxis],
    measures: Sequence[str],
    where: str | None = None,
    progress: Progress = lambda _: None,
    batch: int | None = None,
) -> Swept:
    """Return the members of a grid; raise SweepError, and SpecError for a wrong condition.

    `batch` is that of a training step; None is the recipe's.
    Where no member is there, it raises the SpecError of the first one.
    """
    total = prod(len(axis.values) for axis in axes)
    if total > MAX_MEMBERS:
        raise SweepError(f"{total:,} members are more than the {MAX_MEMBERS:,} of a sweep")
    run = _Sweep(members, axes, measures, where, progress, batch)
    found = run.members()
    if not found and run.refused == total:
        members.member({a.name: members.expression(a.values[0]) for a in axes})
    names = {axis.name for axis in axes}
    return Swept(
        network=members.name,
        fixed=tuple((name, value) for name, value in run.arguments if name not in names),
        axes=tuple((axis.name, axis.shown) for axis in axes),
        measures=tuple(measures),
        members=found,
        total=total,
        refused=run.refused,
        left_out=total - run.refused - len(found),
    )


class _Sweep:
    def __init__(
        self,
        members: Members,
        axes: Sequence[SweptAxis],
        measures: Sequence[str],
        where: str | None,
        progress: Progress,
        batch: int | None,
    ) -> None:
        self.family = members
        self.axes = axes
        self.numeric = {axis.name: axis.numbers for axis in axes if axis.numbers}
        self.others = [axis for axis in axes if not axis.numbers]
        self.measures = measures
        self.where = where
        self.progress = progress
        self.batch = batch
        self.refused = 0
        self.arguments: tuple[tuple[str, ArgumentValue], ...] = ()

    def members(self) -> tuple[SweptMember, ...]:
        found: list[SweptMember] = []
        inner = prod(map(len, self.numeric.values()))
        is_many = inner >= MANY and find_spec("numpy") is not None
        for places in product(*(range(len(axis.values)) for axis in self.others)):
            chosen = {
                axis.name: self.family.expression(axis.values[place])
                for axis, place in zip(self.others, places, strict=True)
            }
            family = self.family.changed(chosen) if chosen else self.family
            numbering = Numbering(family, self.measures, batch=self.batch)
            is_quick = is_many and numbering.is_closed
            rows = self._many(numbering) if is_quick else self._each(numbering)
            try:
                for place, numbers in rows:
                    found.append(SweptMember(self._place(place, places), numbers))
                    if not len(found) % (1000 if numbering.is_closed else 10):
                        self.progress(f"{len(found):,} members")
            except TooManyError:
                message = f"no closed form holds, and at most {MAX_BUILT:,} members are built"
                raise SweepError(message) from None
            self.refused += numbering.refused
            if numbering.known is not None and not self.arguments:
                self.arguments = numbering.known.arguments
        return tuple(sorted(found, key=lambda member: member.place))

    def _place(self, place: int, others: tuple[int, ...]) -> tuple[int, ...]:
        """Return the place of each axis, of one in the grid of numbers and those of the others."""
        found: dict[str, int] = {
            axis.name: other for axis, other in zip(self.others, others, strict=True)
        }
        for name in reversed(self.numeric):
            place, found[name] = divmod(place, len(self.numeric[name]))
        return tuple(found[axis.name] for axis in self.axes)

    def _each(self, numbering: Numbering) -> Iterator[tuple[int, tuple[int, ...]]]:
        test: Test | None = None
        rows = list(product(*self.numeric.values()))
        for place, numbers in numbering.each(self.numeric):
            values: dict[str, Value | bool] = dict(zip(self.numeric, rows[place], strict=True))
            values |= dict(zip(self.measures, numbers, strict=True))
            if self.where is not None:
                test = test or numbering.members.test(self.where, values)
                if not _is_met(test, values):
                    continue
            yield place, numbers

    def _many(self, numbering: Numbering) -> Iterator[tuple[int, tuple[int, ...]]]:
        test: Test | None = None
        for block in numbering.blocks(self.numeric):
            places, columns = block
            if self.where is not None:
                test = test or numbering.members.test(self.where, self._first(columns))
                places, columns = _filtered(test, *block)
            numbers = zip(*(columns[name].values() for name in self.measures), strict=True)
            yield from zip(places.tolist(), numbers, strict=True)
            self.progress(f"{len(places):,} members by a closed form")

    def _first(self, columns: Mapping[str, Any]) -> dict[str, Value | bool]:
        """Return the first member of a block; its flags are no numbers."""
        found = {n: column.taken(slice(0, 1)).values()[0] for n, column in columns.items()}
        flags = (name for name, values in self.numeric.items() if isinstance(values[0], bool))
        return found | {name: bool(found[name]) for name in flags}


def _is_met(test: Test, values: Mapping[str, Value | bool]) -> bool:
    try:
        return holds(test, values)
    except ArithmeticError:
        return False


def _filtered(test: Test, places: Any, columns: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the places and columns of those members that a test holds for."""
    import numpy as np

    from archdsl.analyses.closed.vectors import mask_of

    try:
        mask = np.broadcast_to(mask_of(test, columns), (len(places),))
    except ArithmeticError:
        rows = zip(*(column.values() for column in columns.values()), strict=True)
        mask = np.array([_is_met(test, dict(zip(columns, row, strict=True))) for row in rows])
    return places[mask], {name: column.taken(mask) for name, column in columns.items()}
