"""Elaborates bodies: layers, blocks, parts, residuals, branches, loops and conditions."""

from collections.abc import Sequence
from enum import Enum, auto
from fractions import Fraction
from itertools import takewhile

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, Severity, SpecError
from archdsl.ir.layers import Conv, ConvTranspose, Flatten, Layer, Linear, StochasticDepth
from archdsl.ir.names import is_usable_attribute
from archdsl.ir.network import (
    Block,
    Combine,
    Drop,
    FeatureMap,
    Item,
    LayerNode,
    Let,
    Node,
    Operator,
    Part,
    Residual,
    Stage,
)
from archdsl.ir.numbers import (
    Expr,
    Leaf,
    Number,
    Operation,
    Symbol,
    arithmetic,
    leaf,
    literal,
    substitute,
)
from archdsl.ir.rebuild import replace
from archdsl.ir.shapes import ShapeError, output_map, reduction
from archdsl.limits import MAX_DIFFERENT_BLOCKS, MAX_NESTING
from archdsl.semantics.annotations import (
    Context,
    DropScope,
    Said,
    ShareScope,
    matches,
    read,
)
from archdsl.semantics.catalogue import Facts, Use, bind_layer, build_layer
from archdsl.semantics.evaluate import (
    check_size,
    evaluate,
    fail,
    integer_of,
    truth_of,
)
from archdsl.semantics.flow import Flow
from archdsl.semantics.signature import place
from archdsl.semantics.values import (
    BlockValue,
    DictValue,
    LayerValue,
    ListValue,
    Scope,
    Value,
    type_name,
)
from archdsl.semantics.words import is_layer_word, layer_words
from archdsl.source import Span
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree

RESIDUAL_WORDS = ("preactivation", "residual", "shortcut")
COMBINE_WORDS = tuple(str(operator) for operator in Operator)
PART_WORDS = ("stem", "head")
CONSTRUCTS = (*RESIDUAL_WORDS, *COMBINE_WORDS, *PART_WORDS, "branch", "identity", "input")


class Role(Enum):
    """What a body is the body of."""

    NETWORK = auto()
    BLOCK = auto()
    PART = auto()
    STAGE = auto()
    COMBINE = auto()


class StageStride:
    """The stride of a stage on its way to its first block."""

    def __init__(self, number: Number, span: Span) -> None:
        self.number = number
        self.span = span
        self.taken = number.value == 1


class Site:
    """A body being elaborated: what it has become so far, and what flows at its end.

    `flow` is None before `input`, and after a mistake: what follows is then checked only for
    mistakes that need no map.
    """

    def __init__(
        self,
        *,
        scope: Scope,
        role: Role,
        flow: Flow | None,
        context: Context,
        in_block: bool = False,
        stride: StageStride | None = None,
    ) -> None:
        self.scope = scope
        self.role = role
        self.flow = flow
        self.start = flow
        self.context = context
        self.in_block = in_block
        self.stride = stride
        self.nodes: list[Node] = []
        self.lets: list[Let] = []
        self.branches: list[Part] = []
        self.flows: list[tuple[Flow, Span]] = []  # of the branches
        self.labels: dict[str, Span] = {}
        self.input: FeatureMap | None = None
        self.expects: list[tree.Expect] = []
        self.recipe: tree.Call | None = None


