"""Networks with several inputs and outputs: what forward takes and returns."""

import pytest
import torch
from torch import nn

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
    examples,
    load,
    load_module,
    outputs_in,
    scattered,
    source_of,
    train_step,
)

SIAMESE = """
network siamese(width = 4) {
    input left(1, 12, 12)
    input right(1, 12, 12)
    concat {
        branch from left { tower(width) }
        branch from right { tower(width) }
    }
    linear(1)
}
block tower(width) { conv3x3(width, stride = 2) bn relu conv3x3(2 * width) relu avgpool }
"""
AUXILIARY = """
network auxiliary(width = 4, classes = 5) {
    input image(3, 12, 12)
    conv3x3(width) bn relu
    output aux1 during training { avgpool(size = 3) conv1x1(8) bn relu flatten linear(classes) }
    conv3x3(2 * width, stride = 2)
    output aux2 during training with dirac { conv3x3(2 * width) relu avgpool linear(classes) }
    bn relu
    head { avgpool linear(classes) }
}
"""
PYRAMID = """
network pyramid(width = 4, anchors = 3) {
    input(3, 16, 16)
    conv3x3(width, stride = 2) bn relu mark c3
    encoder: { conv3x3(2 * width, stride = 2) mark inner relu }
    mark c4
    for i, c in [c3, c4] {
        output boxes[i] from c { conv3x3(4 * anchors, bias = true) }
    }
    output inner = encoder.inner
    output pooled { avgpool }
    output fine = c3
    output coarse
}
"""
VAE = """
network vae(latent = 3) {
    input(1, 6, 6)
    flatten linear(10) relu
    output mean { linear(latent) }
    output log_variance { linear(latent) }
}
"""
BOTH = """
network both(width = 4, deep = true) {
    input noise(6)
    input label(4)
    concat { noise label }
    linear(width) relu
    if deep { output features { linear(3) } }
    output aux during training { linear(4) }
    linear(2)
    output scores
}
"""
NAMED = """
network named {
    input x(3, 8, 8)
    conv3x3(4)
    concat { identity x }
    output logits { avgpool linear(3) }
}
"""
VECTORS = """
network vectors {
    input(2, 8, 8)
    shared pool = pooled(3)
    conv3x3(4) mark c1
    avgpool mark c2
    output first from c1 { pool }
    output second = c2
    output third { conv1x1(5) }
    relu
    output fourth
    conv1x1(6)
}
block pooled(width) { conv3x3(width) avgpool }
"""
SPECS = {
    "vectors": VECTORS,
    "siamese": SIAMESE,
    "auxiliary": AUXILIARY,
    "pyramid": PYRAMID,
    "vae": VAE,
    "both": BOTH,
    "named": NAMED,
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


def forward_of(name):
    """Return the text of the forward of a network."""
    return source_of(compile_text(SPECS[name]), name).rpartition("    def forward")[2]


def test_inputs_are_given_by_name():
    assert forward_of("siamese").startswith("(self, left: Tensor, right: Tensor) -> Tensor:\n")
    module = build(load(compile_text(SIAMESE)))
    left, right = (x.float() for x in examples(compile_text(SIAMESE).network))
    module.eval()
    assert torch.equal(module(right=right, left=left), module(left, right))
    assert not torch.equal(module(right, left), module(left, right))


def test_an_output_of_training_is_there_only_then():
    assert forward_of("auxiliary") == (
        "(self, image: Tensor) -> Tensor | AuxiliaryOutputs:\n"
        "        x = self.relu(self.bn1(self.conv1(image)))  # (N, width, 12, 12)\n"
        "        aux1 = self.aux1(x) if self.training else None  # (N, classes)\n"
        "        x = self.conv2(x)  # (N, 2 * width, 6, 6)\n"
        "        aux2 = self.aux2(x) if self.training else None  # (N, classes)\n"
        "        x = self.relu(self.bn2(x))\n"
        "        x = self.head(x)\n"
        "        if self.training:\n"
        "            return AuxiliaryOutputs(x, aux1, aux2)\n"
        "        return x\n"
    )
    compilation = compile_text(AUXILIARY)
    module = build(load(compilation))
    (x,) = (x.float() for x in examples(compilation.network))
    outputs = module(x)
    assert outputs._fields == ("output", "aux1", "aux2")
    assert [tuple(each.shape) for each in outputs] == [(2, 5)] * 3
    assert isinstance(module.eval()(x), torch.Tensor)


def test_several_outputs_are_a_named_tuple():
    module = load_module(compile_text(PYRAMID), "pyramid")
    outputs = module.PyramidOutputs.__annotations__
    names = ["boxes0", "boxes1", "inner", "pooled", "fine", "coarse"]
    assert list(outputs) == names
    assert all(each is torch.Tensor for each in outputs.values())


def test_outputs_of_training_stand_behind_the_others():
    module = build(load(compile_text(BOTH)))
    given = [x.float() for x in examples(compile_text(BOTH).network)]
    assert module(*given)._fields == ("features", "scores", "aux")
    shallow = load(compile_text(BOTH, arguments={"deep": "false"}))
    assert build(shallow)(*given)._fields == ("scores", "aux")
    assert isinstance(build(shallow).eval()(*given), torch.Tensor)


@pytest.mark.parametrize("name", SPECS)
def test_it_is_exported_as_one_graph_with_the_same_outputs(name):
    compilation = compile_text(SPECS[name])
    module = scattered(build(load(compilation))).eval()
    given = examples(compilation.network)
    exported = torch.export.export(module, given).module()
    pairs = zip(outputs_in(exported(*given)), outputs_in(module(*given)), strict=True)
    for one, other in pairs:
        assert one is other is None or torch.allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["auxiliary", "both"])
