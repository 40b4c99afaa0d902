import inspect
import json
import pickle
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.cli import main

SPECS = Path(__file__).parent.parent / "specs"


@pytest.fixture(scope="module")
def wrn():
    return archdsl.compile(SPECS / "wrn.arch", depth=16, k=1)


def test_compile_gives_the_numbers_that_the_command_line_prints(wrn, capsys):
    assert (
        main(["params", str(SPECS / "wrn.arch"), "--set=depth=16", "--set=k=1", "--format=json"])
        == 0
    )
    printed = capsys.readouterr().out
    assert wrn.to_json() == printed
    numbers = json.loads(printed)
    assert wrn.parameters.total == numbers["parameters"]["total"]
    assert list(wrn.output) == numbers["output"]
    assert [part.name for part in wrn.parts] == [part["name"] for part in numbers["parts"]]


def test_a_compiled_network_prints_as_its_table(wrn, capsys):
    main(["params", str(SPECS / "wrn.arch"), "--set=depth=16", "--set=k=1"])
    assert str(wrn) == capsys.readouterr().out


def test_arguments_are_python_values():
    wrn = archdsl.compile(SPECS / "wrn.arch", depth=16, k=2, dropout=0.25, kernels=[3, 3])
    assert wrn.arguments["dropout"] == 0.25
    assert wrn.arguments["kernels"] == [3, 3]
    preact = archdsl.compile(SPECS / "preact_resnet.arch", depth=110, bottlenecks=False)
    assert preact.arguments["bottlenecks"] is False


def test_build_gives_the_module_that_was_counted(wrn):
    with torch.device("meta"):
        module = wrn.build()
    assert type(module).__name__ == "WrnDepth16K1"
    assert sum(p.numel() for p in module.parameters()) == wrn.parameters.total
    assert [(entry.name, entry.shape) for entry in wrn.tensors()] == [
        (name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()
    ]


def test_each_build_has_fresh_weights_and_one_class(wrn):
    first, second = wrn.build(), wrn.build()
    assert type(first) is type(second)
    assert not torch.equal(next(first.parameters()), next(second.parameters()))


def test_a_built_module_can_be_pickled(wrn):
    module = wrn.build()
    again = pickle.loads(pickle.dumps(module))
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_the_source_of_a_built_module_can_be_read(wrn):
    source = wrn.files()["model.py"]
    assert inspect.getsource(type(wrn.build())) in source


def test_a_wrong_spec_raises_its_diagnostics():
    with pytest.raises(archdsl.SpecError) as raised:
        archdsl.compile(SPECS / "wrn.arch", depth=17)
    assert "n + 4" in raised.value.diagnostics[0].message


def test_there_are_no_other_public_names():
    with pytest.raises(AttributeError, match="no attribute 'compiler'"):
        _ = archdsl.compiler


@pytest.mark.parametrize("name", ["tensor", "none", "self", "F", "exception", "_", "__x__"])
def test_networks_of_all_names_are_built(name, tmp_path):
    spec = tmp_path / "spec.arch"
    spec.write_text(
        f"network {name} {{\n    input(3, 8, 8)\n    shared_conv(3)\n}}\n"
        "block shared_conv(width) with share(conv3x3) {\n"
        "    conv3x3(width) conv3x3(width)\n}\n"
    )
    network = archdsl.compile(spec)
    keys = [entry.name for entry in network.tensors()]
    assert list(network.build().state_dict()) == keys
