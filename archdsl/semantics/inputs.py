"""The inputs of a network: one that flows, or several that have names."""

from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.layers import MAX_DIMENSIONS
from archdsl.ir.network import MAIN, MARKED, FeatureMap, NamedInput, Network
from archdsl.ir.numbers import symbols
from archdsl.limits import MAX_ENDS
from archdsl.semantics.checks import check_map, fail
from archdsl.semantics.draft import Here, Role
from archdsl.semantics.evaluate import integer_of
from archdsl.semantics.flow import Flow, listed
from archdsl.semantics.map_names import name_mistake
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import MapValue
from archdsl.source import Span
from archdsl.syntax import tree

_AT_THE_START = "`input` stands at the start of a network, before its layers"


def add_input(elaboration: Elaboration, item: tree.Element, here: Here) -> None:
    """Begin the network: `input(3, 32, 32)`."""
    draft = here.draft
    if draft.role is not Role.NETWORK or draft.input is not None:
        help_ = None
        if draft.role is Role.NETWORK:
            text = item.call.span.text.removeprefix("input")
            help_ = f"give each a name: `input left{text}`"
        fail("E409", "`input` stands once, at the start of a network", item.span, help_)
    arguments = item.call.arguments or ()
    draft.flow = _read(elaboration, arguments, item.call.span, here)
    draft.input = check_map(draft.flow.map, item.call.span, "a size of the input")
    _doubt(elaboration, draft.input, arguments, item.call.span)


def add_named_input(elaboration: Elaboration, item: tree.InputItem, here: Here) -> None:
    """Add `input left(3, 64, 64)`, a map that has a name; a single one flows as well."""
    draft, name = here.draft, item.name
    if draft.role is not Role.NETWORK or draft.steps:
        fail("E409", _AT_THE_START, item.span)
    if draft.input is not None and not draft.inputs:
        fail("E409", "an input beside one that has no name", item.span, "give each a name")
    mistake = name_mistake(name, draft.scope.file)
    if mistake is not None:
        raise SpecError([mistake])
    elaboration.check_label(name, draft)
    if len(draft.inputs) == MAX_ENDS:
        fail("E309", f"a network has at most {MAX_ENDS:,} inputs", item.span)
    if name.text in draft.scope.values:
        note = Note("declared first here", draft.scope.spans.get(name.text, name.span))
        fail("E202", f"`{name.text}` is declared twice", name.span, notes=(note,))
    flow = _read(elaboration, item.arguments, item.span, here)
    shape = check_map(flow.map, item.span, "a size of the input")
    _doubt(elaboration, shape, item.arguments, item.span)
    map_ = (*here.site(item.span), MARKED)
    if not draft.inputs:
        draft.flow, draft.input = flow, shape
    draft.inputs.append((NamedInput(name.text, map_, shape), name.span))
    value = MapValue(
        body=draft.token,
        map=map_,
        flow=flow,
        label=name.text,
        place=None,
        pixels=elaboration.pixels,
        span=name.span,
    )
    draft.scope.define(name, value)


def _read(
    elaboration: Elaboration, arguments: tuple[tree.Argument, ...], span: Span, here: Here
) -> Flow:
    """Return what flows in, and note what the sizes of inputs hang on."""
    is_list = len(arguments) == 1 and isinstance(arguments[0].value, tree.ListLiteral)
    if is_list or not 1 <= len(arguments) <= 1 + MAX_DIMENSIONS or any(a.name for a in arguments):
        listed_ = [a.value for a in arguments if isinstance(a.value, tree.ListLiteral)]
        help_ = "write `input(3, 32, 32)`, `input(12, 1024)` or `input(10)` for a vector"
        if len(arguments) == 1 and listed_ and len(listed_[0].items) == 3:
            help_ = f"write `input({listed_[0].span.text.strip('[]')})`"
        fail("E311", "`input` takes channels and up to three sizes", span, help_)
    sizes = [integer_of(a.value, here.scope, "a size of the input", 1) for a in arguments]
    size = tuple(int(size.value) for size in sizes[1:]) or None
    other = elaboration.input_size
    elaboration.input_sizes.append(tuple(n.expr for n in sizes))
    elaboration.pixels |= frozenset[str]().union(*(symbols(n.expr) for n in sizes[1:]))
    return Flow(sizes[0], other if size is not None and other is not None else size)


def _doubt(
    elaboration: Elaboration, shape: FeatureMap, arguments: tuple[tree.Argument, ...], span: Span
) -> None:
    """Warn of `input(224, 224, 3)`: other libraries have the channels last."""
    channels, *size = shape.shape
    if len(size) == 2 and channels == size[0] > 16 and size[1] <= 4:
        message = f"this is an image of {size[0]} x {size[1]} pixels with {channels} channels"
        order = ", ".join(a.value.span.text for a in arguments)
        first, second, last = order.split(", ") if order.count(", ") == 2 else ("", "", "")
        help_ = f"channels come first: `input({last}, {first}, {second})`" if last else None
        elaboration.warn("W303", message, span, help_)


def check_inputs(network: Network, spans: tuple[Span, ...]) -> list[Diagnostic]:
    """Return what is wrong with several inputs: which one flows is said, and each is used."""
    if len(network.inputs) < 2:
        return []
    names = [each.label for each in network.inputs]
    for step in network.body:
        if MAIN in step.takes:
            one, other = names[:2]
            help_ = f"begin with `branch from {one} {{ .. }}`, or `concat {{ {one}  {other} }}`"
            message = f"which of {listed([f'`{name}`' for name in names])} flows in here?"
            return [Diagnostic(code="E422", message=message, span=step.node.span, help=help_)]
        if MAIN in step.gives:
            break
    used = {map_ for step in network.body for map_ in step.takes}
    used |= {each.map for each in network.outputs}
    return [
        Diagnostic(code="E421", message=f"nothing uses the input `{each.label}`", span=span)
        for each, span in zip(network.inputs, spans, strict=True)
        if each.map not in used
    ]