class Bodies:
    """Elaborates the bodies of one network."""

    def __init__(self, *, fold: bool = True) -> None:
        self.fold = fold
        self.diagnostics = Diagnostics()
        self.identity = 0
        self.steps = 0  # layers, blocks and iterations so far
        self.depth = 0  # blocks inside one another
        self.shares: list[ShareScope] = []
        self.share_keys: dict[tuple[int, Layer], int] = {}
        self.share_scopes: dict[int, ShareScope] = {}  # by key
        self.drops: dict[int, DropScope] = {}

    # ------------------------------------------------------------ annotations

    def apply(
        self, annotations: Sequence[tree.Call], scope: Scope, context: Context, *, grows: bool = False
    ) -> Context:
        """Return what holds inside something with these annotations."""
        return self._inside(read(annotations, scope), context, grows=grows)

    def _inside(self, said: Said, context: Context, *, grows: bool = False) -> Context:
        """Return the context with what was said; where a drop rate `grows` it does so by block."""
        shares = tuple(self._share(share, context) for share in reversed(said.shares))
        drop = context.drop
        if said.drop is not None:
            drop = self._drop(said.drop) if grows else said.drop
        return Context(
            bn_affine=context.bn_affine if said.bn_affine is None else said.bn_affine,
            frozen=context.frozen if said.frozen is None else said.frozen,
            shares=(*context.shares, *shares),
            drop=drop,
            in_run=context.in_run and said.drop is None,
            level=context.level,
            index=context.index,
        )

    def _share(self, share, context: Context) -> ShareScope:  # noqa: ANN001
        scope = ShareScope(share, self._next_identity(), context.level)
        self.shares.append(scope)
        return scope

    def _drop(self, rate: Fraction) -> DropScope:
        scope = DropScope(rate, self._next_identity())
        self.drops[scope.identity] = scope
        return scope

    def _next_identity(self) -> int:
        self.identity += 1
        return self.identity

    def close_shares(self) -> None:
        """Report each `share` that matched nothing anywhere it applied."""
        matched = {s.annotation.span.start for s in self.shares if s.matched}
        for scope in self.shares:
            if scope.annotation.span.start not in matched and not self.diagnostics.has_errors:
                what = ", ".join(f"`{s}`" for s in scope.annotation.selectors)
                self.diagnostics.add(
                    Diagnostic(
                        code="E507",
                        message=f"no layer here is {what}: nothing is shared",
                        span=scope.annotation.span,
                        help="name a kind such as `conv3x3`, or a layer's written name",
                    )
                )

    # ------------------------------------------------------------ items

    def items(self, items: Sequence[tree.Item], site: Site, scope: Scope) -> None:
        """Elaborate items into a site; a mistake in one does not hide those of others."""
        rest = list(items)
        while rest:
            group = list(takewhile(_is_residual, rest)) or rest[:1]
            rest = rest[len(group) :]
            try:
                if _is_residual(group[0]):
                    self._residual([g for g in group if isinstance(g, tree.Element)], site, scope)
                else:
                    self._item(group[0], site, scope)
            except SpecError as error:
                for diagnostic in error.diagnostics:
                    self.diagnostics.add(diagnostic)
                site.flow = None

    def _item(self, item: tree.Item, site: Site, scope: Scope) -> None:
        match item:
            case tree.Let():
                self._let(item, site, scope)
            case tree.Require(condition=condition, message=message):
                if not truth_of(condition, scope):
                    fail("E316", message.value or "the requirement is not met", condition.span)
            case tree.Expect():
                self._only_in_network(site, scope, "expect", item.span)
                site.expects.append(item)
            case tree.UseRecipe(recipe=recipe):
                self._only_in_network(site, scope, "train =", item.span)
                site.recipe = recipe
            case tree.Element():
                self._element(item, site, scope)
            case tree.NamedBody(label=label, annotations=annotations, body=body):
                self._part("part", label, annotations, body, site, scope)
            case tree.Stage():
                self._stage(item, site, scope)
            case tree.Loop():
                self._loop(item, site, scope)
            case tree.Condition(condition=condition, body=body, otherwise=otherwise):
                chosen = body if truth_of(condition, scope) else otherwise
                if chosen is not None:
                    self.items(chosen.items, site, self._inner_scope(site, scope))

    def _only_in_network(self, site: Site, scope: Scope, what: str, span: Span) -> None:
        if site.role is not Role.NETWORK or scope is not site.scope:
            fail("E404", f"`{what}` stands only in the body of a network", span)

    def _inner_scope(self, site: Site, scope: Scope) -> Scope:
        """Return a scope inside; in a network `in_channels` is what the innermost body is given."""
        inner = scope.child()
        if not site.in_block and site.flow is not None:
            inner.values["in_channels"] = leaf(site.flow.channels.value, "in_channels")
        return inner

    def _let(self, item: tree.Let, site: Site, scope: Scope) -> None:
        name = item.name
        if name.text in ("in_channels", "stride"):
            fail("E315", f"`{name.text}` exists by itself and cannot be declared", name.span)
        if name.text in scope.values:
            note = Note("declared first here", scope.spans.get(name.text, name.span))
            fail("E202", f"`{name.text}` is declared twice", name.span, notes=(note,))
        value = evaluate(item.value, scope)
        if isinstance(value, Number) and scope is site.scope:
            site.lets.append(Let(name.text, value))
            value = Number(value.value, Symbol(name.text))
        scope.define(name, value)

    def _count_step(self, span: Span) -> None:
        self.steps += 1
        if self.steps > MAX_DIFFERENT_BLOCKS * 20:
            fail("E309", f"more than {MAX_DIFFERENT_BLOCKS * 20:,} layers differ", span)

    # ------------------------------------------------------------ loops

    def _loop(self, item: tree.Loop, site: Site, scope: Scope) -> None:
        values = self._sequence(item, scope)
        run = self._is_run(item, site, scope)
        target = site
        if run:
            context = replace(site.context, level=site.context.level + 1)
            target = Site(
                scope=scope, role=Role.STAGE, flow=site.flow, context=context, in_block=site.in_block
            )
        context = target.context
        for i, value in enumerate(values):
            self._count_step(item.span)
            target.context = replace(context, index=i + 1)
            inner = self._inner_scope(target, scope)
            self._define_loop(item, inner, i, value)
            self.items(item.body.items, target, inner)
        target.context = context
        if run and target.nodes:
            self._add_run(target, site, item.span)
        elif run:
            site.flow = target.flow

    def _sequence(self, item: tree.Loop, scope: Scope) -> tuple[Value, ...]:
        sequence = evaluate(item.sequence, scope)
        match sequence:
            case ListValue(items=values):
                return values
            case DictValue(items=pairs):
                return tuple(key for key, _ in pairs)
            case _:
                span = item.sequence.span
                help_ = f"write `range({span.text})`" if isinstance(sequence, Number) else None
                fail("E302", f"a loop goes over a list, not {type_name(sequence)}", span, help_)

    def _define_loop(self, item: tree.Loop, scope: Scope, index: int, value: Value) -> None:
        name = item.names[-1]
        if isinstance(value, Number):
            value = leaf(value.value, name.text)
        scope.define(name, value)
        if len(item.names) > 1:
            scope.define(item.names[0], leaf(index, item.names[0].text))

    def _is_run(self, item: tree.Loop, site: Site, scope: Scope) -> bool:
        """Say whether each iteration is one unnamed block: they then go by index."""
        if site.role in (Role.STAGE, Role.COMBINE):
            return False
        elements = [i for i in item.body.items if not isinstance(i, tree.Let | tree.Require)]
        match elements:
            case [tree.Element(label=None, body=None, call=call)]:
                return isinstance(self._callee(call.name, scope), BlockValue)
            case _:
                return False

    def _add_run(self, run: Site, site: Site, span: Span) -> None:
        assert site.flow is not None
        first = run.nodes[0]
        kind = first.declaration if isinstance(first, Block) else "run"
        given = site.flow.map
        site.flow = run.flow
        if run.flow is not None:
            items = tuple(Item(node) for node in run.nodes)
            stage = Stage(
                kind=kind, label=None, items=items, input=given, output=run.flow.map, span=span
            )
            site.nodes.append(stage)

    # ------------------------------------------------------------ elements

    def _callee(self, name: tree.Name, scope: Scope) -> Value | None:
        """Return what a word in the place of a call means; None for a layer or a construct."""
        held = scope.find(name.text) if name.text not in ("in_channels", "stride") else None
        if isinstance(held, BlockValue | LayerValue):
            return held
        if name.text in scope.file.blocks:
            return BlockValue(*scope.file.blocks[name.text])
        return None

    def _element(self, item: tree.Element, site: Site, scope: Scope) -> None:
        word = item.call.name.text
        callee = self._callee(item.call.name, scope)
        if item.label is not None:
            self._check_label(item.label, site)
        if callee is None and word in CONSTRUCTS:
            self._construct(word, item, site, scope)
            return
        if site.role is Role.COMBINE:
            help_ = f"write `branch {{ {item.call.span.text} }}`"
            fail("E405", "what comes together stands in branches", item.call.span, help_)
        if item.body is not None:
            fail("E406", f"`{word}` has no body", item.body.span)
        match callee:
            case BlockValue():
                said = read(item.annotations, scope)
                self._place_block(callee, item, said, site, scope)
            case LayerValue(call=call, scope=own):
                if item.call.arguments is not None and call.arguments is not None:
                    fail("E311", f"`{word}` has its arguments already", item.call.span)
                called = call if call.arguments is not None else _renamed(item.call, call.name)
                self._layer(called, item, site, own if call.arguments is not None else scope, scope)
            case _:
                if not is_layer_word(word):
                    self._unknown(item.call.name, scope)
                self._layer(item.call, item, site, scope, scope)

    def _unknown(self, name: tree.Name, scope: Scope) -> None:
        blocks = [n for n, v in scope.names().items() if isinstance(v, BlockValue | LayerValue)]
        known = [*scope.file.blocks, *blocks, *layer_words(), *CONSTRUCTS]
        help_ = did_you_mean(name.text, known)
        fail("E301", f"there is no layer or block `{name.text}`", name.span, help_)

    def _check_label(self, label: tree.Name, site: Site) -> None:
        if not is_usable_attribute(label.text):
            message = f"`{label.text}` cannot name a member of a PyTorch module"
            fail("E317", message, label.span, f"write `{label.text.strip('_')}_` or another name")
        if label.text in site.labels:
            note = Note("named first here", site.labels[label.text])
            fail("E202", f"two members are named `{label.text}`", label.span, notes=(note,))
        site.labels[label.text] = label.span

    def _construct(self, word: str, item: tree.Element, site: Site, scope: Scope) -> None:
        if word == "input":
            self._input(item, site, scope)
            return
        if site.role is Role.COMBINE:
            if word not in ("branch", "identity"):
                message = f"`{word}` cannot stand beside branches"
                fail("E405", message, item.call.span, f"write `branch {{ {word} {{ .. }} }}`")
            self._branch(word, item, site, scope)
            return
        if word in ("branch", "identity"):
            fail("E407", f"`{word}` stands in `sum`, `concat` or `product`", item.call.span)
        if item.body is None:
            fail("E408", f"`{word}` needs a body `{{ .. }}`", item.call.span)
        if item.call.arguments:
            fail("E311", f"`{word}` takes no arguments", item.call.span)
        if word in PART_WORDS:
            self._part(word, item.label, item.annotations, item.body, site, scope)
        else:
            self._combine(Operator(word), item, site, scope)

    def _input(self, item: tree.Element, site: Site, scope: Scope) -> None:
        if site.role is not Role.NETWORK or site.input is not None:
            fail("E409", "`input` stands once, at the start of a network", item.span)
        arguments = item.call.arguments or ()
        if len(arguments) not in (1, 3) or any(a.name for a in arguments):
            help_ = "write `input(3, 32, 32)`, or `input(10)` for a vector"
            fail("E311", "`input` takes channels, height and width", item.call.span, help_)
        numbers = [integer_of(a.value, scope, "a size of the input", 1) for a in arguments]
        size = (int(numbers[1].value), int(numbers[2].value)) if len(numbers) > 1 else None
        site.flow = Flow(numbers[0], size)
        site.input = site.flow.map
        scope.values["in_channels"] = leaf(numbers[0].value, "in_channels")

    def _arriving(self, site: Site, span: Span) -> Flow | None:
        """Return what flows in, or None after a mistake; complain where nothing does yet."""
        if site.flow is None and site.role is Role.NETWORK and site.input is None:
            if not self.diagnostics.has_errors:
                help_ = "begin the network with `input(3, 32, 32)`: channels, height, width"
                fail("E403", "nothing flows in here yet", span, help_)
        return site.flow

    # ------------------------------------------------------------ layers

    def _layer(
        self, call: tree.Call, item: tree.Element, site: Site, scope: Scope, around: Scope
    ) -> None:
        self._count_step(item.span)
        use = bind_layer(call, scope)
        said = read(item.annotations, around)
        flow = self._arriving(site, item.span)
        if flow is None:
            return
        context = self._inside(said, site.context)
        if use.kind == "linear":
            flow = self._flattened(flow, site, item.span)
        label = item.label.text if item.label else None
        node, after = self._build(use, label, flow, context, item.span)
        site.nodes.append(node)
        site.flow = after

    def _flattened(self, flow: Flow, site: Site, span: Span) -> Flow:
        if flow.size is None:
            return flow
        if flow.size != (1, 1):
            help_ = "put `avgpool` or `flatten` before it"
            fail("E331", f"`linear` takes a vector, not the map {flow.map}", span, help_)
        after = Flow(flow.channels, None, flow.reduction)
        site.nodes.append(
            LayerNode(
                kind="flatten",
                label=None,
                layer=Flatten(),
                input=flow.map,
                output=after.map,
                implied=True,
                span=span,
            )
        )
        return after

    def _build(
        self, use: Use, label: str | None, flow: Flow, context: Context, span: Span
    ) -> tuple[LayerNode, Flow]:
        built = build_layer(use, flow, Facts(bn_affine=context.bn_affine, frozen=context.frozen))
        try:
            output = output_map(built.layer, flow.map)
        except ShapeError as error:
            given = f"{flow.channels} channels, {_pixels(flow.size)}"
            fail("E330", f"`{use.word}` {error}", use.span, notes=(Note(f"it is given {given}"),))
        channels = built.channels or flow.channels
        for size in output.shape:
            check_size(size, span)
        node = LayerNode(
            kind=use.kind,
            label=label,
            layer=built.layer,
            input=flow.map,
            output=output,
            written=built.written,
            shared=self._share_key(built.layer, label, context),
            frozen=context.frozen,
            span=use.span,
        )
        return node, Flow(channels, output.size, _times(flow.reduction, reduction(built.layer)))

    def _share_key(self, layer: Layer, label: str | None, context: Context) -> int | None:
        """Return the key of the weight that a layer shares, if the innermost `share` takes it."""
        if not isinstance(layer, Conv | ConvTranspose | Linear):
            return None
        for scope in reversed(context.shares):
            if not matches(scope.annotation, layer, label):
                continue
            scope.matched = True
            if context.index < scope.annotation.start:
                return None
            geometry = _geometry(layer, any_stride=scope.annotation.any_stride)
            key = self.share_keys.setdefault(
                (scope.identity, geometry), len(self.share_keys) + 1
            )
            self.share_scopes[key] = scope
            return key
        return None

    # ------------------------------------------------------------ blocks

    def _place_block(
        self, value: BlockValue, item: tree.Element, said: Said, site: Site, scope: Scope
    ) -> None:
        flow = self._arriving(site, item.span)
        if flow is None:
            return
        context = self._inside(said, site.context)
        if isinstance(context.drop, DropScope) and not context.in_run:
            context.drop.blocks += 1
        stride: Number | None = None
        stage = site.stride
        if stage is not None and not _gives_stride(item.call):
            stride = literal(stage.number.value) if not stage.taken else literal(1)
        stage_span = stage.span if stage is not None and not stage.taken else None
        if stage is not None and stride is not None:
            stage.taken = True
        node, after = self.block(
            value, item.call, scope, flow, context, stride, item.label, stage_span
        )
        site.flow = after
        if node is not None:
            site.nodes.append(node)

    def block(
        self,
        value: BlockValue,
        call: tree.Call,
        scope: Scope,
        flow: Flow,
        context: Context,
        stride: Number | None,
        label: tree.Name | None,
        stage_span: Span | None,
    ) -> tuple[Block | None, Flow | None]:
        """Return an instance of a block and what flows out of it; None after a mistake."""
        self._enter(value, call)
        inner = Scope(value.file)
        arguments, stride = self._bind_block(value, call, scope, inner, flow, stride)
        inside = self.apply(value.declaration.annotations, inner, _in_block(context))
        drop = self._block_drop(context) if inside.drop is context.drop else None
        inside = _marked(inside)
        site = Site(
            scope=inner, role=Role.BLOCK, flow=flow.restarted(inner.values["in_channels"]),  # pyright: ignore[reportArgumentType]
            context=inside, in_block=True,
        )
        self.items(value.declaration.body.items, site, inner)
        self.depth -= 1
        if site.flow is None:
            return None, None
        self._check_stride(value, call, stride, inner, stage_span)
        if site.flow.reduction == (0, 0):
            passed = (Fraction(0), Fraction(0))
        else:
            passed = _times(flow.reduction, site.flow.reduction)
        out = self._outward(site.flow.channels, flow.channels, stride, arguments, site.lets)
        block = Block(
            declaration=value.declaration.name.text,
            file=value.file.name,
            label=label.text if label else None,
            in_channels=flow.channels,
            stride=stride,
            arguments=tuple(arguments.items()),
            lets=tuple(site.lets),
            body=tuple(site.nodes),
            input=flow.map,
            output=site.flow.map,
            out_channels=out,
            drop=drop,
            span=call.span,
        )
        return block, Flow(out, site.flow.size, passed)

    def _enter(self, value: BlockValue, call: tree.Call) -> None:
        self._count_step(call.span)
        self.depth += 1
        if self.depth > MAX_NESTING:
            name = value.declaration.name
            note = Note("the block is declared here", name.span)
            message = f"blocks are nested deeper than {MAX_NESTING}: does `{name.text}` ever end?"
            raise SpecError([Diagnostic(code="E410", message=message, span=call.span, notes=(note,))])

    def _block_drop(self, context: Context) -> Drop | None:
        scope = context.drop
        if not isinstance(scope, DropScope) or context.in_run:
            return None
        return Drop(scope.rate, scope.blocks, -scope.identity)

    def _bind_block(
        self,
        value: BlockValue,
        call: tree.Call,
        scope: Scope,
        inner: Scope,
        flow: Flow,
        stride: Number | None,
    ) -> tuple[dict[str, Number], Number]:
        """Define a block's names in `inner`; return its numeric arguments and its stride."""
        declaration = value.declaration
        names = [p.name.text for p in declaration.parameters]
        what = f"block `{declaration.name.text}`"
        placed = place(_without_stride(call), names, what)
        if (explicit := _stride_argument(call)) is not None:
            stride = integer_of(explicit, scope, "`stride`", 1)
        stride = stride or literal(1)
        inner.values["in_channels"] = Number(flow.channels.value, Symbol("in_channels"))
        inner.values["stride"] = Number(stride.value, Symbol("stride"))
        arguments: dict[str, Number] = {}
        for parameter in declaration.parameters:
            name = parameter.name
            if name.text in inner.values:
                fail("E315", f"`{name.text}` exists by itself or is declared twice", name.span)
            if name.text in placed:
                given = evaluate(placed[name.text], scope)
            elif parameter.default is not None:
                given = evaluate(parameter.default, inner)
                if isinstance(given, Number):
                    given = self._outward(given, flow.channels, stride, arguments, ())
            else:
                note = Note("declared here", name.span)
                fail("E312", f"{what} needs `{name.text}`", call.span, notes=(note,))
            if isinstance(given, Number):
                arguments[name.text] = given
                given = Number(given.value, Symbol(name.text))
            inner.define(name, given)
        return arguments, stride

    def _outward(
        self,
        number: Number,
        in_channels: Number,
        stride: Number,
        arguments: dict[str, Number],
        lets: Sequence[Let],
    ) -> Number:
        """Return a number of a block over the names of whoever uses the block."""
        named = {let.name: let.number.expr for let in lets}

        def replace(name: str) -> Expr:
            if name in arguments:
                return arguments[name].expr
            if name in named:
                return substitute(named[name], replace)
            match name:
                case "in_channels":
                    return in_channels.expr
                case "stride":
                    return stride.expr
                case _:
                    return Leaf(number.value, name)

        return Number(number.value, substitute(number.expr, replace))

    def _check_stride(
        self, value: BlockValue, call: tree.Call, stride: Number, inner: Scope, stage: Span | None
    ) -> None:
        if stride.value == 1 or "stride" in inner.used:
            return
        declaration = value.declaration
        note = Note(f"block `{declaration.name.text}` has no `stride`", declaration.name.span)
        explicit = _stride_argument(call)
        span = explicit.span if explicit is not None else stage or call.span
        help_ = "write `stride = stride` in the layer that is to take it"
        message = f"no layer of the block uses the stride {stride}"
        self.diagnostics.add(
            Diagnostic(code="E510", message=message, span=span, notes=(note,), help=help_)
        )

    # ------------------------------------------------------------ parts

    def _part(
        self,
        kind: str,
        label: tree.Name | None,
        annotations: Sequence[tree.Call],
        body: tree.Body,
        site: Site,
        scope: Scope,
    ) -> None:
        if label is not None and label.text not in site.labels:
            self._check_label(label, site)
        flow = self._arriving(site, body.span)
        if flow is None and site.role is not Role.NETWORK:
            return
        context = self.apply(annotations, scope, site.context)
        part, after = self._body(kind, label, body, flow, context, site, scope)
        site.flow = after
        if part is not None:
            site.nodes.append(part)

    def _body(
        self,
        kind: str,
        label: tree.Name | None,
        body: tree.Body,
        flow: Flow | None,
        context: Context,
        site: Site,
        scope: Scope,
    ) -> tuple[Part | None, Flow | None]:
        """Elaborate the body of a part, a branch or a shortcut."""
        inside = self._inside_site(Role.PART, flow, context, site, scope)
        self.items(body.items, inside, inside.scope)
        if flow is None or inside.flow is None:
            return None, None
        part = Part(
            kind=kind,
            label=label.text if label else None,
            body=tuple(inside.nodes),
            input=flow.map,
            output=inside.flow.map,
            span=body.span,
        )
        return part, inside.flow

    def _inside_site(
        self, role: Role, flow: Flow | None, context: Context, site: Site, scope: Scope
    ) -> Site:
        return Site(
            scope=self._inner_scope(site, scope),
            role=role,
            flow=flow,
            context=context,
            in_block=site.in_block,
        )

    # ------------------------------------------------------------ residual blocks

    def _residual(self, group: Sequence[tree.Element], site: Site, scope: Scope) -> None:
        bodies = self._residual_bodies(group, site)
        flow = self._arriving(site, group[0].span)
        if flow is None:
            return
        start = flow.restarted()
        before, entered = self._branch_nodes(bodies.get("preactivation"), start, site, scope)
        if entered is None:
            site.flow = None
            return
        nodes, after = self._branch_nodes(bodies["residual"], entered, site, scope)
        if after is None:
            site.flow = None
            return
        changes = after.reduction != (1, 1) or after.channels.value != flow.channels.value
        nodes = self._dropped(nodes, after, site.context, bodies["residual"].span)
        shortcut = None
        if changes:
            shortcut, beside = self._shortcut(bodies, entered, after, flow, site, scope)
        else:
            beside = flow
        if beside is None:
            site.flow = None
            return
        if beside.map != after.map:
            self._unequal(after, beside, bodies)
        site.nodes.append(
            Residual(
                preactivation=before,
                residual=nodes,
                shortcut=shortcut,
                changes_shape=changes,
                input=flow.map,
                output=after.map,
                span=bodies["residual"].span,
            )
        )
        site.flow = Flow(after.channels, after.size, _times(flow.reduction, after.reduction))

    def _residual_bodies(
        self, group: Sequence[tree.Element], site: Site
    ) -> dict[str, tree.Element]:
        bodies: dict[str, tree.Element] = {}
        for element in group:
            word = element.call.name.text
            if site.role is not Role.BLOCK:
                fail("E411", f"`{word}` stands in a block", element.call.span)
            if element.body is None:
                fail("E408", f"`{word}` needs a body `{{ .. }}`", element.call.span)
            if word in bodies:
                note = Note("the first is here", bodies[word].call.span)
                fail("E412", f"a second `{word}`", element.call.span, notes=(note,))
            bodies[word] = element
        if "residual" not in bodies:
            fail("E413", f"`{group[0].call.name.text}` needs a `residual` beside it", group[0].call.span)
        return bodies

    def _branch_nodes(
        self, element: tree.Element | None, flow: Flow, site: Site, scope: Scope
    ) -> tuple[tuple[Node, ...], Flow | None]:
        """Elaborate a preactivation or residual; with a written name it is one part."""
        if element is None:
            return (), flow
        assert element.body is not None
        context = self.apply(element.annotations, scope, site.context)
        if element.label is not None:
            self._check_label(element.label, site)
            kind = element.call.name.text
            part, after = self._body(kind, element.label, element.body, flow, context, site, scope)
            return ((part,) if part else ()), after
        inside = self._inside_site(Role.PART, flow, context, site, scope)
        inside.labels = site.labels
        self.items(element.body.items, inside, inside.scope)
        return tuple(inside.nodes), inside.flow

    def _shortcut(
        self,
        bodies: dict[str, tree.Element],
        entered: Flow,
        after: Flow,
        flow: Flow,
        site: Site,
        scope: Scope,
    ) -> tuple[Part | None, Flow | None]:
        element = bodies.get("shortcut")
        if element is None:
            message = (
                f"the residual branch turns {flow.map} into {after.map}, and there is no `shortcut`"
            )
            help_ = "add `shortcut { conv1x1(.., stride = stride) }`"
            fail("E401", message, bodies["residual"].call.span, help_)
        assert element.body is not None
        if element.label is not None:
            self._check_label(element.label, site)
        start = entered.restarted() if "preactivation" in bodies else flow.restarted()
        context = self.apply(element.annotations, scope, site.context)
        return self._body("shortcut", element.label, element.body, start, context, site, scope)

    def _unequal(self, after: Flow, beside: Flow, bodies: dict[str, tree.Element]) -> None:
        notes = [Note(f"the residual branch gives {_told(after)}", bodies["residual"].call.span)]
        if "shortcut" in bodies:
            notes.append(Note(f"the shortcut gives {_told(beside)}", bodies["shortcut"].call.span))
        else:
            notes.append(Note(f"the identity gives {_told(beside)}"))
        message = f"{after.map} and {beside.map} do not add"
        fail("E402", message, bodies["residual"].call.span, notes=tuple(notes))

    def _dropped(
        self, nodes: tuple[Node, ...], flow: Flow, context: Context, span: Span
    ) -> tuple[Node, ...]:
        """Return a residual branch with its stochastic depth, if it has one."""
        if context.drop is None:
            return nodes
        rate = float(context.drop) if isinstance(context.drop, Fraction) else None
        node = LayerNode(
            kind="stochastic_depth",
            label=None,
            layer=StochasticDepth(p=rate),
            input=flow.map,
            output=flow.map,
            span=span,
        )
        return (*nodes, node)

    # ------------------------------------------------------------ branches

    def _combine(self, operator: Operator, item: tree.Element, site: Site, scope: Scope) -> None:
        flow = self._arriving(site, item.span)
        if flow is None:
            return
        assert item.body is not None
        if site.role is Role.STAGE:
            fail("E414", f"a stage holds blocks and layers; put `{operator}` in a block", item.call.span)
        if item.label is not None:
            fail("E318", f"`{operator}` has no name; its branches may", item.label.span)
        context = self.apply(item.annotations, scope, site.context)
        inside = self._inside_site(Role.COMBINE, flow.restarted(), context, site, scope)
        inside.labels = site.labels
        self.items(item.body.items, inside, inside.scope)
        if inside.flow is None:
            site.flow = None
            return
        if not inside.branches:
            fail("E415", f"`{operator}` has no branches", item.call.span)
        after = self._together(operator, inside, item)
        branches = tuple(inside.branches)
        if operator is Operator.SUM and any(not b.body for b in branches):
            branches = tuple(self._dropped_branch(b, context) for b in branches)
        if len(branches) > 1 or branches[0].body:
            site.nodes.append(
                Combine(
                    operator=operator,
                    branches=branches,
                    input=flow.map,
                    output=after.map,
                    span=item.call.span,
                )
            )
        site.flow = Flow(after.channels, after.size, _times(flow.reduction, after.reduction))

    def _dropped_branch(self, branch: Part, context: Context) -> Part:
        if not branch.body or context.drop is None:
            return branch
        flow = Flow(literal(branch.output.channels), branch.output.size)
        return Part(
            kind=branch.kind,
            label=branch.label,
            body=self._dropped(branch.body, flow, context, branch.span),
            input=branch.input,
            output=branch.output,
            span=branch.span,
        )

    def _branch(self, word: str, item: tree.Element, site: Site, scope: Scope) -> None:
        flow = site.start
        assert flow is not None
        if word == "identity":
            if item.body is not None or item.call.arguments:
                fail("E406", "`identity` has no arguments and no body", item.call.span)
            body = tree.Body((), item.call.span)
        elif item.body is None:
            fail("E408", "`branch` needs a body `{ .. }`", item.call.span)
        else:
            body = item.body
        context = self.apply(item.annotations, scope, site.context)
        part, after = self._body("branch", item.label, body, flow, context, site, scope)
        if part is None or after is None:
            site.flow = None
            return
        site.branches.append(part)
        site.flows.append((after, item.call.span))

    def _together(self, operator: Operator, site: Site, item: tree.Element) -> Flow:
        """Return what branches give together; raise SpecError where they do not fit."""
        first, *others = (flow for flow, _ in site.flows)
        total = first
        for other in others:
            match operator:
                case Operator.SUM if other.map == total.map:
                    continue
                case Operator.CONCAT if other.size == total.size:
                    value = arithmetic("+", total.channels.value, other.channels.value)
                    expr = Operation("+", total.channels.expr, other.channels.expr)
                    total = Flow(Number(value, expr), total.size, total.reduction)
                case Operator.PRODUCT if _broadcasts(total, other):
                    total = other if total.size == (1, 1) else total
                case _:
                    self._mismatch(operator, site, item)
        return total

    def _mismatch(self, operator: Operator, site: Site, item: tree.Element) -> None:
        verb = {"sum": "add", "concat": "concatenate", "product": "multiply"}[operator]
        maps = " and ".join(str(flow.map) for flow, _ in site.flows)
        notes = tuple(Note(f"this branch gives {_told(flow)}", span) for flow, span in site.flows)
        fail("E402", f"{maps} do not {verb}", item.call.span, notes=notes)

    # ------------------------------------------------------------ stages

    def _stage(self, item: tree.Stage, site: Site, scope: Scope) -> None:
        if site.role in (Role.COMBINE, Role.STAGE):
            fail("E414", "a stage stands in a network, a block or a part", item.name.span)
        self._check_label(item.name, site)
        stride = self._stage_stride(item, scope)
        flow = self._arriving(site, item.span)
        if flow is None:
            return
        said = read(item.annotations, scope)
        context = self._inside(said, site.context, grows=True)
        context = replace(context, level=context.level + 1)
        if isinstance(item.content, tree.Repeat):
            items, after = self._run(item.content, flow, context, stride, scope)
        else:
            items, after = self._written_stage(item.content, flow, context, stride, site, scope)
        site.flow = after
        if after is None:
            return
        if not items:
            fail("E416", f"stage `{item.name.text}` is empty", item.name.span)
        site.nodes.append(
            Stage(
                kind="stage",
                label=item.name.text,
                items=items,
                stride=int(stride.number.value),
                input=flow.map,
                output=after.map,
                span=item.name.span,
            )
        )

    def _stage_stride(self, item: tree.Stage, scope: Scope) -> StageStride:
        call = tree.Call(item.name, item.arguments, item.name.span)
        placed = place(call, ["stride"], "a stage")
        if "stride" not in placed:
            return StageStride(literal(1), item.name.span)
        node = placed["stride"]
        return StageStride(integer_of(node, scope, "`stride`", 1), node.span)

    def _written_stage(
        self,
        body: tree.Body,
        flow: Flow,
        context: Context,
        stride: StageStride,
        site: Site,
        scope: Scope,
    ) -> tuple[tuple[Item, ...], Flow | None]:
        inside = self._inside_site(Role.STAGE, flow, context, site, scope)
        inside.stride = stride
        inside.scope.values["stride"] = literal(stride.number.value)
        self.items(body.items, inside, inside.scope)
        if inside.flow is not None and not stride.taken and "stride" not in inside.scope.used:
            fail("E510", f"nothing in the stage uses the stride {stride.number}", stride.span)
        return tuple(Item(node) for node in inside.nodes), inside.flow

    def _run(
        self, repeat: tree.Repeat, flow: Flow, context: Context, stride: StageStride, scope: Scope
    ) -> tuple[tuple[Item, ...], Flow | None]:
        """Elaborate `n * block(..)`, block by block until the rest is equal; then fold."""
        count = self._repeats(repeat, scope)
        value = self._callee(repeat.call.name, scope)
        if not isinstance(value, BlockValue):
            self._not_a_block(repeat, scope)
        explicit = _gives_stride(repeat.call)
        settled_from = max((s.annotation.start for s in context.shares), default=1)
        items: list[Item] = []
        done = 0
        current: Flow | None = flow
        while done < count:
            if done >= MAX_DIFFERENT_BLOCKS:
                fail("E309", f"more than {MAX_DIFFERENT_BLOCKS:,} blocks differ", repeat.span)
            given = None if explicit else literal(stride.number.value if done == 0 else 1)
            if isinstance(context.drop, DropScope) and not context.in_run:
                context.drop.blocks += 1
            inside = replace(context, index=done + 1)
            span = stride.span if done == 0 else None
            before = current
            node, current = self.block(
                value, repeat.call, scope, before, inside, given, None, span
            )
            if node is None or current is None:
                return (), None
            equal = node.stride.value == 1 and node.output == node.input
            settled = self.fold and equal and done + 1 >= settled_from
            copies = count - done if settled else 1
            if settled and isinstance(context.drop, DropScope) and not context.in_run:
                context.drop.blocks += copies - 1
            items.append(Item(node, copies))
            done += copies
        return tuple(items), current

    def _repeats(self, repeat: tree.Repeat, scope: Scope) -> int:
        count = 1
        for factor in repeat.factors:
            count *= int(integer_of(factor, scope, "a number of blocks").value)
        span = repeat.factors[0].span.to(repeat.factors[-1].span) if repeat.factors else repeat.span
        check_size(count, span)
        if count < 1:
            fail("E303", "a stage has at least 1 block, not 0", span)
        return count

    def _not_a_block(self, repeat: tree.Repeat, scope: Scope) -> None:
        name = repeat.call.name
        if is_layer_word(name.text):
            help_ = f"declare `block name {{ {repeat.call.span.text} }}` and repeat that"
            fail("E417", f"a stage repeats blocks; `{name.text}` is a layer", name.span, help_)
        blocks = [n for n, v in scope.names().items() if isinstance(v, BlockValue)]
        help_ = did_you_mean(name.text, [*scope.file.blocks, *blocks])
        fail("E301", f"there is no block `{name.text}`", name.span, help_)

    def warn(self, code: str, message: str, span: Span) -> None:
        """Add a warning."""
        self.diagnostics.add(
            Diagnostic(code=code, message=message, span=span, severity=Severity.WARNING)
        )


