"""Maps that have a name: where they are marked, where they are used, who is handed them."""

from collections.abc import Iterator
from typing import NoReturn

from archdsl.diagnostics import Note, SpecError
from archdsl.ir.making import literal
from archdsl.ir.network import MARKED, Crossing, Join, Map, Operator
from archdsl.ir.numbers import Number, Symbol
from archdsl.limits import MAX_MARKS
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.draft import Draft, Here, Role
from archdsl.semantics.evaluate import evaluate, integer_of
from archdsl.semantics.flow import Flow, listed
from archdsl.semantics.map_names import kind_mistake, name_mistake, out_of_sight
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import (
    DictValue,
    ListValue,
    MapValue,
    Scope,
    Value,
    holds_maps,
    type_name,
    written,
)
from archdsl.semantics.words import is_layer_word
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.files import SpecFile

_WITHOUT_FORWARD = "a stage runs its members one after another and hands them no maps"
_ARGUMENT = -2  # first in the name of a map that a block is handed as an argument


def add_mark(elaboration: Elaboration, item: tree.Mark, here: Here) -> None:
    """Give what flows here a name that is known to the end of this body."""
    flow = elaboration.arriving(here, item.span)
    draft, name = here.draft, item.name
    if draft.role is Role.STAGE:
        fail("E418", f"no map is marked in a stage: {_WITHOUT_FORWARD}", item.span, _NAMED_BODY)
    if draft.role is Role.COMBINE:
        help_ = f"write `branch {{ .. mark {name.text} }}`, or the mark before it"
        fail("E405", "what comes together stands in branches", item.span, help_)
    mistake = name_mistake(name, draft.scope.file)
    if mistake is not None:
        draft.scope.unknown.add(name.text)
        raise SpecError([mistake])
    keys = [integer_of(key, here.scope, "a place in a list of maps") for key in item.keys]
    if len(keys) > 1:
        fail("E419", "a list of maps has one place in brackets", item.keys[1].span)
    _check_new(elaboration, item, here)
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
        place=int(keys[0].value) if keys else None,
        pixels=elaboration.pixels,
        span=item.span,
    )
    if not keys:
        draft.scope.define(name, found)
        return
    _enter(draft.scope, name, int(keys[0].value), found, item.keys[0].span)


def _check_new(elaboration: Elaboration, item: tree.Mark, here: Here) -> None:
    """Raise SpecError where the name is another one's, here or in the loop or `if` around."""
    name, scope = item.name, here.scope
    while name.text not in scope.values and scope is not here.draft.scope and scope.parent:
        scope = scope.parent
    held = scope.values.get(name.text)
    if held is None or (item.keys and _is_marked(held, name.text)):
        return
    first = scope.spans.get(name.text, name.span)
    note, help_ = Note("declared first here", first), None
    if first == name.span and elaboration.loops:  # a second turn
        note = Note("each turn of this loop marks one", elaboration.loops[-1])
        help_ = f"give each its place: `mark {name.text}[i]`"
    fail("E202", f"`{name.text}` is declared twice", name.span, help_, (note,))


def _is_marked(held: Value, name: str) -> bool:
    """Say whether a list or table is one that marks of this name made."""
    match held:
        case (
            ListValue(items=[MapValue() as first, *_])
            | DictValue(items=[(_, MapValue() as first), *_])
        ):
            is_own = first.map[0] != _ARGUMENT  # of a block
            return is_own and first.name.startswith(f"{name}[")
        case _:
            return False


def _enter(scope: Scope, name: tree.Name, place: int, found: MapValue, span: Span) -> None:
    """Enter a map in the list of a name: maps by place, as a table where places are left out."""
    pairs: list[tuple[int, Value]] = []
    match scope.values.get(name.text):
        case ListValue(items=items):
            pairs = list(enumerate(items))
        case DictValue(items=items):
            pairs = [(int(k.value), v) for k, v in items if isinstance(k, Number)]
        case _:
            scope.spans[name.text] = name.span
    first = dict(pairs).get(place)
    if isinstance(first, MapValue):
        notes = (Note("marked first here", first.span),) if first.span != found.span else ()
        fail_here("E202", f"`{name.text}[{place}]` is marked twice", span, notes=notes)
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
            if name.text in scope.file.blocks:
                help_ = f"write `one: {name.text}(..)`, and here `one.{node.name.text}`"
                fail("E301", f"no block here is named `{name.text}`", name.span, help_)
            message = f"`{node.span.text}` is no layer"
            help_ = "layers are single words, such as `conv3x3(64)`, `bn`, `relu`"
            fail("E101", message, node.span, help_)
        case _:
            pass
    _check_known(node, scope)
    value = evaluate(node, scope)
    if isinstance(value, MapValue):
        return value
    help_ = None
    match value:
        case ListValue() if holds_maps(value):
            help_ = f"it is one of a list: write `{node.span.text}[0]`"
        case DictValue(items=[(key, _), *_]) if holds_maps(value):
            help_ = f"it is one of a table: write `{node.span.text}[{written(key)}]`"
        case _:
            pass
    fail("E302", f"`{node.span.text}` is {type_name(value)}, not a map", node.span, help_)


