"""Modules that are built without memory: `to_empty`, then weights.

`to_empty` leaves memory as it is. Weights come by `load_state_dict`, from a checkpoint or, for
a start, from a module that is built on the CPU: that one initializes itself.
"""

from pathlib import Path

import pytest
import torch

from tests.uses.networks import ROOT, build, network_class

GENERATED = sorted(path.parent.name for path in Path(ROOT / "generated").glob("*/model.py"))


def on_meta(network):
    with torch.device("meta"):
        return network()


def test_the_meta_device_holds_no_memory_and_all_counts(classes, name, facts):
    network = on_meta(classes[name])
    assert {t.device.type for t in network.state_dict().values()} == {"meta"}
    assert len(list(network.parameters())) == facts.parameters
    assert len(list(network.buffers())) == facts.buffers
    assert sum(p.numel() for p in network.parameters()) == facts.numel


def test_sharing_survives_to_empty(classes, name, facts, x):
    network = on_meta(classes[name]).to_empty(device="cpu").eval()
    assert len(list(network.parameters())) == facts.parameters
    tensors = network.state_dict().values()
    assert len({tensor.data_ptr() for tensor in tensors}) == facts.parameters + facts.buffers
    trained = build(classes[name]).eval()
    network.load_state_dict(trained.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(network(x), trained(x))


def test_an_emptied_module_starts_as_a_fresh_one_does(classes, name):
    network = on_meta(classes[name]).to_empty(device="cpu")
    torch.manual_seed(3)
    network.load_state_dict(classes[name]().state_dict())
    torch.manual_seed(3)
    fresh = classes[name]().state_dict()
    assert all(torch.equal(tensor, fresh[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("folder", GENERATED)
def test_nothing_that_a_network_needs_is_outside_its_state(folder):
    """So `to_empty` and `load_state_dict` bring back all of it, or `reset_parameters` does."""
    network = on_meta(network_class(ROOT / "generated" / folder / "model.py"))
    held = {name for name, _ in (*network.named_parameters(), *network.named_buffers())}
    assert held == set(network.state_dict())
    for module in network.modules():
        keeps = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        assert not keeps or callable(module.reset_parameters)
        assert not [key for key, value in vars(module).items() if isinstance(value, torch.Tensor)]
