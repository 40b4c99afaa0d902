"""Maps that a body or a block with a name gives to those around it: `features.c2`."""

from collections.abc import Sequence
from functools import partial

from archdsl.ir.network import Block, Crossing, Map, Part, Site, Step
from archdsl.ir.rebuild import replace
from archdsl.semantics.draft import Draft, Here
from archdsl.semantics.values import BodyValue, DictValue, ListValue, MapValue, Value
from archdsl.source import Span
from archdsl.syntax import tree


def remember(here: Here, label: tree.Name | None, span: Span, inside: Draft) -> None:
    """Let what a body marked be known by the body's name to those after it, here."""
    if label is None:
        return
    values = inside.scope.values.items()
    here.draft.scope.bodies[label.text] = BodyValue(
        marks={name: value for name, value in values if marked_in(value, inside.token)},
        members=dict(inside.scope.bodies),
        site=here.site(span),
        outward=inside.outward,
        expose=partial(_expose, here.draft),
    )


def _expose(draft: Draft, sites: Sequence[Site], value: MapValue) -> tuple[Map, object]:
    """Let the steps at these sites, one in the other, give a map; return what it is outside."""
    steps, map_ = _giving(draft.steps, sites, value)
    draft.steps[:] = steps
    return map_, draft.token


def _giving(
    steps: Sequence[Step], sites: Sequence[Site], value: MapValue
) -> tuple[list[Step], Map]:
    found = list(steps)
    place = next(n for n, step in enumerate(found) if step.site == sites[0])
    step, node, inner = found[place], found[place].node, value.map
    assert isinstance(node, Block | Part)
    if len(sites) > 1:
        body, inner = _giving(node.body, sites[1:], value)
        node = replace(node, body=tuple(body))
    map_ = (*step.site, *inner)
    gives = step.gives
    if map_ not in gives:
        node = replace(node, made=(*node.made, Crossing(map=inner, outer=map_, label=value.label)))
        gives = (*gives, map_)
    found[place] = replace(step, node=node, gives=gives)
    return found, map_


def marked_in(value: Value, token: object) -> bool:
    """Say whether a value is a map of this body, or a list of such."""
    match value:
        case MapValue(body=body):
            return body is token
        case ListValue(items=items):
            return bool(items) and all(marked_in(item, token) for item in items)
        case DictValue(items=pairs):
            return bool(pairs) and all(marked_in(held, token) for _, held in pairs)
        case _:
            return False
