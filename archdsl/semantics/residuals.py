"""Elaborates `preactivation`, `residual` and `shortcut`."""

from collections.abc import Mapping, Sequence

from archdsl.diagnostics import Note
from archdsl.ir.network import Join, LayerNode, Map, Operator, Part, Site, Step
from archdsl.ir.shapes import SAME, times
from archdsl.ir.showing import show
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.draft import LAST, Here, Role
from archdsl.semantics.drops import rate_here, stochastic_depth
from archdsl.semantics.flow import Flow, told, way_out
from archdsl.semantics.labels import refuse
from archdsl.semantics.state import Elaboration
from archdsl.syntax import tree


def add_residual(elaboration: Elaboration, elements: Sequence[tree.Element], here: Here) -> None:
    """Add a residual and what stands beside it; a mistake in either leaves nothing flowing."""
    group = _by_word(elements, here)
    flow = elaboration.arriving(here, elements[0].span)
    here.draft.flow = None
    if flow is None:
        return
    ways = _Ways(elaboration, here, here.site(elements[0].span))
    entered, start_map = ways.row(group.get("preactivation"), flow.restarted(), 0)
    if entered is None:
        return
    residual, span = group["residual"], group["residual"].span
    # members are registered as they are written; both begin with the same map
    words = [word for word in group if word != "preactivation"]
    ways.is_turned = words[0] == "shortcut"
    before = len(ways.steps)
    after, after_map = ways.row(residual, entered, 1, start_map)
    if after is None:
        return
    changes = after.reduction != SAME or after.channels.value != flow.channels.value
    shortcut: Part | None = None
    beside: Flow | None = flow
    if changes:
        start = entered if "preactivation" in group else flow
        shortcut, beside = _shortcut(elaboration, group, (start.restarted(), after), here)
    if beside is None:
        return
    if beside.map != after.map:
        _unequal(after, beside, group)
    rate = rate_here(elaboration, here.draft.context)
    if rate is not None:
        drop = stochastic_depth(rate, after.map, span)
        after_map = ways.add(drop, (*ways.way(1), LAST), after_map, (*ways.site, 1))
    beside_map = here.draft.current
    if shortcut is not None:
        beside_map = ways.add(shortcut, ways.way(2), start_map, (*ways.site, 2))
        if ways.is_turned:
            ways.steps.insert(before, ways.steps.pop())
    join = Join(operator=Operator.SUM, input=flow.map, output=after.map, span=span)
    ways.join(join, (after_map, beside_map))
    here.draft.flow = Flow(after.channels, after.size, times(flow.reduction, after.reduction))


class _Ways:
    """The steps of a residual group, before they are its block's."""

    def __init__(self, elaboration: Elaboration, here: Here, site: Site) -> None:
        self.elaboration = elaboration
        self.here = here
        self.site = site
        self.steps: list[Step] = []
        self.is_turned = False  # the shortcut is written before the residual

    def way(self, place: int) -> Site:
        """Return the site of the preactivation, 0, the residual, 1, or the shortcut, 2."""
        return (*self.site, 3 - place if self.is_turned and place else place)

    def row(
        self, element: tree.Element | None, flow: Flow, place: int, start: Map | None = None
    ) -> tuple[Flow | None, Map]:
        """Elaborate a preactivation or a residual; with a written name it is one part."""
        elaboration, here = self.elaboration, self.here
        taken = here.draft.current if start is None else start
        if element is None:
            return flow, taken
        assert element.body is not None
        given, way = (*self.site, place), self.way(place)
        context = elaboration.apply(element.annotations, here.scope, here.draft.context)
        if element.label is not None:
            part, after = _part(elaboration, element, flow, here)
            return after, taken if part is None else self.add(part, way, taken, given)
        inside = elaboration.inside_draft(
            Role.PART, flow, context, here, (taken, given), runs_here=True
        )
        inside.labels = here.draft.labels
        elaboration.items(element.body.items, Here(inside, inside.scope, way, here.when))
        self.steps += inside.steps
        return inside.flow, inside.current

    def add(self, node: LayerNode | Part, site: Site, taken: Map, given: Map) -> Map:
        """Add a step; return the map that it gives."""
        when = self.here.when
        self.steps.append(Step(node=node, takes=(taken,), gives=(given,), site=site, when=when))
        return given

    def join(self, join: Join, takes: tuple[Map, Map]) -> None:
        """Give the block all steps, and the one that joins their maps."""
        draft, when = self.here.draft, self.here.when
        site = (*self.site, 3)
        last = Step(node=join, takes=takes, gives=(draft.given,), site=site, when=when)
        draft.steps += [*self.steps, last]
        draft.current = draft.given


def _by_word(elements: Sequence[tree.Element], here: Here) -> dict[str, tree.Element]:
    """Return the bodies by word; raise SpecError where one is out of place, double or missing."""
    group: dict[str, tree.Element] = {}
    for element in elements:
        word, span = element.call.name.text, element.call.span
        if here.draft.role is not Role.BLOCK:
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


def _part(
    elaboration: Elaboration, element: tree.Element, flow: Flow, here: Here
) -> tuple[Part | None, Flow | None]:
    assert element.body is not None
    if element.label is not None:
        refuse(element.label, f"`{element.call.name.text}`")
        elaboration.check_label(element.label, here.draft)
    context = elaboration.apply(element.annotations, here.scope, here.draft.context)
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
        strided = after.reduction != SAME or "stride" in here.draft.scope.used
        stride = ", stride = stride" if strided else ""
        width = show(after.channels.expr)
        help_ = f"add `shortcut {{ conv1x1({width}{stride}) }}`"
        fail_here("E401", message, group["residual"].call.span, help_)
    return _part(elaboration, element, start, here)


def _unequal(after: Flow, beside: Flow, group: Mapping[str, tree.Element]) -> None:
    span = group["residual"].call.span
    notes = [Note(f"the residual branch gives {told(after)}", span)]
    if "shortcut" in group:
        notes.append(Note(f"the shortcut gives {told(beside)}", group["shortcut"].call.span))
    else:
        notes.append(Note(f"the identity gives {told(beside)}"))
    message = f"{after.map} and {beside.map} do not add"
    fail_here("E402", message, span, way_out((after, beside)), tuple(notes))
