"""Generated modules in the hands of a test: built, given tensors, held against their network."""

import copy
import types

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from archdsl.analyses.memory.budget import training_memory
from archdsl.analyses.memory.forward import forward
from archdsl.analyses.memory.tape import PassSetting
from archdsl.analyses.tensors import entries, kept
from archdsl.analyses.walk import root, walk
from archdsl.ir.layers import entry_name
from archdsl.ir.network import MAIN, Join, LayerNode, Part, Shared
from archdsl.pipeline import compile_text
from tests.interpreter import Interpreter

NAME = "drawn_net"

# the tests share the processors: a second thread would wait for the first one most of the time
torch.set_num_threads(1)


def source_of(compilation, name=NAME):
    """Return the text of model.py."""
    return compilation.files(name)["model.py"]


def load_module(compilation, name=NAME):
    """Return the module that model.py is."""
    module = types.ModuleType(name)
    exec(compile(source_of(compilation, name), f"{name}/model.py", "exec"), module.__dict__)
    return module


def load(compilation, name=NAME):
    """Return the class that builds the network."""
    return getattr(load_module(compilation, name), compilation.class_name(name))


def build(network, device="cpu"):
    """Return a module of a generated class, on a device."""
    torch.manual_seed(0)
    with torch.device(device):
        return network()


def scattered(module):
    """Return the module in float64, its tensors moved away from where they begin."""
    generator = torch.Generator().manual_seed(1)
    module = module.double()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            if name.endswith("running_var"):
                tensor.copy_(noise + 0.5)
            elif tensor.ndim and tensor.numel() == tensor.shape[0]:  # a number for each channel
                tensor.add_(0.4 * noise - 0.2)
    return module


def example(network, batch=2):
    """Return an input, of several the first."""
    return examples(network, batch)[0]


def examples(network, batch=2):
    """Return what a network is given: an input, or several."""
    generator = torch.Generator().manual_seed(2)
    shapes = [each.shape.shape for each in network.inputs] or [network.input.shape]
    draw = {"generator": generator, "dtype": torch.float64}
    return tuple(torch.randn(batch, *shape, **draw) for shape in shapes)


def outputs_in(output):
    """Return what a network gives as a tuple."""
    return tuple(output) if isinstance(output, tuple) else (output,)


def shapes_of(network, *, training=False):
    """Return the shapes of what a network gives, without the batch."""
    outputs = [each for each in network.outputs if training or not each.in_training]
    return [each.shape.shape for each in outputs] or [network.output.shape]


# ---------------------------------------------------------------- properties


def check_state(module, compilation):
    """Keys, shapes, order and kinds are those of `--tensors`, and their sum is the total."""
    rows = list(entries(compilation.network))
    expected = [(row.name, row.shape) for row in rows]
    assert [(key, tuple(t.shape)) for key, t in module.state_dict().items()] == expected
    parameters = dict(module.named_parameters())
    assert list(parameters) == [row.name for row in rows if row.kind == "parameter"]
    frozen = [name for name, p in parameters.items() if not p.requires_grad]
    fixed = [row.name for row in rows if row.kind == "parameter" and not row.learned]
    if compilation.growing is not None:  # what was there before is for the optimizer to leave
        assert not frozen
        frozen = fixed
    assert frozen == fixed
    sums = compilation.counts.sums
    assert sum(p.numel() for p in parameters.values()) == sums.total
    in_part = sum(row.fixed for row in rows if row.learned or compilation.growing is not None)
    learns = sum(p.numel() for p in parameters.values() if p.requires_grad)
    assert learns == sums.learned + in_part
    assert sum(b.numel() for b in module.buffers()) == sums.buffers


def check_macs(module, compilation):
    """FlopCounterMode counts twice the MACs; on the meta device, so that any size is cheap."""
    given = [torch.zeros(1, *x.shape[1:], device="meta") for x in examples(compilation.network)]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = module.eval()(*given)
    counted = counter.get_flop_counts().get("Global", {})
    known = {"aten.convolution", "aten.addmm", "aten.mm", "aten.bmm"}
    assert {str(operation).removesuffix(".default") for operation in counted} <= known
    assert counter.get_total_flops() == 2 * compilation.counts.sums.macs
    shapes = [tuple(each.shape[1:]) for each in outputs_in(output) if each is not None]
    assert shapes == shapes_of(compilation.network)


def kept_bytes(module, given):
    """Return the bytes of the storages that autograd keeps, but for those that are there anyway."""
    there = {
        tensor.untyped_storage()._cdata
        for tensor in (*module.parameters(), *module.buffers(), *given)
    }
    sizes, alive = {}, []

    def keep(tensor):
        storage = tensor.untyped_storage()
        alive.append(storage)
        sizes[storage._cdata] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module(*given)
    assert output is not None
    return sum(size for storage, size in sizes.items() if storage not in there)


def check_activations(module, compilation, batch=2):
    """What autograd keeps of a pass in training mode is what the compiler says, to the byte."""
    network = compilation.elaborated.network
    device = next((tensor.device for tensor in module.state_dict().values()), "cpu")
    shapes = [each.shape.shape for each in network.inputs] or [network.input.shape]
    given = [torch.rand(batch, *shape, device=device) for shape in shapes]
    found = forward(network, PassSetting(batch=batch))
    assert found.kept == kept_bytes(module.float().train(), given)


def shape_of(output):
    """Return the shape of what a module gives, first of several maps, without the batch."""
    first = output[0] if isinstance(output, tuple) else output
    return tuple(first.shape[1:])


