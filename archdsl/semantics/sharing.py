"""Decides who owns each shared weight: the smallest part that contains all its uses."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias, assert_never

from archdsl.diagnostics import Note
from archdsl.ir.network import (
    Block,
    Candidate,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Require,
    Shared,
    SharedWeight,
    Site,
    Stage,
    Step,
)
from archdsl.ir.numbers import Compare, Literal, symbols
from archdsl.ir.rebuild import replace
from archdsl.record import Record
from archdsl.semantics.bodies import Bodies
from archdsl.semantics.checks import fail
from archdsl.source import Span

NodePath: TypeAlias = tuple[Site, ...]
"""Which node it is: the sites on the way from the network, one for each body."""


class _Frame(Record):
    """A step on the way from the network to a layer: into an owner, or into a member of a run."""

    owner: NodePath | None
    count: int = 1


class _WeightUse(Record):
    node: LayerNode
    sites: NodePath
    owners: tuple[NodePath, ...]  # who may own the weight, outermost first
    copies: int
    calls: tuple[Span, ...]  # of the blocks that it is in, outermost first


def resolve_sharing(network: Network, bodies: Bodies) -> Network:
    """Return the network with shared weights at their owners, and lone layers on their own."""
    if not bodies.reach.shares:
        return network
    uses = _WeightUses(bodies)
    uses.visit(network, (), ())
    shared: dict[int, tuple[NodePath, Shared]] = {}
    for key, found in uses.found.items():
        total = sum(use.copies for use in found)
        if total > 1:
            shared[key] = (_common(found), _weight(key, found, total))
    _warn_unshared(shared, bodies)
    requires = dict.fromkeys((*network.requires, *_requires(network, uses.found, shared)))
    lone = ((use.sites, key) for key in uses.found if key not in shared for use in uses.found[key])
    network = replace(network, requires=tuple(requires), lone=tuple(lone))
    return _Rebuilder(shared).network(network)


def _requires(
    network: Network,
    found: Mapping[int, list[_WeightUse]],
    shared: Mapping[int, tuple[NodePath, Shared]],
) -> Iterator[Require]:
    """Yield that each stage that owns a weight has several blocks that use it, as it has here.

    Of one block alone the weight would be the block's own.
    """
    stages: dict[NodePath, Stage] = {
        (step.site,): step.node for step in network.body if isinstance(step.node, Stage)
    }
    for key, (owner, _) in shared.items():
        stage = stages.get(owner)
        if stage is None or stage.repeats is None or not symbols(stage.repeats.expr):
            continue
        users = {use.sites[1] for use in found[key]}
        others = sum(item.count for item in stage.items if item.site not in users)
        more = Compare(">", stage.repeats.expr, Literal(others + 1))
        name = stage.label or "what a `for` repeats"
        yield Require(more, f"{name} needs two blocks that share a weight", implied=True)


def _is_owner(node: Node | Network) -> bool:
    match node:
        case Network() | Stage() | Block():
            return True
        case Part(kind=kind):
            return kind not in ("branch", "shortcut", "residual", "preactivation")
        case LayerNode() | Join():
            return False
        case _:
            assert_never(node)


class _WeightUses:
    """Finds the uses of each shared weight."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.found: dict[int, list[_WeightUse]] = {}

    def visit(
        self,
        node: Node | Network,
        path: NodePath,
        frames: tuple[_Frame, ...],
        calls: tuple[Span, ...] = (),
    ) -> None:
        if _is_owner(node):
            frames = (*frames, _Frame(path))
        match node:
            case LayerNode(shared=Candidate(key=key)):
                self._use(node, key, path, frames, calls)
            case LayerNode() | Join():
                pass
            case Stage(items=items):
                for item in items:
                    inner = (*frames, _Frame(None, item.count))
                    self.visit(item.node, (*path, item.site), inner, calls)
            case Network(body=body) | Block(body=body) | Part(body=body):
                calls = (*calls, node.span) if isinstance(node, Block) else calls
                for step in body:
                    self.visit(step.node, (*path, step.site), frames, calls)
            case _:
                assert_never(node)

    def _use(
        self,
        node: LayerNode,
        key: int,
        path: NodePath,
        frames: tuple[_Frame, ...],
        calls: tuple[Span, ...],
    ) -> None:
        """Enter a use: no owner below a run's repeated member, unless the scope is in there too."""
        level, copies = 0, 1
        owners: list[NodePath] = []
        for frame in frames:
            if frame.owner is not None:
                if copies == 1:
                    owners.append(frame.owner)
            else:
                if level >= self.bodies.reach.scope(key).level:
                    copies *= frame.count
                level += 1
        use = _WeightUse(node, path, tuple(owners), copies, calls)
        self.found.setdefault(key, []).append(use)