def test_dynamo_makes_one_graph_of_it_in_training_too(name):
    compilation = compile_text(SPECS[name])
    module = scattered(build(load(compilation)))
    given = examples(compilation.network)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    for training in (True, False):
        module.train(training)
        wanted, found = outputs_in(module(*given)), outputs_in(compiled(*given))
        assert len(wanted) == len(found)
        for one, other in zip(wanted, found, strict=True):
            assert one is other is None or torch.allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SPECS)
def test_it_is_deployed_with_the_same_outputs(name, tmp_path):
    made = check_deployed(compile_text(SPECS[name]), tmp_path)
    assert not any(name.startswith("aux") for name, _ in made.named_modules())


# 27 * 4 + 2 * 4 before it, 4 * 8 + 16 + 72 * 5 + 5 of aux1, 9 * 4 * 8, 9 * 64 + 2 + 8 * 5 + 5
# of aux2, whose convolution has a Dirac's a and b, 16 of bn2 and 8 * 5 + 5 of the head
def test_auxiliary_heads_are_counted_and_cost_nothing_at_inference():
    sums = compile_text(AUXILIARY).counts.sums
    aux1, aux2 = 4 * 8 + 16 + 72 * 5 + 5, 9 * 64 + 2 + 8 * 5 + 5
    assert sums.total == 116 + aux1 + 288 + aux2 + 16 + 45 == 1_501
    assert sums.macs == 108 * 144 + 288 * 36 + 40 == 25_960
    assert sums.training_macs == 32 * 9 + 72 * 5 + 576 * 36 + 40 == 21_424


def test_a_hand_written_network_gives_the_same_outputs():
    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear1 = nn.Linear(36, 10)
            self.mean = nn.Sequential(nn.Linear(10, 3))
            self.log_variance = nn.Sequential(nn.Linear(10, 3))

        def forward(self, x):
            x = torch.relu(self.linear1(x.flatten(1)))
            return self.mean(x), self.log_variance(x)

    wanted, compilation = Vae().double(), compile_text(VAE)
    module = build(load(compilation)).double()
    module.load_state_dict(wanted.state_dict(), strict=True)
    given = examples(compilation.network)
    for one, other in zip(module(*given), wanted(*given), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


def test_networks_that_grow_keep_their_outputs():
    text = AUXILIARY.replace("{\n", "{\n    grow width = [2, 4]\n", 1)
    compilation = compile_text(text)
    # width 2: 54 + 4, 16 + 16 + 365 of aux1, 72, 144 + 2 + 25 of aux2, 8 and 25
    assert [phase.counts.sums.total for phase in compilation.phases] == [731, 1_501]
    with pytest.raises(SpecError, match="output `aux1` during training of a growing network"):
        compile_text(text.replace("flatten linear(classes)", "flatten linear(width)"))
