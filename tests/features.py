"""Which features of the language a spec uses, so that tests can tell what random specs reach."""

import re

from archdsl.analyses.walk import root, walk
from archdsl.ir import layers as ir
from archdsl.ir import schemes
from archdsl.ir.network import (
    MAIN,
    Block,
    Join,
    LayerNode,
    Network,
    Part,
    Shared,
    SharedWeight,
    Stage,
)
from tests.drawing.words import SCHEMES

_SCHEME = "|".join(word for word in SCHEMES if word != "plain")
_WORDS = {
    "name in quotes": r'"[\w-]+":',
    "no level": r'"": ',
    "sequence": r"^sequence ",
    "let": r"\blet ",
    "if": r"\bif .* \{",
    "else": r"\} else",
    "for": r"\bfor ",
    "range": r"range\(",
    "conditional expression": r" then ",
    "round_to": r"round_to",
    "lookup": r"\]\[1\]",
    "require": r"require ",
    "expect": r"expect ",
    "layer with annotation": r"^ *(\w+: )?(conv|linear)\S*\(.*\) with ",
    "share from": r"from = \d",
    "share strides": r"strides = any",
    "plain": r"\bplain\b",
    "trainable": r"\btrainable\b",
    "bn(learned)": r"bn\(learned\)",
    "scheme around layers": rf"^ *(stage|network|block|stem|head) .* with .*({_SCHEME})",
    "explicit stride of a block": r"= \w*\(.*stride = 2\)",
}


def features(network: Network, text: str) -> set[str]:
    """Return the features of a spec."""
    found = {name for name, pattern in _WORDS.items() if re.search(pattern, text, re.MULTILINE)}
    users: dict[int, set[tuple[int, ...]]] = {}
    _owned(network.owned, "network", found)
    found |= _joins(network.body)
    for place in walk(root(network)):
        node = place.node
        match node:
            case LayerNode():
                found |= _layer(node)
                if isinstance(node.shared, SharedWeight):
                    users.setdefault(node.shared.id, set()).add(getattr(node.layer, "stride", ()))
            case Block():
                found |= _block(node) | _joins(node.body)
                _owned(node.owned, "block", found)
            case Stage():
                found |= _stage(node)
                _owned(node.owned, "stage", found)
            case Part():
                found |= {f"part {node.kind}", f"part {node.form}"} | _joins(node.body)
                if node.kind == "branch" and any(isinstance(s.node, Join) for s in node.body):
                    found.add("branches in branches")
                found |= {"named part"} if node.label else set()
                _owned(node.owned, "part", found)
            case _:
                pass
    if any(len(strides) > 1 for strides in users.values()):
        found.add("shared by several strides")
    found.add(f"init {type(network.init).__name__}")
    if network.input.size is None:
        found.add("input of a vector")
    return found


def _owned(owned: tuple[Shared, ...], owner: str, found: set[str]) -> None:
    for shared in owned:
        found |= {f"weight owned by {owner}", f"shared {type(shared.layer).__name__}"}
        found |= {"shared and frozen"} if shared.frozen else set()
        found |= {"shared with bias"} if shared.layer.bias else set()
        if isinstance(shared.layer, ir.Conv):
            found |= {f"shared {scheme}" for scheme in _scheme(shared.layer)}


def _layer(node: LayerNode) -> set[str]:
    layer, found = node.layer, {f"layer {type(node.layer).__name__}"}
    found |= {"frozen"} if node.frozen else set()
    found |= {"named layer"} if node.label else set()
    found |= {"implied flatten"} if node.implied else set()
    match layer:
        case ir.Activation(kind=kind):
            found.add(f"activation {kind}")
        case ir.Conv() | ir.ConvTranspose():
            what = _convolution(layer)
            found |= {f"{type(layer).__name__} {each}" for each in what}
            names = _scheme(layer) if isinstance(layer, ir.Conv) else set()
            found |= names | {f"{name} {each}" for name in names for each in what}
        case ir.Pool(kind=kind):
            found |= {f"{kind} pool"} | ({"ceil mode"} if layer.ceil_mode else set())
            found |= {"dilated pool"} if layer.dilation != (1, 1) else set()
            found |= {"count_include_pad"} if layer.count_include_pad else set()
        case ir.AdaptivePool(kind=kind):
            found |= {f"adaptive {kind}"} | (
                {"adaptive size"} if layer.output_size != (1, 1) else set()
            )
        case ir.BatchNorm():
            found |= {"bn without scale"} if not layer.affine else set()
            found |= {"bn(scale)"} if layer.affine and not layer.offset else set()
            found |= {"bn(fixed)"} if not layer.moments else set()
            found |= {"bn of a vector"} if not layer.spatial else set()
        case ir.StochasticDepth(p=None):
            found.add("growing drop rate")
        case ir.Pad(mode=mode):
            found.add(f"pad {mode}")
        case ir.Upsample(mode=mode, size=size, align_corners=corners):
            found |= {f"upsample {mode}"} | ({"upsample to a size"} if size else set())
            found |= {"upsample with corners"} if corners else set()
        case ir.Softmax(over=over):
            found.add(f"softmax over {over}")
        case ir.Linear(per_pixel=True):
            found.add("linear at each pixel")
        case _:
            pass
    return found


