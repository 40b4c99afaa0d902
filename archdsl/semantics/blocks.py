"""Elaborates an instance of a block, and carries its numbers out to whoever uses it."""

from collections.abc import Iterator, Mapping, Sequence

from archdsl.diagnostics import Diagnostic, Note
from archdsl.ir.making import leaf, literal
from archdsl.ir.network import Block, Form, Let
from archdsl.ir.numbers import (
    Expr,
    Flag,
    Known,
    Number,
    Symbol,
    Test,
    Truth,
    normal,
    symbols,
    test_symbols,
)
from archdsl.ir.numbers import Value as Exact
from archdsl.ir.rebuild import replace
from archdsl.ir.shapes import times
from archdsl.ir.showing import show_value
from archdsl.ir.substitution import substitute, substitute_test
from archdsl.limits import MAX_NESTING
from archdsl.record import Record
from archdsl.semantics.annotations import read
from archdsl.semantics.calls import gives_stride, stride_argument, without_stride
from archdsl.semantics.checks import fail
from archdsl.semantics.context import Context
from archdsl.semantics.dependence import hangs_on
from archdsl.semantics.draft import Draft, Here, Role
from archdsl.semantics.drops import enter, leave
from archdsl.semantics.evaluate import evaluate, integer_of
from archdsl.semantics.exposed import remember
from archdsl.semantics.flow import Flow
from archdsl.semantics.marks import Handed
from archdsl.semantics.signature import place
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import (
    SIZES,
    BlockValue,
    DictValue,
    ListValue,
    Scope,
    Value,
    holds_maps,
)
from archdsl.source import Span
from archdsl.syntax import tree


class BlockCall(Record, kw_only=True):
    """A block about to be built: who is called, how, and with what flowing in."""

    value: BlockValue
    call: tree.Call
    scope: Scope  # of the call
    flow: Flow
    context: Context
    stride: Number | None = None  # what the stage gives; a `stride =` in the call comes first
    stride_span: Span | None = None  # where the stage says so
    label: tree.Name | None = None
    draft: Draft | None = None  # of the body that it is called in, where that can hand it maps

    @property
    def declaration(self) -> tree.BlockDeclaration:
        """The block's declaration."""
        return self.value.declaration


class Bound(Record):
    """A block's numbers and flags over the names of whoever uses it."""

    in_channels: Number
    stride: Number
    arguments: Mapping[str, Number | Truth]

    def outward(self, number: Number, lets: Sequence[Let] = ()) -> Number:
        """Return a number of the block over the names of whoever uses the block."""
        known = self._known()
        try:
            for let in lets:
                known[let.name] = substitute(let.number.expr, known.__getitem__)
            return Number(number.value, substitute(number.expr, known.__getitem__))
        except OverflowError:  # nobody reads it at that length
            return leaf(number.value, show_value(number.value), self._names())

    def outward_truth(self, truth: Truth) -> Truth:
        """Return a truth of the block over the names of whoever uses the block."""
        try:
            return Truth(truth.value, substitute_test(truth.test, self._known().__getitem__))
        except OverflowError:
            text = "true" if truth.value else "false"
            return Truth(truth.value, Known(truth.value, text, self._names()))

    def _known(self) -> dict[str, Expr | Test]:
        known: dict[str, Expr | Test] = {
            "in_channels": self.in_channels.expr,
            "stride": self.stride.expr,
        }
        for name, given in self.arguments.items():
            known[name] = given.expr if isinstance(given, Number) else given.test
        return known

    def _names(self) -> frozenset[str]:
        """Return all that the block's numbers and flags hang on."""
        given = (self.in_channels, self.stride, *self.arguments.values())
        found = (symbols(g.expr) if isinstance(g, Number) else test_symbols(g.test) for g in given)
        return frozenset[str]().union(*found)


