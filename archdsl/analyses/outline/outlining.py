"""Network -> the rows of a paper's table.

A row begins at each stage, at each part with a name and at each layer with a weight. Poolings
stand in the row behind them, as in Table 1 of He et al. 2016; normalizations, activations and what
else keeps the shape are not shown, nor are shortcuts.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from archdsl.analyses.outline.entries import (
    Branches,
    Entry,
    LayerMark,
    Line,
    OutlineRow,
    RunBracket,
    Shown,
)
from archdsl.analyses.outline.lines import line_of
from archdsl.ir.layers import (
    Conv,
    ConvTranspose,
    Layer,
    LearnedFactor,
    Linear,
)
from archdsl.ir.network import (
    MAIN,
    Block,
    Join,
    LayerNode,
    Map,
    Network,
    Node,
    Operator,
    Part,
    SharedWeight,
    Stage,
    Step,
)
from archdsl.ir.rebuild import replace


def outline(network: Network) -> tuple[OutlineRow, ...]:
    """Return the rows of a network, in the order of the data, each with a name of its own."""
    counts: dict[str, int] = {}
    found: list[OutlineRow] = []
    for row in _rows(network.body):
        counts[row.name] = counts.get(row.name, 0) + 1
        number = counts[row.name]
        found.append(row if number == 1 else _renamed(row, f"{row.name} {number}"))
    return tuple(found)


# ---------------------------------------------------------------- rows


def _rows(body: Sequence[Step]) -> Iterator[OutlineRow]:
    row: OutlineRow | None = None
    waiting: tuple[Entry, ...] = ()  # poolings, for the row behind them
    seen: set[int] = set()  # weights that stood in a row
    for node in (step.node for step in body):
        if isinstance(node, Join) or _is_hidden(node, seen):
            continue
        entries = tuple(_entries_of(node, in_run=False))
        if isinstance(node, LayerNode) and not _begins(node.layer):
            waiting += entries
            if row is not None and not waiting:
                row = replace(row, output=node.output)
            continue
        if row is not None:
            yield row
            row = None
        if isinstance(node, Part | Block) and _is_divided(node):
            for inner in _rows(node.body):
                yield replace(inner, entries=(*waiting, *inner.entries))
                waiting = ()
            continue
        row = OutlineRow(
            name=_name(node),
            output=node.output,
            entries=(*waiting, *entries),
            strided=_is_strided(node),
        )
        waiting = ()
    if row is not None:
        yield row
    if waiting:
        last = body[-1].node
        yield OutlineRow(name=_name(last), output=last.output, entries=waiting)


def _is_hidden(node: Node, seen: set[int]) -> bool:
    """Say whether a node is there in training only, or again, with the weight of a row before."""
    match node:
        case LayerNode(shared=SharedWeight(id=identity)):
            again = identity in seen
            seen.add(identity)
            return again
        case Block(again=again):
            return again
        case Part(in_training=in_training):
            return in_training
        case _:
            return False


def _renamed(row: OutlineRow, name: str) -> OutlineRow:
    return replace(row, name=name)


def _is_divided(node: Part | Block) -> bool:
    """Say whether the members of a body are rows of their own, as they follow one another."""
    nodes = [step.node for step in node.body]
    if any(isinstance(each, Join) for each in nodes):
        return False
    blocks = {each.declaration for each in nodes if isinstance(each, Block)}
    parts = sum(isinstance(each, Part) for each in nodes)
    return any(isinstance(each, Stage) for each in nodes) or len(blocks) + parts > 1


def _name(node: Node) -> str:
    match node:
        case LayerNode(label=label, name=name) | Part(label=label, name=name):
            return label or name
        case Block(label=label, name=name) | Stage(label=label, name=name):
            return label or name
        case Join(name=name, mark=mark):
            return mark or name
        case _:
            assert_never(node)


def _begins(layer: Layer) -> bool:
    """Say whether a layer begins a row."""
    return isinstance(layer, Conv | ConvTranspose | Linear)


def _is_strided(node: Node) -> bool:
    """Say whether the first blocks of a stage make the map smaller."""
    if not isinstance(node, Stage) or node.input.size is None:
        return False
    return node.output.size != node.input.size and node.stride > 1


# ---------------------------------------------------------------- what stands in a row


def _entries_of(node: Node, *, in_run: bool) -> list[Entry]:
    match node:
        case LayerNode():
            line = line_of(node, in_run=in_run)
            return [] if line is None else [line]
        case Stage():
            return _brackets(node)
        case Block() | Part():
            return list(_flow(node.body, in_run=in_run))
        case Join():
            return []
        case _:
            assert_never(node)


def _brackets(stage: Stage) -> list[Entry]:
    """Return a bracket for each run of blocks that say the same."""
    found: list[Entry] = []
    for item in stage.items:
        body = item.node.body if isinstance(item.node, Block | Part) else None
        entries = tuple(
            _flow(body, in_run=True) if body is not None else _entries_of(item.node, in_run=True)
        )
        last = found[-1] if found else None
        if isinstance(last, RunBracket) and _is_same(last.entries, entries):
            found[-1] = RunBracket(_marked(last.entries, entries), last.count + item.count)
        else:
            found.append(RunBracket(entries, item.count))
    return found


def _is_same(left: Sequence[Entry], right: Sequence[Entry]) -> bool:
    return _marked(left, ()) == _marked(right, ())


def _marked(entries: Sequence[Entry], others: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return entries with the marks of both; without any where there are no others.

    A block of a run may have a weight of its own where the next one has the shared one.
    """
    found: list[Entry] = []
    for index, entry in enumerate(entries):
        other = others[index] if others else None
        match entry:
            case Line(marks=marks):
                more = other.marks if isinstance(other, Line) else frozenset[LayerMark]()
                found.append(
                    replace(entry, marks=marks | more if others else frozenset[LayerMark]())
                )
            case RunBracket(entries=inner, count=count):
                beside = other.entries if isinstance(other, RunBracket) else ()
                found.append(RunBracket(_marked(inner, beside), count))
            case Branches(operator=operator, branches=branches):
                beside = other.branches if isinstance(other, Branches) else ()
                pairs = zip(branches, beside or [()] * len(branches), strict=True)
                found.append(Branches(operator, tuple(_marked(a, b) for a, b in pairs)))
            case _:
                assert_never(entry)
    return tuple(found)


