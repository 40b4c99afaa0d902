"""`shared tower = unit(64)`: a block that is built once, and is the same wherever it is used."""

from collections.abc import Iterator

from archdsl.diagnostics import Diagnostic, Note, Severity
from archdsl.ir.layers import Layer
from archdsl.ir.network import Block, Join, LayerNode, Node, Part, Stage
from archdsl.ir.rebuild import children, replace
from archdsl.limits import STEP_WORK
from archdsl.record import Record
from archdsl.semantics.blocks import BlockCall, build_block
from archdsl.semantics.checks import fail, spend
from archdsl.semantics.context import Context
from archdsl.semantics.draft import Draft, Here, Role
from archdsl.semantics.flow import Flow, told
from archdsl.semantics.map_names import name_mistake
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import BlockValue, Scope
from archdsl.source import Span
from archdsl.syntax import tree

_ALONE = "a module is used in the body that declares it, or alone in a branch or an output there"


class SharedModule(Record):
    """A module: its block, where it is declared, and what holds there."""

    item: tree.ModuleItem
    value: BlockValue
    scope: Scope
    context: Context
    uses: list[tuple[Block, Span]]  # so far

    @property
    def name(self) -> tree.Name:
        """What it is called."""
        return self.item.name


def add_module(elaboration: Elaboration, item: tree.ModuleItem, here: Here) -> None:
    """Declare a module."""
    draft, name = here.draft, item.name
    if draft.role not in (Role.NETWORK, Role.BLOCK):
        message = "`shared` stands in the body of a network or a block"
        elaboration.diagnostics.add(Diagnostic(code="E404", message=message, span=item.span))
    mistake = name_mistake(name, draft.scope.file)
    if mistake is not None:
        elaboration.diagnostics.add(mistake)
        return
    value = elaboration.callee(item.call.name, here.scope)
    if not isinstance(value, BlockValue):
        help_ = f"write `block unit {{ {item.call.span.text} }}`, and `shared {name.text} = unit`"
        fail("E424", "a module is a block", item.call.span, help_)
    elaboration.check_label(name, draft)
    context = elaboration.apply(item.annotations, here.scope, draft.context)
    # What it holds is one already: no `share` around, and no place among those that are dropped.
    context = replace(context, shares=(), drop=None, in_run=False, level=0, index=1)
    module = SharedModule(item, value, here.scope, context, [])
    draft.modules[name.text] = module
    elaboration.modules.append(module)


def module_of(name: str, here: Here) -> SharedModule | None:
    """Return the module of a name, declared in the body here or in one around."""
    draft: Draft | None = here.draft
    while draft is not None:
        if name in draft.modules:
            return draft.modules[name]
        draft = draft.outer
    return None


def lone_module(body: tree.Body | None, here: Here) -> SharedModule | None:
    """Return the module that a body is: it has nothing else in it."""
    match body:
        case tree.Body(
            items=[tree.Element(label=None, source=None, annotations=(), body=None) as item]
        ) if item.call.arguments is None:
            return module_of(item.call.name.text, here)
        case _:
            return None


def check_lone(
    module: SharedModule, label: tree.Name | None, annotations: tuple[tree.Call, ...]
) -> None:
    """Raise SpecError for a name or annotations of a branch that is a module."""
    name = module.name.text
    for other in (label, *annotations):
        if other is not None:
            help_ = f"annotations stand behind `shared {name} = ..`, and its name is `{name}`"
            fail("E424", f"`{name}` is one module, and used as it is", other.span, help_)


def add_module_use(
    elaboration: Elaboration, module: SharedModule, item: tree.Element, here: Here
) -> None:
    """Use a module in a row of layers."""
    name = module.name.text
    for other in (item.label, *item.annotations, item.source, item.body):
        if other is not None:
            help_ = f"write `{name}` alone; annotations stand behind `shared {name} = ..`"
            fail("E424", f"`{name}` is one module, and used as it is", other.span, help_)
    if item.call.arguments is not None:
        help_ = f"write `{name}`: its arguments stand behind `shared {name} =`"
        fail("E424", f"`{name}` is one module and has its arguments", item.call.span, help_)
    if here.draft.role is Role.COMBINE:
        help_ = f"write `branch {{ {name} }}`"
        fail("E405", "what comes together stands in branches", item.call.span, help_)
    if here.draft.modules.get(name) is not module:
        notes = (Note("declared here", module.name.span),)
        fail("E424", f"`{name}` is out of reach: {_ALONE}", item.call.span, None, notes)
    flow = elaboration.arriving(here, item.span)
    here.draft.flow = None
    if flow is None:
        return
    block, here.draft.flow = use_module(elaboration, module, flow, here, item.span)
    if block is not None:
        here.add(block, item.span)


def use_module(
    elaboration: Elaboration, module: SharedModule, flow: Flow, here: Here, span: Span
) -> tuple[Block | None, Flow | None]:
    """Return the block of a module as it is here, and what it gives; raise SpecError if another."""
    declared = here.draft
    while module.name.text not in declared.modules and declared.outer is not None:
        declared = declared.outer
    if declared.token is not here.draft.token:
        notes = (Note("declared here", module.name.span),)
        fail("E424", f"`{module.name.text}` is out of reach: {_ALONE}", span, None, notes)
    called = BlockCall(
        value=module.value,
        call=module.item.call,
        scope=module.scope,
        flow=flow,
        context=module.context,
        label=module.name,
    )
    block, after = build_block(elaboration, called)
    if block is None:
        return None, None
    if module.uses:
        first, place = module.uses[0]
        layers = list(_layers(block))
        spend(STEP_WORK * len(layers), here.scope, span)
        if list(_layers(first)) != layers:
            message = f"`{module.name.text}` is one module, and would have other layers here"
            was = f"it is given {told(Flow(first.in_channels, first.input.size))} here"
            help_ = "give it the same channels; what hangs on height and width cannot be in it"
            fail("E424", f"{message}: it is given {told(flow)}", span, help_, (Note(was, place),))
        block = replace(block, again=True)
    module.uses.append((block, span))
    return block, after


def _layers(node: Node) -> Iterator[Layer]:
    """Yield all layers of a node, in order."""
    match node:
        case LayerNode(layer=layer):
            yield layer
        case Block() | Part() | Stage():
            for inner in children(node):
                yield from _layers(inner)
        case Join():
            pass


def unused_modules(modules: list[SharedModule]) -> Iterator[Diagnostic]:
    """Yield a warning for each module that nothing uses, in any instance of its body."""
    used = {module.name.span for module in modules if module.uses}
    for span in dict.fromkeys(m.name.span for m in modules if m.name.span not in used):
        message = f"nothing uses the module `{span.text}`"
        yield Diagnostic(code="W306", message=message, span=span, severity=Severity.WARNING)
