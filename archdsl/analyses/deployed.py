"""The deployed network: what inference needs, and what of the trained network it is made of.

    conv, bn                 ->  conv with bias       linear, bn  ->  linear with bias
    conv by computed weight  ->  conv, with bn too    dropout     ->  nothing
    output during training   ->  nothing

A batch normalization is folded where it directly follows a convolution, transposed convolution or
linear layer with a weight of its own. One behind a shared weight stays, since its scale is another
for each user, and so does one behind a binary convolution, whose weights are signs.

Copies are not unfolded: cost grows with the different blocks of a network.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from archdsl.analyses.origins import (
    COUNTER,
    Copies,
    Deployed,
    DeployedPart,
    ModulePath,
    Origin,
    is_binary,
    kept_scheme,
)
from archdsl.analyses.tensors import kept
from archdsl.analyses.walk import Place, is_again, walk
from archdsl.ir.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dropout,
    Elementary,
    Idle,
    Layer,
    Linear,
    StochasticDepth,
    Weighted,
    tensors,
)
from archdsl.ir.names import are_places
from archdsl.ir.network import (
    Block,
    Form,
    Item,
    Join,
    LayerNode,
    Map,
    Network,
    Node,
    Part,
    Shared,
    Stage,
    Step,
)
from archdsl.ir.rebuild import replace
from archdsl.record import Record
from archdsl.recursion import deep_recursion


@deep_recursion()
def deployed(network: Network) -> Deployed:
    """Return the deployed form of a network."""
    return _Deployment().network(network)


# ---------------------------------------------------------------- what is left out


def _is_idle(node: Node) -> bool:
    """Whether a node is the identity at inference and can go."""
    match node:
        case LayerNode(layer=layer):
            return isinstance(layer, Idle)
        case Part(kind="branch" | "shortcut" | "output"):
            return False  # one of several ways
        case Block(body=body) | Part(body=body):
            return bool(body) and all(_is_idle(step.node) for step in body)
        case Stage(items=items):
            return all(_is_idle(item.node) for item in items)
        case Join():
            return False
        case _:
            assert_never(node)


def _is_for_training(node: Node) -> bool:
    return isinstance(node, Part) and node.in_training


def _needed(body: Sequence[Step]) -> Sequence[Step]:
    """Return the steps that stay; a body does not become empty.

    Where a step that goes made one map of another, those that took the one take the other.
    """
    body = [step for step in body if not _is_for_training(step.node)]
    if all(_is_idle(step.node) for step in body):
        return body
    found: list[Step] = []
    instead: dict[Map, Map] = {}
    for step in body:
        takes = tuple(instead.get(taken, taken) for taken in step.takes)
        if _is_idle(step.node):
            instead[step.gives[0]] = takes[0]
            continue
        found.append(step if takes == step.takes else replace(step, takes=takes))
        for given in step.gives:
            instead.pop(given, None)
    return found


def _folds(step: Step, following: Step | None) -> bool:
    """Whether the second step is a batch normalization that the first can take in.

    One that gives another map than it takes does not: the map before it may be taken elsewhere.
    """
    node = step.node
    if following is None or not step.gives == following.takes == following.gives:
        return False
    if not isinstance(node, LayerNode) or not isinstance(following.node, LayerNode):
        return False
    is_weighted = isinstance(node.layer, Weighted)
    has_own = node.shared is None and not is_binary(node.layer)
    return is_weighted and has_own and isinstance(following.node.layer, BatchNorm)


def _pairs(body: Sequence[Step]) -> Iterator[tuple[Step, LayerNode | None]]:
    """Yield the steps that stay, each with the batch normalization that it takes in."""
    left = list(reversed(_needed(body)))
    while left:
        step = left.pop()
        following = left[-1] if left else None
        if _folds(step, following):
            norm = left.pop().node
            assert isinstance(norm, LayerNode)
            yield step, norm
        else:
            yield step, None


# ---------------------------------------------------------------- the pass


class _At(Record):
    """A module, as it was trained and as it is deployed."""

    trained: ModulePath = ()
    path: ModulePath = ()

    def inside(self, trained: str | Copies, name: str | Copies) -> "_At":
        """Return a member of the module."""
        return _At((*self.trained, trained), (*self.path, name))

    @property
    def name(self) -> str:
        """The deployed name in its module, of several copies the first one's."""
        last = self.path[-1]
        return last if isinstance(last, str) else str(last.first)


