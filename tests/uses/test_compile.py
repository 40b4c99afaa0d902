"""torch.compile(fullgraph=True): a graph for evaluation, one for training, no more; equal results.

The graphs are counted with a backend that runs them as they are. Inductor, which compiles them with
gcc for half a minute each, takes the smallest network here and all of them behind the slow marker.
"""

import copy

import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch._inductor import config as inductor

from tests.uses.networks import SMALL, assert_each_close, gradients, images, loss_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"  # inductor's own imports
)


@pytest.fixture(autouse=True)
def _fresh():
    """Forget what earlier tests compiled: dynamo keeps count of recompiles for each code object."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def counted(network):
    counter = CompileCounter()
    return torch.compile(network, fullgraph=True, backend=counter), counter


@pytest.mark.parametrize(
    "name",
    [*SMALL, *(pytest.param(n, marks=pytest.mark.slow) for n in ("resnet18", "sharesnet50"))],
)
def test_there_is_one_graph_for_evaluation_and_one_for_training(network, x):
    compiled, counter = counted(network)
    graphs = []
    for training in (False, True, False, True):
        network.train(training)
        for _ in range(2):
            compiled(x)
        graphs.append(counter.frame_count)
    assert graphs == [1, 2, 2, 2]


@pytest.mark.parametrize("name", ["share_wrn22"])
def test_a_second_batch_size_makes_one_more_graph_and_a_third_none(network, name):
    compiled, counter = counted(network)
    graphs = []
    with torch.no_grad():
        for batch in (2, 3, 5, 8):
            compiled(images(name, batch))
            graphs.append(counter.frame_count)
    assert graphs == [1, 2, 2, 2]


@pytest.mark.parametrize("name", ["share_wrn22"])
def test_a_batch_that_is_marked_dynamic_needs_one_graph(network, name):
    compiled, counter = counted(network)
    with torch.no_grad():
        for batch in (2, 3, 5):
            given = images(name, batch)
            torch._dynamo.mark_dynamic(given, 0)
            compiled(given)
    assert counter.frame_count == 1


def check_evaluation(network, x):
    compiled = torch.compile(network.eval(), fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), network(x), rtol=1e-4, atol=1e-4)


def check_training(network, x):
    """A training step has the outputs, gradients and moments of the one that is not compiled.

    In float64: normalized over two images, a deep network's gradients are hardly known in float32.
    """
    plain = copy.deepcopy(network).train()
    expected = plain(x)
    loss_of(expected).backward()
    output = torch.compile(network.train(), fullgraph=True)(x)
    loss_of(output).backward()
    torch.testing.assert_close(output, expected, rtol=1e-8, atol=1e-8)
    assert_each_close(gradients(network), gradients(plain), rtol=1e-7)
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(network.get_buffer(name), buffer, rtol=1e-8, atol=1e-8)


@pytest.fixture
def inductor_cache(tmp_path, monkeypatch):
    """Compile anew, in this process: what an earlier run left must not stand in."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    with inductor.patch({"compile_threads": 1}):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wrn10"])
def test_inductor_gives_the_outputs(network, x, inductor_cache):
    with inductor.patch({"aot_inductor.debug_compile": True}):  # -O0: gcc's time is most of it
        check_evaluation(network, x)


@pytest.mark.slow
def test_inductor_gives_the_outputs_gradients_and_moments(network, x, inductor_cache):
    check_evaluation(network, x)
    check_training(network.double(), x.double())
