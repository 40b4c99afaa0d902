import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses.macs import macs
from archdsl.ir.layers import BatchNorm, Conv, ConvTranspose, Linear
from archdsl.ir.network import FeatureMap, LayerNode
from archdsl.source import SourceFile, Span

NOWHERE = Span(SourceFile("test.arch", ""), 0, 0)


def node(layer, input, output):
    return LayerNode(
        kind="layer", label=None, layer=layer, input=input, output=output, span=NOWHERE
    )


GROUPED = {
    "kernel_size": (3, 1),
    "stride": (2, 1),
    "padding": (1, 0),
    "dilation": (1, 2),
    "groups": 2,
    "bias": True,
}

CASES = {
    "convolution": (
        node(
            Conv(in_channels=6, out_channels=8, **GROUPED),
            FeatureMap(6, (9, 5)),
            FeatureMap(8, (5, 5)),
        ),
        lambda: nn.Conv2d(6, 8, **GROUPED),
        25 * 3 * 3 * 8,  # positions, kernel, input channels of a group, output channels
    ),
    "transposed convolution": (
        node(
            ConvTranspose(in_channels=6, out_channels=8, **GROUPED),
            FeatureMap(6, (5, 5)),
            FeatureMap(8, (9, 5)),
        ),
        lambda: nn.ConvTranspose2d(6, 8, **GROUPED),
        25
        * 3
        * 6
        * 4,  # positions of the input, kernel, input channels, output channels of a group
    ),
    "linear": (
        node(Linear(in_features=12, out_features=7), FeatureMap(12), FeatureMap(7)),
        lambda: nn.Linear(12, 7),
        84,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_macs_are_half_of_what_torch_counts(case):
    layer, module, expected = case
    x = torch.zeros(1, *layer.input.shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        out = module()(x)
    assert out.shape[1:] == layer.output.shape
    assert macs(layer) == expected == counter.get_total_flops() // 2


def test_other_layers_cost_no_macs():
    features = FeatureMap(4, (8, 8))
    assert macs(node(BatchNorm(num_features=4, spatial=True), features, features)) == 0
