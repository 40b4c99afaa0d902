"""The numbers of many members of a family: by closed forms as far as they go, else by building.

A form is derived where none that is known holds, and held against a second member.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

from archdsl.analyses.closed.cases import FormCase, derive
from archdsl.analyses.closed.traced import NotClosedError
from archdsl.analyses.measures import are_closed, numbers_of
from archdsl.ir.network import Network
from archdsl.ir.numbers import Value
from archdsl.limits import MAX_BUILT
from archdsl.pipeline.members import Members

if TYPE_CHECKING:
    from archdsl.analyses.closed.vectors import Vector

Given: TypeAlias = Mapping[str, Value | bool]
Numbered: TypeAlias = tuple[int, tuple[int, ...]]
"""The place of a member in its grid, and its numbers."""

DERIVED = 40  # cases of one grid, after which members are built


class TooManyError(Exception):
    """More members would have to be built than there may be."""


class Numbering:
    """Gives the numbers of the members of one family."""

    def __init__(
        self,
        members: Members,
        measures: Sequence[str],
        cases: Sequence[FormCase] = (),
        batch: int | None = None,
    ) -> None:
        """Take a family, the measures, and cases that are known and have been checked.

        Where a measure has no closed form, every member is built.
        """
        self.members = members
        self.measures = tuple(measures)
        self.refused = 0
        self.built = 0
        self.known: Network | None = None  # some member that was built
        self.is_closed = are_closed(measures)
        self._batch = batch
        self._cases: list[FormCase] = list(cases) if self.is_closed else []
        self._unchecked: list[FormCase] = []  # those of them that no second member has confirmed
        self._tried = 0

    def of(self, values: Given) -> tuple[int, ...] | None:
        """Return the numbers of a member, None where it is refused; raise TooManyError."""
        case = self._case(values)
        if case is not None:
            return self._by(case, values) if case.exists(values) else None
        network = self._network(values)
        if network is None:
            return None
        self._derived(network, values)
        return self._counted(network)

    def _case(self, values: Given) -> FormCase | None:
        """Return the case of a member, None where none is known."""
        case = next((case for case in self._cases if case.covers(values)), None)
        return case if case is None or self._agrees(case, values) else None

    def _agrees(self, case: FormCase, values: Given) -> bool:
        """Hold a case against its second member; where it is wrong, forget it."""
        if case not in self._unchecked:
            return True
        self._unchecked.remove(case)
        network = self._network(values)
        numbers = None if network is None else self._counted(network)
        if numbers == (self._by(case, values) if case.exists(values) else None):
            return True
        self._cases.remove(case)
        return False

    def _network(self, values: Given) -> Network | None:
        if self.built >= MAX_BUILT:
            raise TooManyError
        self.built += 1
        network = self.members.at(values)
        self.known = self.known or network
        return network

    def _derived(self, network: Network, values: Given) -> FormCase | None:
        """Derive a case at a member; None where there is none, or are too many."""
        if self._tried >= DERIVED or not self.is_closed:
            return None
        self._tried += 1
        wholes = frozenset(n for n, v in values.items() if isinstance(v, int))
        try:
            case = derive(network, values, wholes & self.members.wholes)
        except NotClosedError:
            return None
        self._cases.append(case)
        self._unchecked.append(case)
        return case

    def _counted(self, network: Network) -> tuple[int, ...]:
        return numbers_of(network, self.measures, self._batch)

    def _by(self, case: FormCase, values: Given) -> tuple[int, ...]:
        numbers = {name: value for name, value in values.items() if not isinstance(value, bool)}
        return tuple(int(case.forms[each].evaluate(numbers)) for each in self.measures)

    # ------------------------------------------------------------ grids

    def each(self, axes: Mapping[str, Sequence[Value | bool]]) -> Iterator[Numbered]:
        """Yield the members of a grid that are there, one by one; raise TooManyError."""
        # forms of large members hold for small ones, in which blocks degenerate
        for place, row in reversed([*enumerate(product(*axes.values()))]):
            numbers = self.of(dict(zip(axes, row, strict=True)))
            if numbers is None:
                self.refused += 1
            else:
                yield place, numbers

    def blocks(
        self, axes: Mapping[str, Sequence[Value | bool]]
    ) -> "Iterator[tuple[Any, dict[str, Vector]]]":
        """Yield the members that are there, many at once; import numpy.

        Yields their places, and the columns of their arguments and numbers. Raises TooManyError.
        """
        from archdsl.analyses.closed.grids import Grid

        grid = Grid(axes)
        left = grid.places
        while left.size:
            values = grid.values_at(int(left[-1]))  # forms of large members hold for small ones
            case = self._case(values)
            network = self._network(values) if case is None else None
            if case is None and network is not None:
                case = self._derived(network, values)
            if case is not None:
                try:
                    is_about, is_there = grid.masks(case, left)
                    places = left[is_about & is_there]
                    if len(places) and not self._agrees(case, grid.values_at(int(places[0]))):
                        continue
                    if len(places):
                        yield places, grid.numbers(case, self.measures, places)
                    self.refused += int((is_about & ~is_there).sum())
                    left = left[~is_about]
                    continue
                except ArithmeticError:  # what only single numbers have
                    numbers = self._by(case, values) if case.exists(values) else None
            else:
                numbers = None if network is None else self._counted(network)
            if numbers is None:
                self.refused += 1
            else:
                yield (
                    left[-1:],
                    grid.given(left[-1:], dict(zip(self.measures, numbers, strict=True))),
                )
            left = left[:-1]
