"""channels_last: the same outputs and gradients, and the format is kept through the network."""

import copy

import pytest
import torch

from tests.uses.networks import SMALL, assert_each_close, gradients, loss_of


def is_channels_last(tensor):
    return tensor.is_contiguous(memory_format=torch.channels_last)


def in_channels_last(network):
    return copy.deepcopy(network).to(memory_format=torch.channels_last)


def test_outputs_are_equal(network, x):
    with torch.no_grad():
        output = in_channels_last(network)(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(output, network(x), rtol=1e-4, atol=1e-4)


def test_every_map_keeps_the_format(network, x):
    network, lost = in_channels_last(network), []

    def look(module, args, output):
        if output.ndim == 4 and not is_channels_last(output):
            lost.append(type(module).__name__)

    for module in network.modules():
        module.register_forward_hook(look)
    with torch.no_grad():
        network(x.contiguous(memory_format=torch.channels_last))
    assert lost == []
    assert all(is_channels_last(p) for p in network.parameters() if p.ndim == 4)


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_equal(network, x):
    both = [network.double().train(), in_channels_last(network.double()).train()]
    for module in both:
        loss_of(module(x.double())).backward()
    assert_each_close(gradients(both[1]), gradients(both[0]), rtol=1e-9)
