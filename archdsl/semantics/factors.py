"""Elaborates a scale that stands in a product, beside branches: what it multiplies with."""

from archdsl.ir.layers import LearnedFactor, Scale
from archdsl.ir.network import LayerNode, Operator, Part, Step
from archdsl.ir.shapes import output_map, reduction, times
from archdsl.semantics.annotations import check_layer, read
from archdsl.semantics.catalogue import ROWS
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.draft import Branch, Draft, Here, Role
from archdsl.semantics.fixing import fixed_of
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import Facts, LayerCall
from archdsl.semantics.layers import bind_layer
from archdsl.semantics.state import Elaboration
from archdsl.syntax import tree


def is_factor(item: tree.Element, here: Here) -> bool:
    """Say whether a layer stands where it is no branch, and is multiplied with."""
    is_product = here.draft.role is Role.COMBINE and here.draft.operator is Operator.PRODUCT
    return is_product and item.call.name.text == "scale"


def add_factor(elaboration: Elaboration, item: tree.Element, here: Here) -> None:
    """Add a learned factor to what a product multiplies; it has as many channels as branches."""
    draft, use = here.draft, bind_layer(item.call, here.scope)
    elaboration.count_step(here.scope, item.span)
    if item.body is not None:
        fail("E406", "`scale` has no body", item.body.span)
    said = read(item.annotations, here.scope)
    if said:
        check_layer(said, use.kind, use.word, item.annotations[0].span.to(item.span))
    context = elaboration.inside(said, draft.context)
    flow = draft.start
    assert flow is not None, "a product starts with a map"
    built = ROWS[use.kind].build(use, flow, Facts())
    assert isinstance(built.layer, Scale), "so `is_factor` has it"
    layer = built.layer
    _check_dims(layer, use, flow)
    made = LearnedFactor(
        num_features=layer.num_features,
        init=layer.init,
        dims=layer.dims,
        dimensions=layer.dimensions,
    )
    if fixed_of(made, context, item.call.span) is not None:
        help_ = "write `with freeze` or `with trainable` behind it"
        fail("E425", "a factor of a product is frozen as a whole, or not", item.call.span, help_)
    node = LayerNode(
        kind=use.kind,
        label=None if item.label is None else item.label.text,
        layer=made,
        input=flow.map,
        output=output_map(made, flow.map),
        written=built.written,
        frozen=context.frozen,
        span=item.call.span,
    )
    site = here.site(item.span)
    assert draft.outer is not None
    step = Step(node=node, takes=(draft.outer.current,), gives=(site,), site=site, when=here.when)
    part = Part(
        kind="branch",
        label=None,
        body=(step,),
        input=flow.map,
        output=node.output,
        span=item.call.span,
    )
    draft.branches.append(Branch(part, None, site, here.when, site))
    passed = (
        flow.reduction
        if flow.size is None
        else times(flow.reduction, reduction(made, flow.map.dimensions))
    )
    draft.flows.append((Flow(flow.channels, node.output.size, passed), item.call.span))


def _check_dims(layer: Scale, use: LayerCall, flow: Flow) -> None:
    """Raise SpecError for a shape that PyTorch would multiply otherwise."""
    of_map = 1 + flow.map.dimensions
    if flow.size is None:
        allowed, wanted = (0, 1), "1"
    else:
        shapes = (of_map, of_map + 1)
        allowed = shapes if use.arguments.word("per") == "channel" else (0, 1, *shapes)
        wanted = str(of_map)
    if layer.dims not in allowed:
        message = f"in a product this is multiplied with {flow.map} as it is"
        fail_here("E425", message, use.span, f"write `scale(.., dims = {wanted})`")


def check_factors(draft: Draft, item: tree.Element) -> None:
    """Raise SpecError for a product of factors alone."""
    if all(is_only_factor(branch) for branch in draft.branches):
        help_ = "write `identity`, or a branch, beside it"
        fail("E425", "a product multiplies something with its factors", item.call.span, help_)


def is_only_factor(branch: Branch) -> bool:
    """Say whether a branch is a learned factor."""
    match branch.part:
        case Part(body=(Step(node=LayerNode(layer=LearnedFactor())),)):
            return True
        case _:
            return False
