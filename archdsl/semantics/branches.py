"""Elaborates `sum`, `concat` and `product`."""

from collections.abc import Iterator
from itertools import takewhile
from typing import NoReturn

from archdsl.diagnostics import Note
from archdsl.ir.layers import ChannelSplit, is_point
from archdsl.ir.making import combine
from archdsl.ir.network import Block, Join, LayerNode, Map, Operator, Part, Step
from archdsl.ir.numbers import Test
from archdsl.ir.rebuild import replace
from archdsl.ir.shapes import times
from archdsl.semantics.checks import check_map, fail, fail_here
from archdsl.semantics.context import Context
from archdsl.semantics.draft import LAST, Branch, Draft, Here, Role
from archdsl.semantics.drops import Rate, rate_here, stochastic_depth
from archdsl.semantics.factors import check_factors
from archdsl.semantics.flow import Flow, listed, told, way_out
from archdsl.semantics.labels import has_no_level
from archdsl.semantics.marks import map_of, reach
from archdsl.semantics.modules import check_lone, lone_module, use_module
from archdsl.semantics.state import Elaboration
from archdsl.syntax import tree


def add_combine(
    elaboration: Elaboration, operator: Operator, item: tree.Element, here: Here
) -> None:
    """Add branches side by side."""
    span, body = item.call.span, item.body
    assert body is not None
    if here.draft.role is Role.STAGE:
        fail("E414", f"a stage holds blocks and layers; put `{operator}` in a block", span)
    if item.label is not None:
        fail("E318", f"`{operator}` has no name; its branches may", item.label.span)
    flow = elaboration.arriving(here, item.span)
    here.draft.flow = None
    if flow is None:
        return
    context = elaboration.apply(item.annotations, here.scope, here.draft.context)
    start = flow.restarted()
    inside = elaboration.inside_draft(Role.COMBINE, start, context, here, runs_here=True)
    inside.labels = here.draft.labels
    inside.operator = operator
    elaboration.items(body.items, Here(inside, inside.scope, here.site(item.span)))
    if inside.flow is None:
        return
    if not inside.branches:
        fail("E415", f"`{operator}` has no branches", span)
    check_factors(inside, item)
    after = _together(operator, inside, item)
    branches = inside.branches
    identities = [b.when for b in branches if not b.part.body and b.source is None]
    if operator is Operator.SUM and identities and len(identities) < len(branches):
        rate = rate_here(elaboration, context)
        branches = branches if rate is None else _with_drops(rate, branches, identities)
    alone = len(branches) == 1 and not branches[0].part.body and branches[0].source is None
    if not alone:  # as an identity
        when = tuple(branch.when for branch in branches)
        join = Join(
            operator=operator,
            when=when,
            labels=tuple(_identity_labels(branches)),
            input=flow.map,
            output=after.map,
            span=span,
        )
        _add(join, branches, item, here)
    here.draft.flow = Flow(after.channels, after.size, times(flow.reduction, after.reduction))


def _identity_labels(branches: list[Branch]) -> Iterator[str]:
    for branch in branches:
        if branch.part.label is not None and not branch.part.body:
            yield branch.part.label


def _add(join: Join, branches: list[Branch], item: tree.Element, here: Here) -> None:
    """Add the branches and what joins them; an identity is no step."""
    draft = here.draft
    joined: list[Map] = []
    for branch in branches:
        taken = draft.current if branch.source is None else branch.source
        if not branch.part.body:
            joined.append(taken)
            continue
        joined.append(branch.site if branch.given is None else branch.given)
        draft.steps += _steps(branch, taken, here)
    step = Step(
        node=join,
        takes=tuple(joined),
        gives=(draft.given,),
        site=(*here.site(item.span), LAST),
        when=here.when,
    )
    draft.steps.append(step)
    draft.current = draft.given


