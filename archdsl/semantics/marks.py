"""Maps that have a name: where they are marked, where they are used, who is handed them."""

from collections.abc import Sequence
from functools import partial

from archdsl.diagnostics import Note
from archdsl.ir.making import literal
from archdsl.ir.network import MARKED, Block, Given, Join, Map, Operator, Part, Site, Step
from archdsl.ir.numbers import Number, Symbol
from archdsl.ir.rebuild import replace
from archdsl.limits import MAX_MARKS
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.draft import Draft, Here, Role
from archdsl.semantics.evaluate import evaluate, integer_of
from archdsl.semantics.flow import Flow
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import (
    BodyValue,
    DictValue,
    ListValue,
    MapValue,
    Scope,
    Value,
    type_name,
)
from archdsl.semantics.words import is_layer_word
from archdsl.source import Span
from archdsl.syntax import tree

_WITHOUT_FORWARD = "a stage runs its members one after another and hands them no maps"


def add_mark(elaboration: Elaboration, item: tree.Mark, here: Here) -> None:
    """Give what flows here a name that is known to the end of this body."""
    flow = elaboration.arriving(here, item.span)
    draft, name = here.draft, item.name
    if draft.role is Role.STAGE:
        fail("E418", f"no map is marked in a stage: {_WITHOUT_FORWARD}", item.span, _NAMED_BODY)
    if draft.role is Role.COMBINE:
        help_ = f"write `branch {{ .. mark {name.text} }}`, or the mark before it"
        fail("E405", "what comes together stands in branches", item.span, help_)
    keys = [integer_of(key, here.scope, "a place in a list of maps") for key in item.keys]
    if len(keys) > 1:
        fail("E419", "a list of maps has one place in brackets", item.keys[1].span)
    if flow is None:
        draft.scope.unknown.add(name.text)
        return
    label = name.text + "".join(str(int(key.value)) for key in keys)
    map_ = (*here.site(item.span), MARKED)
    join = Join(operator=Operator.SUM, mark=label, input=flow.map, output=flow.map, span=item.span)
    draft.mark(join, map_, here.when)
    found = MapValue(
        body=draft.token,
        map=map_,
        flow=flow,
        label=label,
        pixels=elaboration.pixels,
        span=item.span,
    )
    if not keys:
        _check_new(name, draft.scope)
        draft.scope.define(name, found)
        return
    _enter(draft.scope, name, int(keys[0].value), found, item.keys[0].span)


def _check_new(name: tree.Name, scope: Scope) -> None:
    if name.text in scope.values:
        note = Note("declared first here", scope.spans.get(name.text, name.span))
        help_ = f"in a loop, give each its place: `mark {name.text}[i]`"
        fail("E202", f"`{name.text}` is declared twice", name.span, help_, (note,))


def _enter(scope: Scope, name: tree.Name, place: int, found: MapValue, span: Span) -> None:
    """Enter a map in the list of a name: maps by place, as a table where places are left out."""
    pairs: list[tuple[int, Value]] = []
    match scope.values.get(name.text):
        case None:
            scope.spans[name.text] = name.span
        case ListValue(items=items) if items and isinstance(items[0], MapValue):
            pairs = list(enumerate(items))
        case DictValue(items=items) if items and isinstance(items[0][1], MapValue):
            pairs = [(int(k.value), v) for k, v in items if isinstance(k, Number)]
        case _:
            _check_new(name, scope)
    if place in dict(pairs):
        fail_here("E202", f"`{name.text}[{place}]` is marked twice", span)
    if len(pairs) >= MAX_MARKS:
        fail_here("E309", f"a list holds at most {MAX_MARKS:,} maps", span)
    pairs.append((place, found))
    if [number for number, _ in pairs] == list(range(len(pairs))):
        scope.values[name.text] = ListValue(tuple(value for _, value in pairs))
    else:
        scope.values[name.text] = DictValue(tuple((literal(n), value) for n, value in pairs))


