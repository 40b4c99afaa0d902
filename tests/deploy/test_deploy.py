# pyright: reportOptionalMemberAccess=false, reportArgumentType=false
"""Deployed networks give the trained ones' outputs, and their files are as small as they can be."""

import importlib.util
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import assume, given, settings
from safetensors.torch import load_file, save_file

import archdsl
from archdsl.analyses.counts import count
from archdsl.analyses.deployed import deployed
from archdsl.analyses.origins import tensors_of
from archdsl.cli import main
from archdsl.deploy.errors import DeployError
from archdsl.deploy.folding import pack
from archdsl.diagnostics import SpecError
from archdsl.emit.python.names import SCHEMES
from archdsl.pipeline import compile_spec, compile_text
from tests.drawing.dimensions import of_films, of_signals
from tests.generated import build, example, examples, load, outputs_in, scattered
from tests.strategies import specs

ROOT = Path(__file__).parents[2]
FOLDED = 1e-10  # of the largest output, in float64

DIRAC = """\
network dirac(k = 1) with dirac {
    input(3, 8, 8)
    stem { conv3x3(8) with plain
           bn relu }
    stage group1 = 3 * layer(8)
    stage group2 = 2 * layer(16)
    grouped: conv3x3(32, groups = 2) with dirac(v2)
    bn with bn(scale)
    bare: conv3x3(32) with dirac(bare)
    bn with bn(fixed)
    unnormalized: conv3x3(32, bias = true) with dirac(norm = false, a_per = channel)
    bn
    conv_transpose2x2(16, groups = 2, stride = 2) with plain
    bn relu
    avgpool linear(12) dropout(0.5) bn
}
block layer(width) { ncrelu conv3x3(width) bn }
"""
STANDARDIZED = """\
network standardized with standardized {
    input(3, 8, 8)
    stem { conv3x3(8) bn relu }
    stage s = 3 * unit(8) with share(conv3x3)
    grouped: conv3x3(16, groups = 4, stride = 2, bias = true) with standardized(gain = true)
    bn with bn(scale)
    conv1x1(6) with standardized(eps = 0.01, gain = true), freeze
    relu
    conv1x1(4) bn with bn(fixed)
    avgpool linear(5)
}
block unit(width) { residual { bn relu conv3x3(width, bias = true) } }
"""
SHARED = """\
network shared {
    input(3, 8, 8)
    stem         { conv3x3(8) bn relu }
    stage first  = 4 * unit(8) with share(conv3x3, from = 2), stochastic_depth(0.2)
    stage second = 3 * unit(16) with share(conv3x3), dirac
    conv1x1(4, bias = true) bn(eps = 0.1)
    features: { conv3x3(4) }
    bn
}
block unit(width) {
    residual { conv3x3(width) bn relu  dropout(0.1)  conv3x3(width) bn }
    shortcut { conv1x1(width) bn }
    relu
}
"""
BINARY = """\
network signs with binary, bn(frozen) {
    input(3, 8, 8)
    conv3x3(10, bias = true) bn relu
    stage s = 3 * unit(10) with share(conv3x3)
    conv3x3(7) with binary(scale = mean)
    bn conv1x1(5) bn avgpool
}
block unit(width) { residual { bn relu conv3x3(width) } }
"""


def run(compilation, state, folder):
    """Deploy into a folder and load what is there, without archdsl."""
    model, weights = compilation.deploy("net", folder, state)
    spec = importlib.util.spec_from_file_location("deployed_model", model)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(str(weights))


def trained(compilation):
    torch.manual_seed(0)
    return scattered(build(load(compilation))).eval()


def check_folding(compilation, folder):
    """Return the deployed network, whose outputs are the trained one's."""
    network = trained(compilation)
    made = run(compilation, network.state_dict(), folder)
    numel = sum(p.numel() for p in made.parameters())
    assert numel == count(deployed(compilation.network).network).sums.total
    given = examples(compilation.network)
    with torch.no_grad():
        wanted, outputs = outputs_in(network(*given)), outputs_in(made(*given))
    for one, other in zip(outputs, [each for each in wanted if each is not None], strict=True):
        assert (one - other).abs().max() <= FOLDED * other.abs().max() + 1e-14
    return made


@pytest.mark.parametrize("turned", [str, of_signals, of_films])
@pytest.mark.parametrize(
    "text", [DIRAC, STANDARDIZED, SHARED], ids=["dirac", "standardized", "shared"]
)
def test_a_folded_network_gives_the_trained_one_s_outputs(text, turned, tmp_path):
    made = check_folding(compile_text(turned(text)), tmp_path)
    kinds = {type(module).__name__ for module in made.modules()}
    assert not kinds & {*SCHEMES, "Dropout", "StochasticDepth"}


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [("digits", {}), ("preact_resnet", {"depth": "11"}), ("shufflenet_v2", {})],
)
def test_folding_holds_for_networks_of_the_papers(spec, arguments, tmp_path):
    check_folding(compile_spec(str(ROOT / f"specs/{spec}.arch"), arguments=arguments), tmp_path)