def _common(uses: list[_WeightUse]) -> NodePath:
    """Return the innermost owner that all uses have in common."""
    common = uses[0].owners
    for use in uses[1:]:
        same = 0
        for left, right in zip(common, use.owners, strict=False):
            if left != right:
                break
            same += 1
        common = common[:same]
    return common[-1]


def _weight(key: int, uses: list[_WeightUse], total: int) -> Shared:
    first = uses[0].node
    for use in uses[1:]:
        if (use.node.frozen, use.node.fixed) != (first.frozen, first.fixed):
            is_held = use.node.frozen or (use.node.fixed is not None and not first.frozen)
            frozen, learned = (use, uses[0]) if is_held else (uses[0], use)
            notes = tuple(
                Note(f"{what} here", span)
                for what, other in (("frozen", frozen), ("learned", learned))
                for span in _apart(other, learned if other is frozen else frozen)
            )
            message = "a shared weight cannot be frozen in one place and learned in another"
            help_ = "freeze all of what shares it, or share within what is frozen"
            fail("E508", message, use.node.span, help_, notes)
    layer = first.layer
    return Shared(
        id=key,
        name="",
        layer=layer,  # pyright: ignore[reportArgumentType]
        uses=total,
        frozen=first.frozen,
        fixed=first.fixed,
        span=first.span,
    )


def _apart(use: _WeightUse, other: _WeightUse) -> tuple[Span, ...]:
    """Return the place that tells a use from another one: a block's call, or the layer itself."""
    for call, others in zip(use.calls, other.calls, strict=False):
        if call != others:
            return (call,)
    return (use.node.span,)


def _warn_unshared(shared: dict[int, tuple[NodePath, Shared]], bodies: Bodies) -> None:
    useful = {bodies.reach.scope(key).span for key in shared}
    for scope in bodies.reach.shares:
        span = scope.span
        if scope.reached and span not in useful:
            useful.add(span)
            bodies.warn("W501", "only one layer is left to share: nothing is shared", span)


class _Rebuilder:
    """Writes the owners' weights and the users' ids into the network."""

    def __init__(self, shared: dict[int, tuple[NodePath, Shared]]) -> None:
        self.shared = shared
        self.by_owner: dict[NodePath, list[Shared]] = {}
        for owner, weight in shared.values():
            self.by_owner.setdefault(owner, []).append(weight)

    def network(self, network: Network) -> Network:
        return replace(network, owned=self._owned(()), body=self._body(network.body, ()))

    def _owned(self, path: NodePath) -> tuple[Shared, ...]:
        return tuple(self.by_owner.get(path, ()))

    def _body(self, body: tuple[Step, ...], path: NodePath) -> tuple[Step, ...]:
        return tuple(replace(s, node=self._node(s.node, (*path, s.site))) for s in body)

    def _node(self, node: Node, path: NodePath) -> Node:
        match node:
            case LayerNode(shared=Candidate(key=key)):
                return replace(node, shared=SharedWeight(key) if key in self.shared else None)
            case LayerNode() | Join():
                return node
            case Stage(items=items):
                items = tuple(replace(i, node=self._node(i.node, (*path, i.site))) for i in items)
                return replace(node, owned=self._owned(path), items=items)
            case Block(body=body) | Part(body=body):
                return replace(node, owned=self._owned(path), body=self._body(body, path))
            case _:
                assert_never(node)
