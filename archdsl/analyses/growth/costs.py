"""What a training costs that begins with a small network."""

from collections.abc import Sequence
from itertools import pairwise

from archdsl.ir.recipe import GrowAt


def training_macs(growth: GrowAt, epochs: int, macs: Sequence[int]) -> int:
    """Return the multiply-accumulates of a training for one image, seen once in each epoch.

    `macs` are those of each phase for one input. The epochs of a phase go from the one that begins
    it up to but not including the one that begins the next.
    """
    begins = (1, *growth.at, epochs + 1)
    return sum(n * (end - start) for n, (start, end) in zip(macs, pairwise(begins), strict=True))
