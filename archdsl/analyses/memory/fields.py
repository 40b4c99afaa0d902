"""The pixels of the input that pixels of a map depend on, axis by axis."""

from collections.abc import Callable
from fractions import Fraction
from math import gcd

from archdsl.record import Record


class AxisField(Record):
    """The fields of the first output pixels on one axis, in pixels of the input.

    That of pixel i + len(fields) lies `step` pixels behind that of pixel i.
    """

    fields: tuple[tuple[int, int], ...]  # from, up to and including
    step: int

    @property
    def size(self) -> int:
        """The number of pixels."""
        return max(last - first + 1 for first, last in self.fields)

    @property
    def stride(self) -> Fraction:
        """The pixels from one field to the next, in the mean."""
        return Fraction(self.step, len(self.fields))

    @property
    def offset(self) -> Fraction:
        """The middle of the first field."""
        return Fraction(sum(self.fields[0]), 2)

    def at(self, pixel: int) -> tuple[int, int]:
        """Return the field of a pixel."""
        turns, place = divmod(pixel, len(self.fields))
        first, last = self.fields[place]
        return first + turns * self.step, last + turns * self.step

    def behind(self, reads: "Reads") -> "AxisField":
        """Return the fields of a layer's output."""
        turns = len(self.fields) // gcd(len(self.fields), reads.given)
        made = reads.made * turns
        pixels = [reads.of(pixel) for pixel in range(made)]
        fields = tuple((self.at(low)[0], self.at(max(low, high))[1]) for low, high in pixels)
        return AxisField(fields, self.step * (reads.given * turns // len(self.fields)))

    def repeated(self, number: int) -> "AxisField":
        """Return the same fields, so many times as many."""
        return AxisField(tuple(map(self.at, range(number))), self.step * number // len(self.fields))


class Reads(Record):
    """Which pixels a layer reads for each that it makes: from, up to and including.

    `made` pixels further it reads what lies `given` pixels further.
    """

    of: Callable[[int], tuple[int, int]]
    made: int = 1
    given: int = 1


class ReceptiveField(Record):
    """The field of a map, by axis; () where it is the whole input."""

    axes: tuple[AxisField, ...] = ()


WHOLE = ReceptiveField()
