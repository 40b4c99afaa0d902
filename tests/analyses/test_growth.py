"""Which nodes of a phase are those of the next one, and what new ones begin as."""

import pytest

from archdsl.diagnostics import SpecError
from archdsl.ir.network import Stage
from archdsl.pipeline import compile_text


def growing(body, blocks="", grow="d = [1, 3]", parameters="d = 3"):
    text = f"network n({parameters}) {{\ngrow {grow}\ninput(16, 8, 8)\n{body}\n}}\n{blocks}"
    found = compile_text(text).growing
    assert found is not None
    return found


def zeros(body, blocks, **more):
    """Return the tensors that begin as zeros where they are new, by layer."""
    return {zero.layer: zero.tensors for zero in growing(body, blocks, **more).zeros}


STAGE = "conv3x3(16) bn relu\nstage s = d * unit(16)\navgpool linear(10)"


# ---------------------------------------------------------------- what new blocks end in


def test_a_wide_residual_block_ends_in_its_last_convolution():
    block = """\
block unit(width) {
    preactivation { bn relu }
    residual { conv3x3(width) bn relu conv3x3(width) }
}
"""
    assert zeros(STAGE, block) == {"s.*.conv2": ("weight",)}


def test_a_residual_block_ends_in_the_scale_of_its_last_batch_norm():
    block = "block unit(w) { residual { conv3x3(w) bn relu conv3x3(w) bn } relu }"
    # of bn the offset is zero from the start
    assert set(zeros(STAGE, block)) == {"s.*.bn2"}
    assert "weight" in zeros(STAGE, block)["s.*.bn2"]


def test_an_inverted_residual_ends_in_its_linear_projection():
    block = """\
block unit(width) {
    residual {
        conv1x1(4 * width) bn relu6
        conv3x3(4 * width, groups = 4 * width) bn relu6
        conv1x1(width) bn
    }
}
"""
    assert set(zeros(STAGE, block)) == {"s.*.bn3"}


def test_layer_scale_is_an_end():
    block = "block unit(w) { residual { conv3x3(w) gelu conv1x1(w) scale(1e-6) } }"
    assert set(zeros(STAGE, block)) == {"s.*.scale1"}


def test_a_bias_is_zero_too():
    block = "block unit(w) { residual { conv3x3(w, bias = true) } }"
    assert zeros(STAGE, block) == {"s.*.conv1": ("weight", "bias")}


def test_a_dirac_convolution_ends_in_a_and_b():
    block = "block unit(w) { residual { relu conv3x3(w) with dirac\n} }"
    assert zeros(STAGE, block) == {"s.*.conv1": ("a", "b")}


def test_dropout_pooling_and_steep_functions_pass_zeros_on():
    block = "block unit(w) { residual { conv3x3(w) silu avgpool3x3(stride = 1) dropout(0.1) } }"
    assert zeros(STAGE, block) == {"s.*.conv1": ("weight",)}


def test_of_a_product_one_factor_is_zero():
    block = """\
block unit(width) {
    residual {
        conv3x3(width) bn
        product { identity branch { avgpool conv1x1(width) sigmoid } }
    }
}
"""
    assert set(zeros(STAGE, block)) == {"s.*.bn1"}


def test_of_a_sum_all_are():
    block = "block unit(w) { residual { sum { branch { conv3x3(w) } branch { conv1x1(w) } } } }"
    assert zeros(STAGE, block) == {
        "s.*.branch1.0": ("weight",),
        "s.*.branch2.0": ("weight",),
    }


def test_what_is_summed_many_times_is_found_once():
    # 2^40 ways lead to the convolution
    doubled = "for j in range(40) { sum { identity identity } }"
    block = f"block unit(w) {{ residual {{ conv3x3(w) bn {doubled} }} }}"
    assert set(zeros(STAGE, block)) == {"s.*.bn1"}


def test_a_new_branch_of_an_old_sum_is_zero():
    body = """\
conv3x3(16)
sum {
    identity
    if d > 1 { branch { conv1x1(16) } }
}
avgpool linear(10)"""
    assert list(zeros(body, "").values()) == [("weight",)]


def test_old_blocks_and_wider_ones_have_no_ends():
    block = "block unit(w) { residual { conv3x3(w) bn } relu }"
    wide = "conv3x3(16 * d) bn relu\nunit(16 * d)\navgpool linear(10)"
    assert zeros(wide, block) == {}


def test_a_rectifier_passes_what_is_not_negative():
    block = "block unit(w) { residual { conv3x3(w) bn } relu }"
    new = "if d > 1 { stage s = 2 * unit(16) }\navgpool linear(10)"
    assert set(zeros(f"conv3x3(16) relu\n{new}", block)) == {"s.*.bn1"}
    with pytest.raises(SpecError) as error:
        zeros(f"conv3x3(16) tanh\n{new}", block)
    assert error.value.diagnostics[0].code == "E806"


def test_as_drawn_nothing_is_zero():
    recipe = """\
train quick {
    data = cifar10  batch = 1  epochs = 3  optimizer = sgd(lr = 0.1)  schedule = cosine
    grow = at([2], new = drawn)
}
"""
    block = "block unit(w) { conv3x3(w) tanh }\n"
    assert zeros(f"{STAGE}\ntrain = quick", block + recipe) == {}


# ---------------------------------------------------------------- what is the same


def test_blocks_of_a_stage_are_those_at_their_places():
    block = "block unit(w) { residual { conv3x3(w) bn } relu }"
    found = growing(STAGE, block, grow="d = [1, 3, 4]", parameters="d = 4")
    stages = [network.body[3].node for network in found.networks]
    counts = [
        [(item.node.name, item.count) for item in stage.items]
        for stage in stages
        if isinstance(stage, Stage)
    ]
    # block 0 is there from phase 0, 1 and 2 from phase 1, 3 from phase 2
    assert counts == [[("0", 1)], [("0", 1), ("1", 2)], [("0", 1), ("1", 2), ("3", 1)]]


def test_what_comes_in_between_leaves_the_others_the_same():
    body = """\
conv3x3(16) relu
if d > 1 { extra: block1(16) }
last: conv3x3(16)
avgpool linear(10)"""
    found = growing(body, "block block1(w) { residual { conv3x3(w) } }")
    names = [[step.node.name for step in network.body] for network in found.plain]
    assert "last" in names[0]
    assert "extra" not in names[0]
    assert {zero.layer for zero in found.zeros} == {"extra.conv1"}


def test_members_keep_their_own_counts():
    found = growing(STAGE, "block unit(w) { residual { conv3x3(w) bn } relu }")
    assert [dict(network.arguments) for network in found.plain] == [{"d": 1}, {"d": 3}]
    assert [network.phases is None for network in found.plain] == [True, False]
