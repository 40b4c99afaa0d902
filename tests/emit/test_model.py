"""What model.py says, for specs that show one thing each."""

import ast
import builtins
import re
import subprocess
import sys
import time
import types

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from archdsl.pipeline import compile_text
from tests.generated import (
    build,
    check_copies,
    check_forward,
    check_state,
    load,
    source_of,
    train_step,
)

NET = "input(3, 16, 16)\n stem { conv3x3(16) bn relu }\n"
HEAD = "\n head { avgpool linear(10) }\n"
BASIC = """
block basic(width) {
    residual { conv3x3(width, stride = stride) bn relu conv3x3(width) bn }
    shortcut { conv1x1(width, stride = stride) bn }
    relu
}
"""
WIDE = """
block wide(width, dropout) {
    preactivation { bn relu }
    residual { conv3x3(width, stride = stride) bn relu dropout(dropout) conv3x3(width) }
    shortcut { conv1x1(width, stride = stride) }
}
"""
INVERTED = """
block inverted(width, expand) {
    let hidden = expand * in_channels
    sum {
        branch {
            conv1x1(hidden) bn relu6
            conv3x3(hidden, stride = stride, groups = hidden) bn relu6
            conv1x1(width) bn
        }
        if stride == 1 and in_channels == width { identity }
    }
}
"""
GATED = """
block gated(width, adds) {
    adds: conv1x1(width)
    relu
    sum {
        if adds > 0 { identity }
        branch { conv3x3(width) }
        branch { conv1x1(width) bn }
    }
    relu
}
"""
LEVEL = """
block level(width, depth) {
    conv3x3(width) relu
    if depth > 0 {
        concat {
            identity
            below: branch {
                maxpool2x2
                level(2 * width, depth - 1)
                conv_transpose2x2(width, stride = 2)
            }
        }
        conv3x3(width)
    }
}
"""
NETWORK_SHARES = {
    "through slices of stages": (
        "share(conv3x3)",
        (
            "stage a { plain(16) basic(16) basic(16) }\n stage b { basic(16) plain(16) }\n"
            "stage c = 3 * basic(16)"
        ),
        BASIC + "block plain(width) { conv1x1(width) bn relu }",
    ),
    "at any stride across stages": (
        "share(conv3x3, strides = any)",
        "stage a = 2 * basic(16)\n stage b(stride = 2) = 3 * basic(16)\n conv3x3(16, stride = 2)",
        BASIC,
    ),
    "in blocks inside blocks inside stages": (
        "share(conv3x3)",
        "stage a = 2 * outer(16)\n stage b(stride = 2) = 2 * outer(16)",
        BASIC
        + "block outer(width) { residual { basic(width) conv1x1(width, stride = stride) bn }\n"
        "shortcut { conv1x1(width, stride = stride) } relu }",
    ),
}
SPECS = {
    "stages of one block, strided and not": (
        "stage a = 3 * basic(16)\n stage b(stride = 2) = 3 * basic(32)",
        BASIC,
    ),
    "inputs that are added where the shape stays": (
        (
            "stage a = 3 * inverted(16, 2)\n stage b(stride = 2) = 3 * inverted(16, 2)\n"
            "stage c = 2 * inverted(24, 3) with stochastic_depth(0.5)"
        ),
        INVERTED,
    ),
    "inputs that are added with and without a drop rate": (
        (
            "stage a(stride = 2) = 3 * inverted(16, 2)\nstage b(stride = 2) = 2 * inverted(16, 2)"
        ).replace("\n", " with stochastic_depth(0.5)\n")
        + " with stochastic_depth(0.2)",
        INVERTED,
    ),
    "inputs that are added beside a shared weight": (
        (
            "stage a(stride = 2) = 4 * inverted(16, 2) with share(conv3x3)\n"
            "stage b(stride = 2) = 3 * inverted(24, 2) with share(conv1x1)"
        ),
        INVERTED,
    ),
    "inputs that are added inside a residual": (
        "outer(16, 0)\n outer(16, 1)\n outer(24, 1)",
        (
            "block outer(width, more) { residual { conv3x3(width) relu\n"
            "sum { branch { conv1x1(width) bn } if more > 0 { identity } } relu }\n"
            "shortcut { conv1x1(width) } relu }"
        ),
    ),
    "inputs that are added as an argument says": (
        "gated(16, 0)\n gated(16, 1)\n gated(24, 0) gated(24, 1)",
        GATED,
    ),
    "blocks that hold their own kind": ("level(4, 3)\n level(8, 2)", LEVEL),
    "blocks that hold their own kind, told by what they double": (
        "level(4)",
        LEVEL.replace(", depth", "", 1)
        .replace(", depth - 1", "")
        .replace("depth > 0", "width < 16"),
    ),
    "blocks that hold their own kind once": ("level(4, 1)", LEVEL),
    "blocks that hold their own kind, with a kernel of their own each": (
        "level(4, 2)",
        LEVEL.replace("conv3x3(width) relu", "conv(width, [5, 7, 3][depth]) relu"),
    ),
    "blocks that hold their own kind and share": (
        "stage a = 2 * level(4, 2) with share(conv3x3)",
        LEVEL.replace("2 * width", "width"),
    ),
    "kernels of two sides": (
        "unit(8, [1, 3])\n unit(8, [3, 1])\n unit(16, [1, 1])\n two([1, 5]) two([3, 3])",
        (
            "block unit(width, kernel) { conv(width, kernel) bn }\n"
            "block two(kernel) { unit(8, kernel) unit(12, kernel) conv(8, kernel, dilation = 2) }"
        ),
    ),
    "kernels of two sides at any stride": (
        "stage a(stride = 2) = 3 * unit(16) with share(conv, strides = any)",
        "block unit(width) { conv(width, [1, 3], stride = stride) bn relu }",
    ),
    "preactivation": (
        "stage a = 2 * wide(24, 0)\n stage b(stride = 2) = 2 * wide(32, 0.3)",
        WIDE,
    ),
    "preactivation that always feeds both": ("wide(24, 0)\n wide(32, 0)", WIDE),
    "preactivation that never does": ("wide(16, 0)\n wide(16, 0.1)", WIDE),
    "sharing in stages": (
        (
            "stage a = 3 * basic(16) with share(conv3x3)\n"
            "stage b(stride = 2) = 4 * basic(32) with share(conv3x3)"
        ),
        BASIC,
    ),
    "sharing from the second block": (
        "stage a = 4 * wide(24, 0) with share(conv3x3, from = 2)",
        WIDE,
    ),
    "sharing across strides": (
        "stage a(stride = 2) = 3 * basic(16) with share(conv3x3, strides = any)",
        BASIC,
    ),
    "sharing inside a block": (
        "stage a = 3 * twice(16)\n stage b = 2 * twice(24)",
        (
            "block twice(width) with share(conv3x3) { conv1x1(width)\n"
            "conv3x3(width) bn relu conv3x3(width) bn relu }"
        ),
    ),
    "sharing through blocks in branches": (
        "stage a(stride = 2) = 3 * outer(32) with share(conv3x3), share(conv1x1)",
        (
            "block outer(width) { concat { branch { inner(width / 2, stride = stride) relu }\n"
            "branch { maxpool3x3(stride = stride) inner(width / 2) } } conv1x1(width) bn }\n"
            "block inner(width) { conv3x3(width, stride = stride) bn relu conv3x3(width) }"
        ),
    ),
    "blocks that grow": (
        "for j in range(8) { dense(4) }\n for j in range(6) { dense(2 + j * j) }",
        "block dense(growth) { concat { identity branch { bn relu conv3x3(growth) } } }",
    ),
    "stochastic depth": (
        "stage a = 3 * basic(16) with stochastic_depth(0.5)\n basic(16) with stochastic_depth(0.2)",
        BASIC,
    ),
    "gates": (
        "gate(4)\n gate(8)",
        (
            "block gate(squeeze) { product { identity branch { avgpool conv1x1(squeeze)\n"
            "relu conv1x1(in_channels, bias = true) sigmoid } } }"
        ),
    ),
    "activations where none may work in place": (
        (
            "relu sum { branch { conv3x3(16) sigmoid } } relu\n"
            "sum { identity branch { relu conv3x3(16) } branch { conv1x1(16) relu } } relu\n"
            "product { identity branch { conv3x3(16) sigmoid } } relu\n"
            "conv1x1(16) concat { identity branch { relu tanh relu } } relu\n"
            "odd(16)\n sigmoid relu"
        ),
        (
            "block odd(width) { preactivation { bn } residual { relu conv3x3(width) relu }\n"
            "shortcut { conv1x1(width) } relu }"
        ),
    ),
    "names that mean something in Python": (
        (
            "x: conv1x1(16) out: bn\n tensor(16, 2, 3)\n stage blocks = 2 * f(16)\n"
            "stage i = 2 * none(16, 0.1) with stochastic_depth(0.3)"
        ),
        (
            "block tensor(nn, F, i) {\n let self = nn * F\n x: conv1x1(self) relu\n"
            "residual: conv3x3(nn * i / 3, groups = F) bn\n"
            "product { identity out: branch { avgpool conv1x1(nn) sigmoid } } conv1x1(nn) }\n"
            "block f(Tensor) { residual { conv3x3(Tensor) out: bn } relu }\n"
            "block none(range, super) { residual { conv3x3(range) relu dropout(super) } }"
        ),
    ),
    "frozen parts": (
        (
            "stage a = 3 * basic(16) with freeze\n stage b = 3 * half(16)\n"
            "stage c(stride = 2) = 2 * basic(24) with bn(frozen)"
        ),
        BASIC
        + "block half(width) { residual { conv3x3(width) with freeze\n bn relu conv3x3(width)\n"
        "bn dropout(0.1) } relu }",
    ),
    "layers that torch has no module for": (
        (
            "layernorm scale(0.5) factor(0.3) channel_split(2, 1) pad(1, mode = reflect) "
            "grn slice(2, 7)"
        ),
        "",
    ),
    "layers named as something of Python": (
        "slice: slice(0, 12)\n slice(2, 10) conv1x1(12)\n cut(2) cut(3)",
        (
            "block cut(slice) {\n let range = slice + 8\n"
            "slice(slice, range) conv1x1(12)\n slice: conv3x3(slice) conv1x1(12) }"
        ),
    ),
}