def part_calls(module, run):
    """Return what `run` gives, and (name, output shape) of each call of a direct child."""
    calls = []
    hooks = [
        child.register_forward_hook(lambda *a, name=name: calls.append((name, shape_of(a[2]))))
        for name, child in module.named_children()
    ]
    try:
        return run(), calls
    finally:
        for hook in hooks:
            hook.remove()


def drop_rates(module, run):
    """Return what `run` gives, and the rates of stochastic depth in the order of the data."""
    rates = []
    hooks = [
        each.register_forward_hook(lambda each, *_: rates.append(each.p))
        for each in module.modules()
        if type(each).__name__ == "StochasticDepth"
    ]
    try:
        return run(), rates
    finally:
        for hook in hooks:
            hook.remove()


def check_parts(calls, compilation):
    """Every direct part has its announced output, in order but for branches without a level.

    A layer may be written as a function (a flatten, a borrowed weight), and branches at the top are
    no module: such calls are not seen.
    """
    nodes = [step.node for step in compilation.network.body]
    parts = [node for node in nodes if not isinstance(node, Join) and not _is_for_training(node)]
    seen = {name for name, _ in calls}
    announced = [(node.name, node.output.shape) for node in parts if node.name in seen]
    names = {node.name for node in parts}
    found = [call for call in calls if call[0] in names]
    beside = (step for step in compilation.network.body if step.gives[0] != MAIN)
    if any(isinstance(step.node, LayerNode) for step in beside):
        found, announced = sorted(found), sorted(announced)
    assert found == announced
    for node in parts:
        assert node.name in seen or isinstance(node, LayerNode) or not node.body, node.name


def _is_for_training(node):
    return isinstance(node, Part) and node.in_training


def check_forward(module, compilation):
    """A forward gives the announced shapes and the network's meaning; its input stays as it is."""
    network = compilation.network
    module = scattered(module).eval()
    images = examples(network)
    given = [image.clone() for image in images]
    with torch.no_grad():
        (output, calls), rates = drop_rates(
            module, lambda: part_calls(module, lambda: module(*images))
        )
        meaning = Interpreter(network, module.state_dict())
        expected = meaning(*given)
    check_parts(calls, compilation)
    there = [[rate for rate in each if rate] for each in (rates, meaning.rates)]
    # branches side by side have no order
    assert sorted(there[0]) == pytest.approx(sorted(there[1]))
    outputs = [each for each in outputs_in(output) if each is not None]
    assert [tuple(each.shape[1:]) for each in outputs] == shapes_of(network)
    for one, other in zip(outputs, expected, strict=True):
        assert torch.isfinite(other).all()
        close = 1e-8 * float(other.abs().max()) + 1e-12
        assert torch.allclose(one, other, rtol=1e-8, atol=close)
    assert all(map(torch.equal, images, given))


def check_folding(compilation, text, arguments):
    """The network written out block by block has the same tensors, counts and parts."""
    unfolded = compile_text(text, arguments=arguments, fold=False)
    assert list(entries(unfolded.network)) == list(entries(compilation.network))
    assert unfolded.counts.sums == compilation.counts.sums
    assert unfolded.counts.parts == compilation.counts.parts
    assert unfolded.network.output == compilation.network.output
    assert memory_of(unfolded) == memory_of(compilation)
    return unfolded


def memory_of(compilation):
    """Return what a training step takes of memory."""
    return training_memory(compilation.elaborated.network, PassSetting(batch=2))


def check_copies(module):
    """A copy and a round trip through `state_dict` keep every tensor, each once."""
    copied = copy.deepcopy(module)
    state = module.state_dict()
    assert len({t.data_ptr() for t in state.values() if t.numel()}) == sum(
        1 for t in state.values() if t.numel()
    )
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    copied.load_state_dict(state, strict=True)
    for name, tensor in copied.state_dict().items():
        assert torch.equal(tensor, state[name])
        assert tensor.data_ptr() != state[name].data_ptr() or not tensor.numel()


def train_step(module, compilation):
    """Train a step; every learned tensor gets a finite gradient, and nothing that is frozen moves.

    Return the parameters that moved.
    """
    module = module.double().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    # torch 2.13 crashes in the backward of a GroupNorm whose channels-last input needs no gradient
    images = [x.requires_grad_() for x in examples(compilation.network, batch=3)]
    outputs = outputs_in(module(*images))
    shapes = shapes_of(compilation.network, training=True)
    assert [tuple(each.shape) for each in outputs] == [(3, *shape) for shape in shapes]
    learned = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if learned:
        sums = [(x * torch.randn(x.shape, dtype=x.dtype)).sum() for x in outputs]
        torch.stack(sums).sum().backward()
        torch.optim.SGD(learned.values(), lr=0.1).step()
    after = module.state_dict()
    for name, parameter in learned.items():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        told = parameter.grad.abs().max() > 1e-6 * before[name].abs().max()
        assert not told or not torch.equal(after[name], before[name]), name
    frozen = frozen_tensors(compilation.network)
    assert {n for n, p in module.named_parameters() if n not in learned} <= frozen
    for name in frozen:
        assert torch.equal(after[name], before[name]), name
    assert all(p.grad is None for p in module.parameters() if not p.requires_grad)
    return {name for name in learned if not torch.equal(after[name], before[name])}


def frozen_tensors(network):
    """Return the names of what frozen layers keep, moments included."""
    return {
        entry_name(place.name, tensor)
        for place in walk(root(network), unfold=True)
        if isinstance(place.node, LayerNode | Shared) and place.node.frozen
        for tensor in kept(place)
    }