def _steps(branch: Branch, taken: Map, here: Here) -> Iterator[Step]:
    """Yield the steps of a branch: a slice of channels that it begins with, then the rest.

    The slice is no module, as `x.chunk(2, dim=1)[0]` is none.
    """
    if branch.given is not None:
        yield from (replace(s, when=(*here.when, *s.when)) for s in branch.part.body)
        return
    when = (*here.when, *branch.when)
    if isinstance(branch.part, Block):
        takes, gives = (taken,), (branch.site,)
        yield Step(node=branch.part, takes=takes, gives=gives, site=branch.site, when=when)
        return
    slices = list(takewhile(_is_slice, branch.part.body))
    for step in slices:
        yield replace(
            step,
            takes=(taken,),
            gives=(branch.site,),
            site=(*branch.site, 0, *step.site),
            when=(*when, *step.when),
        )
        taken = branch.site
    rest = branch.part.body[len(slices) :]  # nothing, where the branch is the slice alone
    given = slices[-1].node.output if slices else branch.part.input
    part = replace(branch.part, body=rest, input=given)
    site = (*branch.site, LAST)
    yield Step(node=part, takes=(taken,), gives=(branch.site,), site=site, when=when)


def _is_slice(step: Step) -> bool:
    match step.node:
        case LayerNode(layer=ChannelSplit(), label=None):
            return True
        case _:
            return False


def _with_drops(
    rate: Rate, branches: list[Branch], identities: list[tuple[Test, ...]]
) -> list[Branch]:
    """Return the branches; those beside an identity end in a stochastic depth."""
    when = min(identities, key=len)
    return [_with_drop(rate, b, when) if b.part.body else b for b in branches]


def _with_drop(rate: Rate, branch: Branch, when: tuple[Test, ...]) -> Branch:
    part = branch.part
    if isinstance(part, Block):
        message = (
            "a module is not dropped: stochastic depth is about branches with layers of their own"
        )
        fail("E424", message, part.span, "write `with stochastic_depth(0)` on what is around it")
    drop = stochastic_depth(rate, part.output, part.span)
    last = Step(node=drop, site=(LAST,), when=when)
    if branch.given is not None:
        site, maps = (*branch.site, LAST), (branch.given,)
        last = replace(last, site=site, takes=maps, gives=maps)
    return replace(branch, part=replace(part, body=(*part.body, last)))


def add_branch(elaboration: Elaboration, word: str, item: tree.Element, here: Here) -> None:
    """Add a branch, or the identity, to those of a `sum`, `concat` or `product`."""
    draft = here.draft
    if word == "branch":
        _check_branch(item)
    start, source = _start(item, here)
    elaboration.count_step(here.scope, item.span)
    if word == "identity":
        if item.body is not None or item.call.arguments:
            fail("E406", "`identity` has no arguments and no body", item.call.span)
        body = tree.Body((), item.call.span)
    else:
        assert item.body is not None
        body = item.body
    context = elaboration.apply(item.annotations, here.scope, draft.context)
    if has_no_level(item.label):
        _add_members(elaboration, item, body, (start, source, context), here)
        return
    part: Part | Block | None
    module = lone_module(body, here)
    if module is None:
        part, after = elaboration.part(("branch", item.label), body, start, context, here)
    else:
        check_lone(module, item.label, item.annotations)
        part, after = use_module(elaboration, module, start, here, body.span)
    if part is None or after is None:
        draft.flow = None
        return
    draft.branches.append(Branch(part, source, here.site(item.span), here.when))
    draft.flows.append((after, item.call.span))


def _add_members(
    elaboration: Elaboration,
    item: tree.Element,
    body: tree.Body,
    begins: tuple[Flow, Map | None, Context],
    here: Here,
) -> None:
    """Add a branch without a level: its members are those of the body around."""
    draft, (start, source, context), site = here.draft, begins, here.site(item.span)
    assert draft.outer is not None
    taken = draft.outer.current if source is None else source
    inside = elaboration.inside_draft(
        Role.PART, start, context, here, (taken, site), runs_here=True
    )
    inside.labels = draft.labels
    elaboration.items(body.items, Here(inside, inside.scope, site, here.when))
    if inside.flow is None:
        draft.flow = None
        return
    part = Part(
        kind="branch",
        label=None,
        body=tuple(inside.steps),
        input=start.map,
        output=inside.flow.map,
        span=body.span,
    )
    draft.branches.append(Branch(part, source, site, here.when, inside.current))
    draft.flows.append((inside.flow, item.call.span))


