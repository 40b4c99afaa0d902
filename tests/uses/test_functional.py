"""torch.func, torch.fx, tracing, groups of parameters and hooks, with and without sharing."""

import copy
from typing import Any

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from tests.uses.networks import SHARING, SMALL, build, gradients, loss_of


def test_a_functional_call_replaces_a_shared_weight_for_all_its_users(network, x):
    halved = {name: p.detach() / 2 for name, p in network.named_parameters() if p.ndim == 4}
    changed = copy.deepcopy(network)
    with torch.no_grad():
        for name, weight in halved.items():
            changed.get_parameter(name).copy_(weight)
        assert torch.equal(functional_call(network, halved, x), changed(x))
        assert not torch.equal(network(x), changed(x))


@pytest.mark.parametrize("name", SMALL)
def test_gradients_of_each_image_sum_to_that_of_the_batch(network, x):
    network, x = network.double(), x.double()
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    def loss(parameters, image):
        return loss_of(functional_call(network, parameters, (image.unsqueeze(0),)))

    each = vmap(grad(loss), in_dims=(None, 0))(parameters, x)
    loss_of(network(x)).backward()
    for name, gradient in gradients(network).items():
        assert each[name].shape == (2, *gradient.shape)
        torch.testing.assert_close(each[name].mean(0), gradient)


@pytest.mark.parametrize("name", SMALL)
def test_an_ensemble_runs_as_one(classes, name, x):
    members = [build(classes[name]).eval(), classes[name]().eval()]
    parameters, buffers = stack_module_state(members)

    def one(parameters, buffers, x):
        return functional_call(members[0], (parameters, buffers), (x,))

    with torch.no_grad():
        outputs = vmap(one, in_dims=(0, 0, None))(parameters, buffers, x)
        for member, output in zip(members, outputs, strict=True):
            torch.testing.assert_close(output, member(x), rtol=1e-4, atol=1e-5)


def test_fx_traces_the_network_and_keeps_the_sharing(network, facts, x):
    traced = torch.fx.GraphModule(network, torch.fx.Tracer().trace(network))
    assert len(list(traced.parameters())) == facts.parameters
    calls = [n.target for n in traced.graph.nodes if n.op == "call_module"]
    for weight, uses in facts.shared.items():
        assert calls.count(weight.removesuffix(".weight")) == uses
    with torch.no_grad():
        assert torch.equal(traced(x), network(x))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript_traces_the_network_and_keeps_the_sharing(network, facts, x):
    traced: Any = torch.jit.trace(network, x)
    assert sum(p.numel() for p in traced.parameters()) == facts.numel
    with torch.no_grad():
        assert torch.equal(traced(x), network(x))


def test_parts_have_disjoint_parameters(network, facts):
    """So groups by part, each with a learning rate of its own, make an optimizer."""
    groups = [{"params": list(part.parameters())} for part in network.children()]
    optimizer = torch.optim.SGD([group for group in groups if group["params"]], lr=0.1)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == facts.parameters


@pytest.mark.parametrize("name", SHARING)
def test_a_hook_on_a_shared_layer_sees_every_use(network, facts, x):
    seen = dict.fromkeys(facts.shared, 0)

    def hook(weight):
        return lambda *_: seen.update({weight: seen[weight] + 1})

    for weight in facts.shared:
        layer = network.get_submodule(weight.removesuffix(".weight"))
        layer.register_forward_hook(hook(weight))
    with torch.no_grad():
        network(x)
    assert seen == facts.shared