def _flow(body: Sequence[Step], *, in_run: bool) -> tuple[Entry, ...]:
    """Return what a body does, in the order of the data; branches where they come together."""
    row = _Groups()
    held: dict[Map, tuple[Entry, ...]] = {}  # what has led to maps beside the one that flows
    beside: set[Map] = set()  # shortcuts, and factors that are learned: not shown
    for step in body:
        node = step.node
        if isinstance(node, Part) and node.in_training:
            continue
        if isinstance(node, Join):
            branches = [held.get(map_, ()) for map_ in step.takes if map_ not in beside]
            entries, is_whole = _together(node.operator, branches), False
        else:
            before = held.get(step.takes[0], ())
            entries = (*before, *_entries_of(node, in_run=in_run))
            is_whole = isinstance(node, Block | Part)
        if step.gives[0] == MAIN:
            row.add(entries, is_whole=is_whole)
            held = {}
        else:
            held[step.gives[0]] = entries
        if _is_factor(node) or (isinstance(node, Part) and node.kind == "shortcut"):
            beside.add(step.gives[0])
    return row.entries()


def _is_factor(node: Node) -> bool:
    """Say whether a branch is a factor that is learned, as layer scale is."""
    inner = node.body[0].node if isinstance(node, Part) and len(node.body) == 1 else node
    return isinstance(inner, LayerNode) and isinstance(inner.layer, LearnedFactor)


class _Groups:
    """Entries of a body; blocks that say the same, one behind the other, are a bracket."""

    def __init__(self) -> None:
        self._found: list[tuple[tuple[Entry, ...], int, bool]] = []

    def add(self, entries: tuple[Entry, ...], *, is_whole: bool) -> None:
        if not entries:
            return
        if self._found and is_whole:
            last, count, was_whole = self._found[-1]
            if was_whole and _is_same(last, entries):
                self._found[-1] = (_marked(last, entries), count + 1, True)
                return
        self._found.append((entries, 1, is_whole))

    def entries(self) -> tuple[Entry, ...]:
        found: list[Entry] = []
        for entries, count, _ in self._found:
            found += entries if count == 1 else (RunBracket(entries, count),)
        return tuple(found)


def _together(operator: Operator, branches: Sequence[tuple[Entry, ...]]) -> tuple[Entry, ...]:
    """Return what branches give; one beside an identity, as of a residual block, stands alone."""
    there = [branch for branch in branches if branch]
    if not there:
        return ()
    if len(there) == 1 and (operator is not Operator.PRODUCT or len(branches) == 1):
        return there[0]
    if len(there) == 1 and _is_squeeze_excite(there[0]):
        squeezed = there[0][1]
        assert isinstance(squeezed, Line)
        return (Line(shown=Shown.OTHER, word="squeeze-excite", channels=squeezed.channels),)
    return (Branches(operator, tuple(there)),)


def _is_squeeze_excite(entries: Sequence[Entry]) -> bool:
    """Say whether a branch is a gate of two layers on the means (Hu et al. 2018)."""
    shown = [entry.shown for entry in entries if isinstance(entry, Line)]
    layers = (Shown.CONV, Shown.LINEAR)
    if len(shown) != len(entries) or len(shown) != 3 or shown[0] is not Shown.GLOBAL_AVERAGE_POOL:
        return False
    return all(each in layers for each in shown[1:])