@settings(max_examples=15, deadline=None)
@given(drawn=specs())
def test_folding_holds_for_random_networks(drawn, tmp_path_factory):
    try:
        compilation = compile_text(drawn.text, arguments=drawn.arguments)
    except SpecError:  # shared here and frozen there
        assume(False)
        return
    check_folding(compilation, tmp_path_factory.mktemp("drawn"))


def test_a_standardized_layer_becomes_a_convolution_with_the_batch_norm_folded():
    origins = deployed(compile_text(STANDARDIZED).network).origins
    kept = {origin.path: [t.name for t in tensors_of(origin.layer)] for origin in origins}
    assert kept[("grouped",)] == kept[("conv2",)] == ["weight", "bias"]
    assert kept[("conv1",)] == ["weight"]
    assert [path[0] for path in kept if "bn" in str(path[-1])] == ["s"]


def test_batch_norms_stay_behind_shared_weights_and_across_bodies():
    network = deployed(compile_text(SHARED).network)
    kept = [".".join(map(str, o.path)) for o in network.origins if "bn" in str(o.path[-1])]
    assert kept[-1] == "bn2"
    assert any(name.startswith("first") for name in kept)
    assert not any(name.startswith("stem") for name in kept)


@pytest.mark.parametrize("turned", [str, of_signals, of_films])
def test_packed_signs_give_the_same_bits(turned, tmp_path):
    compilation = compile_text(turned(BINARY))
    network = trained(compilation).float()
    with torch.no_grad():
        network.conv1.weight[0, 0] = 0.0  # sign(0) = 1
        x = example(compilation.network).float()
        made = run(compilation, network.state_dict(), tmp_path)
        assert torch.equal(made(x), network(x))
    assert not any("Binary" in type(module).__name__ for module in made.modules())


def test_bits_are_numpy_s():
    signs = torch.randn(3, 5, 3, 3, generator=torch.Generator().manual_seed(0)) >= 0
    assert pack(signs).tolist() == np.packbits(signs.numpy()).tolist()


# facts of the published networks, folded: Zagoruyko & Komodakis 2017, Tables 2 and 3
@pytest.mark.parametrize(
    ("spec", "arguments", "parameters"),
    [
        ("diracnet", {"k": "2"}, 3_690_826),
        ("diracnet", {"k": "8"}, 59_000_074),
        ("diracnet_imagenet", {"depth": "18", "width": "0.75"}, 12_753_640),
        ("diracnet_imagenet", {"depth": "34", "width": "0.5"}, 15_528_232),
        ("diracnet_imagenet", {"depth": "34", "width": "0.75"}, 34_738_120),
    ],
)
def test_folded_diracnets_have_the_parameters_of_plain_ones(spec, arguments, parameters):
    compilation = compile_spec(str(ROOT / f"specs/{spec}.arch"), arguments=arguments)
    assert count(deployed(compilation.network).network).sums.total == parameters


# McDonnell 2018: bytes of the signs. 20-10 has 6,983 channels under a batch norm, 18-2.5 has
# 10,763, each with two moments; the file may be larger by 2 %.
@pytest.mark.parametrize(
    ("spec", "arguments", "signs", "moments"),
    [
        ("onebit", {"depth": "20", "k": "10", "classes": "100"}, 3_349_340, 13_966),
        pytest.param("onebit_imagenet", {}, 8_745_340, 21_526, marks=pytest.mark.slow),
    ],
)
def test_a_file_is_the_signs_and_the_moments(spec, arguments, signs, moments, tmp_path):
    compilation = compile_spec(str(ROOT / f"specs/{spec}.arch"), arguments=arguments)
    state = load(compilation)().state_dict()
    _, weights = compilation.deploy("net", tmp_path, state)
    assert weights.stat().st_size <= 1.02 * (signs + 4 * moments)
    assert compilation.deployed.bytes <= weights.stat().st_size


@pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)`:FutureWarning")
def test_onnx_has_the_outputs_of_the_deployed_network(tmp_path):
    compilation = compile_text(BINARY)
    made = run(compilation, trained(compilation).float().state_dict(), tmp_path)
    x = example(compilation.network).float()
    program = torch.onnx.export(made, (x,), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    (output,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        wanted = made(x)
    assert float((torch.from_numpy(output) - wanted).abs().max()) <= 1e-5 * float(
        wanted.abs().max()
    )


def test_a_deployed_network_loads_without_archdsl(tmp_path):
    compilation = compile_text(BINARY)
    compilation.deploy("net", tmp_path, trained(compilation).float().state_dict())
    program = (
        "import sys, model; model.load('weights.safetensors');"
        "print([name for name in sys.modules if name.startswith('archdsl')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# ---------------------------------------------------------------- the command


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A spec and its checkpoint in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("signs.arch").write_text(BINARY)
    state = archdsl.compile("signs.arch").build().state_dict()
    torch.save({"model": state, "epoch": 1}, "checkpoint.pt")
    return state


def test_deploy_writes_both_files_and_says_what_they_hold(tiny, capsys):
    assert main(["deploy", "signs.arch", "checkpoint.pt", "--out", "out"]) == 0
    text = capsys.readouterr().out
    size = Path("out/signs/weights.safetensors").stat().st_size
    assert f"{size:,} bytes" in text
    assert "MiB" in text
    assert sorted(p.name for p in Path("out/signs").iterdir()) == [
        "model.py",
        "weights.safetensors",
    ]
    assert main(["deploy", "signs.arch", "checkpoint.pt", "--out", "out", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["bytes"]["file"] == size
    assert sum(part["bytes"] for part in document["parts"]) == document["bytes"]["tensors"]


def test_a_file_of_safetensors_and_a_state_give_the_same_files(tiny):
    save_file(tiny, "state.safetensors")
    assert main(["deploy", "signs.arch", "state.safetensors", "--out", "a"]) == 0
    folder = archdsl.compile("signs.arch").deploy(tiny, "b")
    assert folder == Path("b/signs")
    for name in ("model.py", "weights.safetensors"):
        assert Path("a/signs", name).read_bytes() == (folder / name).read_bytes()
    assert load_file(folder / "weights.safetensors")["conv1.bits"].dtype is torch.uint8


class Harmful:
    def __reduce__(self):
        return Path("harmed").touch, ()


def wrong(state, kind):
    match kind:
        case "missing":
            state.pop("conv1.weight")
        case "unexpected":
            state["more"] = torch.zeros(1)
        case "shape":
            state["conv1.weight"] = torch.zeros(1, 3, 3, 3)
        case "large":
            state["conv1.weight"] = torch.zeros(1).expand(state["conv1.weight"].shape)
        case "nan":
            state["conv1.weight"] = torch.full_like(state["conv1.weight"], torch.nan)
        case "prefix":
            return {f"module.{name}": tensor for name, tensor in state.items()}
        case _:
            return {}
    return state


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "1 missing, `conv1.weight`"),
        ("unexpected", "1 not of it, `more`"),
        ("shape", "`conv1.weight` is [1, 3, 3, 3] and should be [10, 3, 3, 3]"),
        ("large", "larger than what is stored"),
        ("nan", "not finite"),
        ("prefix", "`model.module`"),
        ("empty", "has no `state_dict`"),
    ],
)
def test_a_wrong_checkpoint_gives_one_message_and_nothing_is_written(tiny, kind, message, capsys):
    torch.save(wrong(dict(tiny), kind), "wrong.pt")
    assert main(["deploy", "signs.arch", "wrong.pt", "--out", "out"]) == 1
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not Path("out").exists()


def test_nothing_in_a_checkpoint_is_run(tiny, capsys):
    Path("harmful.pt").write_bytes(pickle.dumps(Harmful()))
    torch.save({"model": Harmful()}, "zipped.pt")
    Path("noise.pt").write_bytes(b"noise")
    Path("noise.safetensors").write_bytes(b"noise")
    for name in ("harmful.pt", "zipped.pt", "noise.pt", "noise.safetensors", "absent.pt"):
        assert main(["deploy", "signs.arch", name, "--out", "out"]) == 1
        assert capsys.readouterr().err.startswith(f"archdsl: {name}")
    assert not Path("harmed").exists()
    assert not Path("out").exists()


def test_the_trained_model_is_not_replaced(tiny, capsys):
    assert main(["compile", "signs.arch", "--out", "out"]) == 0
    before = Path("out/signs/model.py").read_text()
    assert main(["deploy", "signs.arch", "checkpoint.pt", "--out", "out"]) == 1
    assert "no deployed network" in capsys.readouterr().err
    assert Path("out/signs/model.py").read_text() == before


def test_a_network_of_a_million_layers_is_refused(tmp_path):
    text = "network deep {\n input(3, 8, 8)\n stage s = 1000000 * unit(3)\n}\n"
    compilation = compile_text(text + "block unit(width) { conv3x3(width) bn }\n")
    assert len(compilation.deployed.origins) < 10
    with pytest.raises(DeployError, match="at most 100,000"):
        compilation.deploy("net", tmp_path, {})
