"""Elaborates loops: items one after another, or a run of blocks by index."""

from typing import assert_never

from archdsl.ir.making import leaf, literal
from archdsl.ir.network import Block, FeatureMap, Stage
from archdsl.ir.numbers import Number
from archdsl.ir.rebuild import replace
from archdsl.semantics.checks import fail
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.draft import Draft, Here, Role
from archdsl.semantics.evaluate import evaluate
from archdsl.semantics.stages import members
from archdsl.semantics.state import Elaboration
from archdsl.semantics.tables import unmade
from archdsl.semantics.values import BlockValue, DictValue, ListValue, Scope, Value, type_name
from archdsl.source import Span
from archdsl.syntax import tree


def add_loop(elaboration: Elaboration, item: tree.LoopItem, here: Here) -> None:
    """Add what a loop gives: its items one after another, or a run of blocks by index."""
    draft = here.draft
    values = _sequence(item, here.scope)
    if not _is_run(elaboration, item, here):
        here.scope.choose_by(hangs_on(item.sequence, here.scope))
        _iterate(elaboration, item, values, here)
        return
    context = replace(draft.context, level=draft.context.level + 1)
    run = Draft(
        scope=here.scope,
        role=Role.STAGE,
        flow=draft.flow,
        context=context,
        in_block=draft.in_block,
        outer=draft,
    )
    _iterate(elaboration, item, values, Here(run, here.scope))
    given, draft.flow = draft.flow, run.flow
    if given is not None and run.flow is not None and run.steps:
        stage = _run_of(run, given.map, run.flow.map, item.span)
        here.add(replace(stage, repeats=_turns(item, len(values), here.scope)), item.span)


def _iterate(
    elaboration: Elaboration, item: tree.LoopItem, values: tuple[Value, ...], here: Here
) -> None:
    context = here.draft.context
    hanging = hangs_on(item.sequence, here.scope)
    elaboration.loops.append(item.names[0].span.to(item.sequence.span))
    for i, value in enumerate(values):
        if elaboration.stopped:
            break
        elaboration.count_step(here.scope, item.span)
        here.draft.context = replace(context, index=i + 1)
        inner = elaboration.inner_scope(here, here.draft.flow)
        _define(item, inner, i, value, hanging)
        elaboration.items(item.body.items, here.deeper(inner, item.span, i))
    elaboration.loops.pop()
    here.draft.context = context


def _sequence(item: tree.LoopItem, scope: Scope) -> tuple[Value, ...]:
    sequence = evaluate(item.sequence, scope)
    match sequence:
        case ListValue(items=values):
            return values
        case DictValue(items=pairs):
            return tuple(key for key, _ in pairs)
        case _:
            span = item.sequence.span
            help_ = f"write `range({span.text})`" if isinstance(sequence, Number) else None
            fail("E302", f"a loop goes over a list, not {type_name(sequence)}", span, help_)


def _define(
    item: tree.LoopItem, scope: Scope, index: int, value: Value, hanging: frozenset[str]
) -> None:
    name = item.names[-1]
    scope.settle_sizes(value)
    scope.define(name, unmade(value, name.text, hanging), hanging)
    if len(item.names) > 1:
        scope.define(item.names[0], leaf(index, item.names[0].text, hanging))


def _turns(item: tree.LoopItem, turns: int, scope: Scope) -> Number:
    """Return how often a loop runs."""
    match item.sequence:
        case tree.Call(name=tree.Name(text="range"), arguments=(tree.Argument(value=node),)):
            number = evaluate(node, scope)
            if isinstance(number, Number):
                return number
        case _:
            pass
    names = hangs_on(item.sequence, scope)
    return leaf(turns, str(turns), names) if names else literal(turns)


def _is_run(elaboration: Elaboration, item: tree.LoopItem, here: Here) -> bool:
    """Say whether each iteration is one unnamed block: they then go by index.

    Not where it may be handed maps, which members of a list are not.
    """
    if here.draft.role in (Role.STAGE, Role.COMBINE):
        return False
    elements = [inner for inner in item.body.items if _does(inner)]
    match elements:
        case [tree.Element(label=None, body=None, call=call)]:
            callee = elaboration.callee(call.name, here.scope)
            if not isinstance(callee, BlockValue):
                return False
            return all(parameter.kind is None for parameter in callee.declaration.parameters)
        case _:
            return False


def _does(item: tree.BodyItem) -> bool:
    """Say whether an item is more than a definition or a check."""
    match item:
        case tree.LetItem() | tree.RequireItem() | tree.ModuleItem():
            return False
        case (
            tree.Expect()
            | tree.UseRecipe()
            | tree.SetInit()
            | tree.Grow()
            | tree.Mark()
            | tree.MapItem()
            | tree.InputItem()
            | tree.OutputItem()
            | tree.Element()
            | tree.NamedBody()
            | tree.StageItem()
            | tree.LoopItem()
            | tree.Condition()
        ):
            return True
        case _:
            assert_never(item)


def _run_of(run: Draft, given: FeatureMap, after: FeatureMap, span: Span) -> Stage:
    first = run.steps[0].node
    assert isinstance(first, Block)
    return Stage(
        kind=first.declaration, label=None, items=members(run), input=given, output=after, span=span
    )
