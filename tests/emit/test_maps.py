"""Networks with named maps: what is generated computes what the steps say, and is readable."""

import pytest
import torch

from archdsl.diagnostics import SpecError
from archdsl.pipeline import compile_text
from tests.arguments import check_arguments
from tests.deploy.test_deploy import check_folding as check_deployed
from tests.generated import (
    build,
    check_copies,
    check_folding,
    check_forward,
    check_macs,
    check_state,
    example,
    load,
    scattered,
    source_of,
    train_step,
)

UNIT = "block unit(width) { conv3x3(width, stride = stride) bn relu }\n"
FPN = (
    """
network fpn(width = 4) {
    input(3, 16, 16)
    unit(width)
    mark c2
    unit(2 * width, stride = 2)
    mark c3
    unit(4 * width, stride = 2)
    conv1x1(width)
    upsample(2)
    sum { identity inner3: branch from c3 { conv1x1(width) } }
    upsample(2)
    sum { identity inner2: branch from c2 { conv1x1(c2.channels) } }
    head { avgpool linear(10) }
}
"""
    + UNIT
)
UNET = (
    """
network unet(width = 2, depth = 3) {
    input(1, 16, 16)
    for i in range(depth) {
        unit(width * 2 ** i)
        mark skips[i]
        maxpool(2)
    }
    unit(width * 2 ** depth)
    for i in range(depth) {
        up(width * 2 ** (depth - 1 - i), skip = skips[depth - 1 - i])
    }
    conv1x1(2, bias = true)
    avgpool flatten
}
block up(width, skip: map) {
    conv_transpose2x2(width, stride = 2)
    concat { skip identity }
    unit(width)
}
""".replace("2 ** i)", "[1, 2, 4, 8][i])")
    .replace("2 ** depth)", "[1, 2, 4, 8][depth])")
    .replace("2 ** (depth - 1 - i)", "[1, 2, 4, 8][depth - 1 - i]")
    + UNIT
)
DLA = (
    """
network dla(levels = 3, width = 4) {
    input(3, 16, 16)
    conv3x3(width)
    tree(levels, 2 * width)
    head { avgpool linear(10) }
}
block tree(levels, width, children: maps = []) {
    if levels == 1 {
        unit(width)
        mark first
        unit(width)
        mark second
        sum { branch from second { conv1x1(width) } branch from first { conv1x1(width) } }
        concat { identity first for child in children { child } }
        conv1x1(width) bn relu
    } else {
        tree(levels - 1, width)
        mark left
        if levels == 2 { tree(levels - 1, width, children = [left]) }
        else { tree(levels - 1, width, children = [left, left]) }
    }
}
"""
    + UNIT
)
BODIES = (
    """
network bodies(width = 4) {
    input(3, 8, 8)
    mark image
    features: {
        unit(width)
        mark early
        deep: {
            conv3x3(width) bn
            concat { identity early branch from image { conv1x1(2) relu } }
        }
        sum { branch { conv1x1(image.channels) } image }
    }
    gate: { product { identity image } }
    mark gated
    branch from image { conv3x3(width, stride = 2) }
    mark half
    back: branch from gated { avgpool2x2 conv1x1(half.channels) }
    sum { identity half }
    head { avgpool linear(image.height) }
}
"""
    + UNIT
)
RESIDUAL = """
network net(width = 4) {
    input(3, 8, 8)
    conv3x3(width) relu
    mark early
    relu
    body(width, early, scale = true)
    body(2 * width, skip = early, stride = 1)
    head { avgpool linear(10) }
}
block body(width, skip: map, scale = false) {
    preactivation { bn relu }
    residual {
        conv3x3(width, stride = stride)
        mark inner
        if scale { bn }
        relu conv3x3(width)
        sum { identity inner }
    }
    shortcut { concat { identity skip } conv1x1(width, stride = stride) }
    if scale { concat { identity skip } conv1x1(width) }
    relu
}
"""
SHARED = """
network net(width = 4) with share(conv3x3), dirac {
    input(4, 8, 8)
    conv1x1(width)
    mark a
    body: { conv3x3(width) sum { identity a } }
    conv3x3(width)
    sum { identity a branch from a { relu } }
    avgpool linear(3)
}
"""
GIVING = (
    """
network giving(width = 2) {
    input(1, 16, 16)
    encoder: {
        for i in range(2) {
            unit(width * [1, 2][i])
            mark skips[i]
            maxpool(2)
        }
        inner: { conv3x3(4) mark bottom relu }
    }
    split: halves(3)
    decoder: {
        up(width * 2, skip = encoder.skips[1])
        concat { identity branch from split.half { upsample(2) } }
        up(width, skip = encoder.skips[0])
    }
    avgpool
    concat { identity branch from encoder.inner.bottom { avgpool } }
    conv1x1(split.half.channels)
    head { flatten linear(encoder.skips[1].channels) }
}
block halves(width) {
    conv3x3(width * 2)
    mark half
    relu
}
block up(width, skip: map) {
    conv_transpose2x2(width, stride = 2)
    concat { skip identity }
    unit(width)
}
"""
    + UNIT
)
SPECS = {
    "giving": GIVING,
    "fpn": FPN,
    "unet": UNET,
    "dla": DLA,
    "bodies": BODIES,
    "residual": RESIDUAL,
    "shared": SHARED,
}


