"""A network's forward pass on a tape: body by body, a run of equal blocks once it has settled."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, assert_never

from archdsl.analyses.freshness import fresh
from archdsl.analyses.memory import operations as ops
from archdsl.analyses.memory.layers import apply
from archdsl.analyses.memory.tape import PassSetting, Tape, TensorView
from archdsl.analyses.memory.weights import AppliedWeight, applied
from archdsl.analyses.walk import indices, join
from archdsl.ir.network import (
    Block,
    Form,
    Join,
    LayerNode,
    Map,
    Network,
    Node,
    Operator,
    Part,
    Shared,
    SharedWeight,
    Site,
    Stage,
    Step,
    given_by,
    handed,
    returned_by,
    taken_by,
)
from archdsl.ir.rebuild import replace
from archdsl.record import Record

Weights: TypeAlias = Mapping[int, AppliedWeight]  # those that are shared, by id


class Forward(Record):
    """A forward pass that was noted down."""

    tape: Tape
    given: tuple[TensorView, ...]
    returned: tuple[TensorView, ...]

    @property
    def kept(self) -> int:
        """Bytes that autograd keeps."""
        return sum(self.tape.kept_at)


class BodyPlace(Record):
    """Where a body stands: its name, its path, and the class of generated code that it is in."""

    weights: Weights
    name: str = ""
    path: tuple[Site, ...] = ()
    declaration: str = ""
    within: str = ""  # its name below the class
    in_sequence: bool = False  # in an nn.Sequential


def forward(network: Network, setting: PassSetting) -> Forward:
    """Run a network without numbers; an output of training is there in training only."""
    tape = Tape(setting)
    maps = taken_by(network, lambda each: tape.given((setting.batch, *each.shape)))
    given = tuple(maps.values())
    runner = _Runner(tape, _in_place(network))
    runner.body(network.body, maps, BodyPlace(runner.owned(network.owned, {}, "")))
    in_training = {each.map for each in network.outputs if each.in_training}
    returned = (m for m in returned_by(network) if setting.training or m not in in_training)
    return Forward(tape, given, tuple(maps[each] for each in returned))


class _Runner:
    """Runs the nodes of a network; `places` are the layers that have run, by their path."""

    def __init__(self, tape: Tape, in_place: Mapping[tuple[str, str], bool]) -> None:
        self.tape = tape
        self.in_place = in_place
        self.places: dict[tuple[Site, ...], int] = {}

    def owned(self, owned: Iterable[Shared], known: Weights, name: str) -> Weights:
        """Return the shared weights that are known below an owner, which computes its own once."""
        found = dict(known)
        for shared in owned:
            learns = not shared.frozen and self.tape.setting.training
            with self.tape.at(self._place(((shared.id,),), join(name, shared.name))):
                found[shared.id] = applied(self.tape, shared.layer, learns=learns)
        return found

    def body(self, body: Sequence[Step], maps: dict[Map, TensorView], around: BodyPlace) -> None:
        """Run the steps of a body; what flows at the end is in `maps`."""
        for step in body:
            is_extra = isinstance(step.node, Part) and step.node.in_training
            if is_extra and not self.tape.setting.training:
                continue
            taken = [maps[each] for each in step.takes]
            given = self._node(step.node, taken, _below(around, step.node, step.site))
            maps.update(zip(step.gives, given, strict=True))

    def _node(self, node: Node, taken: list[TensorView], here: BodyPlace) -> list[TensorView]:
        match node:
            case LayerNode(shared=shared):
                borrowed = here.weights[shared.id] if isinstance(shared, SharedWeight) else None
                may = self.in_place[here.declaration, here.within]
                with self.tape.at(self._place(here.path, here.name)):
                    flags = {"in_place": may, "in_sequence": here.in_sequence}
                    return [apply(self.tape, node, taken[0], borrowed, **flags)]
            case Join(operator=operator):
                return [self._join(operator, taken)]
            case Stage():
                return [self._stage(node, taken[0], here)]
            case Block() | Part():
                maps = handed(node, taken)
                weights = self.owned(node.owned, here.weights, here.name)
                self.body(node.body, maps, replace(here, weights=weights))
                return given_by(node, maps)
            case _:
                assert_never(node)

    def _join(self, operator: Operator, taken: list[TensorView]) -> TensorView:
        if len(taken) == 1:
            return taken[0]
        with self.tape.at(self.tape.maker(taken)):
            if operator is Operator.CONCAT:
                return ops.concatenate(self.tape, taken)
            joined = ops.plus if operator is Operator.SUM else ops.times
            found = taken[0]
            for other in taken[1:]:
                found = joined(self.tape, found, other)
        return found

    def _stage(self, stage: Stage, given: TensorView, here: BodyPlace) -> TensorView:
        here = replace(here, weights=self.owned(stage.owned, here.weights, here.name))
        prefix = "blocks" if stage.form is Form.WRITTEN else ""
        start = 0
        for item in stage.items:
            named = join(prefix, indices(start, item))
            inner = _below(here, item.node, item.site, named)
            given = self._copies(item.node, item.count, given, inner)
            start += item.count
        return given

    def _copies(self, node: Node, count: int, given: TensorView, here: BodyPlace) -> TensorView:
        """Run copies until one begins as the one before it did; the rest is as that one."""
        tape, before = self.tape, None
        for number in range(count):
            state = replace(
                given, storage=tape.sizes[given.storage], value=int(tape.is_kept(given.storage))
            )
            start, storage, kept = len(tape.entries), len(tape.sizes), tuple(tape.kept_at)
            (given,) = self._node(node, [given], here)
            if state == before and number + 1 < count:
                tape.repeat(start, storage, kept, count - number)
                break
            before = state
        return given

    def _place(self, path: tuple[Site, ...], name: str) -> int:
        """Return the place of a layer; copies of a block are at the place of the first."""
        if path not in self.places:
            self.places[path] = self.tape.place(name)
        return self.places[path]


def _below(around: BodyPlace, node: Node, site: Site, name: str | None = None) -> BodyPlace:
    """Return where the body of a node stands, or a layer."""
    own = "" if isinstance(node, Join) else node.name
    path, name = (*around.path, site), own if name is None else name
    found = replace(around, name=join(around.name, name), path=path)
    if isinstance(node, Block | Part):
        found = replace(found, in_sequence=node.form is Form.SEQUENTIAL)
    if isinstance(node, Block):
        return replace(found, declaration=f"{node.file}:{node.declaration}", within="")
    return replace(found, within=join(around.within, own or str(site)))


def _in_place(network: Network) -> dict[tuple[str, str], bool]:
    """Say of each layer of a class whether it may work in place, which all instances have to."""
    found: dict[tuple[str, str], bool] = {}
    stack: list[tuple[Sequence[Step], BodyPlace]] = [(network.body, BodyPlace({}))]
    while stack:
        body, around = stack.pop()
        sites = fresh(body)
        for step in body:
            here = _below(around, step.node, step.site)
            match step.node:
                case LayerNode():
                    key = here.declaration, here.within
                    found[key] = found.get(key, True) and step.site in sites
                case Block(body=inner) | Part(body=inner):
                    stack.append((inner, here))
                case Stage(items=items):
                    steps = [Step(node=item.node, site=item.site) for item in items]
                    stack.append((steps, here))
                case Join():
                    pass
    return found