def _scheme(layer: ir.Conv) -> set[str]:
    match layer.scheme:
        case None:
            return set()
        case schemes.Binary(scale=scale):
            return {"binary", f"binary {scale}"}
        case schemes.Standardized(gain=gain):
            return {"standardized", f"standardized {'with' if gain else 'without'} gain"}
        case schemes.BareDirac(delta=delta):
            return {"bare", f"bare {delta}"}
        case schemes.UnnormalizedDirac(delta=delta, a_per=a_per):
            return {"unnormalized", f"unnormalized {delta}", f"unnormalized by {a_per}"}
        case schemes.Dirac(delta=delta, a_per=a_per, b_per=b_per):
            inputs, outputs = layer.in_channels, layer.out_channels
            ratio = ("equal", "fewer out", "more out")[(inputs > outputs) + 2 * (inputs < outputs)]
            return {"dirac", f"dirac {delta}", f"dirac {ratio}", f"dirac by {a_per}, {b_per}"}


def _convolution(layer: ir.Conv | ir.ConvTranspose) -> list[str]:
    tests = {
        "grouped": layer.groups > 1,
        "depthwise": layer.groups == layer.in_channels > 1,
        "dilated": layer.dilation != (1, 1),
        "asymmetric": layer.kernel_size[0] != layer.kernel_size[1],
        "strided": layer.stride != (1, 1),
        "strides differ": layer.stride[0] != layer.stride[1],
        "bias": layer.bias,
        "output padding": getattr(layer, "output_padding", (0, 0)) != (0, 0),
    }
    return [name for name, holds in tests.items() if holds]


def _block(block: Block) -> set[str]:
    found = {"block"}
    found |= {"let in a block"} if block.lets else set()
    found |= {"named block"} if block.label else set()
    found |= {"block with a stride"} if block.stride.value != 1 else set()
    inner = [n for n in _below(block) if isinstance(n, Block)]
    found |= {"block in a block"} if inner else set()
    found |= {"recursion"} if any(n.declaration == block.declaration for n in inner) else set()
    found |= (
        {"parts of stages in a block"}
        if any(isinstance(n, Stage) for n in _below(block))
        else set()
    )
    return found


def _below(block: Block) -> list[object]:
    from archdsl.analyses.walk import Place

    return [place.node for place in walk(Place(block, "", 1))]


def _stage(stage: Stage) -> set[str]:
    found = {"run of a for" if stage.label is None else "stage", f"stage {stage.form}"}
    found |= {"folded run"} if any(item.count > 1 for item in stage.items) else set()
    found |= {"stage with a stride"} if stage.stride > 1 else set()
    blocks = {n.declaration for i in stage.items if isinstance(n := i.node, Block)}
    found |= {"stage written out"} if len(blocks) > 1 else set()
    return found


def _joins(body) -> set[str]:
    """Return the features of residuals and of branches, of which a body shows the joins."""
    found = set()
    for step in body:
        if not isinstance(step.node, Join):
            continue
        if step.site[-1] == 3:
            group, projected = step.site[:-1], step.takes[1] != MAIN
            found.add("residual projected" if projected else "residual identity")
            if any((*group, 0) in each.gives for each in body):
                found.add(f"preactivation, {'projected' if projected else 'identity'}")
            continue
        operator, ways = step.node.operator, step.takes
        found |= {str(operator), f"{operator} of {len(ways)}"}
        if any(way[: len(step.site) - 1] != step.site[:-1] for way in ways):
            found.add("identity branch")
    return found
