"""Parts of layers that are fixed in a network that does not grow, as a table for parts.py."""

from collections.abc import Iterator

from archdsl.analyses.looped import NETWORK, Looped, members
from archdsl.analyses.walk import leaves
from archdsl.ir.network import Channels, FixedPart, LayerNode, Network, Node, Shared


def fixed_parts(network: Network) -> Iterator[str]:
    """Yield the lines of the table: the outputs and inputs of modules, None for all of them."""
    if any(isinstance(leaf.fixed, FixedPart) for leaf in leaves(network)):
        yield from _below(network, NETWORK)


def _below(node: Network | Node | Shared, place: Looped) -> Iterator[str]:
    for inner, found in members(node, place):
        match found:
            case (
                LayerNode(fixed=FixedPart() as part, shared=None)
                | Shared(fixed=FixedPart() as part)
            ):
                yield from _line(inner, f"({_ranges(part.outputs)}, {_ranges(part.inputs)})")
            case _:
                yield from _below(found, inner)


def _line(place: Looped, value: str) -> Iterator[str]:
    if not place.loops:
        yield f'"{place.name}": {value},'
        return
    key = f'f"{place.name}": {value}'
    clauses = [f"for {clause}" for clause in place.clauses()]
    line = f"**{{{' '.join((key, *clauses))}}},"
    if len(line) <= _WIDTH:
        yield line
        return
    yield from ("**{", f"    {key}", *(f"    {clause}" for clause in clauses), "},")


_WIDTH = 96  # of a line in the table


def _ranges(channels: Channels | None) -> str:
    if channels is None:
        return "None"
    (found,) = channels  # what a spec says is one range
    return f"range({found[0]}, {found[1]})" if found[0] else f"range({found[1]})"