def spec(body, blocks=""):
    return f"network net() {{\n{NET}{body}{HEAD}}}\n{blocks}"


def made(compilation):
    """Return a module of the generated class."""
    return build(load(compilation))


def code(body, blocks=""):
    return source_of(compile_text(spec(body, blocks)), "net")


@pytest.mark.parametrize("name", SPECS)
def test_generated_networks_are_what_their_specs_mean(name):
    compilation = compile_text(spec(*SPECS[name]))
    check_state(made(compilation), compilation)
    check_forward(made(compilation), compilation)
    check_copies(made(compilation))
    train_step(made(compilation), compilation)


def test_generated_files_are_formatted_and_clean(tmp_path):
    for number, parts in enumerate(SPECS.values()):
        (tmp_path / f"model{number}.py").write_text(code(*parts))
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length", "100"]
    subprocess.run([*ruff, "format", "--check", *options, str(tmp_path)], check=True)
    rules = "E,F,I,W,B,UP,SIM,RUF,ARG,PL,D200,D205,D400,D403"
    ignored = "PLR0913,PLR0917,PLR2004"  # a class has the arguments and numbers of its spec
    subprocess.run(
        [*ruff, "check", "--select", rules, "--ignore", ignored, *options, str(tmp_path)],
        check=True,
    )


