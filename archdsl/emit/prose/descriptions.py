"""What a class is, in a line: its layers with weights and its blocks, and how branches join."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import assert_never

from archdsl.emit.classes import Group
from archdsl.emit.options import fullest
from archdsl.emit.python import INDENT, WIDTH
from archdsl.emit.units import Unit
from archdsl.ir.layers import Conv, ConvTranspose, Linear
from archdsl.ir.names import class_name
from archdsl.ir.network import (
    Block,
    Combine,
    LayerNode,
    Network,
    Node,
    Operator,
    Part,
    Residual,
    Stage,
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
_NOUNS = {
    Operator.SUM: "sum of",
    Operator.PRODUCT: "product of",
    Operator.CONCAT: "concatenation of",
}


def description(group: Group) -> str:
    """Return what all instances of a class have in common, in a line without its full stop."""
    full = fullest(group.units)
    exact = [list(_description(unit.node, kernels=True)) for unit in full]
    loose = list(_description(full[0].node, kernels=False))
    if any(len(words) != len(loose) for words in exact):
        exact = [loose]  # parts that differ in how many blocks they hold
    columns = zip(*exact, strict=True)
    words = [
        column[0] if len(set(column)) == 1 else general
        for column, general in zip(columns, loose, strict=True)
    ]
    text = "".join(words) + _where(group, full)
    text = text[:1].upper() + text[1:]
    return textwrap.shorten(text, MOST, placeholder=" ..")


def _where(group: Group, full: list[Unit]) -> str:
    """Return which instances add their input, if that is all they do and some do not."""
    match full[0].node.body if not isinstance(full[0].node, Stage) else ():
        case (Combine(branches=(_, _)),) if len(full) < len(group.units):
            stays = [unit for unit in group.units if unit.node.input == unit.node.output]
            return " where the shape stays" if stays == full else " where `adds` is set"
        case _:
            return ""


def _description(node: "Network | Block | Part | Stage", *, kernels: bool) -> Iterator[str]:
    if isinstance(node, Stage):
        yield "blocks in a row" + (" that share weights" if node.owned else "")
        return
    match [inner for inner in node.body if not _is_weightless(inner)] or node.body:
        case [Residual() as only] if only is node.body[0]:
            yield "pre-activation residual block: " if only.preactivation else "residual block: "
            yield from _row(only.residual, kernels=kernels)
        case [Combine(branches=(_, _, *_)) as only]:
            yield from _joined(only, kernels=kernels)
        case _:
            yield from _row(node.body, kernels=kernels)


def _is_weightless(node: Node) -> bool:
    return isinstance(node, LayerNode) and not isinstance(node.layer, Conv | ConvTranspose | Linear)


def _joined(node: Combine, *, kernels: bool) -> Iterator[str]:
    others = [branch for branch in node.branches if branch.body]
    if len(others) == 1 and len(node.branches) == PAIR:
        yield from _row(others[0].body, kernels=kernels)
        yield f", {_TO_THE_INPUT[node.operator]}"
    else:
        yield f"branches, {_JOINED[node.operator]}: "
        yield from _branches(node, kernels=kernels)


def _branches(node: Combine, *, kernels: bool) -> Iterator[str]:
    for index, branch in enumerate(node.branches):
        yield " | " if index else ""
        if branch.body:
            yield from _row(branch.body, kernels=kernels)
        else:
            yield "the input"


def _row(nodes: Iterable[Node], *, kernels: bool) -> Iterator[str]:
    """Yield what stands in a row; layers without weights only beside a single layer with one."""
    nodes = list(nodes)
    weighty = [node for node in nodes if not _is_weightless(node)]
    is_short = len(weighty) <= 1 and all(isinstance(node, LayerNode) for node in weighty)
    for index, node in enumerate(nodes if is_short else weighty):
        yield ", " if index else ""
        yield from _words(node, kernels=kernels)


def _words(node: Node, *, kernels: bool) -> Iterator[str]:
    match node:
        case LayerNode(layer=Conv() | ConvTranspose() as layer):
            yield _convolution(layer, kernels=kernels)
        case LayerNode(kind=kind):
            yield kind
        case Block(declaration=name):
            yield class_name(name)
        case Part(body=body) | Residual(residual=body):
            yield from _row(body, kernels=kernels)
        case Combine(branches=(only,)):
            yield from _row(only.body, kernels=kernels)
        case Combine(operator=operator):
            yield f"{_NOUNS[operator]} ("
            yield from _branches(node, kernels=kernels)
            yield ")"
        case Stage(items=items):
            yield from _row((item.node for item in items), kernels=kernels)
        case _:
            assert_never(node)


def _convolution(layer: Conv | ConvTranspose, *, kernels: bool) -> str:
    height, width = layer.kernel_size
    depthwise = "depthwise " if 1 < layer.groups == layer.in_channels else ""
    transposed = "transposed " if isinstance(layer, ConvTranspose) else ""
    return f"{depthwise}{transposed}conv{f'{height}x{width}' if kernels else ''}"
