"""What arrives at a place in a body."""

from collections.abc import Sequence

from archdsl.ir.layers import Size
from archdsl.ir.network import FeatureMap
from archdsl.ir.numbers import Number
from archdsl.ir.shapes import SAME, Reduction
from archdsl.ir.showing import show
from archdsl.record import Record


class Flow(Record):
    """A feature map whose channels remember how they were written.

    `reduction` is the product of the strides passed since the body began; it decides whether a
    block changes the shape without looking at image sizes.
    """

    channels: Number
    size: Size | None = None
    reduction: Reduction = SAME

    @property
    def map(self) -> FeatureMap:
        """The map without its history."""
        return FeatureMap(int(self.channels.value), self.size)

    def restarted(self, channels: Number | None = None) -> "Flow":
        """Return the flow as the start of a body: no strides passed yet."""
        return Flow(self.channels if channels is None else channels, self.size)


def told(flow: Flow) -> str:
    """Return a map and how its channels were written, for a message."""
    what = "features" if flow.size is None else "channels"
    return f"{flow.map}: {flow.channels} {what}"


def way_out(flows: Sequence[Flow], *, equal_channels: bool = True) -> str | None:
    """Return what makes maps agree, or None where only another input size does."""
    first = flows[0]
    if any(flow.reduction != first.reduction for flow in flows):
        strides = listed([_stride(flow) for flow in flows])
        return f"the strides of the branches multiply to {strides}: make them equal"
    if equal_channels and any(flow.channels.value != first.channels.value for flow in flows):
        wanted = show(first.channels.expr)
        return f"give them the same channels, as `conv1x1({wanted})` at the end of a branch does"
    if any((flow.size is None) != (first.size is None) for flow in flows):
        return "a vector and a map never agree: end each branch with the same kind"
    if any(flow.map.dimensions != first.map.dimensions for flow in flows):
        return "maps of different dimensions never agree: make vectors of them, with `avgpool`"
    return None


def _stride(flow: Flow) -> str:
    sizes = set(flow.reduction) or {1}
    return f"[{', '.join(map(str, flow.reduction))}]" if len(sizes) > 1 else str(sizes.pop())


def listed(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
