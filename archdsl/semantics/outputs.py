"""The outputs of a network beside what flows at its end."""

from archdsl.diagnostics import Diagnostic
from archdsl.ir.layers import is_point
from archdsl.ir.network import MAIN, MARKED, FeatureMap, Join, Map, Operator, Output, Part, Step
from archdsl.ir.rebuild import replace
from archdsl.limits import MAX_ENDS
from archdsl.semantics.checks import fail
from archdsl.semantics.draft import LAST, Draft, Here, Role
from archdsl.semantics.evaluate import integer_of
from archdsl.semantics.flow import Flow
from archdsl.semantics.layers import implied_flatten
from archdsl.semantics.marks import map_of, reach
from archdsl.semantics.modules import SharedModule, check_lone, lone_module, use_module
from archdsl.semantics.state import Elaboration
from archdsl.source import Span
from archdsl.syntax import tree

_REST = "output"  # the name of what flows at the end, beside others


def add_output(elaboration: Elaboration, item: tree.OutputItem, here: Here) -> None:
    """Add an output: a body that starts here or from a map, a map, or what flows here."""
    draft, during = here.draft, item.during
    flow = elaboration.arriving(here, item.span)
    if draft.role is not Role.NETWORK:
        help_ = "name the map with `mark` there, and write `output NAME = body.map` in the network"
        fail("E404", "`output` stands only in the body of a network", item.span, help_)
    if during is not None and during.text != "training":
        message = f"an output is there `during training`, not `during {during.text}`"
        fail("E101", message, during.span)
    name = _name(elaboration, item, here)
    if during is not None and item.body is None:
        help_ = f"write `output {name.text} during training {{ .. }}`"
        fail("E408", "what is there during training only has a body `{ .. }`", item.span, help_)
    marked = None if item.source is None else map_of(item.source, here.scope)
    source = None
    if marked is not None and item.source is not None:
        flow, source = marked.flow.restarted(), reach(draft, marked, item.source.span)
    site = here.site(item.span)
    map_, after = (*site, MARKED), flow
    module = lone_module(item.body, here)
    if module is not None:
        check_lone(module, None, item.annotations)
        if during is not None:
            fail("E424", "a module is there outside of training, too", during.span)
        map_, after = _of_module(elaboration, module, item, name, here, flow, source)
    elif item.body is not None:
        context = elaboration.apply(item.annotations, here.scope, draft.context)
        start = None if flow is None else flow.restarted()
        part, after = elaboration.part(("output", name), item.body, start, context, here)
        if part is not None:
            part = replace(_ending_on_vector(part), in_training=during is not None)
            after = Flow(after.channels, part.output.size) if after is not None else None
            takes = (draft.current if source is None else source,)
            step = Step(node=part, takes=takes, gives=(map_,), site=site, when=here.when)
            draft.steps.append(step)
    elif source is not None:
        map_ = source
    elif flow is not None:
        join = Join(
            operator=Operator.SUM, mark=name.text, input=flow.map, output=flow.map, span=item.span
        )
        draft.mark(join, map_, here.when)
    draft.ended = len(draft.steps)
    if after is None:
        return
    map_, shape = _as_vector(draft, map_, after.map, here, item.span)
    output = Output(name.text, map_, shape, after.channels.expr, in_training=during is not None)
    draft.outputs.append((output, name.span))


def _name(elaboration: Elaboration, item: tree.OutputItem, here: Here) -> tree.Name:
    """Return what an output is called: `boxes2` is at place 2 of `boxes`."""
    keys = [integer_of(key, here.scope, "a place in a list of outputs") for key in item.keys]
    if len(keys) > 1:
        fail("E419", "a list of outputs has one place in brackets", item.keys[1].span)
    name = tree.Name(item.name.text + "".join(str(int(k.value)) for k in keys), item.name.span)
    elaboration.check_label(name, here.draft)
    if len(here.draft.outputs) == MAX_ENDS:
        elaboration.stopped = True
        fail("E309", f"a network has at most {MAX_ENDS:,} outputs", item.span)
    return name


def _of_module(
    elaboration: Elaboration,
    module: SharedModule,
    item: tree.OutputItem,
    name: tree.Name,
    here: Here,
    flow: Flow | None,
    source: Map | None,
) -> tuple[Map, Flow | None]:
    """Add a use of a module, and a name for what it gives; return the map."""
    draft, site = here.draft, here.site(item.span)
    made, map_ = (*site, 0), (*site, MARKED)
    if flow is None:
        return map_, None
    block, after = use_module(elaboration, module, flow.restarted(), here, item.span)
    if block is None or after is None:
        return map_, None
    takes = (draft.current if source is None else source,)
    step = Step(node=block, takes=takes, gives=(made,), site=site, when=here.when)
    draft.steps.append(step)
    output = block.output
    join = Join(operator=Operator.SUM, mark=name.text, input=output, output=output, span=item.span)
    mark = Step(node=join, takes=(made,), gives=(map_,), site=(*site, LAST), when=here.when)
    draft.steps.append(mark)
    return map_, after


def _ending_on_vector(part: Part) -> Part:
    """Return a body that gives [C] in place of [C, 1, 1]."""
    if not is_point(part.output.size):
        return part
    flatten = implied_flatten(part.output, part.span)
    return replace(
        part,
        body=(*part.body, Step(node=flatten, site=(LAST,))),
        output=flatten.output,
    )


def _as_vector(
    draft: Draft, map_: Map, shape: FeatureMap, here: Here, span: Span
) -> tuple[Map, FeatureMap]:
    """Return a map, of [C, 1, 1] the vector that it is, for which there is a step then."""
    if not is_point(shape.size):
        return map_, shape
    site = (*here.site(span), LAST, 0)  # behind the mark of what a module gives
    flatten = implied_flatten(shape, span)
    flat = (*site, MARKED)
    draft.steps.append(Step(node=flatten, takes=(map_,), gives=(flat,), site=site, when=here.when))
    draft.ended = len(draft.steps)
    return flat, flatten.output


def outputs_of(draft: Draft) -> tuple[Output, ...]:
    """Return the outputs of a network, those of training last.

    What flows at the end is the first of them, if anything came since the last that is written.
    """
    assert draft.flow is not None
    written = [output for output, _ in draft.outputs]
    if not written:
        return ()
    if any(MAIN in step.gives for step in draft.steps[draft.ended :]):
        written.insert(0, Output(_REST, MAIN, draft.flow.map, draft.flow.channels.expr))
    return tuple(sorted(written, key=lambda output: output.in_training))


def check_outputs(outputs: tuple[Output, ...], spans: tuple[Span, ...]) -> list[Diagnostic]:
    """Return what is wrong with outputs: something is given when nothing is trained."""
    if not outputs or not all(each.in_training for each in outputs):
        return []
    message = "this network gives nothing but during training"
    help_ = "leave out `during training`, or let layers follow the last `output`"
    return [Diagnostic(code="E423", message=message, span=spans[-1], help=help_)]
