"""Closed forms on a grid of arguments: a million members at once."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from archdsl.analyses.closed.cases import FormCase
from archdsl.analyses.closed.conditions import Condition, names_in
from archdsl.analyses.closed.vectors import Vector, evaluate, met
from archdsl.ir.numbers import Value


class Grid:
    """The members at all combinations of some values, by place: the last argument runs fastest."""

    def __init__(self, axes: Mapping[str, Sequence[Value | bool]]) -> None:
        self._axes = dict(axes)
        self._columns = {
            name: Vector.of([int(v) if isinstance(v, bool) else v for v in values])
            for name, values in axes.items()
        }
        self._inner: dict[str, int] = {}
        inner = size = prod(map(len, axes.values()))
        for name, values in axes.items():
            inner //= len(values)
            self._inner[name] = inner
        self.places: Any = np.arange(size)

    def values_at(self, place: int) -> dict[str, Value | bool]:
        """Return the arguments of one member."""
        return {
            name: values[place // self._inner[name] % len(values)]
            for name, values in self._axes.items()
        }

    def column(self, name: str, places: Any) -> Vector:
        """Return an argument of some members."""
        return self._columns[name].taken(self._index(name, places))

    def _index(self, name: str, places: Any) -> Any:
        return places // self._inner[name] % len(self._axes[name])

    def masks(self, case: FormCase, places: Any) -> tuple[Any, Any]:
        """Return which of some members a case is about, and which of all are there.

        Raises ArithmeticError where only single numbers tell.
        """
        is_about = np.zeros(len(places), dtype=bool)
        for way in case.ways:
            is_about |= self._all(way, places)
        return is_about, self._all(case.facts, places)

    def _all(self, conditions: Sequence[Condition], places: Any) -> Any:
        """Return where all conditions hold: those about one argument are asked once a value."""
        mask = np.ones(len(places), dtype=bool)
        single: dict[str, Any] = {}
        for condition in conditions:
            names = names_in(condition)
            if len(names) == 1:
                (name,) = names
                column = self._columns[name]
                found = met(condition, {name: column}, len(self._axes[name]))
                single[name] = single.get(name, True) & found
            else:
                columns = {name: self.column(name, places) for name in names}
                mask &= met(condition, columns, len(places))
        for name, found in single.items():
            if not found.all():
                mask &= found[self._index(name, places)]
        return mask

    def numbers(self, case: FormCase, measures: Sequence[str], places: Any) -> dict[str, Vector]:
        """Return the columns of arguments and numbers of members that a case is about."""
        columns = {name: self.column(name, places) for name in self._axes}
        return columns | {
            measure: _full(evaluate(case.forms[measure], columns), len(places))
            for measure in measures
        }

    def given(self, places: Any, numbers: Mapping[str, int]) -> dict[str, Vector]:
        """Return the columns of one member whose numbers are known."""
        columns = {name: self.column(name, places) for name in self._axes}
        return columns | {name: Vector.of([number]) for name, number in numbers.items()}


def _full(vector: Vector, size: int) -> Vector:
    """Return a column of `size` numbers, of one that may be the same for all."""
    return vector if len(vector.above) == size else vector.taken(np.zeros(size, dtype=int))
