"""What has the name `""`: no level of its own; its members stand in the body around."""

from archdsl.ir.network import Site
from archdsl.ir.shapes import times
from archdsl.semantics.annotations import read
from archdsl.semantics.blocks import BlockCall, bind, call_note, check_depth, check_stride
from archdsl.semantics.checks import fail
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.draft import Draft, Here, Role
from archdsl.semantics.flow import Flow
from archdsl.semantics.marks import Handed
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import BlockValue, Scope
from archdsl.syntax import tree


def add_members(elaboration: Elaboration, item: tree.NamedBody, here: Here) -> None:
    """Add what stands in a body to those around it."""
    draft = here.draft
    if draft.role is Role.COMBINE:
        fail("E405", "what comes together stands in branches", item.body.span)
    outer, flow = draft.context, elaboration.arriving(here, item.span)
    draft.context = elaboration.apply(item.annotations, here.scope, outer)
    inner = elaboration.inner_scope(here, flow)
    elaboration.items(item.body.items, here.deeper(inner, item.span))
    draft.context = outer


def add_inline(elaboration: Elaboration, value: BlockValue, item: tree.Element, here: Here) -> None:
    """Add what stands in a block to the body around: its numbers are those of the call."""
    draft, flow = here.draft, elaboration.arriving(here, item.span)
    draft.flow = None
    if flow is None:
        return
    if draft.role is Role.STAGE:
        help_ = "write a named body `{ .. }` instead of a stage"
        fail("E319", "members of a stage go by index", item.span, help_)
    context = elaboration.inside(read(item.annotations, here.scope), draft.context)
    called = BlockCall(
        value=value, call=item.call, scope=here.scope, flow=flow, context=context, draft=draft
    )
    elaboration.count_step(here.scope, item.call.span, 2)  # sites in it are longer
    elaboration.depth += 1
    try:
        check_depth(elaboration.depth, called)
        inner, inside = _elaborated(elaboration, called, here.site(item.span), here)
    finally:
        elaboration.depth -= 1
    root = here.scope.root
    root.decided |= inner.decided
    root.hangs |= inner.hangs
    root.settled |= inner.settled
    root.required |= inner.required
    if inside.flow is not None:
        draft.steps += inside.steps
        draft.current = inside.current
        reduction = times(flow.reduction, inside.flow.reduction)
        draft.flow = Flow(inside.flow.channels, inside.flow.size, reduction)


def _elaborated(
    elaboration: Elaboration, called: BlockCall, way: Site, here: Here
) -> tuple[Scope, Draft]:
    """Return the names of a block and what it has become, in the names of whoever calls it."""
    draft, inner, declaration = here.draft, Scope(called.value.file), called.declaration
    bound = bind(elaboration, called, inner, Handed(draft.token, draft, called.call.span))
    inner.values |= bound.arguments
    inner.values |= {"in_channels": bound.in_channels, "stride": bound.stride}
    for argument in called.call.arguments or ():
        # a class has no name for them; their expressions are kept
        called.scope.root.hangs |= hangs_on(argument.value, called.scope)
    own = read(declaration.annotations, inner)
    inside = Draft(
        scope=inner,
        role=Role.BLOCK,
        flow=called.flow.restarted(),
        context=elaboration.inside(own, called.context),
        in_block=True,
        maps=(draft.current, draft.given),
        outer=draft,
        token=draft.token,
        is_inline=True,
    )
    inside.labels = draft.labels
    elaboration.calls.append(lambda: call_note(called, bound))
    elaboration.items(declaration.body.items, Here(inside, inner, way, here.when))
    elaboration.calls.pop()
    if inside.flow is not None:
        check_stride(elaboration, called, bound.stride, inner)
    return inner, inside
