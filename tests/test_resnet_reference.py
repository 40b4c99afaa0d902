"""The generated ResNets are torchvision's: its keys, its shapes, its order, its behaviour."""

import json
from pathlib import Path

import pytest
import torch

import archdsl
from tests.references.resnet import ResNet

ROOT = Path(__file__).parents[1]
TORCHVISION = json.loads((ROOT / "tests/fixtures/torchvision_resnet.json").read_text())
DEPTHS = [18, 34, 50, 101, 152]


def generated(depth):
    return archdsl.compile(ROOT / "specs/resnet.arch", depth=depth).build()


def shapes(module):
    return [(name, list(tensor.shape)) for name, tensor in module.state_dict().items()]


@pytest.fixture(params=DEPTHS)
def pair(request):
    """A generated network and the reference, in double precision, with the same random state."""
    torch.manual_seed(request.param)
    reference, network = ResNet(request.param).double(), generated(request.param).double()
    for name, tensor in reference.state_dict().items():
        if name.endswith(("running_var", "weight")) and tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1:
            tensor.normal_(std=0.1)
    network.load_state_dict(reference.state_dict(), strict=True)
    return network, reference


@pytest.mark.parametrize("depth", DEPTHS)
def test_keys_shapes_and_order_are_torchvisions(depth):
    with torch.device("meta"):
        assert shapes(generated(depth)) == list(TORCHVISION[f"resnet{depth}"].items())


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_reference_has_torchvisions_keys_too(depth):
    with torch.device("meta"):
        assert shapes(ResNet(depth)) == list(TORCHVISION[f"resnet{depth}"].items())


def test_outputs_and_moments_equal_the_references(pair):
    network, reference = pair
    images = torch.randn(2, 3, 64, 64, dtype=torch.double)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(images), reference.eval()(images))
        torch.testing.assert_close(network.train()(images), reference.train()(images))
    torch.testing.assert_close(dict(network.state_dict()), dict(reference.state_dict()))
