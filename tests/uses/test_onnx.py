"""ONNX files hold a shared weight once, also after constant folding, and give torch's outputs."""

import math
from collections import Counter

import onnxruntime
import pytest
import torch
from torch.export import Dim

from tests.uses.networks import SMALL, images

pytestmark = pytest.mark.filterwarnings(
    "ignore:`isinstance\\(treespec, LeafSpec\\)`:FutureWarning"  # torch's own code
)


def check_weights(graph, network, facts):
    """Each weight of a convolution is one initializer, whatever else was folded."""
    convolutions = Counter(node.input[1] for node in graph.node if node.op_type == "Conv")
    weights = [tuple(i.dims) for i in graph.initializer if i.name in convolutions]
    assert convolutions.total() == facts.convolutions
    assert len(weights) == len(convolutions) == facts.weights
    assert {weight: n for weight, n in convolutions.items() if n > 1} == facts.shared
    assert sorted(weights) == sorted(tuple(p.shape) for p in network.parameters() if p.ndim == 4)
    stored = sum(math.prod(i.dims) for i in graph.initializer)
    assert stored <= facts.numel + sum(b.numel() for b in network.buffers())


def check_outputs(model, network, facts, name):
    """Onnxruntime gives torch's outputs, at another batch size than the one that was traced."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert session.get_inputs()[0].shape == ["batch", *facts.image]
    given = images(name, batch=5)
    (output,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
    with torch.no_grad():
        expected = network(given)
    assert expected.shape == (5, facts.outputs)
    difference = (torch.from_numpy(output) - expected).abs().max()
    assert float(difference) <= 1e-5 * float(expected.abs().max())


@pytest.mark.parametrize(
    "name",
    [*SMALL, *(pytest.param(n, marks=pytest.mark.slow) for n in ("resnet18", "sharesnet50"))],
)
def test_onnx_keeps_each_weight_once_and_computes_what_torch_does(network, facts, name, x):
    program = torch.onnx.export(
        network,
        (x,),
        dynamo=True,
        dynamic_shapes=({0: Dim("batch")},),
        optimize=False,
        verbose=False,
    )
    assert program is not None
    check_weights(program.model_proto.graph, network, facts)
    program.optimize()  # folds the batch norms of convolutions that have a weight of their own
    check_weights(program.model_proto.graph, network, facts)
    check_outputs(program.model_proto, network, facts, name)
