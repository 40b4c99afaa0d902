"""Where an activation may work in place: nobody else reads what it takes."""

from collections.abc import Sequence

from archdsl.ir.layers import BatchNorm, Conv, ConvTranspose, GroupNorm, Linear
from archdsl.ir.network import MAIN, Block, Join, LayerNode, Map, Part, Site, Stage, Step


def fresh(body: Sequence[Step]) -> set[Site]:
    """Return the sites of steps whose input is fresh.

    Nobody else reads it, and what made it does not need it for its gradient. The input of a body
    is somebody else's.
    """
    found: set[Site] = set()
    for index, step in enumerate(body):
        if len(step.takes) != 1:
            continue
        (taken,) = step.takes
        maker = next((i for i in range(index - 1, -1, -1) if taken in body[i].gives), None)
        if maker is None or not _makes_fresh(body[maker]):
            continue
        if _reads_alone(body, index, taken, maker):
            found.add(step.site)
    return found


def _reads_alone(body: Sequence[Step], index: int, taken: Map, maker: int) -> bool:
    """Whether nobody but one step reads what another one made."""
    for i, step in enumerate(body[maker + 1 :], maker + 1):
        if taken in step.takes and i != index:
            return False
        if taken in step.gives:
            return i >= index
    return taken != MAIN  # else it is what the body gives


def _makes_fresh(step: Step) -> bool:
    match step.node:
        case LayerNode(layer=layer):
            return isinstance(layer, Conv | ConvTranspose | Linear | BatchNorm | GroupNorm)
        case Join():
            return len(step.takes) > 1
        case Block() | Part() | Stage():
            return False