def _check_known(node: tree.Expression, scope: Scope) -> None:
    """Raise SpecError for a name that nothing has."""
    match node:
        case tree.Index(container=inner) | tree.Attribute(owner=inner):
            _check_known(inner, scope)
        case tree.Variable(name=name) if not _is_known(name.text, scope):
            if is_layer_word(name.text) or name.text in scope.file.blocks:
                return
            notes, help_ = out_of_sight(name, scope.file)
            inside = scope.body_that_marks(name.text)
            if inside is not None:
                help_ = f"write `{inside}.{name.text}`"
            known = [f"`{text}`" for text, value in scope.names().items() if holds_maps(value)]
            if known and help_ is None:
                help_ = f"there is {listed(known[:_SHOWN])}"
            fail("E301", f"there is no map `{name.text}`", name.span, help_, notes)
        case _:
            pass


_SHOWN = 6  # names of maps, in a message


# ---------------------------------------------------------------- maps from outside


def reach(draft: Draft, value: MapValue, span: Span) -> Map:
    """Return the name of a map in the body of a draft, which is handed what flows around it."""
    if value.body is draft.token:
        return value.map
    outer = draft.outer
    if draft.role is Role.STAGE or outer is None:
        _out_of_reach(value, span)
    if outer.token is draft.token:  # branches run where they stand
        return reach(outer, value, span)
    known = draft.handed.get((id(value.body), value.map))
    if known is None:
        known = Crossing(map=(-1, *value.map), outer=reach(outer, value, span), label=value.label)
        draft.handed[id(value.body), value.map] = known
    return known.map


def _out_of_reach(value: MapValue, span: Span) -> NoReturn:
    message = f"`{value.name}` is out of reach: {_WITHOUT_FORWARD}"
    fail("E418", message, span, _NAMED_BODY, (Note("marked here", value.span),))


_NAMED_BODY = "write a named body `name: { .. }` in place of the stage"


class Handed:
    """The maps that a block is handed as arguments."""

    def __init__(self, token: object, draft: Draft | None, span: Span) -> None:
        self.token = token
        self.draft = draft
        self.span = span
        self.given: list[Crossing] = []
        self.channels: dict[str, Number] = {}

    def bind(
        self, parameter: tree.ParameterDeclaration, index: int, value: Value, file: SpecFile
    ) -> Value:
        """Return what a map, or a list of maps, is in the block; note what it is handed."""
        kind, name = parameter.kind, parameter.name.text
        if kind is None:
            _undeclared(parameter.name, value, self.span)
        mistake = kind_mistake(parameter, "block") or name_mistake(parameter.name, file)
        if mistake is not None:
            raise SpecError([mistake])
        match value:
            case MapValue() if kind.text == "map":
                return self._one(name, (_ARGUMENT, index, MARKED), value)
            case ListValue(items=items) if kind.text == "maps":
                found = tuple(self._maps(name, items))
                pairs = enumerate(found)
                return ListValue(
                    tuple(
                        self._one(f"{name}{i}", (_ARGUMENT, index, i, MARKED), each, i)
                        for i, each in pairs
                    )
                )
            case _:
                wanted, help_ = "a map" if kind.text == "map" else "a list of maps", None
                if isinstance(value, DictValue) and kind.text == "maps":
                    help_ = "a list has the places 0, 1, 2, .. and is marked in this order"
                fail("E302", f"`{name}` is {wanted}, not {type_name(value)}", self.span, help_)

    def _maps(self, name: str, items: tuple[Value, ...]) -> Iterator[MapValue]:
        for each in items:
            if not isinstance(each, MapValue):
                message = f"`{name}` is a list of maps, and {type_name(each)} stands in it"
                fail("E302", message, self.span)
            yield each

    def _one(self, name: str, map_: Map, value: MapValue, place: int | None = None) -> MapValue:
        if value.body is self.token:  # a default: another map that the block is handed
            return value
        if self.draft is None:
            _out_of_reach(value, self.span)
        outer = reach(self.draft, value, self.span)
        self.given.append(Crossing(map=map_, outer=outer, label=name))
        channels = value.flow.channels
        self.channels[f"{name}_channels"] = channels
        inside = Number(channels.value, Symbol(f"{name}_channels"))
        flow = Flow(inside, value.flow.size)
        return MapValue(
            body=self.token,
            map=map_,
            flow=flow,
            label=name,
            pixels=frozenset(),
            span=value.span,
            place=place,
        )


def _is_known(name: str, scope: Scope) -> bool:
    return name in scope.names() or scope.body_named(name) is not None


def _is_called(name: tree.Name, scope: Scope) -> bool:
    """Say whether a name is that of a layer or a block."""
    if name.text in scope.names():
        return False
    return is_layer_word(name.text) or name.text in scope.file.blocks


def _undeclared(name: tree.Name, value: Value, span: Span) -> NoReturn:
    note = Note("declared here", name.span)
    help_ = f"declare it as `{name.text}: {'map' if isinstance(value, MapValue) else 'maps'}`"
    given = "a map" if isinstance(value, MapValue) else f"{type_name(value)} with maps"
    fail("E302", f"`{name.text}` is given {given}", span, help_, (note,))
