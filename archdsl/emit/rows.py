"""Rows: what corresponds in all instances of a class."""

from typing import TypeAlias

from archdsl.emit.plan import Constant, Hole

Vector: TypeAlias = tuple[Constant | None, ...]  # a value for each instance; None: does not matter
Row: TypeAlias = tuple[Hole | None, ...]  # corresponding holes of all instances


def vector(row: Row) -> Vector:
    """Return the values of a row."""
    return tuple(None if hole is None else hole.value for hole in row)


def present_of(row: Row) -> Hole:
    """Return the first hole that there is."""
    return next(hole for hole in row if hole is not None)


def scalars_of(row: Row) -> Row | None:
    """Return the row with one number in place of equal ones, if they are equal everywhere."""
    alike = all(
        isinstance(hole.value, tuple) and len(set(hole.value)) == 1 and len(set(hole.exprs)) <= 1
        for hole in row
        if hole is not None
    )
    return tuple(_member(hole, 0) for hole in row) if alike else None


def members_of(row: Row, count: int) -> list[Row]:
    """Return a row for each member of the tuples of a row."""
    return [tuple(_member(hole, index) for hole in row) for index in range(count)]


def _member(hole: Hole | None, index: int) -> Hole | None:
    if hole is None:
        return None
    assert isinstance(hole.value, tuple)
    exprs = (hole.exprs[index],) if len(hole.exprs) == len(hole.value) else hole.exprs[:1]
    return Hole(hole.value[index], exprs, hint=hole.hint, kind=hole.kind)
