"""The classes of shipped networks: one for each block, right for every value it can be given."""

import ast
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from archdsl.analyses.walk import root, walk
from archdsl.emit.python.names import HELPERS
from archdsl.ir.names import class_name
from archdsl.ir.network import Block
from archdsl.pipeline import compile_spec
from tests.generated import load_module, source_of

ROOT = Path(__file__).parents[1]
RECIPES = {"dilated", "imagenet", "recipes"}  # without a network
SPECS = sorted({path.stem for path in (ROOT / "specs").glob("*.arch")} - RECIPES)
# classes that stand for no block, beside those that own shared weights: weight schemes, columns
PARTS = {
    "Backbone",
    "Classifier",
    "PyramidConvs",
}  # bodies with branches, or that give maps to others
SCHEMES = {*PARTS, "BareDiracConv2d", "BinaryConv2d", "DiracConv2d", "Nested"}


@cache
def compiled(spec):
    return compile_spec(f"{ROOT}/specs/{spec}.arch")


@pytest.mark.parametrize("spec", SPECS)
def test_a_network_has_a_class_for_each_block_and_no_more(spec):
    nodes = (place.node for place in walk(root(compiled(spec).network)))
    blocks = {class_name(node.declaration) for node in nodes if isinstance(node, Block)}
    found = [
        node.name
        for node in ast.parse(source_of(compiled(spec))).body
        if isinstance(node, ast.ClassDef)
    ]
    assert len(found) == len(set(found))
    *others, last = found
    assert last == compiled(spec).class_name("drawn_net")
    others = [name for name in others if name != f"{last}Outputs"]  # what forward returns
    own = {name for name in others if name not in {*HELPERS, *SCHEMES} and "Stage" not in name}
    assert own <= blocks
    assert sum("Stage" in name for name in others) <= 1


def block(spec, name):
    """Return the class of a block of a shipped spec."""
    return getattr(load_module(compiled(spec)), name)


def given(module, *size):
    with torch.no_grad():
        return tuple(module.eval()(torch.randn(2, *size)).shape[1:])


@pytest.mark.parametrize("expand", [1, 2, 3, 6])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [8, 12])
def test_an_inverted_block_is_right_for_every_value(expand, stride, width):
    inverted = block("mobilenet_v2", "Inverted")(8, width, expand=expand, stride=stride)
    assert given(inverted, 8, 6, 6) == (width, 6 // stride, 6 // stride)
    convolutions = [m for m in inverted.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == (2 if expand == 1 else 3)
    assert convolutions[-2].groups == 8 * expand


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [16, 24])
def test_a_shuffle_block_takes_both_strides(stride, width):
    entering = width if stride == 1 else 10
    shuffle = block("shufflenet_v2", "Shuffle")(entering, width, stride=stride)
    assert given(shuffle, entering, 6, 6) == (width, 6 // stride, 6 // stride)
    convolutions = sum(isinstance(m, nn.Conv2d) for m in shuffle.modules())
    assert convolutions == (3 if stride == 1 else 5)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_level_holds_the_levels_below_it(depth):
    level = block("unet", "Level")
    built = level(3, 4, depth=depth)
    assert sum(isinstance(m, level) for m in built.modules()) == depth + 1
    assert given(built, 3, 16, 16) == (4, 16, 16)


def test_a_wide_block_is_projected_where_the_shape_changes():
    wide = block("wrn", "Wide")
    for entering, width, stride in ((8, 8, 1), (8, 12, 1), (8, 8, 2), (8, 12, 2)):
        built = wide(entering, width, dropout=0.1, stride=stride)
        projected = any(key.startswith("shortcut") for key in built.state_dict())
        assert projected == (entering != width or stride != 1)
        assert given(built, entering, 6, 6) == (width, 6 // stride, 6 // stride)
