"""responses.py: what is a layer's response, its name, and that training never notices."""

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from archdsl.pipeline import compile_spec, compile_text
from tests.emit.stand_ins import checkpoint_of, log_of, quick, recipe, train, without_time
from tests.emit.test_folders import files_of
from tests.emit.test_train import VARIANTS, load_batches
from tests.generated import build
from tests.generated import load as load_network
from tests.uses.checkpoints import same


@pytest.fixture
def module(load):
    return load(recipe())


@pytest.fixture
def measure(module):
    return module.measure_responses


def conv(weight):
    """A convolution of one channel that multiplies by a number."""
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, weight)
    return layer


def norm(mean, std, weight, bias):
    """Batch normalization of one channel with these moments, scale and offset."""
    layer = nn.BatchNorm2d(1, eps=0.0)
    values = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": std**2}
    for name, value in values.items():
        nn.init.constant_(layer.state_dict()[name], value)
    return layer


def image(*pixels):
    return torch.tensor(pixels).view(1, 1, 2, 2)


def net(text):
    """The module of a network that a spec has."""
    return build(load_network(compile_text(text)))


# ---------------------------------------------------------------- what a response is


def test_a_response_is_behind_the_norm_and_before_the_activation(measure):
    """From 0, 0, 2, 2: 0 or 6, normalized 4.5 or 19.5; -9 or -39; -96 and 0."""
    fc = nn.Linear(4, 2)
    nn.init.zeros_(fc.bias)
    with torch.no_grad():
        fc.weight.copy_(torch.tensor([[1.0] * 4, [0.0] * 4]))
    layers = {
        "conv": conv(3.0),
        "bn": norm(mean=1.0, std=2.0, weight=5.0, bias=7.0),
        "relu": nn.ReLU(inplace=True),
        "plain": conv(-2.0),
        "identity": nn.Identity(),
        "flatten": nn.Flatten(),
        "fc": fc,
        "last": nn.ReLU(inplace=True),
    }
    responses = measure(nn.Sequential(OrderedDict(layers)), image(0.0, 0.0, 2.0, 2.0))
    assert responses == {"conv": 7.5, "plain": 15.0, "fc": 48.0}


@pytest.mark.parametrize("inplace", [False, True])
def test_a_norm_behind_an_activation_is_not_the_response(measure, inplace):
    """-2 and 2; behind the activation 0 and 2, and normalized 0 and 20."""
    layers = conv(2.0), nn.ReLU(inplace=inplace), norm(0.0, 1.0, 10.0, 0.0)
    assert measure(nn.Sequential(*layers), image(-1.0, -1.0, 1.0, 1.0)) == {"0": 2.0}


def test_a_norm_of_a_sum_is_of_no_layer(measure):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = conv(2.0), norm(0.0, 1.0, 10.0, 0.0)

        def forward(self, x):
            return self.bn(self.conv(x) + x)

    assert measure(Residual(), image(0.0, 0.0, 2.0, 2.0)) == {"conv": 2.0}


@pytest.mark.parametrize("word", ["layernorm", "groupnorm(1)", "instancenorm"])
def test_every_norm_that_standardizes_counts(measure, word):
    model = net(f"network n {{ input(1, 4, 4) conv: conv1x1(8) norm: {word} head: relu }}")
    nn.init.normal_(model.conv.weight, std=100.0)
    (response,) = measure(model, torch.randn(2, 1, 4, 4)).values()
    assert response == pytest.approx(1.0, rel=1e-2)


def test_a_response_that_is_not_finite_is_none(measure):
    assert measure(nn.Sequential(conv(1e30), conv(1e30)), image(0.0, 0.0, 2.0, 2.0)) == {
        "0": None,
        "1": None,
    }


# ---------------------------------------------------------------- names


def names(measure, model, shape):
    return list(measure(model, torch.randn(2, *shape)))


def test_names_are_in_order_of_execution_and_a_shared_weight_has_one_for_each_use(measure):
    model = build(load_network(compile_spec("specs/digits.arch")))
    assert names(measure, model, (1, 8, 8)) == [
        "stem.0",
        "conv2.blocks.0.shared_conv1",
        "conv2.blocks.0.shared_conv1#2",
        "conv2.blocks.1.shared_conv1",
        "conv2.blocks.1.shared_conv1#2",
        "conv3.blocks.0.shortcut.0",
        "conv3.blocks.0.conv1",
        "conv3.blocks.0.shared_conv1",
        "conv3.blocks.1.shared_conv1",
        "conv3.blocks.1.shared_conv1#2",
        "head.4",
    ]


BORROWED = """\
network n {
    input(4, 8, 8)
    stage body(stride = 2) = 2 * unit(4) with share(conv3x3, strides = any)SCHEME
}
block unit(width) { conv3x3(width, stride = stride) bn relu }
"""


@pytest.mark.parametrize("scheme", ["", ", binary"])
def test_a_weight_that_a_function_applies_is_named_by_its_block(measure, scheme):
    model = net(BORROWED.replace("SCHEME", scheme))
    assert names(measure, model, (4, 8, 8)) == ["body.blocks.0.conv2d", "body.blocks.1.conv2d"]


