"""Random specs are valid, and reach the whole language."""

from collections import Counter
from typing import get_args

import pytest
from hypothesis import Phase, given, settings

from archdsl.analyses.walk import root, walk
from archdsl.diagnostics import SpecError
from archdsl.ir.layers import Conv, Layer
from archdsl.ir.network import LayerNode
from archdsl.ir.schemes import Scheme
from archdsl.pipeline import compile_text
from tests.features import features
from tests.strategies import specs
from tests.test_proof import STEADY

# in how many of 500 specs at least; what is rarer is left to the 3,000 of the slow proof
COMMON = {
    2: """layer LayerNorm|layer GroupNorm
        layer InstanceNorm|layer PReLU|layer Scale|layer Factor|layer ChannelShuffle
        layer ChannelSplit|layer PixelShuffle|layer Pad|layer Upsample|layer ConvTranspose
        ConvTranspose strided|ConvTranspose grouped|Conv asymmetric|Conv dilated|ceil mode
        adaptive max|adaptive size|concat of 2|concat of 3|product|branches in branches|recursion
        stage written out|run of a for|weight owned by network|weight owned by stage
        weight owned by block|growing drop rate|frozen|bn without scale|shared with bias
        preactivation, projected|preactivation, identity|input of a vector|named block
        dirac padded|bare padded|dirac grouped|dirac dilated|dirac asymmetric|dirac bias
        dirac by layer, channel|dirac by channel, channel|shared dirac|shared bare
        shared binary|binary strided|binary grouped|binary bias|bn(scale)
        shared standardized|standardized strided|standardized grouped|standardized bias
        softmax over channels|softmax over pixels|softmax over branches|linear at each pixel
        upsample to a size|upsample with corners|layer SamePad|layer Blur
        standardized with gain|standardized without gain|unnormalized
        unnormalized by layer|unnormalized by channel|name in quotes|no level|sequence""",
    10: """layer Conv|layer Linear|layer BatchNorm|layer Pool|layer AdaptivePool|layer Dropout
        layer StochasticDepth|layer LocalResponseNorm|activation relu|activation silu|Conv bias
        Conv strided|Conv grouped|Conv depthwise|residual projected|residual identity
        sum|concat|identity branch|stage|folded run|block in a block|block with a stride
        stage with a stride|let in a block|named part|named layer|shared Conv|share from
        share strides|layer NCReLU|layer PadChannels|dirac tiled|dirac equal|dirac fewer out
        dirac more out|bare|binary constant|binary mean|scheme around layers|bn(fixed)
        init NoneType|init He|init Xavier|init TruncatedNormal|init PyTorchDefault
        layer with annotation|conditional expression|if|else|for|lookup|require""",
}


KINDS = [kind.__name__ for kind in (*get_args(Layer), *get_args(Scheme))]


class Drawn:
    """What is in 500 random specs: features, kinds of layers and weight schemes."""

    def __init__(self):
        self.features, self.kinds = Counter(), Counter()
        self.all = self.compiled = 0

    def add(self, spec):
        self.all += 1
        try:
            network = compile_text(spec.text, arguments=spec.arguments).network
        except SpecError:
            return
        self.compiled += 1
        self.features.update(features(network, spec.text))
        nodes = [place.node for place in walk(root(network))]
        layers = [node.layer for node in nodes if isinstance(node, LayerNode)]
        schemes = [layer.scheme for layer in layers if isinstance(layer, Conv) and layer.scheme]
        self.kinds.update({type(each).__name__ for each in (*layers, *schemes)})


@pytest.fixture(scope="module")
def drawn():
    found = Drawn()

    @settings(STEADY, max_examples=500, phases=[Phase.generate])
    @given(specs())
    def draw(spec):
        found.add(spec)

    draw()
    return found


def test_random_specs_compile(drawn):
    assert drawn.compiled > 0.9 * drawn.all


@pytest.mark.parametrize("least", list(COMMON))
def test_random_specs_reach_the_language(drawn, least):
    found = drawn.features
    wanted = [name for line in COMMON[least].splitlines() for name in line.strip().split("|")]
    assert not {name: found[name] for name in wanted if found[name] < least}


def test_random_specs_have_most_activations(drawn):
    assert sum(name.startswith("activation ") for name in drawn.features) >= 15


@pytest.mark.parametrize("kind", KINDS)
def test_random_specs_have_every_kind_of_layer_and_weight_scheme(drawn, kind):
    assert drawn.kinds[kind] >= 2, (
        f"specs with {kind} are not drawn: add a way to RareWriter in tests/drawing/rare_writer.py"
    )
