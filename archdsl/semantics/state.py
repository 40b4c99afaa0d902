"""The state of an elaboration, and what all rooms of it use."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from archdsl.diagnostics import Diagnostic, Diagnostics, Note, Severity, SpecError
from archdsl.ir.layers import Size
from archdsl.ir.network import (
    MAIN,
    DropRun,
    Map,
    Part,
)
from archdsl.ir.numbers import Expr
from archdsl.ir.rebuild import replace
from archdsl.limits import MAX_STEPS, STEP_WORK
from archdsl.semantics.annotations import Said, read
from archdsl.semantics.checks import InstanceError, fail, spend
from archdsl.semantics.context import Context, DropScope, Reach
from archdsl.semantics.draft import Draft, Here, Role
from archdsl.semantics.flow import Flow
from archdsl.semantics.labels import check_member_name
from archdsl.semantics.values import (
    SIZES,
    BlockValue,
    LayerValue,
    Scope,
    Value,
    opaque,
)
from archdsl.source import Span
from archdsl.syntax import tree

if TYPE_CHECKING:
    from archdsl.semantics.modules import SharedModule


class Elaboration(ABC):
    """What elaborating one network keeps in mind, and what all rooms of it use.

    `items` is given by bodies.py: bodies stand in everything that stands in bodies.
    """

    def __init__(self, *, fold: bool = True) -> None:
        self.fold = fold
        self.diagnostics = Diagnostics()
        self.steps = 0  # layers, blocks and iterations so far
        self.depth = 0  # blocks inside one another
        self.calls: list[Callable[[], Note]] = []  # of the blocks around this place
        self.input_size: Size | None = None  # in place of what the spec says
        self.given_size: Size | None = None  # what the spec says, once it is known
        self.bodies = 0  # bodies inside one another, those of blocks too
        self.stopped = False  # a `require` is not met
        self.reach = Reach()
        self.drop_runs: list[DropScope] = []  # those whose rates grow
        self.loops: list[Span] = []  # around this place
        self.lets: dict[Span, Span | None] = {}  # layers that `let` holds, and their first use
        self.residual: dict[int, tuple[tree.Body, bool]] = {}  # bodies with a branch, by `id`
        self.pixels = frozenset[str]()  # what the size of the input hangs on
        self.input_sizes: list[tuple[Expr, ...]] = []  # as written: channels, then the size
        self.modules: list[SharedModule] = []  # that are declared
        self.last_body: Draft | None = None  # of the part or block that was elaborated last
        self._opaque: dict[int, tuple[Value, Value]] = {}

    def apply(
        self,
        annotations: Sequence[tree.Call],
        scope: Scope,
        context: Context,
        *,
        grows: bool = False,
    ) -> Context:
        """Return what holds inside something with these annotations."""
        return self.inside(read(annotations, scope), context, grows=grows)

    def inside(self, said: Sequence[Said], context: Context, *, grows: bool = False) -> Context:
        """Return the context with what was said; where a drop rate `grows` it does so by branch."""
        for each in reversed(said):
            context = each.meaning.enter(context, self.reach, grows=grows)
        return context

    def close(self) -> None:
        """Report each annotation that reached nothing anywhere it applied."""
        if not self.diagnostics.has_errors:  # what it is about may stand behind a mistake
            self.diagnostics.extend(tuple(self.reach.unreached()))

    def count_step(self, scope: Scope, span: Span, steps: int = 1) -> None:
        """Count layers, blocks, turns, maps handed in; raise SpecError past the limit."""
        self.steps += steps
        spend(steps * STEP_WORK, scope, span)
        if self.steps > MAX_STEPS:
            self.stopped = True
            fail("E309", f"more than {MAX_STEPS:,} layers, blocks, branches and turns differ", span)

    def inner_scope(self, here: Here, flow: Flow | None) -> Scope:
        """Return a scope inside; in a network `in_channels` is what the innermost body is given."""
        inner = here.scope.child()
        if not here.draft.in_block and flow is not None:
            inner.channels, inner.size, inner.pixels = flow.channels, flow.size, self.pixels
        elif not here.draft.in_block and self.diagnostics.has_errors:
            inner.unknown |= {"in_channels", *SIZES}  # for a mistake before it
        return inner

    def arriving(self, here: Here, span: Span) -> Flow | None:
        """Return what flows in, or None after a mistake; complain where nothing does yet."""
        draft = here.draft
        waiting = draft.flow is None and draft.role is Role.NETWORK and draft.input is None
        if waiting and not self.diagnostics.has_errors:
            help_ = "begin the network with `input(3, 32, 32)`: channels, height, width"
            fail("E403", "nothing flows in here yet", span, help_)
        return draft.flow

    def check_label(self, label: tree.Name, draft: Draft) -> None:
        """Enter a written name; raise SpecError where it is taken or no member can have it."""
        check_member_name(label)
        if label.text in draft.labels:
            first = draft.labels[label.text]
            if first == label.span and self.loops:  # a second turn
                note = Note("each turn of this loop has one", self.loops[-1])
                help_ = "leave the name out: members then go by kind and number; "
                help_ += f'or number it, as `"{label.text}{{i}}"` does'
                fail("E202", f"two members are named `{label.text}`", first, help_, (note,))
            note = Note("named first here", first)
            fail("E202", f"two members are named `{label.text}`", label.span, notes=(note,))
        draft.labels[label.text] = label.span

    def inside_draft(
        self,
        role: Role,
        flow: Flow | None,
        context: Context,
        here: Here,
        maps: tuple[Map, Map] = (MAIN, MAIN),
        *,
        runs_here: bool = False,
    ) -> Draft:
        """Return the draft of a body that stands here; its steps may be those of the body here."""
        return Draft(
            outer=here.draft,
            token=here.draft.token if runs_here else None,
            scope=self.inner_scope(here, flow),
            role=role,
            flow=flow,
            context=context,
            in_block=here.draft.in_block,
            maps=maps,
        )

    def part(
        self,
        named: tuple[str, tree.Name | None],
        body: tree.Body,
        flow: Flow | None,
        context: Context,
        here: Here,
    ) -> tuple[Part | None, Flow | None]:
        """Elaborate the body of a part, a branch or a shortcut; `named` is its kind and label."""
        kind, label = named
        inside = self.inside_draft(Role.PART, flow, context, here)
        self.items(body.items, Here(inside, inside.scope))
        self.count_step(here.scope, body.span, len(inside.handed))
        self.last_body = inside
        if flow is None or inside.flow is None:
            return None, None
        part = Part(
            kind=kind,
            label=label.text if label else None,
            body=tuple(inside.steps),
            given=tuple(inside.handed.values()),
            input=flow.map,
            output=inside.flow.map,
            span=body.span,
        )
        return part, inside.flow

    def opaque(self, value: Value) -> Value:
        """Return a value as another declaration sees it; a list is copied only once."""
        known = self._opaque.get(id(value))
        if known is None:
            known = self._opaque[id(value)] = value, opaque(value)  # it keeps the id taken
            self._opaque[id(known[1])] = known[1], known[1]
        return known[1]

    def runs(self) -> tuple[DropRun, ...]:
        """Return the runs of branches whose drop rates grow, now that they are all there."""
        return tuple(DropRun(scope.rate, scope.places) for scope in self.drop_runs)

    def report(self, error: SpecError) -> None:
        """Keep the diagnostics of an error; what depends on a block's arguments shows them."""
        is_traced = isinstance(error, InstanceError)
        calls = [told() for told in self.calls[-1:-3:-1]] if is_traced else []
        for found in error.diagnostics:
            self.diagnostics.add(replace(found, notes=(*found.notes, *calls)))

    def warn(self, code: str, message: str, span: Span, help_: str | None = None) -> None:
        """Add a warning."""
        warning = Severity.WARNING
        self.diagnostics.add(
            Diagnostic(code=code, message=message, span=span, help=help_, severity=warning)
        )

    def callee(self, name: tree.Name, scope: Scope) -> Value | None:
        """Return what a word in the place of a call means; None for a layer or a construct."""
        held = scope.find(name.text) if name.text not in ("in_channels", "stride") else None
        if isinstance(held, BlockValue | LayerValue):
            return held
        if name.text in scope.file.blocks:
            return BlockValue(*scope.file.blocks[name.text])
        return None

    @abstractmethod
    def items(self, items: Sequence[tree.BodyItem], here: Here) -> None:
        """Elaborate items into a draft; a mistake in one does not hide those of others."""