def test_a_file_is_the_same_every_time():
    text = spec(*SPECS["sharing in stages"])
    assert source_of(compile_text(text)) == source_of(compile_text(text))


# ---------------------------------------------------------------- classes and arguments


def classes(body, blocks=""):
    """Return the classes of a module, each with the names of its parameters."""
    found = {}
    for node in ast.parse(code(body, blocks)).body:
        if isinstance(node, ast.ClassDef):
            (init, *_) = (f for f in node.body if isinstance(f, ast.FunctionDef))
            found[node.name] = tuple(argument.arg for argument in init.args.args[1:])
    return found


def namespace(body, blocks=""):
    """Return what a module defines."""
    module = types.ModuleType("net")
    exec(compile(code(body, blocks), "net/model.py", "exec"), module.__dict__)
    return module


def shape(module, *given):
    with torch.no_grad():
        return tuple(module.eval()(torch.zeros(1, *given)).shape[1:])


def test_layers_named_as_something_of_python_leave_it_what_it_is():
    tree = ast.parse(code(*SPECS["layers named as something of Python"]))
    nodes = [*ast.walk(tree)]
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    assert "slice_" in bound
    assert not bound & vars(builtins).keys()


def test_blocks_of_one_declaration_share_one_class():
    found = classes(*SPECS["stages of one block, strided and not"])
    assert found == {"Basic": ("in_channels", "width", "stride"), "Net": ()}