class _Deployment:
    """Builds the deployed network and notes where each layer comes from."""

    def __init__(self) -> None:
        self.origins: list[Origin] = []

    def network(self, network: Network) -> Deployed:
        """Return the network and its parts."""
        parts: list[DeployedPart] = []
        body: list[Step] = []
        top = _At()
        trained = [step.node for step in network.body if _is_for_training(step.node)]
        for step, norm in _pairs(network.body):
            node, name = step.node, step.node.name
            made = self._node(node, norm, top, top.inside(name, name))
            body.append(replace(step, node=made))
            held = (node,) if norm is None else (node, norm)
            if not (isinstance(node, Join) and node.mark) and not is_again(node):
                parts.append(self._part(name, _kind(node), held))
        parts += [self._part(node.name, _kind(node), (node,)) for node in trained]
        owned = self._owned(network.owned, top)
        if owned:
            parts.append(self._part("shared", "shared", network.owned))
        outputs = tuple(each for each in network.outputs if not each.in_training)
        made = replace(
            network,
            body=tuple(body),
            owned=owned,
            outputs=outputs,
            drop_runs=(),
            recipe=None,
        )
        return Deployed(network=made, parts=tuple(parts))

    def _part(self, name: str, kind: str, held: Iterable[Node | Shared]) -> DeployedPart:
        """Return what was noted since the last part; `held` is all that this one was trained as."""
        origins, self.origins = tuple(self.origins), []
        tops = [Place(node, "", 1) for node in held]
        size = _trained_bytes(place for top in tops for place in (top, *walk(top)))
        return DeployedPart(name=name, kind=kind, trained_bytes=size, origins=origins)

    def _body(self, body: Sequence[Step], at: _At, form: Form = Form.WRITTEN) -> tuple[Step, ...]:
        """Return the steps that stay; in an nn.Sequential without names they close ranks."""
        names = [step.node.name for step in body]
        by_index = form is Form.SEQUENTIAL and are_places(names)
        steps: list[Step] = []
        for i, (step, norm) in enumerate(_pairs(body)):
            name = step.node.name
            inner = at.inside(name, str(i) if by_index else name)
            steps.append(replace(step, node=self._node(step.node, norm, at, inner)))
        return tuple(steps)

    def _node(self, node: Node, norm: LayerNode | None, parent: _At, at: _At) -> Node:
        match node:
            case LayerNode():
                return self._layer(node, norm, parent, at)
            case Block(again=True):
                noted = list(self.origins)
                made = self._node(replace(node, again=False), norm, parent, at)
                self.origins = noted  # its tensors are those of the first use
                return replace(made, again=True)
            case Block(body=body, owned=owned, form=form):
                owned, body = self._owned(owned, at), self._body(body, at, form)
                return replace(node, name=at.name, owned=owned, body=body, drop=None)
            case Part(body=body, owned=owned, form=form):
                owned, body = self._owned(owned, at), self._body(body, at, form)
                return replace(node, name=at.name, owned=owned, body=body)
            case Stage():
                return self._stage(node, at)
            case Join():
                return node
            case _:
                assert_never(node)

    def _layer(self, node: LayerNode, norm: LayerNode | None, parent: _At, at: _At) -> LayerNode:
        layer = _deployed_layer(node.layer, folded=norm is not None)
        if node.shared is None and tensors(layer):
            origin = Origin(path=at.path, layer=layer, trained_path=at.trained, trained=node.layer)
            if norm is not None:
                assert isinstance(norm.layer, BatchNorm), "nothing else is folded"
                norm_path = (*parent.trained, norm.name)
                origin = replace(origin, norm_path=norm_path, norm=norm.layer)
            self.origins.append(origin)
        written = tuple(w for w in node.written if w.field != "momentum")
        return replace(node, name=at.name, layer=layer, written=written, frozen=False)

    def _stage(self, stage: Stage, at: _At) -> Stage:
        """Return the stage with its members counted anew."""
        owned = self._owned(stage.owned, at)
        inner = at.inside("blocks", "blocks") if stage.form is Form.WRITTEN else at
        keeps_all = _is_idle(stage)
        items: list[Item] = []
        trained = index = 0
        for item in stage.items:
            if keeps_all or not _is_idle(item.node):
                member = inner.inside(Copies(trained, item.count), Copies(index, item.count))
                items.append(replace(item, node=self._node(item.node, None, inner, member)))
                index += item.count
            trained += item.count
        return replace(stage, name=at.name, owned=owned, items=tuple(items))

    def _owned(self, owned: Sequence[Shared], at: _At) -> tuple[Shared, ...]:
        return tuple(self._shared(weight, at.inside(weight.name, weight.name)) for weight in owned)

    def _shared(self, weight: Shared, at: _At) -> Shared:
        layer = _deployed_layer(weight.layer)
        assert isinstance(layer, Weighted), "nothing else is shared"
        self.origins.append(
            Origin(path=at.path, layer=layer, trained_path=at.trained, trained=weight.layer)
        )
        return replace(weight, layer=layer, frozen=False)


def _trained_bytes(places: Iterable[Place]) -> int:
    return sum(
        place.copies * tensor.numel * (8 if tensor.name == COUNTER else 4)
        for place in places
        for tensor in kept(place)
    )


def _deployed_layer(layer: Layer, *, folded: bool = False) -> Layer:
    match layer:
        case Conv(scheme=scheme, bias=bias):
            return replace(layer, scheme=kept_scheme(scheme), bias=bias or folded)
        case ConvTranspose(bias=bias) | Linear(bias=bias):
            return replace(layer, bias=bias or folded)
        case BatchNorm():
            return replace(layer, moments=True, fixed=None, momentum=0.1)  # of use in training only
        case StochasticDepth():
            return Dropout(p=0.0)  # in a body of nothing else
        case _:
            same: Dropout | Elementary = layer  # checked by type: another kind may change
            return same


def _kind(node: Node) -> str:
    match node:
        case LayerNode(kind=kind) | Part(kind=kind) | Stage(kind=kind):
            return kind
        case Block(declaration=declaration):
            return declaration
        case Join(operator=operator):
            return operator.value
        case _:
            assert_never(node)