def add_block(elaboration: Elaboration, value: BlockValue, item: tree.Element, here: Here) -> None:
    """Add a block that stands alone in a body; in a stage the first one takes its stride."""
    said = read(item.annotations, here.scope)
    flow = elaboration.arriving(here, item.span)
    here.draft.flow = None
    if flow is None:
        return
    context = elaboration.inside(said, here.draft.context)
    stage, stride, span = here.draft.stride, None, None
    if stage is not None and not gives_stride(item.call):
        span = None if stage.taken else stage.span
        stride = stage.take()
    called = BlockCall(
        value=value,
        call=item.call,
        scope=here.scope,
        flow=flow,
        context=context,
        stride=stride,
        stride_span=span,
        label=item.label,
        draft=here.draft,
    )
    block, here.draft.flow = build_block(elaboration, called)
    if block is not None:
        here.add(block, item.span)
        assert elaboration.last_body is not None
        remember(here, item.label, item.span, elaboration.last_body)


def build_block(elaboration: Elaboration, called: BlockCall) -> tuple[Block | None, Flow | None]:
    """Return an instance of a block and what flows out of it; None after a mistake."""
    elaboration.count_step(called.scope, called.call.span)
    elaboration.depth += 1
    try:
        check_depth(elaboration.depth, called)
        return _build(elaboration, called)
    finally:
        elaboration.depth -= 1


def check_depth(depth: int, called: BlockCall) -> None:
    """Raise SpecError where blocks stand too deep in one another."""
    if depth <= MAX_NESTING:
        return
    name = called.declaration.name
    note = Note("the block is declared here", name.span)
    message = f"blocks are nested deeper than {MAX_NESTING}: does `{name.text}` ever end?"
    fail("E410", message, called.call.span, notes=(note,))


def _build(elaboration: Elaboration, called: BlockCall) -> tuple[Block | None, Flow | None]:
    declaration, flow, context = called.declaration, called.flow, called.context
    inner = Scope(called.value.file)
    handed = Handed(object(), called.draft, called.call.span)
    bound = bind(elaboration, called, inner, handed)
    elaboration.count_step(called.scope, called.call.span, len(handed.given))
    entered = enter(elaboration, context)
    own = read(declaration.annotations, inner)
    inside = elaboration.inside(own, context)
    draft = Draft(
        scope=inner,
        role=Role.BLOCK,
        flow=flow.restarted(Number(flow.channels.value, Symbol("in_channels"))),
        context=_in_run(inside),
        in_block=True,
        token=handed.token,
    )
    elaboration.calls.append(lambda: call_note(called, bound))
    elaboration.items(declaration.body.items, Here(draft, inner))
    elaboration.calls.pop()
    drop = leave(elaboration, entered, inside, declaration)
    if draft.flow is None:
        return None, None
    check_stride(elaboration, called, bound.stride, inner)
    draft.outward = lambda number: bound.outward(number, draft.lets)
    elaboration.last_body = draft
    out = bound.outward(draft.flow.channels, draft.lets)
    block = Block(
        declaration=declaration.name.text,
        file=called.value.file.name,
        label=called.label.text if called.label else None,
        form=Form.SEQUENTIAL if declaration.is_sequence else Form.WRITTEN,
        in_channels=bound.in_channels,
        stride=bound.stride,
        arguments=tuple(bound.arguments.items()),
        defaults=tuple(_defaults(declaration, bound)),
        lets=tuple(draft.lets),
        requires=tuple(draft.requires),
        decided=tuple(inner.decided),
        hangs=frozenset(inner.hangs),
        settled=frozenset(inner.settled),
        required=tuple(inner.required),
        body=tuple(draft.steps),
        given=tuple(handed.given),
        input=flow.map,
        output=draft.flow.map,
        out_channels=out,
        makes=draft.flow.channels,
        drop=drop,
        span=called.call.span,
    )
    return block, Flow(out, draft.flow.size, times(flow.reduction, draft.flow.reduction))


def call_note(called: BlockCall, bound: Bound) -> Note:
    """Return where a block is called and with what, for the mistakes inside it."""
    numbers = [(n, given) for n, given in bound.arguments.items() if isinstance(given, Number)]
    given = [f"`{name}` is {number}" for name, number in numbers[:4]]
    if bound.stride.value != 1:
        given.append(f"`stride` is {bound.stride}")
    name = called.declaration.name.text
    words = ", ".join((f"block `{name}` is called here with {called.flow.map}", *given))
    return Note(words, called.call.span)


