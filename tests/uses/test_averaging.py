"""AveragedModel: a copy that holds each tensor once, and averages parameters and moments."""

import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from tests.uses.networks import SMALL, build, images


def shifted(network, by):
    """Return a copy with all floating tensors moved."""
    moved = copy.deepcopy(network)
    with torch.no_grad():
        for tensor in moved.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(by)
    return moved


def test_an_average_counts_shared_weights_once(network, facts):
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    assert len(list(average.module.parameters())) == facts.parameters
    assert sum(p.numel() for p in average.parameters()) == facts.numel
    assert len(average.state_dict()) == facts.parameters + facts.buffers + 1  # n_averaged


def test_an_exponential_average_moves_by_a_tenth(network):
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    average.update_parameters(network)  # the first is a copy
    average.update_parameters(shifted(network, 1.0))
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            moved = average.module.state_dict()[name] - tensor
            torch.testing.assert_close(moved, torch.full_like(moved, 0.1), rtol=0, atol=1e-5)


def test_without_buffers_the_average_takes_the_latest_moments(network):
    average, latest = AveragedModel(network), shifted(network, 1.0)
    average.update_parameters(network)
    average.update_parameters(latest)
    for name, buffer in average.module.named_buffers():
        assert torch.equal(buffer, latest.get_buffer(name))


@pytest.mark.parametrize("name", SMALL)
def test_moments_can_be_measured_for_the_average(classes, name):
    network = build(classes[name])
    average = AveragedModel(network)
    average.update_parameters(shifted(network, 0.01))
    update_bn([images(name, seed=seed) for seed in range(3)], average)
    for key, buffer in average.module.named_buffers():
        if key.endswith("num_batches_tracked"):
            assert buffer == 3
        else:
            assert not torch.equal(buffer, network.get_buffer(key))


@pytest.mark.parametrize("name", SMALL)
def test_an_average_is_saved_and_loaded(network, x):
    average = AveragedModel(shifted(network, 0.01))
    again = AveragedModel(network)
    again.load_state_dict(average.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(again.eval()(x), average.eval()(x))