# Convolutions of the blocks, the stem, shortcuts of another width, the head.
@pytest.mark.parametrize(
    ("spec", "arguments", "layers"),
    [
        ("wrn", {"depth": "10", "k": "1"}, 6 + 1 + 2 + 1),
        ("share_wrn", {"depth": "22", "k": "1"}, 18 + 1 + 2 + 1),
        ("onebit", {"depth": "8", "k": "1"}, 6 + 1 + 1),
        ("diracnet", {"depth": "10", "k": "1"}, 6 + 1 + 1),
    ],
)
def test_every_use_of_a_weight_responds(measure, spec, arguments, layers):
    compilation = compile_spec(f"specs/{spec}.arch", None, arguments)
    model = build(load_network(compilation))
    assert len(names(measure, model, compilation.network.input.shape)) == layers


# ---------------------------------------------------------------- training never notices


def test_measuring_changes_nothing(module):
    model, images = module.Tiny(), torch.randn(8, 1, 8, 8)
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    first, again = (module.measure_responses(model, images) for _ in range(2))
    assert first == again
    assert list(first) == ["0", "6"]
    assert same(model.state_dict(), before)
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_hooks_are_gone_after_a_forward_that_fails(module):
    model = module.Tiny()
    with pytest.raises(RuntimeError):
        module.measure_responses(model, torch.randn(8, 3, 8, 8))
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())


def test_what_is_compiled_is_neither_run_nor_compiled_again(module):
    torch._dynamo.reset()
    counter = CompileCounter()
    model, images = module.Tiny(), torch.randn(8, 1, 8, 8)
    model.compile(backend=counter, dynamic=False)
    graphs = []
    for _ in range(3):
        model.train()
        model(images)
        model.eval()
        model(images)
        graphs.append(counter.frame_count)
        assert len(module.measure_responses(model, images)) == 2
    torch._dynamo.reset()
    assert graphs == [graphs[0]] * 3


@pytest.mark.parametrize("name", ["digits", "onebit", "mcdonnell", "mixed", "whitened"])
def test_a_run_has_the_same_bits_with_and_without(load, tmp_path, name):
    module = load(VARIANTS[name])
    for flag in (False, True):
        quick(module, tmp_path / str(flag), responses=flag)
    states = [checkpoint_of(tmp_path / str(flag)) for flag in (False, True)]
    assert [state["config"].pop("responses") for state in states] == [False, True]
    assert same(*states)
    (_, *plain), (_, *logged) = (
        without_time(log_of(tmp_path / str(flag))) for flag in (False, True)
    )
    assert [list(record.pop("responses")) for record in logged] == [["0", "6"]] * 2
    assert logged == plain


def test_the_flag_may_change_when_a_run_goes_on(load, tmp_path):
    module = load(VARIANTS["cifar10"])
    quick(module, tmp_path / "out")
    config = module.Config(
        out=str(tmp_path / "out"),
        synthetic=True,
        epochs=3,
        device="cpu",
        resume=True,
        responses=True,
    )
    module.main(config)
    _, one, _, resumed, three = log_of(tmp_path / "out")
    assert resumed["config"] == {"epochs": 3, "responses": True}
    assert ("responses" in one, "responses" in three) == (False, True)


# ---------------------------------------------------------------- the batch


def test_the_batch_is_of_the_first_training_images_as_they_are(load):
    module = load(VARIANTS["mixed"])
    batches, _ = load_batches(module, ".", size=8, synthetic=True, verify=True)
    place = batches.place()
    first, again = module.fixed_batch(batches), module.fixed_batch(batches)
    pixels = batches.pixels.view(-1, 32, 32, 3)[:8].permute(0, 3, 1, 2).float()
    expected = (pixels - batches.mean.view(3, 1, 1)) / batches.std.view(3, 1, 1)
    torch.testing.assert_close(first, expected)
    assert torch.equal(again, first)
    assert same(batches.place(), place)


def test_what_gathers_images_is_not_compiled_for_one_batch(load):
    module = load(VARIANTS["cifar10"])
    batches, _ = load_batches(module, ".", size=8, synthetic=True, verify=True)
    counter = CompileCounter()
    batches.gather = torch.compile(batches.gather, backend=counter, dynamic=False)
    module.fixed_batch(batches)
    assert counter.frame_count == 0
    next(iter(batches))
    assert counter.frame_count == 1


def test_images_in_a_folder_respond_too(tmp_path):
    for name, text in files_of().items():
        (tmp_path / name).write_text(text)
    flags = ("--synthetic", "--epochs", 1, "--device", "cpu")
    for out, more in (("plain", ()), ("logged", ("--responses",))):
        status, _, stderr = train(tmp_path, *flags, *more, "--out", tmp_path / out)
        assert (status, stderr) == (0, "")
    (plain,), (logged,) = (without_time(log_of(tmp_path / o)[1:]) for o in ("plain", "logged"))
    assert list(logged.pop("responses")) == ["stem.0", "head.2"]
    assert logged == plain
