"""Elaborates stages and repeats; equal blocks in a row are folded."""

from archdsl.ir.making import combine, literal
from archdsl.ir.network import Block, FeatureMap, Item, Stage
from archdsl.ir.numbers import Number
from archdsl.ir.rebuild import replace
from archdsl.semantics.annotations import read
from archdsl.semantics.blocks import BlockCall, build_block
from archdsl.semantics.calls import gives_stride
from archdsl.semantics.checks import check_size, fail, fail_here
from archdsl.semantics.context import Context
from archdsl.semantics.draft import Draft, Here, Role, StageStride
from archdsl.semantics.evaluate import integer_of
from archdsl.semantics.flow import Flow
from archdsl.semantics.signature import place
from archdsl.semantics.state import Elaboration
from archdsl.semantics.values import BlockValue, Scope
from archdsl.semantics.words import is_layer_word
from archdsl.suggest import did_you_mean
from archdsl.syntax import tree


def add_stage(elaboration: Elaboration, item: tree.StageItem, here: Here) -> None:
    """Add a stage: repeats of a block, or members written out."""
    draft = here.draft
    if draft.role in (Role.COMBINE, Role.STAGE):
        fail("E414", "a stage stands in a network, a block or a part", item.name.span)
    elaboration.check_label(item.name, draft)
    stride = _stage_stride(item, here.scope)
    said = read(item.annotations, here.scope)
    flow = elaboration.arriving(here, item.span)
    draft.flow = None
    if flow is None:
        if isinstance(item.content, tree.Repeat):
            _block_value(elaboration, item.content, here.scope)
            _repeats(item.content, here.scope)
        return
    context = elaboration.inside(said, draft.context, grows=True)
    context = replace(context, level=context.level + 1)
    repeats: Number | None = None
    match item.content:
        case tree.Repeat() as repeat:
            run = _GrowingRun(elaboration, repeat, here.scope, context, stride)
            items, draft.flow = run.elaborate(flow)
            repeats = run.repeats
        case tree.Body() as body:
            inside = elaboration.inside_draft(Role.STAGE, flow, context, here)
            items = _members(elaboration, body, inside, stride)
            draft.flow = inside.flow
    if draft.flow is None:
        return
    if not items:
        fail("E416", f"stage `{item.name.text}` is empty", item.name.span)
    stage = _stage("stage", item.name, items, (flow.map, draft.flow.map), stride)
    here.add(replace(stage, repeats=repeats), item.span)


def _stage(
    kind: str,
    label: tree.Name,
    items: tuple[Item, ...],
    maps: tuple[FeatureMap, FeatureMap],
    stride: StageStride,
) -> Stage:
    return Stage(
        kind=kind,
        label=label.text,
        items=items,
        stride=int(stride.number.value),
        input=maps[0],
        output=maps[1],
        span=label.span,
    )


def _stage_stride(item: tree.StageItem, scope: Scope) -> StageStride:
    call = tree.Call(item.name, item.arguments, item.name.span)
    node = place(call, ["stride"], "a stage").get("stride")
    if node is None:
        return StageStride(literal(1), item.name.span)
    return StageStride(integer_of(node, scope, "`stride`", 1), node.span)


def _members(
    elaboration: Elaboration, body: tree.Body, inside: Draft, stride: StageStride
) -> tuple[Item, ...]:
    """Elaborate a stage that is written out; its first block takes the stride."""
    inside.stride = stride
    inside.scope.values["stride"] = stride.number
    stride.scope = inside.scope
    elaboration.items(body.items, Here(inside, inside.scope))
    if inside.flow is not None and not stride.taken:
        message = f"nothing in the stage uses the stride {stride.number}"
        help_ = "write `stride = stride` in a layer of it, or in a block that it begins with"
        fail("E510", message, stride.span, help_)
    return members(inside)


def members(inside: Draft) -> tuple[Item, ...]:
    """Return the steps of a draft as members of a stage."""
    return tuple(Item(node=s.node, site=s.site, when=s.when) for s in inside.steps)


# ---------------------------------------------------------------- repeats


class _GrowingRun:
    """`n * block(..)`: elaborated block by block until the rest is equal, then folded."""

    def __init__(
        self,
        elaboration: Elaboration,
        repeat: tree.Repeat,
        scope: Scope,
        context: Context,
        stride: StageStride,
    ) -> None:
        self.elaboration = elaboration
        self.repeat = repeat
        self.scope = scope
        self.context = context
        self.stride = stride
        self.repeats = _repeats(repeat, scope)
        self.count = int(self.repeats.value)
        # A `from` makes the blocks before it differ from those after it.
        self.settles = max((s.start for s in context.shares), default=1)

    def elaborate(self, flow: Flow) -> tuple[tuple[Item, ...], Flow | None]:
        value = _block_value(self.elaboration, self.repeat, self.scope)
        items: list[Item] = []
        done = 0
        current: Flow | None = flow
        while done < self.count and not self.elaboration.stopped:
            block, current = self._block(value, current, done)
            if block is None or current is None:
                return (), None
            copies = self._copies(block, done)
            items.append(Item(node=block, count=copies, site=(done,)))
            done += copies
        return tuple(items), current

    def _block(self, value: BlockValue, flow: Flow, done: int) -> tuple[Block | None, Flow | None]:
        first = done == 0
        stride = self.stride.number if first else literal(1)
        called = BlockCall(
            value=value,
            call=self.repeat.call,
            scope=self.scope,
            flow=flow,
            context=replace(self.context, index=done + 1),
            stride=None if gives_stride(self.repeat.call) else stride,
            stride_span=self.stride.span if first else None,
        )
        return build_block(self.elaboration, called)

    def _copies(self, block: Block, done: int) -> int:
        """Return how many blocks from here on are this one."""
        equal = block.stride.value == 1 and block.output == block.input
        if not (self.elaboration.fold and equal and done + 1 >= self.settles):
            return 1
        copies = self.count - done
        drop = self.context.drop
        if drop is not None and block.drop is not None:
            drop.places += (copies - 1) * block.drop.places
        return copies


def _repeats(repeat: tree.Repeat, scope: Scope) -> Number:
    """Return how many blocks a stage has."""
    first, last = repeat.factors[:1], repeat.factors[-1:]
    span = first[0].span.to(last[0].span) if first else repeat.span
    count: Number | None = None
    for node in repeat.factors:
        factor = integer_of(node, scope, "a number of blocks")
        count = factor if count is None else combine("*", count, factor)
        check_size(count.value, span)
    count = count or literal(1)
    if count.value < 1:
        fail_here("E303", "a stage has at least 1 block, not 0", span)
    return count


def _block_value(elaboration: Elaboration, repeat: tree.Repeat, scope: Scope) -> BlockValue:
    """Return the block that is repeated; raise SpecError where it is none."""
    name = repeat.call.name
    value = elaboration.callee(name, scope)
    if isinstance(value, BlockValue):
        return value
    if is_layer_word(name.text):
        help_ = f"declare `block name {{ {repeat.call.span.text} }}` and repeat that"
        fail("E417", f"a stage repeats blocks; `{name.text}` is a layer", name.span, help_)
    blocks = [n for n, v in scope.names().items() if isinstance(v, BlockValue)]
    help_ = did_you_mean(name.text, [*scope.file.blocks, *blocks])
    fail("E301", f"there is no block `{name.text}`", name.span, help_)