def map_of(node: tree.Expression, scope: Scope) -> MapValue:
    """Return the map that an expression means."""
    match node:
        case tree.Index(container=tree.Variable(name=name), key=key) if _is_called(name, scope):
            brackets = Span(node.span.source, name.span.end, node.span.end)
            help_ = f"write `{name.text}({key.span.text})`"
            fail("E101", "arguments stand in round brackets", brackets, help_)
        case tree.Attribute(owner=tree.Variable(name=name)) if not _is_known(name.text, scope):
            message = f"`{node.span.text}` is no layer"
            help_ = "layers are single words, such as `conv3x3(64)`, `bn`, `relu`"
            fail("E101", message, node.span, help_)
        case _:
            pass
    value = evaluate(node, scope)
    if isinstance(value, MapValue):
        return value
    help_ = None
    if isinstance(value, ListValue) and value.items and isinstance(value.items[0], MapValue):
        help_ = f"it is one of a list: write `{node.span.text}[0]`"
    fail("E302", f"`{node.span.text}` is {type_name(value)}, not a map", node.span, help_)


# ---------------------------------------------------------------- maps from outside


def reach(draft: Draft, value: MapValue, span: Span) -> Map:
    """Return the name of a map in the body of a draft, which is handed what flows around it."""
    if value.body is draft.token:
        return value.map
    outer = draft.outer
    if draft.role is Role.STAGE or outer is None:
        note = Note("marked here", value.span)
        message = f"`{value.label}` is out of reach: {_WITHOUT_FORWARD}"
        fail("E418", message, span, _NAMED_BODY, (note,))
    if outer.token is draft.token:  # branches run where they stand
        return reach(outer, value, span)
    known = draft.handed.get((id(value.body), value.map))
    if known is None:
        known = Given(map=(-1, *value.map), outer=reach(outer, value, span), label=value.label)
        draft.handed[id(value.body), value.map] = known
    return known.map


# ---------------------------------------------------------------- maps to outside


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
        node = replace(node, made=(*node.made, Given(map=inner, outer=map_, label=value.label)))
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


_NAMED_BODY = "write a named body `name: { .. }` in place of the stage"


class Handed:
    """The maps that a block is handed as arguments."""

    def __init__(self, token: object, draft: Draft | None, span: Span) -> None:
        self.token = token
        self.draft = draft
        self.span = span
        self.given: list[Given] = []
        self.channels: dict[str, Number] = {}

    def bind(self, parameter: tree.ParameterDeclaration, index: int, value: Value) -> Value:
        """Return what a map, or a list of maps, is in the block; note what it is handed."""
        name = parameter.name.text
        match value:
            case MapValue() if _is(parameter, "map"):
                return self._one(name, (-2, index, MARKED), value)
            case ListValue(items=items) if _is(parameter, "maps"):
                found = [each for each in items if isinstance(each, MapValue)]
                if len(found) == len(items):
                    pairs = enumerate(found)
                    return ListValue(
                        tuple(
                            self._one(f"{name}{i}", (-2, index, i, MARKED), each)
                            for i, each in pairs
                        )
                    )
            case _:
                pass
        if parameter.kind is None:
            help_ = f"declare it as `{name}: {'maps' if isinstance(value, ListValue) else 'map'}`"
            note = Note("declared here", parameter.name.span)
            fail("E302", f"`{name}` is given {type_name(value)}", self.span, help_, (note,))
        wanted = "a map" if _is(parameter, "map") else "a list of maps"
        fail("E302", f"`{name}` is {wanted}, not {type_name(value)}", self.span)

    def _one(self, name: str, map_: Map, value: MapValue) -> MapValue:
        if self.draft is None:
            fail("E418", f"`{name}` is out of reach: {_WITHOUT_FORWARD}", self.span, _NAMED_BODY)
        outer = reach(self.draft, value, self.span)
        self.given.append(Given(map=map_, outer=outer, label=name))
        channels = value.flow.channels
        self.channels[f"{name}_channels"] = channels
        inside = Number(channels.value, Symbol(f"{name}_channels"))
        flow = Flow(inside, value.flow.size)
        return MapValue(
            body=self.token, map=map_, flow=flow, label=name, pixels=frozenset(), span=value.span
        )


def _is_known(name: str, scope: Scope) -> bool:
    return name in scope.names() or scope.body_named(name) is not None


def _is_called(name: tree.Name, scope: Scope) -> bool:
    """Say whether a name is that of a layer or a block."""
    if name.text in scope.names():
        return False
    return is_layer_word(name.text) or name.text in scope.file.blocks


def holds_maps(value: Value) -> bool:
    """Say whether a value is a map or a list with one."""
    match value:
        case MapValue():
            return True
        case ListValue(items=items):
            return any(isinstance(item, MapValue) for item in items)
        case _:
            return False


def _is(parameter: tree.ParameterDeclaration, kind: str) -> bool:
    return parameter.kind is not None and parameter.kind.text == kind
