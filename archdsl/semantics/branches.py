"""Elaborates `sum`, `concat` and `product`."""

from typing import NoReturn

from archdsl.diagnostics import Note
from archdsl.ir.network import Combine, Operator, Part
from archdsl.ir.numbers import combine, literal
from archdsl.ir.rebuild import replace
from archdsl.semantics.annotations import Context
from archdsl.semantics.evaluate import fail
from archdsl.semantics.flow import Flow, listed, times, told, way_out
from archdsl.semantics.residuals import dropped
from archdsl.semantics.state import Elaboration, Here, Role, Site
from archdsl.syntax import tree


def add_combine(
    elaboration: Elaboration, operator: Operator, item: tree.Element, here: Here
) -> None:
    """Add branches side by side."""
    span, body = item.call.span, item.body
    assert body is not None
    if here.site.role is Role.STAGE:
        fail("E414", f"a stage holds blocks and layers; put `{operator}` in a block", span)
    if item.label is not None:
        fail("E318", f"`{operator}` has no name; its branches may", item.label.span)
    flow = elaboration.arriving(here, item.span)
    here.site.flow = None
    if flow is None:
        return
    context = elaboration.apply(item.annotations, here.scope, here.site.context)
    inside = elaboration.inside_site(Role.COMBINE, flow.restarted(), context, here)
    inside.labels = here.site.labels
    elaboration.items(body.items, Here(inside, inside.scope))
    if inside.flow is None:
        return
    if not inside.branches:
        fail("E415", f"`{operator}` has no branches", span)
    after = _together(operator, inside, item)
    branches = _with_drops(operator, tuple(inside.branches), context)
    if any(branch.body for branch in branches) or len(branches) > 1:
        combine = Combine(
            operator=operator, branches=branches, input=flow.map, output=after.map, span=span
        )
        here.site.nodes.append(combine)
    here.site.flow = Flow(after.channels, after.size, times(flow.reduction, after.reduction))


def _with_drops(
    operator: Operator, branches: tuple[Part, ...], context: Context
) -> tuple[Part, ...]:
    """Return the branches; beside an identity the others have the stochastic depth, if any."""
    if operator is not Operator.SUM or all(branch.body for branch in branches):
        return branches
    return tuple(_with_drop(each, context) if each.body else each for each in branches)


def _with_drop(branch: Part, context: Context) -> Part:
    flow = Flow(literal(branch.output.channels), branch.output.size)
    return replace(branch, body=dropped(branch.body, flow, context, branch.span))


def add_branch(elaboration: Elaboration, word: str, item: tree.Element, here: Here) -> None:
    """Add a branch, or the identity, to those of a `sum`, `concat` or `product`."""
    site = here.site
    flow = site.start
    assert flow is not None
    elaboration.count_step(here.scope, item.span)
    if word == "identity":
        if item.body is not None or item.call.arguments:
            fail("E406", "`identity` has no arguments and no body", item.call.span)
        body = tree.Body((), item.call.span)
    elif item.body is None:
        fail("E408", "`branch` needs a body `{ .. }`", item.call.span)
    else:
        body = item.body
    context = elaboration.apply(item.annotations, here.scope, site.context)
    part, after = elaboration.part(("branch", item.label), body, flow, context, here)
    if part is None or after is None:
        site.flow = None
        return
    site.branches.append(part)
    site.flows.append((after, item.call.span))


def _together(operator: Operator, site: Site, item: tree.Element) -> Flow:
    """Return what branches give together; raise SpecError where they do not fit."""
    flows = [flow for flow, _ in site.flows]
    total = flows[0]
    for other in flows[1:]:
        match operator:
            case Operator.SUM if other.map == total.map:
                continue
            case Operator.CONCAT if other.size == total.size:
                channels = combine("+", total.channels, other.channels)
                total = Flow(channels, total.size, total.reduction)
            case Operator.PRODUCT if _broadcasts(total, other):
                total = other if total.size == (1, 1) else total
            case _:
                _mismatch(operator, site, item)
    return total


def _mismatch(operator: Operator, site: Site, item: tree.Element) -> NoReturn:
    verb = {"sum": "add", "concat": "concatenate", "product": "multiply"}[operator]
    flows = [flow for flow, _ in site.flows]
    maps = listed([str(flow.map) for flow in flows])
    notes = tuple(Note(f"this branch gives {told(flow)}", span) for flow, span in site.flows)
    help_ = way_out(flows, equal_channels=operator is not Operator.CONCAT)
    fail("E402", f"{maps} do not {verb}", item.call.span, help_, notes)


def _broadcasts(left: Flow, right: Flow) -> bool:
    if left.channels.value != right.channels.value:
        return False
    return left.size == right.size or (1, 1) in (left.size, right.size)
