"""Parts of layers that are fixed in a network that does not grow, as a table for parts.py."""

from collections.abc import Iterator

from archdsl.analyses.walk import root, walk
from archdsl.ir.network import Channels, FixedPart, LayerNode, Network, Shared


def fixed_parts(network: Network) -> Iterator[str]:
    """Yield the lines of the table: the outputs and inputs of modules, None for all of them."""
    for place in walk(root(network), unfold=True):
        match place.node:
            case (
                LayerNode(fixed=FixedPart() as part, shared=None)
                | Shared(fixed=FixedPart() as part)
            ):
                yield f'"{place.name}": ({_ranges(part.outputs)}, {_ranges(part.inputs)}),'
            case _:
                pass


def _ranges(channels: Channels | None) -> str:
    if channels is None:
        return "None"
    (found,) = channels  # what a spec says is one range
    return f"range({found[0]}, {found[1]})" if found[0] else f"range({found[1]})"
