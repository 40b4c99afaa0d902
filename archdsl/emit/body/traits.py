"""What is asked of merged steps before they are written."""

import re
from collections.abc import Iterable, Iterator, Sequence

from archdsl.emit.body.merged import (
    Column,
    Merged,
    MergedCall,
    MergedJoin,
    MergedLayer,
    MergedPart,
    MergedStage,
)
from archdsl.emit.calls.layers import constructor
from archdsl.emit.classes.instances import Instance, nodes_in
from archdsl.emit.expressions.scope import ClassScope
from archdsl.emit.python.nodes import Text
from archdsl.ir.layers import ChannelSplit, Dropout, StochasticDepth, tensors
from archdsl.ir.names import are_places, as_word
from archdsl.ir.network import Block, LayerNode, Part, SharedWeight, Step
from archdsl.ir.numbers import Expr


def name_of(step: Merged) -> str:
    """Return the attribute of a step, "" for a join."""
    return "" if isinstance(step, MergedJoin) else step.name


def have_names(nodes: Iterable[Block | Part | None]) -> bool:
    """Whether the members of an nn.Sequential have names other than their places."""
    there = (node for node in nodes if node is not None)
    return not all(are_places(step.node.name for step in node.body) for node in there)


def numbered(steps: Sequence[Merged]) -> Iterator[list[Merged]]:
    """Yield steps, together those whose names count on: `layer1`, `layer2`, .."""
    run: list[Merged] = []
    for step in steps:
        if run and not _counts_on(name_of(run[-1]), name_of(step)):
            yield run
            run = []
        run.append(step)
    if run:
        yield run


def _counts_on(name: str, other: str) -> bool:
    before, after = _LAST_NUMBER.match(name), _LAST_NUMBER.match(other)
    if before is None or after is None or before[1] != after[1] or before[3] != after[3]:
        return False
    return after[2] == str(int(before[2]) + 1)


_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)$")


def numbered_name(step: Merged) -> str:
    """Return the f-string for the names of a loop over `i` that begins with a step."""
    found = _LAST_NUMBER.match(name_of(step))
    assert found is not None, "it has a number"
    number = "i" if int(found[2]) == 0 else f"i + {int(found[2])}"
    return f'f"{found[1]}{{{number}}}{found[3]}"'


def needed(steps: Sequence[Merged], scope: ClassScope) -> list[Merged]:
    """Return the members of an nn.Sequential without what does nothing at its end: no key moves."""
    kept = list(steps)
    while kept and isinstance(kept[-1], MergedLayer) and is_idle(kept[-1], scope):
        kept.pop()
    return kept or list(steps)


def is_idle(step: MergedLayer, scope: ClassScope) -> bool:
    """Whether a layer drops nothing, whatever the arguments."""
    layers = [node.layer for node in step.column if node is not None]
    if not all(isinstance(layer, Dropout | StochasticDepth) and layer.p == 0 for layer in layers):
        return False
    return constructor(step.column, scope, {}).arguments == (Text("0.0"),)


def keeps(step: Merged) -> bool:
    """Whether a step has entries in `state_dict`, or a name of its own."""
    if not isinstance(step, MergedLayer):
        return True
    there = [node for node in step.column if node is not None]
    return any(node.label is not None or tensors(node.layer) for node in there)


def exprs_of(column: Column[LayerNode], field: str) -> list[Expr]:
    """Return how a number of a layer is written, each way once."""
    written = (w for node in column if node is not None for w in node.written)
    return list(dict.fromkeys(w.exprs[0] for w in written if w.field == field))


def outputs_of(step: MergedPart | MergedCall, instances: Sequence[Instance]) -> list[Expr]:
    """Return how the channels that leave a shortcut are written, by it and by its block."""
    found: dict[Expr, None] = {}
    for cell in step.column:
        node = cell.node if isinstance(cell, Instance) else cell
        if isinstance(node, Part):
            found |= dict.fromkeys(_last_exprs(node.body))
    makes = (i.node.makes.expr for i in instances if isinstance(i.node, Block))
    return list(found | dict.fromkeys(makes))


def _last_exprs(body: Sequence[Step]) -> Iterable[Expr]:
    for step in reversed(body):
        match step.node:
            case LayerNode(written=written):
                fields = ("out_channels", "num_features")
                yield from (w.exprs[0] for w in written if w.field in fields)
            case Block(out_channels=channels):
                yield channels.expr
            case _:
                pass


def user_of(instance: Instance, index: int) -> LayerNode:
    """Return a layer that uses a weight of an instance's own, with its numbers as written."""
    shared = instance.node.owned[index]
    for node in nodes_in(instance.node):
        if isinstance(node, LayerNode) and node.shared == SharedWeight(shared.id):
            if node.layer != shared.layer:
                continue  # `strides = any`: its stride is another
            return node
    given = instance.node.input
    return LayerNode(
        kind="", label=None, layer=shared.layer, input=given, output=given, span=shared.span
    )


def flag_hint(step: Merged) -> str:
    """Return a name for the attribute that tells whether a step is there."""
    match step:
        case MergedLayer(column=column) if any(
            node is not None and isinstance(node.layer, ChannelSplit) for node in column
        ):
            return "splits"
        case MergedJoin():
            return "joins"
        case (
            MergedLayer(name=name)
            | MergedPart(name=name)
            | MergedCall(name=name)
            | MergedStage(name=name)
        ):
            return f"has_{as_word(name)}"
