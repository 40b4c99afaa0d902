"""Gives every member its name: the written one, else its kind and number, else its index."""

from collections.abc import Iterator, Sequence
from typing import assert_never

from archdsl.ir.layers import Layer, tensors
from archdsl.ir.network import (
    Block,
    Form,
    Item,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Shared,
    SharedWeight,
    Stage,
    Step,
)
from archdsl.ir.rebuild import children, map_children, map_steps, replace


def name_nodes(network: Network) -> Network:
    """Return the network with all names and forms decided."""
    body = _written(map_steps(network.body, _inside))
    owned = _named_weights(network.owned, [step.node for step in body])
    return replace(network, body=body, owned=owned)


def _inside(node: Node) -> Node:
    """Return the node with everything inside it named and its form decided."""
    match node:
        case LayerNode() | Join():
            return node
        case Block(form=Form.SEQUENTIAL):
            body = map_steps(node.body, _inside)
            form = Form.SEQUENTIAL if _is_row(node, body) else Form.WRITTEN
            return _with_weights(node, form=form, body=_sequential(body))
        case Block():
            return _with_weights(node, body=_written(map_steps(node.body, _inside)))
        case Part():
            body = map_steps(node.body, _inside)
            if _is_row(node, body):
                return _with_weights(node, form=Form.SEQUENTIAL, body=_sequential(body))
            return _with_weights(node, form=Form.WRITTEN, body=_written(body))
        case Stage():
            node = map_children(node, _inside)
            if any(_label(item.node) is not None for item in node.items):
                return _inside(_as_part(node))
            if any(_borrows_itself(item.node) for item in node.items):
                return _with_weights(_as_part(node))
            form = Form.WRITTEN if node.owned or borrowed(node) else Form.SEQUENTIAL
            return _with_weights(node, form=form, items=tuple(_indexed(node.items)))
        case _:
            assert_never(node)


def _is_row(node: Block | Part, body: Sequence[Step]) -> bool:
    """Say whether the members of a body just follow each other, as those of an nn.Sequential."""
    joins = any(isinstance(s.node, Join) or len(s.gives) > 1 for s in body)
    return not (joins or node.owned or node.given or borrowed(node))


def _with_weights(node: Block | Part | Stage, **changes: object) -> Node:
    """Return the node with these changes, and then the weights that it owns named."""
    node = replace(node, **changes)
    if not node.owned:
        return node
    return replace(node, owned=_named_weights(node.owned, _by_text(node)))


def _borrows_itself(node: Node) -> bool:
    return isinstance(node, LayerNode) and node.shared is not None


