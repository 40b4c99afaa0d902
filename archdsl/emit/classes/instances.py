"""The members of a family -> the instances of classes in them.

An *instance* is a place in a network whose node generated code gives a class of its own: the
network, every block, and the parts and stages that need a `forward`. All else stands in their text.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, assert_never

from archdsl.emit.expressions.simplifying import Values
from archdsl.ir.network import (
    Block,
    DropRun,
    Form,
    Item,
    Join,
    LayerNode,
    Network,
    Node,
    Part,
    Site,
    Stage,
    Step,
)
from archdsl.ir.numbers import Expr, Flag, Literal, Number, Operation, Symbol, Truth, Value
from archdsl.ir.rebuild import children
from archdsl.record import Record

Owner: TypeAlias = Network | Block | Part | Stage
StepPath: TypeAlias = tuple[Site, ...]  # from the body of an instance to a step in it

NETWORK = 0  # the number of the first member's network


class ClassSource(Record):
    """What instances of one class have in common: whose text they are."""

    kind: str  # "network", "block", "run", "part" or "stage"
    file: str
    declaration: str
    place: StepPath = ()  # of a part or a stage in its declaration


class Instance(Record, kw_only=True):
    """An occurrence of a node that has a class.

    `values` are the numbers that its text may name: in a block, and in the parts and stages that
    are written inside it, the block's symbols; in a run of blocks those of the first.
    """

    number: int  # inner instances have smaller ones
    member: int  # of the family
    origin: ClassSource
    node: Owner
    values: Values
    lets: Mapping[str, Expr]
    inner: Mapping[StepPath, "Instance"]
    drop_runs: tuple[DropRun, ...]
    run: int | None  # of drop rates: the blocks in its text stand in it where its block stands
    depth: int  # instances of the same origin inside one another, itself included


def instances(networks: Sequence[Network]) -> tuple[Instance, ...]:
    """Return all instances, inner ones first and the networks themselves last of each member."""
    collector = _Collector()
    for member, network in enumerate(networks):
        collector.network(network, member)
    return tuple(collector.found)


def is_run(stage: Stage) -> bool:
    """Whether a stage is `n * block(..)`: its text is its block's."""
    return stage.kind == "stage" and stage.repeats is not None


class _Surroundings(Record):
    """The declaration whose text is read."""

    file: str
    name: str
    values: Values
    lets: Mapping[str, Expr]
    run: int | None = None


class _Collector:
    def __init__(self) -> None:
        self.found: list[Instance] = []
        self.member = 0
        self.drop_runs: tuple[DropRun, ...] = ()

    def network(self, network: Network, member: int) -> None:
        self.member, self.drop_runs = member, network.drop_runs
        values = dict(network.values) | {let.name: let.number.value for let in network.lets}
        lets = {let.name: let.number.expr for let in (*network.formulas, *network.lets)}
        text = _Surroundings(network.file, network.name, values, lets)
        self._add(network, ClassSource("network", network.file, network.name), text, ())

    def _add(
        self, node: Owner, origin: ClassSource, text: _Surroundings, place: StepPath
    ) -> Instance:
        inner = {
            below: self._inner(child, text, (*place, *below)) for below, child, _ in owners(node)
        }
        depth = 1 + max((i.depth for i in inner.values() if i.origin == origin), default=0)
        instance = Instance(
            number=len(self.found),
            member=self.member,
            origin=origin,
            node=node,
            values=text.values,
            lets=text.lets,
            inner=inner,
            drop_runs=self.drop_runs,
            run=text.run,
            depth=depth,
        )
        self.found.append(instance)
        return instance

    def _inner(self, node: Block | Part | Stage, text: _Surroundings, place: StepPath) -> Instance:
        match node:
            case Block(file=file, declaration=name):
                return self._add(node, ClassSource("block", file, name), _text_of(node), ())
            case Stage(items=(Item(node=Block() as first), *_)) if is_run(node):
                origin = ClassSource("run", first.file, first.declaration)
                return self._add(node, origin, _run_text(node, first, text.run), ())
            case Part() | Stage():
                kind = "part" if isinstance(node, Part) else "stage"
                origin = ClassSource(kind, text.file, text.name, place)
                return self._add(node, origin, text, place)


def _text_of(block: Block) -> _Surroundings:
    values = _arguments(block) | {let.name: let.number.value for let in block.lets}
    lets = {let.name: let.number.expr for let in block.lets}
    run = None if block.drop is None else block.drop.run
    return _Surroundings(block.file, block.declaration, values, lets, run)


