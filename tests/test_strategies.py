"""Random specs are valid, and reach the whole language."""

from collections import Counter

from hypothesis import Phase, given, settings

from archdsl.diagnostics import SpecError
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
        shared binary|binary strided|binary grouped|binary bias|bn(scale)""",
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


def test_random_specs_compile_and_reach_the_language():
    found, drawn = Counter(), Counter()

    @settings(STEADY, max_examples=500, phases=[Phase.generate])
    @given(specs())
    def draw(spec):
        drawn["all"] += 1
        try:
            network = compile_text(spec.text, arguments=spec.arguments).network
        except SpecError:
            return
        drawn["compiled"] += 1
        found.update(features(network, spec.text))

    draw()
    assert drawn["compiled"] > 0.9 * drawn["all"]
    for least, names in COMMON.items():
        wanted = [name for line in names.splitlines() for name in line.strip().split("|")]
        assert not {name: found[name] for name in wanted if found[name] < least}
    assert sum(name.startswith("activation ") for name in found) >= 15