def _as_part(stage: Stage) -> Part:
    """Return a written-out stage whose members cannot go by index, as a class of its own.

    They have names, or one borrows its weight: such a layer has no module.
    """
    steps = (Step(node=item.node, site=item.site, when=item.when) for item in stage.items)
    return Part(
        kind=stage.kind,
        label=stage.label,
        body=_written(tuple(steps)),
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
        yield replace(item, node=replace(item.node, name=str(index)))
        index += item.count


def borrowed(node: Node) -> frozenset[int]:
    """Return the ids of the weights that a node uses and does not own."""
    match node:
        case LayerNode(shared=SharedWeight(id=identity)):
            return frozenset((identity,))
        case LayerNode() | Join():
            return frozenset()
        case Block(owned=owned) | Part(owned=owned) | Stage(owned=owned):
            inner = frozenset[int]().union(*map(borrowed, children(node)))
            return inner - {shared.id for shared in owned}
        case _:
            assert_never(node)


# ---------------------------------------------------------------- members of a body


def _sequential(body: Sequence[Step]) -> tuple[Step, ...]:
    """Name the members of an nn.Sequential: by index, or uniquely if any has a written name."""
    labels = [_label(step.node) for step in body]
    if all(label is None or label.isdigit() for label in labels):
        return tuple(map(_renamed, body, _numbered(labels)))
    namer = _Namer(body)
    return tuple(_renamed(step, namer.unique(step.node)) for step in body)


def _numbered(labels: Sequence[str | None]) -> Iterator[str]:
    """Yield the index of each member; one that has none written follows the one before it."""
    taken = {label for label in labels if label is not None}
    last = -1
    for label in labels:
        last = last + 1 if label is None else int(label)
        while label is None and str(last) in taken:
            last += 1
        yield str(last) if label is None else label


def _written(body: Sequence[Step]) -> tuple[Step, ...]:
    """Name the members of a class."""
    namer = _Namer(body)
    return tuple(_renamed(step, namer.name(step.node)) for step in body)


def _renamed(step: Step, name: str) -> Step:
    """Return the step with its node named; it takes what the node is handed beside."""
    node = replace(step.node, name=name)
    if not isinstance(node, Block | Part) or not node.given:
        return replace(step, node=node)
    return replace(step, node=node, takes=(step.takes[0], *(each.outer for each in node.given)))


def _label(node: Node) -> str | None:
    return None if isinstance(node, Join) else node.label


def _labels(node: Node) -> tuple[str, ...]:
    """Return the names that a member takes by being written so."""
    if isinstance(node, Join):
        return node.labels
    return () if node.label is None else (node.label,)


def _kind(node: Node) -> str:
    match node:
        case LayerNode(kind=kind) | Part(kind=kind) | Stage(kind=kind):
            return kind
        case Block(declaration=declaration):
            return declaration
        case Join(operator=operator):
            return str(operator)
        case _:
            assert_never(node)


class _Namer:
    """Names for the members of one body."""

    def __init__(self, body: Sequence[Step]) -> None:
        members = [step.node for step in body]
        self.taken = {label for node in members for label in _labels(node)}
        self.counts: dict[str, int] = {}
        self.joins: dict[str, int] = {}  # by operator
        self.kept: dict[tuple[str, Layer], str] = {}  # names of layers without tensors
        self.alone: dict[str, bool] = {}  # by kind
        self.members = members

    def name(self, node: Node) -> str:
        """Return the name of a member of a class."""
        match node:
            case Join(operator=operator, mark=mark):
                return mark or self._join_name(str(operator))
            case LayerNode(layer=layer, label=None) if not tensors(layer):
                return self._shared_name(node)
            case _:
                return self.unique(node)

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

    def _join_name(self, word: str) -> str:
        self.joins[word] = self.joins.get(word, 0) + 1
        return word if self.joins[word] == 1 else f"{word}{self.joins[word]}"


# ---------------------------------------------------------------- shared weights


def _named_weights(owned: Sequence[Shared], nodes: Sequence[Node]) -> tuple[Shared, ...]:
    """Name each weight after the first layer, in the order of the text, that uses it.

    Never as a member is named.
    """
    taken: dict[str, int] = {}
    members = {node.name for node in nodes}
    named: list[Shared] = []
    for weight in owned:
        users = (user for i, node in enumerate(nodes) for user in _users(node, weight.id, (i,)))
        _, user = min(users, key=lambda pair: pair[0])
        base = user.name if user.name.isidentifier() else f"{user.kind}1"
        name = ""
        while not name or name in members:
            taken[base] = taken.get(base, 0) + 1
            suffix = "" if taken[base] == 1 else f"_{taken[base]}"
            name = f"shared_{base}{suffix}"
        named.append(replace(weight, name=name))
    return tuple(named)


def _by_text(node: Block | Part | Stage) -> Sequence[Node]:
    """Return what stands in a node; a run as one, since its blocks are one text."""
    if isinstance(node, Stage) and node.repeats is not None:
        return (node,)
    return children(node)


def _users(
    node: Node, key: int, way: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], LayerNode]]:
    """Yield the layers that use a weight; the copies of a run have the same way to them."""
    match node:
        case LayerNode(shared=SharedWeight(found)) if found == key:
            yield way, node
        case LayerNode() | Join():
            pass
        case Block(body=body) | Part(body=body):
            for step in body:
                yield from _users(step.node, key, (*way, *step.site))
        case Stage(items=items, repeats=repeats):
            for item in items:
                here = way if repeats is not None else (*way, *item.site)
                yield from _users(item.node, key, here)