def _arguments(block: Block) -> dict[str, Value | bool]:
    return {
        "in_channels": block.in_channels.value,
        **{name: number.value for name, number in block.arguments},
        "stride": block.stride.value,
    }


def _run_text(stage: Stage, first: Block, run: int | None) -> _Surroundings:
    assert stage.repeats is not None
    values = _arguments(first)
    values[num_blocks(values)] = stage.repeats.value
    return _Surroundings(first.file, first.declaration, values, {}, run)


def num_blocks(values: Container[str]) -> str:
    """Return the symbol for how many blocks a run has."""
    name = "num_blocks"
    while name in values:
        name += "_"
    return name


Owned: TypeAlias = tuple[StepPath, Block | Part | Stage, int]  # a node with a class, and how often


def owners(node: Owner) -> Iterator[Owned]:
    """Yield the nodes with classes of their own in the text of an instance, by their places."""
    if isinstance(node, Stage):
        for item in node.items:
            yield from _owners(item.node, (item.site,), item.count)
    else:
        yield from _owners_in(node.body, ())


def _owners_in(body: Iterable[Step], place: StepPath) -> Iterator[Owned]:
    for step in body:
        yield from _owners(step.node, (*place, step.site), 1)


def _owners(node: Node, place: StepPath, count: int) -> Iterator[Owned]:
    match node:
        case LayerNode() | Join():
            pass
        case Block() | Part(form=Form.WRITTEN) | Stage(form=Form.WRITTEN):
            yield place, node, count
        case Part(body=body):
            yield from _owners_in(body, place)
        case Stage(items=items):
            for item in items:
                yield from _owners(item.node, (*place, item.site), item.count)
        case _:
            assert_never(node)


def nodes_in(owner: Owner) -> Iterator[Owner | Node]:
    """Yield a node and everything inside it, parents first, in the order of registration."""
    waiting: list[Owner | Node] = [owner]
    while waiting:
        node = waiting.pop()
        yield node
        inner = [s.node for s in node.body] if isinstance(node, Network) else children(node)
        waiting += reversed(inner)


# ---------------------------------------------------------------- what an instance is given


def given(owner: Instance, child: Instance, place: StepPath) -> dict[str, Number | Truth]:
    """Return what a class is constructed with, over the symbols of the text it stands in."""
    match child.node:
        case Block() as block if owner.origin.kind == "run":
            return _in_run(block, is_first=place[-1] == (0,))
        case Block() as block:
            return _call(block)
        case (
            Stage(items=(Item(node=Block() as first), *_), repeats=Number() as repeats) as stage
        ) if is_run(stage):
            call = _call(first)
            return {**call, num_blocks(call): repeats}
        case _:
            return {n: _same(n, value) for n, value in child.values.items()}


def _call(block: Block) -> dict[str, Number | Truth]:
    return {"in_channels": block.in_channels, **dict(block.arguments), "stride": block.stride}


def _in_run(block: Block, *, is_first: bool) -> dict[str, Number | Truth]:
    """Return what a block of a run is given: the run itself is given the first one's numbers."""
    same: dict[str, Number | Truth] = {
        name: _same(name, number.value) for name, number in block.arguments
    }
    entering = Symbol("in_channels") if is_first else block.makes.expr
    stride = Symbol("stride") if is_first or block.stride.value != 1 else Literal(1)
    return {
        "in_channels": Number(block.in_channels.value, entering),
        **same,
        "stride": Number(block.stride.value, stride),
    }


def _same(name: str, value: Value | bool) -> Number | Truth:
    if isinstance(value, bool):
        return Truth(value, Flag(name))
    return Number(value, Symbol(name))


def repeats_of(owner: Instance, place: StepPath) -> Number | None:
    """Return how many members a stage at a place in the text of an instance has, as written."""
    if owner.origin.kind == "run" and not place:
        symbol = list(owner.values)[-1]
        return Number(owner.values[symbol], Symbol(symbol))
    node: Owner | Node = owner.node
    for site in place:
        members = node.items if isinstance(node, Stage) else getattr(node, "body", ())
        found = next((member.node for member in members if member.site == site), None)
        if found is None:
            return None  # under an `if` that does not hold in this instance
        node = found
    return node.repeats if isinstance(node, Stage) else None


def minus(number: Number, count: int) -> Number:
    """Return a number less a few."""
    if count == 0 or not isinstance(number.value, int):
        return number
    return Number(number.value - count, Operation("-", number.expr, Literal(count)))
