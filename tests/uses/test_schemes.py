"""What plain networks are used with holds for Dirac and binary ones, with and without sharing."""

import copy
import io
import pickle
from collections import Counter
from dataclasses import dataclass
from typing import Any

import onnxruntime
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch._dynamo.testing import CompileCounter
from torch._inductor import config as inductor
from torch.export import Dim
from torch.func import functional_call, grad, vmap

from archdsl.pipeline import compile_spec, compile_text
from tests.uses.networks import (
    ROOT,
    assert_each_close,
    build,
    gradients,
    loss_of,
    network_class,
    step_size,
)
from tests.uses.test_compile import check_training
from tests.uses.test_distributed import run
from tests.uses.test_memory_format import in_channels_last, is_channels_last
from tests.uses.workers import checkpoint_stages, data_parallel, fully_sharded, stages

pytestmark = [
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning"),
]

DIRAC = """
network shared with dirac {
    input(3, 16, 16)
    stem { conv3x3(8) with plain
 bn }
    stage conv2 = 3 * unit(8) with share(conv3x3)
    maxpool2x2
    stage conv3 = 3 * unit(16) with share(conv3x3)
    head { relu avgpool linear(10) }
}
block unit(width) { ncrelu conv1x1(width) bn relu conv3x3(width) bn }
"""
BINARY = """
network shared with binary, bn(frozen) {
    input(3, 16, 16)
    stem { bn conv3x3(8) }
    stage conv2 = 3 * unit(8) with share(conv3x3)
    stage conv3(stride = 2) = 3 * unit(16) with share(conv3x3)
    head { bn relu avgpool linear(10) }
}
block unit(width) {
    residual { bn relu conv1x1(width, stride = stride) bn relu conv3x3(width, bias = true) }
    shortcut { avgpool3x3(stride = stride) pad_channels(width) }
}
"""


@dataclass(frozen=True)
class Facts:
    """What is known of a network without our compiler."""

    text: str  # a spec, or the name of one in specs/
    arguments: dict[str, int]
    numel: int
    parameters: int
    buffers: int
    weights: int  # of schemes, each once
    uses: dict[int, int]  # how many weights of schemes are used so many times


FACTS = {
    # By hand: stem 432 + 32; a stage of two layers each: 2 w -> w, but the first of a group gives
    # 2 w of 2 w, as W is 16, 32, 64: 2 * 32 * 16 * 9; 32 * 32 * 9 + 64 * 32 * 9;
    # 64 * 64 * 9 + 128 * 64 * 9; a and b of each; 6 batch norms; linear 650.
    "diracnet10": Facts(
        text="diracnet",
        arguments={"depth": 10, "k": 1},
        numel=464 + 9_216 + 27_648 + 110_592 + 12 + 2 * 2 * (16 + 32 + 64) + 650,
        parameters=1 + 2 + 6 * 3 + 6 * 2 + 2,
        buffers=3 * 7,
        weights=6,
        uses={1: 6},
    ),
    # By hand: image 6; 432; 2 * 2,304; 4,608 + 9,216; 18,432 + 36,864; 640. 9 batch norms.
    "onebit8": Facts(
        text="onebit",
        arguments={"depth": 8, "k": 1},
        numel=6 + 432 + 4_608 + 13_824 + 55_296 + 640,
        parameters=2 + 8,
        buffers=3 * 9,
        weights=8,
        uses={1: 8},
    ),
    # By hand: stem 216 + 16; of a unit two batch norms, 1x1, a and b; of a stage W, a and b; 170.
    "dirac_shared": Facts(
        text=DIRAC,
        arguments={},
        numel=232 + 3 * (32 + 130) + 578 + 3 * (64 + 2) + 256 + 2 * 512 + 2_306 + 170,
        parameters=3 + 2 * (3 * 7 + 3) + 2,
        buffers=3 * 13,
        weights=8,
        uses={1: 6, 3: 2},
    ),
    # By hand: stem 216; 1x1s; of a stage W and a bias; linear 170. 14 batch norms.
    "onebit_shared": Facts(
        text=BINARY,
        arguments={},
        numel=216 + 3 * 64 + 584 + 128 + 2 * 256 + 2_320 + 170,
        parameters=1 + 2 * (3 + 2) + 2,
        buffers=3 * 14,
        weights=9,
        uses={1: 7, 3: 2},
    ),
}
SHARING = ["dirac_shared", "onebit_shared"]
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in FACTS if name not in SHARING]
ONE = [SHARING[0], pytest.param(SHARING[1], marks=pytest.mark.slow), *SLOW]


