"""Elaborates `preactivation`, `residual` and `shortcut`."""

from collections.abc import Mapping, Sequence

from archdsl.diagnostics import Note
from archdsl.ir.layers import StochasticDepth
from archdsl.ir.network import LayerNode, Node, Part, Residual
from archdsl.ir.numbers import show
from archdsl.semantics.annotations import Context
from archdsl.semantics.evaluate import fail
from archdsl.semantics.flow import Flow, times, told, way_out
from archdsl.semantics.state import Elaboration, Here, Role
from archdsl.source import Span
from archdsl.syntax import tree


def add_residual(elaboration: Elaboration, elements: Sequence[tree.Element], here: Here) -> None:
    """Add a residual and what stands beside it; a mistake in either leaves nothing flowing."""
    group = _by_word(elements, here)
    flow = elaboration.arriving(here, elements[0].span)
    here.site.flow = None
    if flow is None:
        return
    before, entered = _nodes(elaboration, group.get("preactivation"), flow.restarted(), here)
    if entered is None:
        return
    nodes, after = _nodes(elaboration, group["residual"], entered, here)
    if after is None:
        return
    changes = after.reduction != (1, 1) or after.channels.value != flow.channels.value
    shortcut: Part | None = None
    beside: Flow | None = flow
    if changes:
        start = entered if "preactivation" in group else flow
        shortcut, beside = _shortcut(elaboration, group, (start.restarted(), after), here)
    if beside is None:
        return
    if beside.map != after.map:
        _unequal(after, beside, group)
    here.site.nodes.append(
        Residual(
            preactivation=before,
            residual=dropped(nodes, after, here.site.context, group["residual"].span),
            shortcut=shortcut,
            changes_shape=changes,
            input=flow.map,
            output=after.map,
            span=group["residual"].span,
        )
    )
    here.site.flow = Flow(after.channels, after.size, times(flow.reduction, after.reduction))


def _by_word(elements: Sequence[tree.Element], here: Here) -> dict[str, tree.Element]:
    """Return the bodies by word; raise SpecError where one is out of place, double or missing."""
    group: dict[str, tree.Element] = {}
    for element in elements:
        word, span = element.call.name.text, element.call.span
        if here.site.role is not Role.BLOCK:
            help_ = "declare a `block` with it, or write `sum { branch { .. } identity }`"
            fail("E411", f"`{word}` stands in a block", span, help_)
        if element.body is None:
            fail("E408", f"`{word}` needs a body `{{ .. }}`", span)
        if element.call.arguments:
            fail("E311", f"`{word}` takes no arguments", span)
        if word in group:
            note = Note("the first is here", group[word].call.span)
            fail("E412", f"a second `{word}`", span, notes=(note,))
        group[word] = element
    if "residual" not in group:
        first = elements[0].call
        fail("E413", f"`{first.name.text}` needs a `residual` beside it", first.span)
    return group


def _nodes(
    elaboration: Elaboration, element: tree.Element | None, flow: Flow, here: Here
) -> tuple[tuple[Node, ...], Flow | None]:
    """Elaborate a preactivation or residual; with a written name it is one part."""
    if element is None:
        return (), flow
    assert element.body is not None
    context = elaboration.apply(element.annotations, here.scope, here.site.context)
    if element.label is not None:
        part, after = _part(elaboration, element, flow, here)
        return ((part,) if part else ()), after
    inside = elaboration.inside_site(Role.PART, flow, context, here)
    inside.labels = here.site.labels
    elaboration.items(element.body.items, Here(inside, inside.scope))
    return tuple(inside.nodes), inside.flow


def _part(
    elaboration: Elaboration, element: tree.Element, flow: Flow, here: Here
) -> tuple[Part | None, Flow | None]:
    assert element.body is not None
    if element.label is not None:
        elaboration.check_label(element.label, here.site)
    context = elaboration.apply(element.annotations, here.scope, here.site.context)
    named = (element.call.name.text, element.label)
    return elaboration.part(named, element.body, flow, context, here)


def _shortcut(
    elaboration: Elaboration,
    group: Mapping[str, tree.Element],
    flows: tuple[Flow, Flow],
    here: Here,
) -> tuple[Part | None, Flow | None]:
    """Elaborate the shortcut of a block that turns the first flow into the second."""
    start, after = flows
    element = group.get("shortcut")
    if element is None:
        message = f"the block turns {start.map} into {after.map} and has no `shortcut`"
        strided = after.reduction != (1, 1) or "stride" in here.site.scope.used
        stride = ", stride = stride" if strided else ""
        width = show(after.channels.expr)
        help_ = f"add `shortcut {{ conv1x1({width}{stride}) }}`"
        fail("E401", message, group["residual"].call.span, help_)
    return _part(elaboration, element, start, here)


def _unequal(after: Flow, beside: Flow, group: Mapping[str, tree.Element]) -> None:
    span = group["residual"].call.span
    notes = [Note(f"the residual branch gives {told(after)}", span)]
    if "shortcut" in group:
        notes.append(Note(f"the shortcut gives {told(beside)}", group["shortcut"].call.span))
    else:
        notes.append(Note(f"the identity gives {told(beside)}"))
    message = f"{after.map} and {beside.map} do not add"
    fail("E402", message, span, way_out((after, beside)), tuple(notes))


def dropped(nodes: tuple[Node, ...], flow: Flow, context: Context, span: Span) -> tuple[Node, ...]:
    """Return a residual branch with its stochastic depth, if it has one.

    Rates that grow from block to block are the blocks' own: a branch in no block has none.
    """
    scope = context.drop
    if scope is None or (scope.grows and not context.in_run):
        return nodes
    scope.reached = True
    rate = None if scope.grows else float(scope.rate)
    node = LayerNode(
        kind="stochastic_depth",
        label=None,
        layer=StochasticDepth(p=rate),
        input=flow.map,
        output=flow.map,
        span=span,
    )
    return (*nodes, node)
