"""Layers that torch has no module for, as their users have them: exported, traced, deployed."""

import onnxruntime
import pytest
import torch
from torch.export import Dim

from archdsl.pipeline import compile_text
from tests.deploy.test_deploy import check_folding
from tests.generated import build, check_macs, check_state, load, scattered

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance\\(treespec, LeafSpec\\)`:FutureWarning"  # torch's own code
)

WORDS = """\
network words(width = 8) {
    input(3, 33, 33)
    conv3x3(width, stride = 2, padding = same) bn gelu(tanh)
    mark c2
    maxpool3x3(stride = 2, padding = same)
    conv(width, kernel = 4, padding = same) with standardized
    layernorm(bias = false) rmsnorm grn
    linear(4 * width, per_pixel = true) bn silu linear(width, per_pixel = true, bias = false)
    shared: with share(linear) {
        linear(width, per_pixel = true) relu linear(width, per_pixel = true)
    }
    scale(0.5, dims = 3) scale(per = layer, dims = 0) offset offset(per = layer) offset(dims = 4)
    upsample(like = c2, mode = bilinear, align_corners = true)
    upsample(size = [16, 18])
    blur(3, stride = 2) blur(4)
    softmax(over = channels) softmax(over = pixels) softmax(over = branches, parts = 2)
    pixel_unshuffle(1)
    product { identity  branch { avgpool channel_conv(3) sigmoid } }
    product { identity  branch { conv7x7(1) sigmoid } }
    avgpool channel_conv(5) rmsnorm flatten channel_conv(3) layernorm(bias = false) rmsnorm
    scale(dims = 3) offset linear(10)
}
"""


@pytest.fixture(scope="module")
def compiled():
    return compile_text(WORDS)


@pytest.fixture
def network(compiled):
    return scattered(build(load(compiled))).float().eval()


@pytest.fixture
def x():
    return torch.randn(3, 3, 33, 33, generator=torch.Generator().manual_seed(4))


def test_counts_are_those_of_the_module(compiled):
    module = build(load(compiled))
    check_state(module, compiled)
    check_macs(build(load(compiled), "meta"), compiled)


def test_exports_give_the_same(network, x):
    program = torch.export.export(network, (x,), dynamic_shapes=({0: Dim("batch")},))
    torch.testing.assert_close(program.module()(x[:2]), network(x[:2]))


def test_onnx_gives_the_same(network, x):
    program = torch.onnx.export(
        network, (x,), dynamo=True, dynamic_shapes=({0: Dim("batch")},), verbose=False
    )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    (output,) = session.run(None, {session.get_inputs()[0].name: x[:2].numpy()})
    torch.testing.assert_close(torch.from_numpy(output), network(x[:2]), rtol=1e-4, atol=1e-5)


def test_one_graph_has_all_of_it(network, x):
    traced = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(traced(x), network(x))


def test_what_is_emptied_begins_anew(compiled):
    module = build(load(compiled), "meta").to_empty(device="cpu")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(torch.nan)
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    assert not any(parameter.isnan().any() for parameter in module.parameters())


def test_deployed_it_gives_the_same(compiled, tmp_path):
    made = check_folding(compiled, tmp_path)
    kinds = {type(module).__name__ for module in made.modules()}
    assert "BatchNorm2d" not in kinds  # that of the linear layer at each pixel is folded, too
    assert "StandardizedConv2d" not in kinds
