"""Decides who owns each shared weight: the smallest part that contains all its uses."""

from typing import TypeAlias

from archdsl.diagnostics import Note
from archdsl.ir.network import (
    Block,
    Combine,
    LayerNode,
    Network,
    Node,
    Part,
    Residual,
    Shared,
    Stage,
)
from archdsl.ir.rebuild import map_children, replace
from archdsl.record import Record
from archdsl.semantics.bodies import Bodies
from archdsl.semantics.evaluate import fail
from archdsl.source import Span

Owner: TypeAlias = "Network | Stage | Block | Part"


class _Frame(Record):
    """A step on the way from the network to a layer: into an owner, or into a member of a run."""

    owner: int | None  # number of the owner in order of visit
    count: int = 1


class _Use(Record):
    node: LayerNode
    owners: tuple[int, ...]  # who may own the weight, outermost first
    copies: int
    calls: tuple[Span, ...]  # of the blocks that it is in, outermost first


def resolve_sharing(network: Network, bodies: Bodies) -> Network:
    """Return the network with shared weights at their owners, and lone layers on their own."""
    if not bodies.shares:
        return network
    uses = _Collector(bodies)
    uses.visit(network, ())
    shared: dict[int, tuple[int, Shared]] = {}
    for key, found in uses.found.items():
        total = sum(use.copies for use in found)
        if total > 1:
            shared[key] = (_common(found), _weight(key, found, total))
    _warn_unshared(shared, bodies)
    return _Rebuilder(shared).network(network)


def _is_owner(node: Node | Network) -> bool:
    match node:
        case Network() | Stage() | Block():
            return True
        case Part(kind=kind):
            return kind not in ("branch", "shortcut", "residual", "preactivation")
        case _:
            return False


class _Collector:
    """Finds the uses of each shared weight."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.found: dict[int, list[_Use]] = {}
        self.owners = 0

    def visit(
        self, node: Node | Network, path: tuple[_Frame, ...], calls: tuple[Span, ...] = ()
    ) -> None:
        if isinstance(node, Block):
            calls = (*calls, node.span)
        if _is_owner(node):
            path = (*path, _Frame(self.owners))
            self.owners += 1
        match node:
            case LayerNode(shared=key):
                if key is not None:
                    self._use(node, key, path, calls)
            case Stage(items=items):
                for item in items:
                    self.visit(item.node, (*path, _Frame(None, item.count)), calls)
            case Residual(preactivation=before, residual=nodes, shortcut=shortcut):
                for child in (*before, *nodes, *((shortcut,) if shortcut else ())):
                    self.visit(child, path, calls)
            case (
                Combine(branches=nodes) | Network(body=nodes) | Block(body=nodes) | Part(body=nodes)
            ):
                for child in nodes:
                    self.visit(child, path, calls)

    def _use(
        self, node: LayerNode, key: int, path: tuple[_Frame, ...], calls: tuple[Span, ...]
    ) -> None:
        """Enter a use: no owner below a run's repeated member, unless the scope is in there too."""
        level, copies = 0, 1
        owners: list[int] = []
        for frame in path:
            if frame.owner is not None:
                if copies == 1:
                    owners.append(frame.owner)
            else:
                if level >= self.bodies.share_scopes[key].level:
                    copies *= frame.count
                level += 1
        self.found.setdefault(key, []).append(_Use(node, tuple(owners), copies, calls))


def _common(uses: list[_Use]) -> int:
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


def _weight(key: int, uses: list[_Use], total: int) -> Shared:
    first = uses[0].node
    for use in uses[1:]:
        if use.node.frozen != first.frozen:
            frozen, learned = (use, uses[0]) if use.node.frozen else (uses[0], use)
            notes = tuple(
                Note(f"{what} here", span)
                for what, other in (("frozen", frozen), ("learned", learned))
                for span in _apart(other, learned if other is frozen else frozen)
            )
            message = "a shared weight cannot be frozen in one place and learned in another"
            help_ = "freeze all of what shares it, or share within what is frozen"
            fail("E508", message, use.node.span, help_, notes)
    layer = first.layer
    return Shared(id=key, name="", layer=layer, uses=total, frozen=first.frozen, span=first.span)  # pyright: ignore[reportArgumentType]


def _apart(use: _Use, other: _Use) -> tuple[Span, ...]:
    """Return the place that tells a use from another one: a block's call, or the layer itself."""
    for call, others in zip(use.calls, other.calls, strict=False):
        if (call.source.name, call.start) != (others.source.name, others.start):
            return (call,)
    return (use.node.span,)


def _warn_unshared(shared: dict[int, tuple[int, Shared]], bodies: Bodies) -> None:
    useful = {bodies.share_scopes[key].annotation.span.start for key in shared}
    for scope in bodies.shares:
        span = scope.annotation.span
        if scope.matched and span.start not in useful:
            useful.add(span.start)
            bodies.warn("W501", "only one layer is left to share: nothing is shared", span)


class _Rebuilder:
    """Writes the owners' weights and the users' ids into the network."""

    def __init__(self, shared: dict[int, tuple[int, Shared]]) -> None:
        self.shared = shared
        self.by_owner: dict[int, list[Shared]] = {}
        for owner, weight in shared.values():
            self.by_owner.setdefault(owner, []).append(weight)
        self.owners = 0

    def network(self, network: Network) -> Network:
        owned = self._owned()
        return replace(network, owned=owned, body=tuple(map(self.node, network.body)))

    def _owned(self) -> tuple[Shared, ...]:
        owned = tuple(self.by_owner.get(self.owners, ()))
        self.owners += 1
        return owned

    def node(self, node: Node) -> Node:
        match node:
            case LayerNode(shared=key):
                return replace(node, shared=key if key in self.shared else None)
            case Stage() | Block():
                owned = self._owned()
                return replace(map_children(node, self.node), owned=owned)
            case Part():
                owned = self._owned() if _is_owner(node) else ()
                return replace(map_children(node, self.node), owned=owned)
            case Residual() | Combine():
                return map_children(node, self.node)