@pytest.mark.parametrize("name", SPECS)
def test_what_is_generated_is_the_network_that_the_steps_say(name):
    compilation = compile_text(SPECS[name])
    check_folding(compilation, SPECS[name], {})
    network = load(compilation)
    on_meta = build(network, "meta")
    check_state(on_meta, compilation)
    check_macs(on_meta, compilation)
    module = build(network)
    check_state(module, compilation)
    check_copies(module)
    check_forward(module, compilation)
    train_step(build(network), compilation)
    check_arguments(
        compilation,
        lambda given: compile_text(SPECS[name], arguments=given),
        count=3,
        seed=0,
        forward=True,
    )


def test_variables_of_forward_have_the_names():
    forward = source_of(compile_text(FPN), "fpn").rpartition("    def forward")[2]
    assert forward == (
        "(self, x: Tensor) -> Tensor:\n"
        "        c2 = self.unit1(x)  # (N, width, 16, 16)\n"
        "        c3 = self.unit2(c2)  # (N, 2 * width, 8, 8)\n"
        "        x = self.unit3(c3)  # (N, 4 * width, 4, 4)\n"
        "        x = self.conv1(x)  # (N, width, 4, 4)\n"
        "        x = self.upsample(x) + self.inner3(c3)  # (N, width, 8, 8)\n"
        "        x = self.upsample(x) + self.inner2(c2)  # (N, width, 16, 16)\n"
        "        return self.head(x)\n"
    )


@pytest.mark.parametrize("name", SPECS)
def test_it_is_exported_as_one_graph_with_the_same_outputs(name):
    compilation = compile_text(SPECS[name])
    module = scattered(build(load(compilation))).eval()
    x = example(compilation.network)
    exported = torch.export.export(module, (x,)).module()
    assert torch.allclose(exported(x), module(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SPECS)
def test_it_is_deployed_with_the_same_outputs(name, tmp_path):
    check_deployed(compile_text(SPECS[name]), tmp_path)


def test_a_forward_returns_what_others_read_and_nothing_else():
    text = source_of(compile_text(GIVING))
    assert "    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:\n" in text
    assert "        x, skips0, skips1, bottom = self.encoder(x)  # (N, 4, 4, 4)\n" in text
    assert "        return self.relu(bottom), bottom\n" in text
    read = GIVING.replace("encoder.inner.bottom", "split.half")
    assert "        x, skips0, skips1 = self.encoder(x)" in source_of(compile_text(read))


def test_a_map_that_nobody_reads_has_no_variable():
    text = FPN.replace("mark c3", "mark c3\n    mark again")
    assert source_of(compile_text(text)) == source_of(compile_text(FPN))


def test_a_mark_is_no_row_and_no_module():
    compilation = compile_text(FPN)
    assert [row.name for row in compilation.counts.parts] == [
        *("unit1", "unit2", "unit3", "conv1", "upsample", "inner3", "sum"),
        *("upsample", "inner2", "sum2", "head"),
    ]


# 9 * (3 * 4 + 4 * 8 + 8 * 16) weights of units, 2 * (4 + 8 + 16) of their norms, 16 * 4 of the
# top, 8 * 4 and 4 * 4 beside it, 4 * 10 + 10 of the head
def test_fpn_has_the_parameters_that_one_counts():
    expected = 9 * (3 * 4 + 4 * 8 + 8 * 16) + 2 * (4 + 8 + 16) + 16 * 4 + 8 * 4 + 4 * 4 + 50
    assert compile_text(FPN).counts.sums.total == expected == 1_766


@pytest.mark.parametrize("old", ["early", "identity"])
def test_what_flowed_before_and_is_added_anew_changes_the_function(old):
    text = f"""
network net(k = 2) {{
    grow k = [1, 2]
    input(3, 8, 8)
    conv3x3(4)
    mark early
    relu
    if k > 1 {{ sum {{ identity {old} }} }}
    avgpool linear(10)
}}
"""
    with pytest.raises(SpecError, match="is new in phase 1 and no identity") as found:
        compile_text(text)
    assert found.value.diagnostics[0].code == "E806"
