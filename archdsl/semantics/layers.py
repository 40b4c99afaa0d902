"""Elaborates a layer: its arguments, its map, and the weight it may share."""

from archdsl.diagnostics import Note
from archdsl.ir.layers import Conv, Flatten, Layer, Pool, is_point, scheme_of
from archdsl.ir.network import FeatureMap, LayerNode
from archdsl.ir.rebuild import replace
from archdsl.ir.shapes import ShapeError, output_map, reduction, times
from archdsl.semantics.annotations import check_layer, read
from archdsl.semantics.catalogue import ROWS
from archdsl.semantics.checks import check_map, fail, fail_here
from archdsl.semantics.draft import Here
from archdsl.semantics.fixing import fixed_of, with_fixed
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import BuiltLayer, Facts, LayerCall, Padding
from archdsl.semantics.shares import share_key
from archdsl.semantics.signature import bind
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import LayerValue, Scope
from archdsl.semantics.words import layer_parameters, split_word
from archdsl.source import Span
from archdsl.syntax import tree


def add_layer(elaboration: Elaboration, item: tree.Element, here: Here) -> None:
    """Add a layer, called by its word."""
    _add(elaboration, bind_layer(item.call, here.scope), item, here)


def add_layer_value(
    elaboration: Elaboration, value: LayerValue, item: tree.Element, here: Here
) -> None:
    """Add a layer that a variable holds: its arguments come with it, or stand here."""
    call, scope = value.call, value.scope
    if item.call.arguments is not None:
        if call.arguments is not None:
            message = f"`{item.call.name.text}` has its arguments already"
            fail("E311", message, item.call.span)
        call, scope = _called(item.call, call.name), here.scope
    use = bind_layer(call, scope)
    if scope.root is not here.scope.root:  # it comes from another declaration
        use = replace(use, arguments=use.arguments.opaque())
    _add(elaboration, use, item, here)


def bind_layer(call: tree.Call, scope: Scope) -> LayerCall:
    """Return the call of a layer with its arguments checked."""
    word = call.name.text
    split = split_word(word)
    assert split is not None, word
    arguments = bind(call, layer_parameters(word), scope, f"`{word}`")
    return LayerCall(word, *split, arguments, call.span)


def _called(call: tree.Call, name: tree.Name) -> tree.Call:
    """Return the call with another name in its place."""
    return tree.Call(tree.Name(name.text, call.name.span), call.arguments, call.span)


def _add(elaboration: Elaboration, use: LayerCall, item: tree.Element, here: Here) -> None:
    elaboration.count_step(here.scope, item.span)
    said = read(item.annotations, here.scope)
    flow = elaboration.arriving(here, item.span)
    if flow is None:
        return
    if said:
        place = item.annotations[0].span.to(item.span)
        check_layer(said, use.kind, use.word, place)
    context = elaboration.inside(said, here.draft.context)
    if use.kind == "linear" and flow.size is not None and not use.arguments.flag("per_pixel"):
        flow = _flattened(flow, here, item.span)
    pixels = frozenset[str]() if here.draft.in_block else elaboration.pixels
    scheme = context.scheme
    facts = Facts(context.bn, None if scheme is None else scheme.said, pixels)
    built = ROWS[use.kind].build(use, flow, facts)
    if scheme is not None and scheme_of(built.layer) is not None:
        scheme.reached = True
    if built.before is not None:
        flow = _padded(built.before, flow, here, use)
    fixed = fixed_of(built.layer, context, item.call.span)
    built = replace(built, layer=with_fixed(built.layer, fixed))
    output = _output(built, use, flow)
    _doubt_stride(elaboration, use, built.layer, item.call)
    label = item.label.text if item.label else None
    node = LayerNode(
        kind=use.kind,
        label=label,
        layer=built.layer,
        input=flow.map,
        output=output,
        written=built.written,
        shared=share_key(elaboration.reach, built.layer, label, context),
        frozen=context.frozen,
        fixed=fixed,
        span=item.call.span,
    )
    here.add(node, item.span)
    channels = built.channels or flow.channels
    passed = flow.reduction
    if flow.size is not None:
        passed = times(passed, reduction(built.layer, flow.map.dimensions))
    here.draft.flow = Flow(channels, output.size, passed)


def _doubt_stride(elaboration: Elaboration, use: LayerCall, layer: Layer, call: tree.Call) -> None:
    """Warn of `conv3x3(3, 64)`: PyTorch has the channels that come in before those that go out."""
    if not isinstance(layer, Conv | Pool):
        return
    for stride, kernel in zip(layer.stride, layer.kernel_size, strict=True):
        if stride > max(kernel, 4):
            message = f"a stride of {stride} passes over most of the map"
            help_ = f"what a layer is given is known: write only `{use.word}({stride})`"
            names = {a.name.text for a in call.arguments or () if a.name is not None}
            if "stride" in names or not isinstance(layer, Conv):
                window = "x".join([str(stride)] * len(layer.kernel_size))
                help_ = f"`{use.kind}{window}` with this stride would see all of it"
            elaboration.warn("W302", message, use.span, help_)
            return


def _output(built: BuiltLayer, use: LayerCall, flow: Flow) -> FeatureMap:
    try:
        output = output_map(built.layer, flow.map)
    except ShapeError as error:
        pixels = "no" if flow.size is None else " x ".join(map(str, flow.size))
        unit = "pixels" if flow.map.dimensions in (0, 2) else "positions"
        note = Note(f"it is given {flow.channels} channels, {pixels} {unit}")
        fail_here("E330", f"`{use.word}`: {error}", use.span, notes=(note,))
    return check_map(output, use.span, f"a size of what `{use.word}` gives")


def _padded(padding: Padding, flow: Flow, here: Here, use: LayerCall) -> Flow:
    """Add what `padding = same` puts before a layer."""
    layer, output = padding.layer, _output(BuiltLayer(padding.layer), use, flow)
    node = LayerNode(
        kind="same_pad",
        label=None,
        layer=layer,
        input=flow.map,
        output=output,
        written=padding.written,
        implied=True,
        span=use.span,
    )
    here.draft.add(node, (*here.way, use.span.start - 1), here.when)
    return Flow(flow.channels, output.size, flow.reduction)


def _flattened(flow: Flow, here: Here, span: Span) -> Flow:
    """Add the flatten that `linear` leaves unsaid after a map of one pixel."""
    if not is_point(flow.size):
        help_ = "put `avgpool` or `flatten` before it; at each pixel: `per_pixel = true`"
        fail_here("E331", f"`linear` takes a vector, not the map {flow.map}", span, help_)
    after = Flow(flow.channels, None, flow.reduction)
    before = (*here.way, span.start - 1)  # nothing written stands there
    here.draft.add(implied_flatten(flow.map, span), before, here.when)
    return after


def implied_flatten(given: FeatureMap, span: Span) -> LayerNode:
    """Return a flatten of [C, 1, 1] that the language leaves unsaid."""
    return LayerNode(
        kind="flatten",
        label=None,
        layer=Flatten(),
        input=given,
        output=FeatureMap(given.channels),
        implied=True,
        span=span,
    )
