"""Where layers that `share` tells apart would have one weight: at other values of an argument.

`share` compares numbers, so two layers of different geometry may be alike at a value that nothing
in the spec names. How a number hangs on an argument is seen from a few members of the family.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import TypeAlias, cast

import msgspec

from archdsl.ir.layers import Weighted
from archdsl.ir.network import Network
from archdsl.ir.numbers import Value
from archdsl.record import Record

_MOST = 8  # values that are worth a try
_MANY = 3_000  # pairs of geometries that are compared


class _Geometry(Record):
    """A geometry: its numbers, and all else, in which a value changes nothing."""

    numbers: tuple[int, ...]
    kind: tuple[object, ...]


_Occurrence: TypeAlias = tuple[_Geometry, ...]  # one geometry, in each member


def coincidences(members: Sequence[tuple[Value, Network]]) -> tuple[Fraction, ...] | None:
    """Return values of an argument at which geometries that differ would be equal.

    `members` are the network at several values of it. None where that cannot be told.
    """
    values = [Fraction(value) for value, _ in members]
    tables = [network.geometries for _, network in members]
    if len({tuple(scope for scope, _ in table) for table in tables}) > 1:
        return ()  # some are equal in a member already: that is looked at
    scopes: dict[int, list[_Occurrence]] = {}
    for column in zip(*tables, strict=True):
        layers = tuple(_geometry(layer) for _, layer in column)
        scopes.setdefault(column[0][0], []).append(layers)
    if sum(comb(len(columns), 2) for columns in scopes.values()) > _MANY:
        return None
    found: set[Fraction] = set()
    for columns in scopes.values():
        for left, right in combinations(columns, 2):
            roots = _equal_at(values, left, right)
            if roots is None:
                return None
            found |= roots
    return tuple(sorted(found)) if len(found) <= _MOST else None


def _geometry(layer: Weighted) -> _Geometry:
    numbers: list[int] = []
    kind: list[object] = [type(layer).__name__]
    for field in msgspec.structs.fields(layer):
        value: object = getattr(layer, field.name)
        for each in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
            if isinstance(each, int) and not isinstance(each, bool):
                numbers.append(each)
            else:
                kind.append(each)
        kind.append(field.name)
    return _Geometry(tuple(numbers), tuple(kind))


def _equal_at(
    values: Sequence[Fraction], left: _Occurrence, right: _Occurrence
) -> set[Fraction] | None:
    """Return the value at which two geometries are equal, if there is one."""
    pairs = list(zip(left, right, strict=True))
    if any(a.kind != b.kind or len(a.numbers) != len(b.numbers) for a, b in pairs):
        return set()
    roots: set[Fraction] = set()
    unknown = False
    for one, two in zip(
        zip(*(a.numbers for a, _ in pairs), strict=True),
        zip(*(b.numbers for _, b in pairs), strict=True),
        strict=True,
    ):
        if one == two:
            continue
        differences = [a - b for a, b in zip(one, two, strict=True)]
        if _are_proportional(one, two) or len(set(differences)) == 1:
            return set()
        slope = Fraction(differences[1] - differences[0]) / (values[1] - values[0])
        line = (differences[0] + slope * (v - values[0]) for v in values)
        if slope and list(line) == differences:
            roots.add(values[0] - differences[0] / slope)
        else:
            unknown = True
    if len(roots) == 1:
        return {root for root in roots if root > 0}
    return None if unknown and not roots else set()


def _are_proportional(one: Sequence[int], two: Sequence[int]) -> bool:
    return all(a * two[0] == b * one[0] for a, b in zip(one, two, strict=True))
