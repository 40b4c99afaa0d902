"""Record: the base of every immutable value in the compiler."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True)  # tells type checkers that `frozen` is inherited
class Record(msgspec.Struct, frozen=True):
    """An immutable value, compared by its fields.

    msgspec builds a class in microseconds where `dataclasses` needs about a millisecond, and the
    compiler has some eighty of them: see docs/decisions/0002-records.md.
    """


class Placed(Record):
    """A record that knows where it was written: its `span` takes no part in comparisons.

    Two equal layers on different lines are equal. Their comparison is not msgspec's, takes some
    microseconds, and nothing does it while a spec is compiled.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        compared = _compared(type(self))
        return compared(self) == compared(other)

    def __hash__(self) -> int:
        return hash((type(self), _compared(type(self))(self)))


@cache
def _compared(kind: type[Placed]) -> Callable[[object], object]:
    return attrgetter(*(field for field in kind.__struct_fields__ if field != "span"))