def _check_branch(item: tree.Element) -> None:
    if item.body is None:
        help_ = None
        if item.source is not None:
            help_ = f"write `branch from {item.source.span.text} {{ .. }}`"
        fail("E408", "`branch` needs a body `{ .. }`", item.call.span, help_)
    if item.call.arguments is not None:
        fail("E311", "`branch` takes no arguments", item.call.span)


def _start(item: tree.Element, here: Here) -> tuple[Flow, Map | None]:
    """Return what a branch starts with, and the map that it is where that is a marked one."""
    if item.source is None:
        assert here.draft.start is not None
        return here.draft.start, None
    marked = map_of(item.source, here.scope)
    return marked.flow.restarted(), reach(here.draft, marked, item.source.span)


def add_map(elaboration: Elaboration, node: tree.Expression, here: Here) -> None:
    """Add a marked map to those that come together."""
    marked = map_of(node, here.scope)
    source = reach(here.draft, marked, node.span)
    if here.draft.role is not Role.COMBINE:
        text = node.span.text
        help_ = f"write `branch from {text} {{ .. }}`, or `{text}` beside other branches"
        fail("E405", f"`{text}` is a map, and no layer", node.span, help_)
    elaboration.count_step(here.scope, node.span)
    flow = marked.flow.restarted()
    part = Part(kind="branch", label=None, body=(), input=flow.map, output=flow.map, span=node.span)
    here.draft.branches.append(Branch(part, source, here.site(node.span), here.when))
    here.draft.flows.append((flow, node.span))


def add_row_from(elaboration: Elaboration, item: tree.Element, here: Here) -> None:
    """Add a body that starts from a marked map; what it gives flows on from here."""
    _check_branch(item)
    assert item.body is not None
    elaboration.arriving(here, item.span)
    start, source = _start(item, here)
    here.draft.flow = None
    context = elaboration.apply(item.annotations, here.scope, here.draft.context)
    part, here.draft.flow = elaboration.part(
        ("branch", item.label), item.body, start, context, here
    )
    if part is not None and source is not None:
        here.draft.current = source
        here.add(part, item.span)


def _together(operator: Operator, draft: Draft, item: tree.Element) -> Flow:
    """Return what branches give together; raise SpecError where they do not fit."""
    flows = [flow for flow, _ in draft.flows]
    total = flows[0]
    for other in flows[1:]:
        match operator:
            case Operator.SUM if other.map == total.map:
                continue
            case Operator.CONCAT if other.size == total.size:
                channels = combine("+", total.channels, other.channels)
                total = Flow(channels, total.size, total.reduction)
            case Operator.PRODUCT if _broadcasts(total, other):
                larger = other if is_point(total.size) else total
                wider = other if total.channels.value == 1 else total
                total = Flow(wider.channels, larger.size, larger.reduction)
            case _:
                _mismatch(operator, draft, item)
    check_map(total.map, item.call.span, f"a size of what `{operator}` gives")
    return total


def _mismatch(operator: Operator, draft: Draft, item: tree.Element) -> NoReturn:
    verb = {"sum": "add", "concat": "concatenate", "product": "multiply"}[operator]
    flows = [flow for flow, _ in draft.flows]
    maps = listed([str(flow.map) for flow in flows])
    notes = tuple(Note(f"this branch gives {told(flow)}", span) for flow, span in draft.flows)
    help_ = way_out(flows, equal_channels=operator is not Operator.CONCAT)
    fail_here("E402", f"{maps} do not {verb}", item.call.span, help_, notes)


def _broadcasts(left: Flow, right: Flow) -> bool:
    """Say whether a product repeats one for the other: [C, 1, 1], [1, H, W]."""
    if left.map.dimensions != right.map.dimensions:
        return False
    if left.size != right.size and not (is_point(left.size) or is_point(right.size)):
        return False
    channels = {left.channels.value, right.channels.value}
    return len(channels) == 1 or (1 in channels and left.size is not None)
