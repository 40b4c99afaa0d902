"""Gives every member its name: the written one, else its kind and number, else its index."""

from collections.abc import Iterator, Sequence

from archdsl.ir.layers import Layer, tensors
from archdsl.ir.network import (
    Block,
    Combine,
    Drop,
    Form,
    Item,
    LayerNode,
    Network,
    Node,
    Part,
    Residual,
    Shared,
    Stage,
)
from archdsl.ir.rebuild import children, map_children, replace


def name_nodes(network: Network, totals: dict[int, int] | None = None) -> Network:
    """Return the network with all names and forms decided; `totals` are blocks by drop scope."""
    body = _written(tuple(map(_inside, network.body)))
    owned = _named_weights(network.owned, body)
    if totals:
        body = tuple(_with_totals(node, totals) for node in body)
    return replace(network, body=body, owned=owned)


def _inside(node: Node) -> Node:
    """Return the node with everything inside it named and its form decided."""
    match node:
        case LayerNode():
            return node
        case Residual() | Combine():
            return map_children(node, _inside)
        case Block():
            return _with_weights(node, body=_written(tuple(map(_inside, node.body))))
        case Part():
            body = tuple(map(_inside, node.body))
            written = bool(node.owned or borrowed(node)) or any(
                isinstance(child, Combine | Residual) for child in body
            )
            form = Form.WRITTEN if written else Form.SEQUENTIAL
            return _with_weights(
                node, form=form, body=_written(body) if written else _sequential(body)
            )
        case Stage():
            node = map_children(node, _inside)
            if any(_borrows_itself(item.node) for item in node.items):
                return _with_weights(_as_part(node))
            form = Form.WRITTEN if node.owned or borrowed(node) else Form.SEQUENTIAL
            return _with_weights(node, form=form, items=tuple(_indexed(node.items)))


def _with_weights(node: Block | Part | Stage, **changes: object) -> Node:
    """Return the node with these changes, and then the weights that it owns named."""
    node = replace(node, **changes)
    if not node.owned:
        return node
    return replace(node, owned=_named_weights(node.owned, children(node)))


def _borrows_itself(node: Node) -> bool:
    return isinstance(node, LayerNode) and node.shared is not None


def _as_part(stage: Stage) -> Part:
    """Return a written-out stage as a class of its own.

    A layer that borrows its weight has no module, so members of a list could not go by index.
    """
    return Part(
        kind=stage.kind,
        label=stage.label,
        body=_written(tuple(item.node for item in stage.items)),
        form=Form.WRITTEN,
        input=stage.input,
        output=stage.output,
        owned=stage.owned,
        span=stage.span,
    )


def _indexed(items: Sequence[Item]) -> Iterator[Item]:
    """Yield the members of a stage named by index, the first of a folded run by its own."""
    index = 0
    for item in items:
        yield Item(replace(item.node, name=str(index)), item.count)
        index += item.count


def borrowed(node: Node) -> frozenset[int]:
    """Return the ids of the weights that a node uses and does not own."""
    match node:
        case LayerNode():
            return frozenset() if node.shared is None else frozenset((node.shared,))
        case Block(owned=owned) | Part(owned=owned) | Stage(owned=owned):
            inner = frozenset[int]().union(*map(borrowed, children(node)))
            return inner - {shared.id for shared in owned}
        case Residual() | Combine():
            return frozenset[int]().union(*map(borrowed, children(node)))


# ---------------------------------------------------------------- members of a body


def _sequential(body: Sequence[Node]) -> tuple[Node, ...]:
    """Name the members of an nn.Sequential: by index, or uniquely if any has a written name."""
    if all(_label(node) is None for node in body):
        return tuple(replace(node, name=str(i)) for i, node in enumerate(body))
    namer = _Namer(body)
    return tuple(replace(node, name=namer.unique(node)) for node in body)


def _written(body: Sequence[Node]) -> tuple[Node, ...]:
    """Name the members of a class; those of a residual and of branches are its own."""
    members = tuple(_members(body))
    namer = _Namer(members)
    return tuple(namer.named(node) for node in body)


def _members(body: Sequence[Node]) -> Iterator[Node]:
    for node in body:
        if isinstance(node, Residual):
            yield from _members(node.preactivation)
            yield from _members(node.residual)
            if node.shortcut is not None:
                yield node.shortcut
        elif isinstance(node, Combine):
            yield node
            yield from node.branches
        else:
            yield node


