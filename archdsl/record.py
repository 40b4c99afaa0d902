"""Record: the base of every immutable value in the compiler."""

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True)  # tells type checkers that `frozen` is inherited
class Record(msgspec.Struct, frozen=True):
    """An immutable value, compared by its fields.

    msgspec builds a class in microseconds where `dataclasses` needs about a millisecond, and the
    compiler has some eighty of them: see docs/decisions/0002-records.md.
    """
