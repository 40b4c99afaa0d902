"""Autocast to bfloat16: near the outputs in float32; a shared weight is cast once in a forward."""

import copy

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.uses.networks import SMALL, gradients, loss_of


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def test_outputs_are_near_those_in_float32(network, x):
    with torch.no_grad():
        expected = network(x)
        with autocast():
            output = network(x)
    assert output.dtype == torch.bfloat16
    # a bfloat16 has 8 bits: some roundings of 1/256 of the largest output
    assert float((output - expected).abs().max()) <= 0.05 * float(expected.abs().max())


def test_weights_and_gradients_stay_in_float32(network, x):
    network.train()
    with autocast():
        loss = loss_of(network(x).float())
    loss.backward()
    assert {gradient.dtype for gradient in gradients(network).values()} == {torch.float32}
    assert all(torch.isfinite(gradient).all() for gradient in gradients(network).values())


class Casts(TorchDispatchMode):
    """Counts casts of tensors that have been named."""

    def __init__(self, named):
        super().__init__()
        self.names = {tensor.data_ptr(): name for name, tensor in named}
        self.count = dict.fromkeys(self.names.values(), 0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._to_copy.default and args[0].data_ptr() in self.names:
            self.count[self.names[args[0].data_ptr()]] += 1
        return func(*args, **(kwargs or {}))


def test_every_weight_is_cast_once_in_a_forward(network, x):
    weights = [(name, p) for name, p in network.named_parameters() if p.ndim >= 2]
    with Casts(weights) as casts, autocast():
        network(x)
    assert set(casts.count.values()) == {1}


@pytest.mark.parametrize("name", SMALL)
def test_a_forward_after_a_step_uses_the_new_weights(network, x):
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    with autocast():
        loss_of(network(x).float()).backward()
    optimizer.step()
    with autocast():
        output = network.eval()(x)
        expected = copy.deepcopy(network)(x)
    assert torch.equal(output, expected)


@pytest.mark.parametrize("name", SMALL)
def test_a_scaler_gives_the_plain_step_and_leaves_out_one_that_overflows(network, x):
    plain = copy.deepcopy(network).train()
    network.train()
    # a power of two scales and unscales without rounding
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for module in (plain, network):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        loss = loss_of(module(x))
        (loss if module is plain else scaler.scale(loss)).backward()
        if module is plain:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
    for p, q in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p, q)
    before = [p.detach().clone() for p in network.parameters()]
    optimizer.zero_grad()
    scaler.scale(loss_of(network(x)) * float("inf")).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 512.0
    assert all(torch.equal(*pair) for pair in zip(network.parameters(), before, strict=True))
