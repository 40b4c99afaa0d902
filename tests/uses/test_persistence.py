"""What is saved holds each tensor once, and comes back with its sharing, also without archdsl."""

import copy
import io
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.uses.networks import SHARING, build


def assert_same(network, again, x):
    """The copy has its own tensors, the same in number and value, and the same outputs."""
    before, after = network.state_dict(), again.state_dict()
    assert list(after) == list(before)
    assert len(list(again.parameters())) == len(list(network.parameters()))
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor)
        assert after[name].data_ptr() != tensor.data_ptr()
    with torch.no_grad():
        assert torch.equal(again(x), network(x))


def through_torch(network):
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "torch.save": through_torch,
}


@pytest.mark.parametrize("way", list(COPIES))
def test_a_copied_module_is_the_same(network, facts, x, way):
    again = COPIES[way](network)
    assert sum(p.numel() for p in again.parameters()) == facts.numel
    assert_same(network, again, x)


def test_safetensors_holds_each_tensor_once(network, classes, facts, name, x, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(network.state_dict(), path)  # refuses tensors that share memory
    state = load_file(path)
    assert len(state) == facts.parameters + facts.buffers
    again = classes[name]().eval()
    again.load_state_dict(state, strict=True)
    assert_same(network, again, x)


def test_a_checkpoint_of_weights_loads_safely_and_by_assignment(network, classes, name, x):
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    with torch.device("meta"):
        again = classes[name]().eval()
    again.load_state_dict(state, strict=True, assign=True)
    assert_same(network, again, x)


LOAD = """
import sys
sys.modules["archdsl"] = None  # importing it is an error
sys.path.insert(0, sys.argv[1])
import torch
network = torch.load(sys.argv[2], weights_only=False)
print(sum(p.numel() for p in network.parameters()))
torch.save(network(torch.load(sys.argv[3])), sys.argv[4])
"""


@pytest.mark.parametrize("name", SHARING[1:])
def test_a_whole_module_loads_where_only_its_model_py_is(paths, name, facts, x, tmp_path):
    save = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
import model
network = list(vars(model).values())[-1]().eval()
torch.save(network, sys.argv[2])
torch.save(network(torch.load(sys.argv[3])), sys.argv[4])
"""
    torch.save(x, tmp_path / "x.pt")
    outputs = []
    for script in (save, LOAD):
        output = tmp_path / f"y{len(outputs)}.pt"
        files = [paths[name].parent, tmp_path / "net.pt", tmp_path / "x.pt", output]
        run = [sys.executable, "-c", script, *map(str, files)]
        done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        outputs.append(torch.load(output))
    assert done.stdout.strip() == str(facts.numel)
    assert torch.equal(*outputs)


def test_a_module_is_built_alike_from_the_same_seed(classes, name):
    first, second = (build(classes[name]).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