def test_whether_the_shape_changes_is_decided_in_the_constructor():
    basic = namespace(*SPECS["stages of one block, strided and not"]).Basic
    for arguments, projects in (((8, 8), False), ((8, 12), True), ((8, 8, 2), True)):
        block = basic(*arguments)
        assert any(name.startswith("shortcut.") for name in block.state_dict()) == projects
        stride = arguments[2] if len(arguments) > 2 else 1
        assert shape(block, 8, 6, 6) == (arguments[1], 6 // stride, 6 // stride)


def test_a_preactivation_feeds_both_branches_only_where_the_shape_changes():
    wide = namespace(*SPECS["preactivation"]).Wide
    torch.manual_seed(0)
    x = torch.randn(2, 8, 6, 6)
    for out, weights in ((8, ("conv2",)), (12, ("conv2", "shortcut.0"))):
        block = wide(8, out, dropout=0.0).eval()
        with torch.no_grad():
            block.conv2.weight.zero_()  # nothing but the shortcut is left
            before = block.relu(block.bn1(x))
            expected = x if len(weights) == 1 else block.shortcut(before)
            assert torch.equal(block(x), expected)


def test_a_shortcut_that_no_block_has_is_not_mentioned():
    assert "shortcut" not in code(*SPECS["preactivation that never does"])


def test_whether_the_input_is_added_is_decided_in_the_constructor():
    body = "stage a = 2 * inverted(16, 2)\n stage b(stride = 2) = 2 * inverted(24, 2)"
    assert [*classes(body, INVERTED)] == ["Inverted", "Net"]
    inverted = namespace(body, INVERTED).Inverted
    x = torch.randn(2, 8, 6, 6)
    for arguments, adds in (((8, 8, 3), True), ((8, 12, 3), False), ((8, 8, 3, 2), False)):
        block = inverted(*arguments).eval()
        torch.nn.init.zeros_([p for p in block.parameters() if p.ndim == 1][-2])  # the last bn
        torch.nn.init.zeros_([p for p in block.parameters() if p.ndim == 1][-1])
        with torch.no_grad():
            found = block(x)
        assert torch.equal(found, x if adds else torch.zeros_like(found))


def test_a_block_that_does_not_add_its_input_has_no_drop_rate():
    body = "stage a(stride = 2) = 3 * inverted(16, 2) with stochastic_depth(0.5)"
    found = classes(body, INVERTED)
    assert found["Inverted"] == ("in_channels", "width", "expand", "drop_rate", "stride")
    assert [*found] == ["StochasticDepth", "Inverted", "Net"]
    network = made(compile_text(spec(body, INVERTED)))
    rates = [getattr(m, "p", None) for m in network.modules() if "Stoch" in type(m).__name__]
    assert [rate for rate in rates if rate] == pytest.approx([0.5 * 2 / 3, 0.5])


def test_an_argument_says_whether_the_input_is_added_where_nothing_else_does():
    name = "inputs that are added as an argument says"
    assert classes(*SPECS[name]) == {"Gated": ("in_channels", "width", "adds"), "Net": ()}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("blocks that hold their own kind", ("in_channels", "width", "depth")),
        (
            "blocks that hold their own kind, told by what they double",
            ("in_channels", "width"),
        ),
        ("blocks that hold their own kind once", ("in_channels", "width", "depth")),
    ],
)
def test_a_block_that_holds_its_own_kind_constructs_itself(name, parameters):
    assert classes(*SPECS[name]) == {"Level": parameters, "Net": ()}