# ---------------------------------------------------------------- small facts


def _is_residual(item: tree.Item) -> bool:
    return isinstance(item, tree.Element) and item.call.name.text in RESIDUAL_WORDS


def _in_block(context: Context) -> Context:
    """Return the context inside a block: only the outermost block in reach has a drop rate."""
    return replace(context, drop=None, in_run=False) if context.in_run else context


def _marked(context: Context) -> Context:
    """Return the context in which blocks inside this one have no drop rate any more."""
    return replace(context, in_run=context.drop is not None)


def _times(
    left: tuple[Fraction, Fraction], right: tuple[Fraction, Fraction]
) -> tuple[Fraction, Fraction]:
    return left[0] * right[0], left[1] * right[1]


def _geometry(layer: Conv | ConvTranspose | Linear, *, any_stride: bool) -> Layer:
    """Return what layers must have in common to share a weight: not the padding."""
    match layer:
        case Linear():
            return layer
        case Conv():
            return Conv(
                in_channels=layer.in_channels,
                out_channels=layer.out_channels,
                kernel_size=layer.kernel_size,
                stride=(1, 1) if any_stride else layer.stride,
                dilation=layer.dilation,
                groups=layer.groups,
                bias=layer.bias,
            )
        case ConvTranspose():
            return ConvTranspose(
                in_channels=layer.in_channels,
                out_channels=layer.out_channels,
                kernel_size=layer.kernel_size,
                stride=(1, 1) if any_stride else layer.stride,
                dilation=layer.dilation,
                groups=layer.groups,
                bias=layer.bias,
            )


def _broadcasts(left: Flow, right: Flow) -> bool:
    if left.channels.value != right.channels.value:
        return False
    return left.size == right.size or (1, 1) in (left.size, right.size)


def _told(flow: Flow) -> str:
    return f"{flow.map} with {flow.channels} channels"


def _pixels(size: tuple[int, int] | None) -> str:
    return "no pixels" if size is None else f"{size[0]} x {size[1]} pixels"


def _stride_argument(call: tree.Call) -> tree.Expression | None:
    for argument in call.arguments or ():
        if argument.name is not None and argument.name.text == "stride":
            return argument.value
    return None


def _gives_stride(call: tree.Call) -> bool:
    return _stride_argument(call) is not None


def _without_stride(call: tree.Call) -> tree.Call:
    if not _gives_stride(call):
        return call
    kept = tuple(a for a in call.arguments or () if not (a.name and a.name.text == "stride"))
    return tree.Call(call.name, kept, call.span)


def _renamed(call: tree.Call, name: tree.Name) -> tree.Call:
    return tree.Call(tree.Name(name.text, call.name.span), call.arguments, call.span)
