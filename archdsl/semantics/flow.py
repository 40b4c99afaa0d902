"""What arrives at a place in a body."""

from fractions import Fraction

from archdsl.ir.network import FeatureMap
from archdsl.ir.numbers import Number
from archdsl.record import Record


class Flow(Record):
    """A feature map whose channels remember how they were written.

    `reduction` is the product of the strides passed since the body began, in (height, width); it
    decides whether a block changes the shape without looking at image sizes.
    """

    channels: Number
    size: tuple[int, int] | None = None
    reduction: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))

    @property
    def map(self) -> FeatureMap:
        """The map without its history."""
        return FeatureMap(int(self.channels.value), self.size)

    def restarted(self, channels: Number | None = None) -> "Flow":
        """Return the flow as the start of a body: no strides passed yet."""
        return Flow(self.channels if channels is None else channels, self.size)


SAME = (Fraction(1), Fraction(1))  # nothing is divided


def times(
    left: tuple[Fraction, Fraction], right: tuple[Fraction, Fraction]
) -> tuple[Fraction, Fraction]:
    """Return the product of two reductions."""
    if right == SAME:  # as of most layers; multiplying fractions costs more than to look
        return left
    return left[0] * right[0], left[1] * right[1]


def told(flow: Flow) -> str:
    """Return a map and how its channels were written, for a message."""
    return f"{flow.map} with {flow.channels} channels"