def test_a_block_of_any_depth_is_built_by_the_class_that_holds_itself():
    level = namespace(*SPECS["blocks that hold their own kind"]).Level
    for depth in range(5):
        block = level(3, 2, depth=depth)
        assert sum(isinstance(m, level) for m in block.modules()) == depth + 1
        assert shape(block, 3, 16, 16) == (2, 16, 16)


def test_a_layer_under_an_if_is_there_where_the_argument_says_so():
    blocks = INVERTED.replace(
        "conv1x1(hidden) bn relu6", "if expand != 1 { conv1x1(hidden) bn relu6 }"
    )
    body = "inverted(16, 2)\n inverted(24, 2)\n inverted(32, 1)"
    assert classes(body, blocks) == {
        "Inverted": ("in_channels", "width", "expand", "stride"),
        "Net": (),
    }
    inverted = namespace(body, blocks).Inverted
    convolutions = [
        sum(isinstance(m, nn.Conv2d) for m in inverted(8, 8, expand=expand).modules())
        for expand in (1, 2, 3, 6)
    ]
    assert convolutions == [2, 3, 3, 3]


def test_kernels_of_two_sides_are_one_class():
    assert [*classes(*SPECS["kernels of two sides"])] == ["Unit", "Two", "Net"]
    network = made(compile_text(spec(*SPECS["kernels of two sides"])))
    kernels = [m.kernel_size for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [
        *((3, 3), (1, 3), (3, 1), (1, 1)),
        *((1, 5), (1, 5), (1, 5), (3, 3), (3, 3), (3, 3)),
    ]


def test_expressions_are_those_of_the_spec():
    body = "unit(4, 5)\n unit(8, 7)"
    blocks = (
        "block unit(width, kernel) {\n let hidden = 2 * width + 1\n"
        "conv(hidden, kernel = kernel) conv1x1(width) }"
    )
    assert "hidden = 2 * width + 1\n" in code(body, blocks)
    unit = namespace(body, blocks).Unit(3, 10, kernel=9)
    shapes = [tuple(p.shape) for p in unit.parameters()]
    assert shapes == [(21, 3, 9, 9), (10, 21, 1, 1)]
    assert shape(unit, 3, 6, 6) == (10, 6, 6)


def test_a_division_that_python_rounds_otherwise_is_not_written():
    body = "unit(6)\n unit(10)"
    blocks = "block unit(width) { conv1x1(width / 4 * 2) conv1x1(width) }"
    assert "width // 4 * 2" not in code(body, blocks)
    network = made(compile_text(spec(body, blocks)))
    assert [network.unit1.conv1.out_channels, network.unit2.conv1.out_channels] == [3, 5]


def test_a_number_that_is_chosen_is_chosen_in_the_constructor():
    body = "unit(8)\n unit(100)"
    blocks = "block unit(width) { conv1x1(if width > 10 then 3 else 5) conv1x1(width) }"
    assert classes(body, blocks) == {"Unit": ("in_channels", "width"), "Net": ()}
    unit = namespace(body, blocks).Unit
    widths = [next(unit(3, width).parameters()).shape[0] for width in (1, 10, 11, 12)]
    assert widths == [5, 5, 3, 3]


def test_a_number_that_is_the_same_either_way_is_no_choice():
    written = source_of(
        compile_text(
            "network n(wide = false) {\n    input(3, 8, 8)\n"
            "    conv3x3(if wide then 16 else 16)\n    conv3x3(8)\n}\n"
        )
    )
    assert "nn.Conv2d(3, 16, 3, padding=1, bias=False)" in written
    assert " else " not in written


def test_a_layer_without_weights_under_an_if_is_no_other_class():
    body = "unit(8)\n unit(16)"
    blocks = "block unit(width) { if width > 8 { relu } conv1x1(width) }"
    assert classes(body, blocks) == {"Unit": ("in_channels", "width"), "Net": ()}
    unit = namespace(body, blocks).Unit
    x = torch.randn(1, 3, 2, 2)
    for width, clips in ((8, False), (9, True), (16, True)):
        block = unit(3, width)
        with torch.no_grad():
            expected = block.conv1(x.clamp(min=0) if clips else x)
            assert torch.equal(block(x.clone()), expected)


# ---------------------------------------------------------------- sharing


@pytest.mark.parametrize("name", NETWORK_SHARES)
def test_a_weight_of_the_network_reaches_all_that_share_it(name):
    share, body, blocks = NETWORK_SHARES[name]
    compilation = compile_text(f"network net() with {share} {{\n{NET}{body}{HEAD}}}\n{blocks}")
    assert "self.shared_conv" in source_of(compilation, "net")
    check_state(made(compilation), compilation)
    check_forward(made(compilation), compilation)
    train_step(made(compilation), compilation)


def test_only_blocks_that_use_a_shared_weight_are_given_it():
    share, body, blocks = NETWORK_SHARES["through slices of stages"]
    text = f"network net() with {share} {{\n{NET}{body}{HEAD}}}\n{blocks}"
    found = source_of(compile_text(text), "net")
    assert "for block in self.blocks[:1]:\n            x = block(x)\n" in found
    assert "for block in self.blocks[1:]:\n            x = block(x, shared_conv1)\n" in found


def test_a_stage_owns_what_its_blocks_share():
    network = made(compile_text(spec(*SPECS["sharing in stages"])))
    found = [name for name in network.state_dict() if ".shared_" in name]
    assert found == ["a.shared_conv1.weight", "b.shared_conv1.weight"]


def test_stages_of_one_structure_share_one_class():
    body = "stage a = 3 * same(16) with share(conv3x3)\n stage b = 4 * same(32) with share(conv3x3)"
    blocks = "block same(width) { conv1x1(width) conv3x3(width) bn relu }"
    assert classes(body, blocks) == {
        "Same": ("in_channels", "width"),
        "Stage": ("in_channels", "width", "num_blocks"),
        "Net": (),
    }
    stage = namespace(body, blocks).Stage(5, 6, num_blocks=7)
    assert len(stage.blocks) == 7
    assert shape(stage, 5, 4, 4) == (6, 4, 4)


def test_a_block_with_a_weight_of_its_own_may_be_an_instance_of_the_class_that_shares():
    name = "sharing from the second block"
    assert [*classes(*SPECS[name])] == ["Wide", "Stage", "Net"]
    network = made(compile_text(spec(*SPECS[name])))
    owners = [key for key in network.state_dict() if key.endswith(("conv1.weight", "conv2.weight"))]
    assert owners == ["a.shared_conv1.weight", "a.blocks.0.conv1.weight", "a.blocks.0.conv2.weight"]


def test_a_weight_used_at_several_strides_is_applied_by_a_function():
    found = code(*SPECS["sharing across strides"])
    assert "F.conv2d(x, shared_conv1.weight, stride=self.conv1_stride, padding=1)" in found
    assert "from torch.nn import functional as F" in found


# ---------------------------------------------------------------- repetition


def test_blocks_that_grow_by_the_same_are_a_loop():
    found = code(*SPECS["blocks that grow"])
    assert len(re.findall(r"\bDense\(", found)) < 1 + 8 + 6
    network = made(compile_text(spec(*SPECS["blocks that grow"])))
    assert [b.branch1[2].in_channels for b in network.dense1] == list(range(16, 48, 4))
    assert [b.branch1[2].in_channels for b in network.dense2] == [48, 50, 53, 59, 70, 88]
    assert [b.branch1[2].out_channels for b in network.dense2] == [2, 3, 6, 11, 18, 27]


def test_the_rates_of_a_run_are_a_loop():
    network = made(compile_text(spec(*SPECS["stochastic depth"])))
    rates = [m.p for m in network.modules() if type(m).__name__ == "StochasticDepth"]
    assert rates == pytest.approx([0.5 / 3, 1 / 3, 0.5, 0.2])
    many = code("stage a = 300 * basic(16) with stochastic_depth(0.5)", BASIC)
    assert len(many) < 4_000


def test_a_network_of_a_million_blocks_is_as_quick_and_as_short():
    text = spec("stage a = 1000000 * basic(16) with share(conv3x3)", BASIC)
    start = time.perf_counter()
    found = source_of(compile_text(text))
    assert time.perf_counter() - start < 2
    assert "num_blocks=1000000" in found
    assert len(found) < 4_000


# ---------------------------------------------------------------- frozen parts


def test_frozen_parts_are_named_as_briefly_as_can_be():
    found = code(*SPECS["frozen parts"])
    assert 'FROZEN = ("a", *(f"b.{i}.conv1" for i in range(3)))' in found


def test_frozen_parts_stay_in_evaluation_mode():
    network = made(compile_text(spec(*SPECS["frozen parts"])))
    for module in (network, network.train(), network.eval().train()):
        assert not module.a[0].bn1.training
        assert module.b[0].bn1.training
    assert not network.eval().b[0].bn1.training


# ---------------------------------------------------------------- in place


def test_activations_work_in_place_on_what_nobody_else_reads():
    found = code("conv3x3(16) bn relu")
    assert "self.relu = nn.ReLU(inplace=True)" in found


def test_one_unsafe_use_keeps_an_activation_from_working_in_place():
    found = code("conv3x3(16) relu sum { identity branch { conv3x3(16) } } sigmoid relu")
    assert "self.relu = nn.ReLU()" in found


# ---------------------------------------------------------------- the page


def test_the_header_says_what_it_is_and_how_to_make_it_again():
    found = code(*SPECS["sharing in stages"])
    head = ast.get_docstring(ast.parse(found))
    assert head is not None
    assert head.startswith("net, compiled by archdsl from ")
    assert "archdsl compile" in head
    assert "parameters (" in head
    assert "without sharing) for inputs (3, 16, 16)." in head


def test_a_long_command_is_continued_so_that_it_can_be_pasted():
    arguments = {f"argument_{letter}": "1000" for letter in "abcdefg"}
    parameters = ", ".join(f"{name} = 1" for name in arguments)
    text = f"network net({parameters}) {{\ninput(3, 8, 8)\nconv3x3(4)\n}}"
    found = source_of(compile_text(text, arguments=arguments), "net")
    assert max(map(len, found.splitlines())) <= 100
    assert " \\\n        --set argument_" in found
    head = ast.get_docstring(ast.parse(found))
    assert head is not None
    assert all(f"--set {name}=1000" in head for name in arguments)


@pytest.mark.parametrize(
    ("body", "blocks", "docstring"),
    [
        (*SPECS["gates"], "Conv1x1, conv1x1, multiplied with the input."),
        (*SPECS["blocks that grow"], "Bn, relu, conv3x3, concatenated to the input."),
        (
            "stage a = 2 * inverted(16, 2)\n inverted(24, 2)",
            INVERTED,
            "Conv1x1, depthwise conv3x3, conv1x1, added to the input where the shape stays.",
        ),
        (
            "level(4, 1)",
            LEVEL,
            "Level, transposed conv2x2, concatenated to the input.",
        ),
        (
            "unit(3)\n unit(5)",
            "block unit(kernel) { conv1x1(8) conv(16, kernel) }",
            "Conv, conv.",
        ),
    ],
)
def test_docstrings_say_what_all_instances_of_a_class_are(body, blocks, docstring):
    assert f'"""{docstring}\n' in code(body, blocks)


def test_docstrings_express_output_shapes():
    blocks = """
    block fire(one, three) { concat { branch { conv1x1(one) } branch { conv3x3(three) } } }
    block down() { maxpool2x2 }
    """
    found = code("fire(3, 4) fire(5, 3) fire(2, 9) down", blocks)
    assert "(N, in_channels, H, W) -> (N, one + three, H, W)" in found
    assert "(N, 11, H, W) -> (N, 11, H / 2, W / 2)" in found


def test_shapes_are_told_where_they_change():
    found = code(*SPECS["stages of one block, strided and not"])
    assert "x = self.stem(x)  # (N, 16, 16, 16)\n        x = self.a(x)\n" in found
    assert "x = self.b(x)  # (N, 32, 8, 8)\n" in found


def test_text_of_a_spec_cannot_become_code():
    text = "network net(kernel = [3, 3], mode = false) {\ninput(3, 8, 8)\nconv3x3(4)\n}"
    found = source_of(compile_text(text))
    assert len(ast.parse(found).body) == 3  # docstring, import, class


# ---------------------------------------------------------------- in torch's hands


@pytest.mark.parametrize("name", ["sharing in stages", "sharing across strides", "frozen parts"])
def test_networks_can_be_exported(name):
    network = made(compile_text(spec(*SPECS[name]))).eval()
    image = torch.randn(2, 3, 16, 16)
    exported = torch.export.export(network, (image,))
    assert torch.allclose(exported.module()(image), network(image), atol=1e-5)
    assert set(exported.state_dict) == set(network.state_dict())


def test_shared_weights_survive_gradient_checkpointing():
    network = made(compile_text(spec(*SPECS["sharing in stages"])))
    x = torch.randn(2, 16, 8, 8)
    shared = network.a.get_submodule("shared_conv1")
    plain = network.a.blocks[0](x, shared).sum()
    saved = checkpoint(network.a.blocks[0], x, shared, use_reentrant=False)
    first = torch.autograd.grad(plain, shared.weight)[0]
    second = torch.autograd.grad(saved.sum(), shared.weight)[0]
    assert torch.allclose(first, second, atol=1e-4)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("if width <= 8 then width else 8", "min(width, 8)"),
        ("if width > 8 then width else 8", "max(width, 8)"),
        ("if width < 8 then 8 else width", "max(8, width)"),
        ("if 8 >= width then width else 8", "min(width, 8)"),
        ("if width <= 8 then width else 9", "width if width <= 8 else 9"),
    ],
)
def test_a_choice_of_what_it_compares_is_the_less_or_the_larger(choice, text):
    """As ruff wants it: FURB136."""
    body = f"input(3, 4, 4)\n unit(4)\n unit(16)\n}}\nblock unit(width) {{ conv1x1({choice}) }}"
    compilation = compile_text(f"network n {{\n {body}")
    assert text in source_of(compilation)
    check_forward(made(compilation), compilation)


