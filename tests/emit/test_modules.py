"""Networks with modules that are used several times: one member, and several calls of it."""

import pytest
import torch

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
    examples,
    load,
    outputs_in,
    scattered,
    source_of,
    train_step,
)

UNIT = """block unit(width) { conv3x3(width, stride = stride) bn relu }
"""
SIAMESE = (
    """
network siamese(width = 4) {
    input left(1, 12, 12)
    input right(1, 12, 12)
    shared tower = embedding(width)
    concat {
        branch from left { tower }
        branch from right { tower }
    }
    linear(1)
}
block embedding(width) {
    conv3x3(width, stride = 2) bn relu
    stage rest(stride = 2) = 3 * unit(2 * width)
    avgpool
}
"""
    + UNIT
)
RETINA = (
    """
network retina(width = 4, classes = 3, anchors = 2) {
    input(3, 32, 32)
    shared classify = predictor(anchors * classes)
    shared locate = predictor(anchors * 4) with standardized
    unit(width, stride = 2) mark levels[0]
    unit(width, stride = 2) mark levels[1]
    unit(width, stride = 2) mark levels[2]
    for i, c in levels {
        output scores[i] from c { classify }
        output boxes[i] from c { locate }
    }
}
block predictor(outputs) {
    stage tower = 2 * unit(in_channels)
    conv3x3(outputs, bias = true)
}
"""
    + UNIT
)
RECURRENT = """
network recurrent(turns = 3) with freeze {
    input(2, 8, 8)
    conv3x3(4) bn
    again(4) with trainable
    again(4)
    head with trainable { avgpool linear(3) }
}
block again(width) {
    shared step = inner(width)
    for i in range(3) { step }
    sum { identity branch { step } }
}
block inner(width) with share(conv3x3) { conv3x3(width) bn relu conv3x3(width) bn }
"""
SPECS = {"siamese": SIAMESE, "retina": RETINA, "recurrent": RECURRENT.replace("(turns = 3)", "")}


@pytest.mark.parametrize("name", SPECS)
def test_what_is_generated_is_the_network_that_the_steps_say(name):
    compilation = compile_text(SPECS[name])
    check_folding(compilation, SPECS[name], {})
    network = load(compilation)
    on_meta = build(network, "meta")
    check_state(on_meta, compilation)
    check_macs(on_meta, compilation)
    module = build(network)
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


def test_a_module_is_constructed_once_and_called_at_each_use():
    text = source_of(compile_text(RETINA), "retina").rpartition("class Retina")[2]
    assert text.count("self.classify = Predictor(width, anchors * classes)\n") == 1
    assert text.rpartition("    def forward")[2] == (
        "(self, x: Tensor) -> RetinaOutputs:\n"
        "        levels0 = self.unit1(x)  # (N, width, 16, 16)\n"
        "        levels1 = self.unit2(levels0)  # (N, width, 8, 8)\n"
        "        levels2 = self.unit3(levels1)  # (N, width, 4, 4)\n"
        "        scores0 = self.classify(levels0)  # (N, anchors * classes, 16, 16)\n"
        "        boxes0 = self.locate(levels0)  # (N, anchors * 4, 16, 16)\n"
        "        scores1 = self.classify(levels1)  # (N, anchors * classes, 8, 8)\n"
        "        boxes1 = self.locate(levels1)  # (N, anchors * 4, 8, 8)\n"
        "        scores2 = self.classify(levels2)  # (N, anchors * classes, 4, 4)\n"
        "        boxes2 = self.locate(levels2)  # (N, anchors * 4, 4, 4)\n"
        "        return RetinaOutputs(scores0, boxes0, scores1, boxes1, scores2, boxes2)\n"
    )


def test_both_sides_have_the_same_function():
    compilation = compile_text(SIAMESE)
    module = scattered(build(load(compilation))).eval()
    left, _ = examples(compilation.network)
    found = []
    module.linear1.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    module(left, left)
    assert torch.equal(found[0][:, :8], found[0][:, 8:])


@pytest.mark.parametrize("name", SPECS)
def test_it_is_exported_as_one_graph_with_the_same_outputs(name):
    compilation = compile_text(SPECS[name])
    module = scattered(build(load(compilation))).eval()
    given = examples(compilation.network)
    exported = torch.export.export(module, given).module()
    pairs = zip(outputs_in(exported(*given)), outputs_in(module(*given)), strict=True)
    assert all(torch.allclose(one, other, rtol=1e-9, atol=1e-9) for one, other in pairs)


@pytest.mark.parametrize("name", SPECS)
def test_it_is_deployed_with_the_same_outputs(name, tmp_path):
    check_deployed(compile_text(SPECS[name]), tmp_path)


# units: 3 x width and width x width twice, with norms of 2 x 4; the tower's two of each module;
# the predictors' 9 x 4 x 6 + 6 and 9 x 4 x 8 + 8
def test_the_tensors_of_a_module_count_once():
    sums = compile_text(RETINA).counts.sums
    units = 9 * 3 * 4 + 2 * 9 * 16 + 3 * 8
    heads = 2 * 2 * (9 * 16 + 8) + 9 * 4 * 6 + 6 + 9 * 4 * 8 + 8
    assert sums.total == units + heads == 1_546
    assert sums.conv_layers == 3 + 6 * 3
    assert sums.conv_tensors == 3 + 2 * 3
    per_pixel = 2 * 2 * 9 * 16 + 9 * 4 * 6 + 9 * 4 * 8
    pixels = 16 * 16 + 8 * 8 + 4 * 4
    assert sums.macs == 108 * 256 + 144 * (64 + 16) + per_pixel * pixels
