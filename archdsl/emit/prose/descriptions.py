"""What a class is, in a line: its layers with weights and its blocks, and how branches join."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from archdsl.emit.classes.grouping import GeneratedClass
from archdsl.emit.python.printer import INDENT, WIDTH
from archdsl.ir.layers import Conv, ConvTranspose, Linear
from archdsl.ir.names import class_name
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
    Stage,
    Step,
)

MOST = WIDTH - INDENT - len('""".')
PAIR = 2
_JOINED = {
    Operator.SUM: "added",
    Operator.PRODUCT: "multiplied",
    Operator.CONCAT: "concatenated",
}
_TO_THE_INPUT = {
    Operator.SUM: "added to the input",
    Operator.PRODUCT: "multiplied with the input",
    Operator.CONCAT: "concatenated to the input",
}


def description(kind: GeneratedClass) -> str:
    """Return what all instances of a class have in common, in a line without its full stop."""
    nodes = [i.node for i in kind.instances]
    most = max(map(_num_steps, nodes))
    full = [node for node in nodes if _num_steps(node) == most]
    exact = {"".join(_description(node, kernels=True)) for node in full}
    text = exact.pop() if len(exact) == 1 else "".join(_description(full[0], kernels=False))
    if len(full) < len(nodes) and text.endswith(_TO_THE_INPUT[Operator.SUM]):
        stays = [node for node in nodes if node.input == node.output]
        text += " where the shape stays" if len(stays) == len(full) else " where `adds` is set"
    return textwrap.shorten(text[:1].upper() + text[1:], MOST, placeholder=" ..")


def _num_steps(node: Network | Block | Part | Stage) -> int:
    if isinstance(node, Stage):
        return 0
    return sum(1 + len(s.takes) + len(getattr(s.node, "body", ())) for s in node.body)


def _description(node: Network | Block | Part | Stage, *, kernels: bool) -> Iterator[str]:
    if isinstance(node, Stage):
        yield "blocks in a row" + (" that share weights" if node.owned else "")
        return
    joins = [s for s in node.body if isinstance(s.node, Join) and not s.node.mark]
    match joins:
        case [Step(takes=((*_, 1), _))]:
            before = any(step.gives[0][-1:] == (0,) for step in node.body)
            yield "pre-activation residual block: " if before else "residual block: "
            yield from _row([s for s in node.body if s.gives[0][-1:] == (1,)], kernels=kernels)
        case [Step(node=Join()) as join] if len(join.takes) > 1 and _is_all(node.body, join):
            yield from _branches(node.body, join, _labels(node), kernels=kernels)
        case _:
            yield from _row(node.body, kernels=kernels)


def _is_all(body: Sequence[Step], join: Step) -> bool:
    """Whether nothing with a weight stands beside the branches of a join."""
    return all(
        step is join or step.gives[0] in join.takes or _is_weightless(step.node) for step in body
    )


def _is_weightless(node: Node) -> bool:
    return isinstance(node, LayerNode) and not isinstance(node.layer, Conv | ConvTranspose | Linear)


def _labels(node: Network | Block | Part) -> dict[Map, str]:
    """Return the names of maps that have one."""
    given = node.given if not isinstance(node, Network) else ()
    marks = ((s.gives[0], s.node.mark) for s in node.body if isinstance(s.node, Join))
    return {each.map: each.label for each in given} | {map_: mark for map_, mark in marks if mark}


def _branches(
    body: Sequence[Step], join: Step, labels: Mapping[Map, str], *, kernels: bool
) -> Iterator[str]:
    assert isinstance(join.node, Join)
    made = [map_ for map_ in join.takes if map_ != MAIN and map_ not in labels]
    by_map = {map_: [s for s in body if s.gives == (map_,)] for map_ in made}
    if MAIN in join.takes and len(by_map) == 1 and len(join.takes) == PAIR:
        ((_, steps),) = by_map.items()
        yield from _row(steps, kernels=kernels)
        yield f", {_TO_THE_INPUT[join.node.operator]}"
        return
    yield f"branches, {_JOINED[join.node.operator]}: "
    for index, map_ in enumerate(join.takes):
        yield " | " if index else ""
        if map_ in by_map:
            yield from _row(by_map[map_], kernels=kernels)
        else:
            yield labels.get(map_, "the input")


def _row(steps: Sequence[Step], *, kernels: bool) -> Iterator[str]:
    """Yield what stands in a row; layers without weights only beside a single layer with one."""
    nodes = list(_flat(steps))
    weighty = [node for node in nodes if not _is_weightless(node)]
    is_short = len(weighty) <= 1 and all(isinstance(node, LayerNode) for node in weighty)
    for index, node in enumerate(nodes if is_short else weighty):
        yield ", " if index else ""
        yield _words(node, kernels=kernels)


def _flat(steps: Sequence[Step]) -> Iterator[Node]:
    for step in steps:
        match step.node:
            case Part(body=body):
                yield from _flat(body)
            case Stage(items=items):
                yield from (item.node for item in items)
            case Join():
                pass
            case LayerNode() | Block():
                yield step.node


def _words(node: Node, *, kernels: bool) -> str:
    match node:
        case LayerNode(layer=Conv() | ConvTranspose() as layer):
            return _convolution(layer, kernels=kernels)
        case LayerNode(kind=kind) | Part(kind=kind) | Stage(kind=kind):
            return kind
        case Block(declaration=name):
            return class_name(name)
        case Join(operator=operator):
            return str(operator)


def _convolution(layer: Conv | ConvTranspose, *, kernels: bool) -> str:
    window = "x".join(map(str, layer.kernel_size))
    depthwise = "depthwise " if 1 < layer.groups == layer.in_channels else ""
    transposed = "transposed " if isinstance(layer, ConvTranspose) else ""
    return f"{depthwise}{transposed}conv{window if kernels else ''}"
