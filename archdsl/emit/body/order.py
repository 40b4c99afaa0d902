"""Which maps merged steps take, and in which order they run."""

from collections.abc import Container, Sequence

from archdsl.emit.body.merged import Merged, Operand, is_shortcut
from archdsl.ir.network import MAIN, Map


def map_of(operand: Operand) -> Map:
    """Return the map of an operand; where some lack a shortcut, that of the others."""
    maps = dict.fromkeys(map_ for map_ in operand.maps if map_ is not None)
    return next((map_ for map_ in maps if map_ != MAIN), MAIN)


def in_order(steps: Sequence[Merged]) -> tuple[Merged, ...]:
    """Return steps as they run: a shortcut that takes a preactivation before what changes that."""
    ordered: list[Merged] = []
    for step in steps:
        place = len(ordered)
        if is_shortcut(step) and None in step.column:
            (taken,) = first_maps_of(step)
            if taken != MAIN:
                firsts = (n for n, other in enumerate(ordered) if _leaves(other, taken))
                place = next(firsts, place)
        ordered.insert(place, step)
    return tuple(ordered)


def _leaves(step: Merged, map_: Map) -> bool:
    """Whether a step takes a map and gives another one."""
    return map_ in maps_of(step) and step.stand.gives != map_


def maps_of(step: Merged) -> list[Map]:
    """Return the maps that a step takes in some instance."""
    return list(dict.fromkeys(map_ for takes in step.stand.takes for map_ in takes or ()))


def first_maps_of(step: Merged) -> list[Map]:
    """Return the maps that flow through a step in some instance; a call is handed others, too."""
    return list(dict.fromkeys(takes[0] for takes in step.stand.takes if takes))


def is_read(map_: Map, steps: Sequence[Merged], made: Container[Map]) -> bool:
    """Whether steps read a map before another one gives it anew; the body gives what is `made`."""
    for step in steps:
        if map_ in maps_of(step):
            return True
        if step.stand.gives == map_ and not step.stand.when:
            return False
    return map_ in made
