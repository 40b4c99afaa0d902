"""Bodies while they are elaborated: what each has become so far, and places in it."""

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from archdsl.ir.initialization import Initialization
from archdsl.ir.making import literal
from archdsl.ir.network import (
    MAIN,
    Block,
    Crossing,
    FeatureMap,
    Join,
    Let,
    Map,
    NamedInput,
    Node,
    Operator,
    Output,
    Part,
    Require,
    Site,
    Step,
)
from archdsl.ir.numbers import Number, Test
from archdsl.record import Record
from archdsl.semantics.context import Context
from archdsl.semantics.flow import Flow
from archdsl.semantics.values import (
    Scope,
)
from archdsl.source import Span
from archdsl.syntax import tree

if TYPE_CHECKING:
    from archdsl.semantics.modules import SharedModule

LAST = 2**62  # in a site: after everything that is written


class Role(Enum):
    """What a body is the body of."""

    NETWORK = auto()
    BLOCK = auto()
    PART = auto()
    STAGE = auto()
    COMBINE = auto()


class StageStride:
    """The stride of a stage on its way to whoever takes it first: a block, or a layer."""

    def __init__(self, number: Number, span: Span) -> None:
        self.number = number
        self.span = span
        self.scope: Scope | None = None  # of a stage that is written out
        self._taken = number.value == 1

    @property
    def taken(self) -> bool:
        """Whether a block has it, or a layer has read `stride`."""
        return self._taken or (self.scope is not None and "stride" in self.scope.used)

    def take(self) -> Number:
        """Return the stride of the next block: the stage's own, once, then 1."""
        given = literal(1) if self.taken else self.number
        self._taken = True
        if self.scope is not None:
            self.scope.values["stride"] = literal(1)
        return given


class Draft:
    """A body being elaborated: what it has become so far, and what flows at its end.

    `flow` is None before `input`, and after a mistake: what follows is then checked only for
    mistakes that need no map.

    `current` names the map that the next step takes, `given` the one that it gives: they differ
    where a body stands beside another one and nothing of it is there yet.
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
        maps: tuple[Map, Map] = (MAIN, MAIN),
        outer: "Draft | None" = None,
        token: object = None,
        is_inline: bool = False,
    ) -> None:
        self.scope = scope
        self.role = role
        self.flow = flow
        self.start = flow
        self.context = context
        self.in_block = in_block
        self.stride = stride
        self.current, self.given = maps
        self.outer = outer  # the draft around it, in the same declaration
        self.token = object() if token is None else token  # the body whose steps these are
        self.handed: dict[tuple[int, Map], Crossing] = {}  # maps from outside
        self.outward: Callable[[Number], Number] = lambda number: number  # in the names around it
        self.is_inline = is_inline  # a block without a level: its names are values, no symbols
        self.steps: list[Step] = []
        self.lets: list[Let] = []
        self.requires: list[Require] = []
        self.branches: list[Branch] = []
        self.operator: Operator | None = None  # of the branches
        self.flows: list[tuple[Flow, Span]] = []  # of the branches
        self.labels: dict[str, Span] = {}
        self.modules: dict[str, SharedModule] = {}
        self.input: FeatureMap | None = None
        self.inputs: list[tuple[NamedInput, Span]] = []
        self.outputs: list[tuple[Output, Span]] = []
        self.ended = 0  # steps before the last output
        self.expects: list[tree.Expect] = []
        self.recipe: tree.Call | None = None
        self.grow: tree.Grow | None = None
        self.init: tuple[Initialization, Span] | None = None

    def add(self, node: Node, site: Site, when: tuple[Test, ...]) -> None:
        """Add a step to those in a row."""
        takes, gives = (self.current,), (self.given,)
        self.steps.append(Step(node=node, takes=takes, gives=gives, site=site, when=when))
        self.current = self.given

    def mark(self, join: Join, map_: Map, when: tuple[Test, ...]) -> None:
        """Give what flows a name of its own; it flows on."""
        site, takes = map_[:-1], (self.current,)
        self.steps.append(Step(node=join, takes=takes, gives=(map_,), site=site, when=when))


class Branch(Record):
    """A branch of a `sum`, `concat` or `product`; the identity has no body.

    `source` is the map that it starts from where that is another one. One without a level has no
    module: the steps of its part are those of the body around, and the last gives `given`.
    A Block is a module alone.
    """

    part: Part | Block
    source: Map | None
    site: Site
    when: tuple[Test, ...]
    given: Map | None = None


class Here(Record):
    """Where an item stands: in a draft, with the names it sees, and on what way from its body."""

    draft: Draft
    scope: Scope
    way: Site = ()
    when: tuple[Test, ...] = ()

    def site(self, span: Span) -> Site:
        """Return the site of an item."""
        return (*self.way, span.start)

    def add(self, node: Node, span: Span) -> None:
        """Add a step for an item."""
        self.draft.add(node, (*self.way, span.start), self.when)

    def deeper(self, scope: Scope, span: Span, *turn: int, when: tuple[Test, ...] = ()) -> "Here":
        """Return the place inside an item of the same draft."""
        return Here(self.draft, scope, (*self.way, span.start, *turn), (*self.when, *when))