def _in_run(context: Context) -> Context:
    """Return the context in which a drop rate, if there is one, is that of the block around it."""
    in_run = context.drop is not None
    return context if context.in_run is in_run else replace(context, in_run=in_run)


def bind(elaboration: Elaboration, called: BlockCall, inner: Scope, handed: Handed) -> Bound:
    """Define a block's names in `inner`; return its numbers over the names around it."""
    declaration, scope, flow = called.declaration, called.scope, called.flow
    what = f"block `{declaration.name.text}`"
    names = [p.name.text for p in declaration.parameters]
    placed = place(without_stride(called.call), names, what)
    explicit = stride_argument(called.call)
    stride = called.stride or literal(1)
    if explicit is not None:
        stride = integer_of(explicit, scope, "`stride`", 1)
    inner.values["in_channels"] = Number(flow.channels.value, Symbol("in_channels"))
    inner.size = flow.size
    inner.values["stride"] = Number(stride.value, Symbol("stride"))
    arguments: dict[str, Number | Truth] = {}
    bound = Bound(flow.channels, stride, arguments)
    for index, parameter in enumerate(declaration.parameters):
        name = parameter.name
        if name.text in ("in_channels", "stride", *SIZES):
            help_ = "drop it: every block has it, and `name(.., stride = 2)` gives it"
            message = f"`{name.text}` exists by itself and cannot be declared"
            fail("E315", message, name.span, help_ if name.text == "stride" else None)
        if name.text in placed:
            given = evaluate(placed[name.text], scope)
            if not isinstance(given, Number | Truth):
                scope.settle(hangs_on(placed[name.text], scope))
                scope.settle_sizes(given)
        elif parameter.default is not None:
            given = _outward(evaluate(parameter.default, inner), bound)
            if not isinstance(given, Number | Truth):
                inner.settle(hangs_on(parameter.default, inner))
        else:
            note = Note("declared here", name.span)
            fail("E312", f"{what} needs `{name.text}`", called.call.span, notes=(note,))
        if parameter.kind is not None or holds_maps(given):
            inner.define(name, handed.bind(parameter, index, given, inner.file))
            arguments |= handed.channels
            continue
        match given:
            case Number(value=value):
                arguments[name.text] = given
                inner.define(name, Number(value, Symbol(name.text)))
            case Truth(value=value):
                arguments[name.text] = given
                inner.define(name, Truth(value, Flag(name.text)))
            case ListValue() | DictValue():
                inner.define(name, elaboration.opaque(given))
            case _:
                inner.define(name, given)
    return bound


def _outward(value: Value, bound: Bound) -> Value:
    match value:
        case Number():
            return bound.outward(value)
        case Truth():
            return bound.outward_truth(value)
        case _:
            return value


def _defaults(
    declaration: tree.BlockDeclaration, bound: Bound
) -> Iterator[tuple[str, Exact | bool]]:
    """Yield the defaults that are literals, of parameters that are numbers and flags here."""
    for parameter in declaration.parameters:
        name = parameter.name.text
        match parameter.default:
            case tree.NumberLiteral(value=value) if name in bound.arguments:
                yield name, normal(value)
            case tree.BooleanLiteral(value=value) if name in bound.arguments:
                yield name, value
            case _:
                pass


def check_stride(elaboration: Elaboration, called: BlockCall, stride: Number, inner: Scope) -> None:
    """Report a stride that no layer of the block uses; the block is built all the same."""
    if stride.value == 1 or "stride" in inner.used:
        return
    name = called.declaration.name
    note = Note(f"block `{name.text}` has no layer with `stride = stride`", name.span)
    explicit = stride_argument(called.call)
    span = explicit.span if explicit is not None else called.stride_span or called.call.span
    message = f"no layer of the block uses the stride {stride}"
    help_ = "write `stride = stride` in the layer that is to take it"
    elaboration.diagnostics.add(
        Diagnostic(code="E510", message=message, span=span, notes=(note,), help=help_)
    )