def compiled(name):
    facts = FACTS[name]
    if "\n" in facts.text:
        return compile_text(facts.text)
    arguments = {name: str(value) for name, value in facts.arguments.items()}
    return compile_spec(str(ROOT / f"specs/{facts.text}.arch"), arguments=arguments)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """model.py of each network, by name."""
    folder = tmp_path_factory.mktemp("schemes")
    found = {}
    for name in FACTS:
        path = folder / name / "model.py"
        path.parent.mkdir()
        path.write_text(compiled(name).files(name)["model.py"])
        found[name] = path
    return found


@pytest.fixture(scope="module")
def classes(paths):
    return {name: network_class(path) for name, path in paths.items()}


@pytest.fixture(params=list(FACTS))
def name(request):
    return request.param


@pytest.fixture
def x():
    return images()


def images(batch=2, seed=2):
    return torch.randn(batch, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def on_meta(network):
    with torch.device("meta"):
        return network()


@pytest.fixture
def facts(name):
    return FACTS[name]


@pytest.fixture
def network(classes, name):
    return build(classes[name]).eval()


# ---------------------------------------------------------------- state


def test_elements_are_counted_once(network, facts):
    assert sum(p.numel() for p in network.parameters()) == facts.numel
    assert len(list(network.parameters())) == facts.parameters
    assert len(list(network.buffers())) == facts.buffers
    assert len(network.state_dict()) == facts.parameters + facts.buffers


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


def assert_same(network, again, x):
    state = again.state_dict()
    assert list(state) == list(network.state_dict())
    for key, tensor in network.state_dict().items():
        assert torch.equal(state[key], tensor)
        assert state[key].data_ptr() != tensor.data_ptr()
    with torch.no_grad():
        assert torch.equal(again(x), network(x))


@pytest.mark.parametrize("way", list(COPIES))
def test_a_copied_module_is_the_same(network, x, way):
    assert_same(network, COPIES[way](network), x)


def test_safetensors_holds_each_tensor_once(network, classes, facts, name, x, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(network.state_dict(), path)  # refuses tensors that share memory
    state = load_file(path)
    assert len(state) == facts.parameters + facts.buffers
    again = classes[name]().eval()
    again.load_state_dict(state, strict=True)
    assert_same(network, again, x)


def test_a_module_without_memory_is_filled_from_a_state(network, classes, name, facts, x):
    again = on_meta(classes[name])
    assert {t.device.type for t in again.state_dict().values()} == {"meta"}
    assert sum(p.numel() for p in again.parameters()) == facts.numel
    again = again.to_empty(device="cpu").eval()
    again.load_state_dict(network.state_dict(), strict=True)
    assert_same(network, again, x)
    # what a scheme needs beside its parameters is a constant, or computed
    for module in network.modules():
        assert not [key for key, value in vars(module).items() if isinstance(value, torch.Tensor)]


# ---------------------------------------------------------------- numbers


def test_bfloat16_is_near_float32_and_gradients_stay_in_float32(network, x):
    with torch.no_grad():
        expected = network(x)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(x)
    assert output.dtype == torch.bfloat16
    assert float((output.detach() - expected).abs().max()) <= 0.05 * float(expected.abs().max())
    loss_of(output.float()).backward()
    assert {gradient.dtype for gradient in gradients(network).values()} == {torch.float32}


def test_channels_last_has_the_same_outputs_and_keeps_the_format(network, x):
    other, lost = in_channels_last(network), []

    def look(module, args, output):
        if output.ndim == 4 and not is_channels_last(output):
            lost.append(type(module).__name__)

    for module in other.modules():
        module.register_forward_hook(look)
    with torch.no_grad():
        output = other(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(output, network(x), rtol=1e-4, atol=1e-4)
    assert lost == []


def test_gradients_of_each_image_sum_to_that_of_the_batch(network, x):
    network, x = network.double(), x.double()
    parameters = {name: p.detach() for name, p in network.named_parameters()}

    def loss(parameters, image):
        return loss_of(functional_call(network, parameters, (image.unsqueeze(0),)))

    each = vmap(grad(loss), in_dims=(None, 0))(parameters, x)
    loss_of(network(x)).backward()
    for name, gradient in gradients(network).items():
        torch.testing.assert_close(each[name].mean(0), gradient)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_the_network_is_traced(network, facts, x):
    traces: list[Any] = [
        torch.jit.trace(network, x),
        torch.fx.GraphModule(network, torch.fx.Tracer().trace(network)),
    ]
    for traced in traces:
        assert sum(p.numel() for p in traced.parameters()) == facts.numel
        with torch.no_grad():
            assert torch.equal(traced(x), network(x))


# ---------------------------------------------------------------- compiled and exported


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", ONE)
def test_there_is_one_graph_for_evaluation_and_one_for_training(network, x):
    counter = CompileCounter()
    compiled = torch.compile(network, fullgraph=True, backend=counter)
    graphs = []
    for training in (False, True, False, True):
        network.train(training)
        for _ in range(2):
            compiled(x)
        graphs.append(counter.frame_count)
    assert graphs == [1, 2, 2, 2]


@pytest.mark.slow
def test_inductor_gives_the_outputs_gradients_and_moments(network, x, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    with inductor.patch({"compile_threads": 1, "aot_inductor.debug_compile": True}):
        # in float64: an offset passes through delta to a batch norm that takes it away again,
        # so its gradient is nearly zero
        check_training(network.double(), x.double())


def exported(network, x):
    return torch.export.export(network, (x,), dynamic_shapes=({0: Dim("batch")},))


@pytest.mark.parametrize("name", [*SHARING, *SLOW])
def test_an_export_lists_each_parameter_once_and_computes_each_weight_once(network, facts, name, x):
    program = exported(network, x)
    listed = list(program.graph_signature.parameters)
    assert listed == [name for name, _ in network.named_parameters()]
    targets = Counter(str(node.target) for node in program.graph.nodes)
    computed = "aten.lt.Scalar" if "onebit" in name else "aten.linalg_vector_norm.default"
    assert targets[computed] == facts.weights
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    again = torch.export.load(file).module()
    for batch in (2, 5):
        with torch.no_grad():
            assert torch.equal(again(images(batch)), network(images(batch)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE)
def test_onnx_computes_what_torch_does_and_each_weight_once(network, facts, x):
    program = torch.onnx.export(
        network,
        (x,),
        dynamo=True,
        dynamic_shapes=({0: Dim("batch")},),
        optimize=False,
        verbose=False,
    )
    assert program is not None
    graph = program.model_proto.graph
    parameters = {initializer.name for initializer in graph.initializer}
    weights = Counter(node.input[1] for node in graph.node if node.op_type == "Conv")
    computed = Counter(uses for weight, uses in weights.items() if weight not in parameters)
    assert computed == facts.uses
    program.optimize()
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    given = images(batch=5)
    (output,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
    with torch.no_grad():
        expected = network(given)
    difference = (torch.from_numpy(output) - expected).abs().max()
    assert float(difference) <= 1e-5 * float(expected.abs().max())


# ---------------------------------------------------------------- several processes


def batch():
    return images(batch=4).double()


def on_the_whole_batch(network):
    loss_of(network(batch())).backward()
    return gradients(network)


def test_checkpointing_gives_the_same_gradients(network, classes, name):
    again = checkpoint_stages(build(classes[name]).double().eval())
    assert len(stages(network)) == (3 if name in ("diracnet10", "onebit8") else 2)
    loss_of(again(batch())).backward()
    found = {key.replace("stage.", ""): g for key, g in gradients(again).items()}
    assert_each_close(found, on_the_whole_batch(network.double()), rtol=1e-12)


needs_gloo = pytest.mark.skipif(not dist.is_gloo_available(), reason="torch built without gloo")


@needs_gloo
@pytest.mark.slow
def test_ddp_has_the_gradients_of_the_whole_batch(network, name, paths, tmp_path):
    run(data_parallel, tmp_path, str(paths[name]), batch(), False, True)
    found = torch.load(tmp_path / "gradients.pt")
    assert_each_close(found, on_the_whole_batch(network.double()), rtol=1e-9)


@pytest.mark.slow
@needs_gloo
@pytest.mark.parametrize("unit", ["stage", pytest.param("block", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", [SHARING[1], pytest.param(SHARING[0], marks=pytest.mark.slow), *SLOW]
)
def test_fsdp_takes_the_steps_of_one_process(network, name, facts, paths, tmp_path, unit):
    network = network.double()
    lr = step_size(on_the_whole_batch(network))
    run(fully_sharded, tmp_path, str(paths[name]), batch(), unit, lr)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        on_the_whole_batch(network)
        optimizer.step()
    assert_each_close(torch.load(tmp_path / "after.pt"), network.state_dict(), rtol=1e-7)
    held = [torch.load(tmp_path / f"held{rank}.pt") for rank in (0, 1)]
    assert [count for _, count in held] == [facts.parameters] * 2
    assert sum(elements for elements, _ in held) == facts.numel