def _label(node: Node) -> str | None:
    return None if isinstance(node, Residual | Combine) else node.label


def _kind(node: Node) -> str:
    match node:
        case LayerNode(kind=kind) | Part(kind=kind) | Stage(kind=kind):
            return kind
        case Block(declaration=declaration):
            return declaration
        case Combine(operator=operator):
            return str(operator)
        case Residual():
            return "residual"


class _Namer:
    """Names for the members of one body."""

    def __init__(self, members: Sequence[Node]) -> None:
        self.taken = {label for node in members if (label := _label(node)) is not None}
        self.counts: dict[str, int] = {}
        self.kept: dict[tuple[str, Layer], str] = {}  # names of layers without tensors
        self.alone: dict[str, bool] = {}  # by kind
        self.members = members

    def named(self, node: Node) -> Node:
        """Return the node with its name, and those of its members that are its body's own."""
        match node:
            case Residual(preactivation=before, residual=nodes, shortcut=shortcut):
                before = tuple(map(self.named, before))
                nodes = tuple(map(self.named, nodes))
                beside = None if shortcut is None else self.named(shortcut)
                return replace(node, preactivation=before, residual=nodes, shortcut=beside)
            case Combine(branches=branches):
                name = self._plain("combine", str(node.operator))
                return replace(node, name=name, branches=tuple(map(self.named, branches)))
            case Part(kind="branch", body=()):
                return replace(node, name="identity")  # no module
            case LayerNode(layer=layer, label=None) if not tensors(layer):
                return replace(node, name=self._shared_name(node))
            case _:
                return replace(node, name=self.unique(node))

    def unique(self, node: Node) -> str:
        """Return a name that no other member has."""
        label, kind = _label(node), _kind(node)
        if label is not None:
            return label
        if kind in ("stem", "head", "shortcut") and kind not in self.taken:
            self.taken.add(kind)
            return kind
        return self._number(kind)

    def _number(self, kind: str) -> str:
        while True:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            name = f"{kind}{self.counts[kind]}"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def _shared_name(self, node: LayerNode) -> str:
        """Return the name that all layers of this configuration have: they keep nothing."""
        key = node.kind, node.layer
        if key not in self.kept:
            plain = self._is_alone(node.kind) and node.kind not in self.taken
            self.kept[key] = node.kind if plain else self._number(node.kind)
            self.taken.add(self.kept[key])
        return self.kept[key]

    def _is_alone(self, kind: str) -> bool:
        """Say whether all members of this kind are the same layer."""
        if kind not in self.alone:
            alike = [node for node in self.members if _kind(node) == kind]
            layers = {node.layer if isinstance(node, LayerNode) else None for node in alike}
            self.alone[kind] = len(layers) == 1
        return self.alone[kind]

    def _plain(self, kind: str, word: str) -> str:
        self.counts[f"{kind} {word}"] = self.counts.get(f"{kind} {word}", 0) + 1
        count = self.counts[f"{kind} {word}"]
        return word if count == 1 else f"{word}{count}"


# ---------------------------------------------------------------- shared weights, drop rates


def _named_weights(owned: Sequence[Shared], nodes: Sequence[Node]) -> tuple[Shared, ...]:
    """Name each weight after the first layer that uses it, and never as a member is named."""
    taken: dict[str, int] = {}
    members = {node.name for node in _members(nodes) if not isinstance(node, Residual)}
    named: list[Shared] = []
    for weight in owned:
        user = next(found for node in nodes if (found := _user(node, weight.id)) is not None)
        base = f"{user.kind}1" if user.name.isdigit() else user.name
        name = ""
        while not name or name in members:
            taken[base] = taken.get(base, 0) + 1
            suffix = "" if taken[base] == 1 else f"_{taken[base]}"
            name = f"shared_{base}{suffix}"
        named.append(replace(weight, name=name))
    return tuple(named)


def _user(node: Node, key: int) -> LayerNode | None:
    if isinstance(node, LayerNode):
        return node if node.shared == key else None
    for child in children(node):
        if (found := _user(child, key)) is not None:
            return found
    return None


def _with_totals(node: Node, totals: dict[int, int]) -> Node:
    """Return the node with the number of blocks of its drop scope known."""
    node = map_children(node, lambda child: _with_totals(child, totals))
    if isinstance(node, Block) and node.drop is not None:
        drop = Drop(node.drop.rate, node.drop.first, totals[-node.drop.total])
        return replace(node, drop=drop)
    return node
