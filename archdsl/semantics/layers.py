"""Elaborates a layer: its arguments, its map, and the weight it may share."""

from archdsl.diagnostics import Note
from archdsl.ir.layers import Conv, ConvTranspose, Flatten, Layer, Linear, Pool
from archdsl.ir.network import Candidate, FeatureMap, LayerNode
from archdsl.ir.rebuild import replace
from archdsl.ir.shapes import ShapeError, output_map, reduction
from archdsl.semantics.annotations import Context, Said, matches, read
from archdsl.semantics.catalogue import ROWS, Keeps
from archdsl.semantics.checks import check_map, fail, fail_here
from archdsl.semantics.flow import Flow, times
from archdsl.semantics.kinds.parts import Built, Facts, Use
from archdsl.semantics.signature import bind
from archdsl.semantics.state import Elaboration, Here
from archdsl.semantics.values import LayerValue, Scope
from archdsl.semantics.words import layer_parameters, split_word
from archdsl.source import Span
from archdsl.syntax import tree


def add_layer(elaboration: Elaboration, item: tree.Element, here: Here) -> None:
    """Add a layer, called by its word."""
    _add(elaboration, _bind(item.call, here.scope), item, here)


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
    use = _bind(call, scope)
    if scope.root is not here.scope.root:  # it comes from another declaration
        use = replace(use, arguments=use.arguments.opaque())
    _add(elaboration, use, item, here)


def _bind(call: tree.Call, scope: Scope) -> Use:
    """Return the call of a layer with its arguments checked."""
    word = call.name.text
    split = split_word(word)
    assert split is not None, word
    arguments = bind(call, layer_parameters(word), scope, f"`{word}`")
    return Use(word, *split, arguments, call.span)


def _called(call: tree.Call, name: tree.Name) -> tree.Call:
    """Return the call with another name in its place."""
    return tree.Call(tree.Name(name.text, call.name.span), call.arguments, call.span)


def _add(elaboration: Elaboration, use: Use, item: tree.Element, here: Here) -> None:
    elaboration.count_step(here.scope, item.span)
    said = read(item.annotations, here.scope)
    flow = elaboration.arriving(here, item.span)
    if flow is None:
        return
    _check_annotations(said, use, item)
    context = elaboration.inside(said, here.draft.context)
    if use.kind == "linear" and flow.size is not None:
        flow = _flattened(flow, here, item.span)
    pixels = frozenset[str]() if here.draft.in_block else elaboration.pixels
    facts = Facts(context.bn, context.scheme, pixels)
    built = ROWS[use.kind].build(use, flow, facts)
    if isinstance(built.layer, Conv) and built.layer.scheme and context.scheme:
        elaboration.reach_scheme(context.scheme)
    output = _output(built, use, flow)
    _doubt_stride(elaboration, use, built.layer)
    label = item.label.text if item.label else None
    node = LayerNode(
        kind=use.kind,
        label=label,
        layer=built.layer,
        input=flow.map,
        output=output,
        written=built.written,
        shared=_share_key(elaboration, built.layer, label, context),
        frozen=context.frozen,
        span=item.call.span,
    )
    here.add(node, item.span)
    channels = built.channels or flow.channels
    passed = flow.reduction
    if flow.size is not None:
        passed = times(passed, reduction(built.layer))
    here.draft.flow = Flow(channels, output.size, passed)


def _doubt_stride(elaboration: Elaboration, use: Use, layer: Layer) -> None:
    """Warn of `conv3x3(3, 64)`: PyTorch has the channels that come in before those that go out."""
    if not isinstance(layer, Conv | Pool):
        return
    for stride, kernel in zip(layer.stride, layer.kernel_size, strict=True):
        if stride > max(kernel, 4):
            message = f"a stride of {stride} passes over most of the map"
            help_ = f"what a layer is given is known: write only `{use.word}({stride})`"
            elaboration.warn("W302", message, use.span, help_ if isinstance(layer, Conv) else None)
            return


def _check_annotations(said: Said, use: Use, item: tree.Element) -> None:
    """Raise SpecError where an annotation says something that the layer it is written on lacks."""
    missing = None
    if said.bn is not None and use.kind != "bn":
        missing = "is no batch norm"
    elif said.scheme is not None and not ROWS[use.kind].is_convolution:
        missing = "is no convolution"
    elif said.drop is not None:
        missing = "has no residual branch to drop"
    elif said.frozen and ROWS[use.kind].keeps is Keeps.NOTHING:
        missing = "has nothing to freeze"
    if missing is not None:
        fail("E511", f"`{use.word}` {missing}", item.annotations[0].span.to(item.span))


def _output(built: Built, use: Use, flow: Flow) -> FeatureMap:
    try:
        output = output_map(built.layer, flow.map)
    except ShapeError as error:
        pixels = "no pixels" if flow.size is None else f"{flow.size[0]} x {flow.size[1]} pixels"
        note = Note(f"it is given {flow.channels} channels, {pixels}")
        fail_here("E330", f"`{use.word}`: {error}", use.span, notes=(note,))
    return check_map(output, use.span, f"a size of what `{use.word}` gives")


def _flattened(flow: Flow, here: Here, span: Span) -> Flow:
    """Add the flatten that `linear` leaves unsaid after a map of one pixel."""
    if flow.size != (1, 1):
        help_ = "put `avgpool` or `flatten` before it"
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


def _share_key(
    elaboration: Elaboration, layer: Layer, label: str | None, context: Context
) -> Candidate | None:
    """Return the key of the weight that a layer shares, if the innermost `share` takes it."""
    if not isinstance(layer, Conv | ConvTranspose | Linear):
        return None
    for scope in reversed(context.shares):
        if not matches(scope.annotation, layer, label):
            scope.seen |= {_word(layer), *((label,) if label else ())}
            continue
        scope.matched = True
        index = context.index if context.level > scope.level else 1  # in a run inside its scope
        if index < scope.annotation.start:
            return None
        geometry = _geometry(layer, any_stride=scope.annotation.any_stride)
        keys = elaboration.share_keys
        key = keys.setdefault((scope.identity, geometry), len(keys) + 1)
        elaboration.share_scopes[key] = scope
        return Candidate(key)
    return None


def _word(layer: Conv | ConvTranspose | Linear) -> str:
    """Return the word that `share` would mean a layer by."""
    match layer:
        case Linear():
            return "linear"
        case Conv(kernel_size=(height, width)):
            return f"conv{height}x{width}"
        case ConvTranspose(kernel_size=(height, width)):
            return f"conv_transpose{height}x{width}"


def _geometry(layer: Conv | ConvTranspose | Linear, *, any_stride: bool) -> Layer:
    """Return what layers must have in common to share a weight: not the padding."""
    match layer:
        case Linear():
            return layer
        case Conv():
            layer = replace(layer, padding=(0, 0))
        case ConvTranspose():
            layer = replace(layer, padding=(0, 0), output_padding=(0, 0))
    return replace(layer, stride=(1, 1)) if any_stride else layer