def test_a_test_inside_an_if_is_asked_where_it_stands():
    """The second block has 8 channels and is not asked for its stride, which is 1."""
    inside = "if in_channels != 8 { if stride == 1 { relu } else { maxpool3x3 } }"
    text = (
        f"block unit {{ {inside} conv1x1(8, stride = stride) }}\nnetwork net {{\ninput(3, 8, 8)\n"
    )
    compilation = compile_text(f"{text}stage body(stride = 2) = 2 * unit\n}}\n")
    network = load(compilation)
    module = build(network)
    check_state(module, compilation)
    check_forward(module, compilation)
    unit = type(module.body[0])
    assert type(module.body[1]) is unit
    assert unit(4, stride=2)(torch.zeros(1, 4, 8, 8)).shape == (1, 8, 2, 2)
    with pytest.raises(ValueError, match=r"^compiled for in_channels == 8 or stride != 1$"):
        unit(4)


def test_two_layers_or_two_others_are_put_behind_those_before_them():
    choice = "if stride == 1 { tanh softsign } else { selu conv1x1(8) }"
    text = f"block unit {{ stem {{ bn {choice} }} maxpool(1, stride = stride) }}\n"
    compilation = compile_text(
        f"{text}network net {{\ninput(8, 8, 8)\nstage body(stride = 2) = 2 * unit\n}}\n"
    )
    module = build(load(compilation))
    kinds = [[type(layer).__name__ for layer in unit.stem] for unit in module.body]
    assert kinds == [["BatchNorm2d", "SELU", "Conv2d"], ["BatchNorm2d", "Tanh", "Softsign"]]
    check_state(module, compilation)
