"""What differs between two networks: rows of their tables, and entries of `state_dict`.

Rows are the same by name. Copies of a block are one row, whose name has the range of their indices:
rows whose ranges begin at one place are the same, and differ in how many they are.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from archdsl.analyses.counts import Row, Sums
from archdsl.analyses.renaming import Fit, Named, fit
from archdsl.analyses.tensors import Entry
from archdsl.record import Record

_Key: TypeAlias = tuple[str, int]  # a name, and the rows of this name before


class Change(StrEnum):
    """What became of a row."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


class RowDifference(Record, kw_only=True):
    """A row of two tables; None is where it is not."""

    name: str  # of the new one, if it is there
    change: Change
    old: Row | None
    new: Row | None

    @property
    def parameters(self) -> int:
        """How many parameters there are more."""
        return _sums(self.new).total - _sums(self.old).total

    @property
    def macs(self) -> int:
        """How many multiply-accumulates there are more."""
        return _sums(self.new).macs - _sums(self.old).macs


class NetworkDifference(Record, kw_only=True):
    """Two networks beside each other."""

    rows: tuple[RowDifference, ...]
    weights: Fit  # what the new network wants, beside what a checkpoint of the old one has

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return self.weights.complete and all(row.change is Change.SAME for row in self.rows)


def difference(
    old: Sequence[Row],
    new: Sequence[Row],
    old_entries: Iterable[Entry],
    new_entries: Iterable[Entry],
) -> NetworkDifference:
    """Return what differs, rows in the order of the new table, those that went where they were."""
    wanted = [Named(entry.name, entry.shape) for entry in new_entries]
    held = [Named(entry.name, entry.shape) for entry in old_entries]
    return NetworkDifference(rows=tuple(_rows(old, new)), weights=fit(wanted, held))


def _rows(old: Sequence[Row], new: Sequence[Row]) -> Iterator[RowDifference]:
    before, after = _by_key(old), _by_key(new)
    order = list(before)
    for key in after:  # what came stands behind what it follows, as in the new table
        if key not in before:
            order.insert(_place(key, list(after), order), key)
    for key in order:
        one, other = before.get(key), after.get(key)
        shown = other or one
        assert shown is not None, "it is in one of the two"
        yield RowDifference(name=shown.name, change=_change(one, other), old=one, new=other)


def _place(key: _Key, after: Sequence[_Key], order: Sequence[_Key]) -> int:
    index = after.index(key)
    return 0 if index == 0 else order.index(after[index - 1]) + 1


def _change(old: Row | None, new: Row | None) -> Change:
    if old is None:
        return Change.ADDED
    if new is None:
        return Change.REMOVED
    of = [(row.kind, row.output, row.copies, row.blocks, row.sums) for row in (old, new)]
    return Change.SAME if of[0] == of[1] else Change.CHANGED


def _by_key(rows: Sequence[Row]) -> Mapping[_Key, Row]:
    """Return rows by name, the end of a range left out; rows of one name are counted."""
    found: dict[_Key, Row] = {}
    for row in rows:
        name, number = _RANGE.sub(r"\1", row.name), 0
        while (name, number) in found:
            number += 1
        found[name, number] = row
    return found


_RANGE = re.compile(r"(?<![^.])(\d+)-\d+(?![^.])")


def _sums(row: Row | None) -> Sums:
    return Sums() if row is None else row.sums
