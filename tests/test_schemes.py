# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportArgumentType=false
"""Weight schemes against NumPy in float64, written from the papers' equations.

Dirac: Zagoruyko & Komodakis 2017 (arXiv:1706.00388v1), equations 3, 4, 5, 11 and 14. Binary:
McDonnell 2018 (arXiv:1802.08530), equation 1, appendix B; Rastegari et al. 2016 (arXiv:1603.05279).
Standardized: Qiao et al. 2019 (arXiv:1903.10520), equations 5 to 7; Brock et al. 2021
(arXiv:2101.08692), equation 1.
"""

import ast
import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from archdsl.pipeline import compile_spec, compile_text
from tests.generated import build, load, source_of

ROOT = Path(__file__).parents[1]
RATIOS = [  # in, out, groups
    (4, 4, 1),
    (8, 4, 1),
    (12, 4, 1),
    (4, 8, 1),
    (4, 12, 1),
    (1, 6, 1),
    (6, 1, 1),
    (8, 4, 2),
    (4, 8, 2),
    (6, 6, 3),
    (6, 6, 6),
    (3, 9, 3),
]
FORMS = ["dirac", "dirac(v2)", "dirac(delta = padded)", "dirac(v2, delta = tiled)"]
BARE = ["dirac(bare)", "dirac(bare, delta = padded)"]
UNNORMALIZED = ["dirac(norm = false)", "dirac(norm = false, a_per = channel, delta = padded)"]
DIRACS = ["dirac", "dirac(v2)", "dirac(norm = false)", "dirac(bare)"]
STANDARDIZED = ["standardized", "standardized(gain = true)"]


def network(text):
    """Return a new module."""
    return build(load(compile_text(text)))


def layer(scheme, inputs=4, outputs=4, more="", kernel="3x3"):
    """Return a convolution of this scheme, in float64."""
    call = f"conv{kernel}({outputs}{', ' * bool(more)}{more})"
    text = f"network n {{\n input({inputs}, 7, 6)\n {call} with {scheme}\n}}"
    return network(text).double().conv1


def scattered(module, seed=1):
    """Move every parameter to somewhere else."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
    return module


def numpy_of(*tensors):
    return [tensor.detach().numpy().astype(np.float64) for tensor in tensors]


def delta(outputs, inputs, groups, kernel, *, tiled):
    """Section 2.1: an identity at the centre, repeated along the larger number of channels."""
    out, into = outputs // groups, inputs // groups
    least = min(out, into)
    square = np.tile(np.eye(least), (out // least, into // least)) if tiled else np.eye(out, into)
    found = np.zeros((outputs, into, *kernel))
    found[:, :, kernel[0] // 2, kernel[1] // 2] = np.concatenate([square] * groups)
    return found


def correlate(x, weight, *, groups=1, dilation=1):
    """Apply a filter to x [C, H, W] with zeros around it, so that the size is kept."""
    outputs, into, height, width = weight.shape
    down, right = dilation * (height // 2), dilation * (width // 2)
    padded = np.pad(x, ((0, 0), (down, down), (right, right)))
    found = np.zeros((outputs, *x.shape[1:]))
    for o in range(outputs):
        first = o // (outputs // groups) * into
        for i, u, v in np.ndindex(into, height, width):
            shifted = padded[first + i, u * dilation :, v * dilation :]
            found[o] += weight[o, i, u, v] * shifted[: x.shape[1], : x.shape[2]]
    return found


def normed(weight, eps=1e-12):
    """Equation 5, for each filter."""
    norms = np.sqrt((weight.reshape(len(weight), -1) ** 2).sum(1))
    return weight / np.maximum(norms, eps).reshape(-1, 1, 1, 1)


# ---------------------------------------------------------------- dirac


@pytest.mark.parametrize(("inputs", "outputs", "groups"), RATIOS)
@pytest.mark.parametrize("scheme", FORMS)
def test_a_dirac_weight_is_equation_4(scheme, inputs, outputs, groups):
    conv = scattered(layer(scheme, inputs, outputs, f"groups = {groups}"))
    weight, a, b = numpy_of(conv.weight, conv.a, conv.b)
    assert a.shape == b.shape == ((outputs,) if "v2" in scheme else (1,))
    tiled = scheme in ("dirac", "dirac(v2, delta = tiled)")
    passed = delta(outputs, inputs, groups, (3, 3), tiled=tiled)
    expected = a.reshape(-1, 1, 1, 1) * passed + b.reshape(-1, 1, 1, 1) * normed(weight)
    np.testing.assert_allclose(*numpy_of(conv.effective_weight()), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(("inputs", "outputs", "groups"), RATIOS)
@pytest.mark.parametrize("scheme", UNNORMALIZED)
def test_a_dirac_weight_without_norm_is_equation_3(scheme, inputs, outputs, groups):
    conv = scattered(layer(scheme, inputs, outputs, f"groups = {groups}"))
    assert [name for name, _ in conv.named_parameters()] == ["weight", "a"]
    weight, a = numpy_of(conv.weight, conv.a)
    assert a.shape == ((outputs,) if "channel" in scheme else (1,))
    passed = delta(outputs, inputs, groups, (3, 3), tiled="padded" not in scheme)
    expected = a.reshape(-1, 1, 1, 1) * passed + weight
    np.testing.assert_allclose(*numpy_of(conv.effective_weight()), expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize(("inputs", "outputs", "groups"), RATIOS)
@pytest.mark.parametrize("scheme", BARE)
def test_a_bare_dirac_weight_is_equation_14(scheme, inputs, outputs, groups):
    conv = scattered(layer(scheme, inputs, outputs, f"groups = {groups}"))
    passed = delta(outputs, inputs, groups, (3, 3), tiled="padded" not in scheme)
    expected = passed + numpy_of(conv.weight)[0]
    np.testing.assert_allclose(*numpy_of(conv.effective_weight()), expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize("groups", [1, 2])
def test_padded_delta_is_what_torch_calls_dirac(groups):
    for inputs, outputs in ((4, 8), (8, 4), (4, 4)):
        conv = layer("dirac(bare, delta = padded)", inputs, outputs, f"groups = {groups}")
        expected = torch.nn.init.dirac_(torch.empty_like(conv.weight), groups)
        assert torch.equal(conv.delta(), expected)


@pytest.mark.parametrize(
    ("more", "kernel", "groups", "dilation"),
    [
        ("", "3x3", 1, 1),
        ("", "1x1", 1, 1),
        ("", "5x1", 1, 1),
        ("groups = 2", "1x3", 2, 1),
        ("dilation = 2, groups = 2", "3x5", 2, 2),
    ],
)
@pytest.mark.parametrize("scheme", [*DIRACS, "binary", *STANDARDIZED])
def test_a_layer_applies_its_weight(scheme, more, kernel, groups, dilation):
    more = f"bias = true{', ' * bool(more)}{more}"
    conv = scattered(layer(scheme, 4, 8, more, kernel))
    x = np.random.default_rng(0).normal(size=(4, 7, 6))
    found = conv(torch.from_numpy(x)[None])[0]
    weight, bias = numpy_of(conv.effective_weight(), conv.bias)
    expected = correlate(x, weight, groups=groups, dilation=dilation) + bias[:, None, None]
    np.testing.assert_allclose(*numpy_of(found), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_layer_in_a_group_begins_as_a_times_x(width, dtype):
    """Equation 11: where W is 0, NCReLU and the two identities of delta undo each other."""
    text = f"network n {{\n input({width}, 7, 6)\n ncrelu\n conv3x3({width}) with dirac\n}}"
    module = network(text).to(dtype)
    torch.nn.init.zeros_(module.conv1.weight)
    torch.nn.init.constant_(module.conv1.a, 4.0)  # a power of two: no rounding
    x = torch.randn(2, width, 7, 6, dtype=dtype)
    assert torch.equal(module(x), 4 * x)


def test_a_layer_that_doubles_the_width_begins_as_a_times_ncrelu():
    module = network("network n {\n input(3, 5, 5)\n ncrelu\n conv3x3(6) with dirac\n}").double()
    torch.nn.init.zeros_(module.conv1.weight)
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    positive, negative = np.maximum(x.numpy(), 0), np.minimum(x.numpy(), 0)
    expected = 5 * np.concatenate((positive, negative), 1)
    np.testing.assert_allclose(*numpy_of(module(x)), expected, rtol=1e-15)


@pytest.mark.parametrize(
    "scheme", [*FORMS, *BARE, *UNNORMALIZED, "dirac(b_per = channel, eps = 0.5)"]
)
@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(2, 4, 1), (4, 2, 2)])
def test_gradients_of_dirac_are_those_of_finite_differences(scheme, inputs, outputs, groups):
    conv = scattered(layer(scheme, inputs, outputs, f"groups = {groups}, bias = true"))
    with torch.no_grad():
        conv.weight[0] *= 0.01  # within eps, where that is 0.5
    names = [name for name, _ in conv.named_parameters()]
    values = [p.detach().requires_grad_() for p in conv.parameters()]
    x = torch.randn(1, inputs, 4, 3, dtype=torch.float64, requires_grad=True)

    def forward(x, *values):
        return functional_call(conv, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(forward, (x, *values))


@pytest.mark.parametrize("eps", [1e-12, 1e-3])
def test_a_filter_of_zeros_is_divided_by_eps(eps):
    conv = layer(f"dirac(eps = {eps})")
    with torch.no_grad():
        conv.weight[1] = 0
    weight = conv.effective_weight()
    expected = 5 * delta(4, 4, 1, (3, 3), tiled=True) + 1e-3 * normed(*numpy_of(conv.weight), eps)
    np.testing.assert_allclose(*numpy_of(weight), expected, rtol=1e-6)  # a, b were float32
    weight.sum().backward()
    assert torch.isfinite(conv.weight.grad).all()
    torch.testing.assert_close(  # of b v / eps
        conv.weight.grad[1],
        torch.full((4, 3, 3), 1e-3 / eps, dtype=torch.float64),
        rtol=1e-6,
        atol=0,
    )


# ---------------------------------------------------------------- binary


@pytest.mark.parametrize(
    ("scheme", "gain"), [("binary", 2), ("binary(gain = 4)", 4), ("binary(gain = 0.5)", 0.5)]
)
@pytest.mark.parametrize(
    ("more", "kernel", "fan_in"),
    [("", "3x3", 36), ("", "1x1", 4), ("groups = 2", "5x1", 10), ("stride = 2", "2x2", 16)],
)
def test_a_binary_weight_is_equation_1(scheme, gain, more, kernel, fan_in):
    conv = scattered(layer(scheme, 4, 8, more, kernel))
    (weight,) = numpy_of(conv.weight)
    expected = math.sqrt(gain / fan_in) * np.sign(weight)
    np.testing.assert_allclose(*numpy_of(conv.effective_weight()), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("scheme", ["binary", "binary(scale = mean)"])
def test_a_binary_weight_has_two_values_and_the_sign_of_zero_is_plus(scheme, dtype):
    conv = layer(scheme, 1, 1).to(dtype)
    given = [-2.0, -1e-30, -0.0, 0.0, 1e-30, 2.0, 7.5, -1e-3, 0.5]
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(given).view(1, 1, 3, 3))
    signs = [-1, -1, 1, 1, 1, 1, 1, -1, 1]
    scale = torch.tensor(math.sqrt(2 / 9), dtype=dtype)
    if "mean" in scheme:
        scale = conv.weight.detach().abs().mean()
        assert float(scale) == pytest.approx((2 + 2 + 7.5 + 1e-3 + 0.5) / 9, rel=4e-3)
    expected = scale * torch.tensor(signs, dtype=dtype).view(1, 1, 3, 3)
    assert torch.equal(conv.effective_weight(), expected)


def test_the_mean_scale_is_of_each_filter():
    conv = scattered(layer("binary(scale = mean)", 4, 6, "groups = 2"))
    (weight,) = numpy_of(conv.weight)
    means = np.array([np.abs(weight[o]).sum() / (2 * 9) for o in range(6)]).reshape(-1, 1, 1, 1)
    expected = means * np.sign(weight)
    np.testing.assert_allclose(*numpy_of(conv.effective_weight()), expected, rtol=1e-14)


@pytest.mark.parametrize("scheme", ["binary", "binary(gain = 4)", "binary(scale = mean)"])
def test_the_gradient_goes_straight_through(scheme):
    """Neither scaled nor clipped, large as W may be; none comes by the scale."""
    conv = layer(scheme)
    with torch.no_grad():
        conv.weight.mul_(100)
        conv.weight[0, 0] = 0
    given = torch.randn_like(conv.weight)
    conv.effective_weight().backward(given)
    assert torch.equal(conv.weight.grad, given)


def test_through_a_layer_the_gradient_is_that_of_a_plain_one_with_these_weights():
    binary, plain = layer("binary", 4, 8, "groups = 2"), layer("plain", 4, 8, "groups = 2")
    with torch.no_grad():
        plain.weight.copy_(binary.effective_weight())
    x, direction = (torch.randn(3, c, 7, 6, dtype=torch.float64) for c in (4, 8))
    for conv in (binary, plain):
        (conv(x) * direction).sum().backward()
    assert torch.equal(binary.weight.grad, plain.weight.grad)


def test_the_scale_is_no_parameter_and_stays():
    conv = layer("binary")
    assert list(conv.state_dict()) == ["weight"]
    before = conv.effective_weight().detach().abs()
    optimizer = torch.optim.SGD(conv.parameters(), lr=1.0, weight_decay=0.1)
    conv(torch.randn(2, 4, 7, 6, dtype=torch.float64)).square().sum().backward()
    optimizer.step()
    assert torch.equal(conv.effective_weight().detach().abs(), before)
    assert set(before.flatten().tolist()) == {(2 / 36) ** 0.5}


# ---------------------------------------------------------------- standardized


def test_a_standardized_weight_in_numbers():
    """Filters 1, 2, 3, 6 and 1, -1, 1, -1: means 3 and 0, variances 3.5 and 1."""
    given = torch.tensor([[1.0, 2, 3, 6], [1, -1, 1, -1]], dtype=torch.float64).view(2, 1, 2, 2)
    plain = layer("standardized(eps = 0.5)", 1, 2, kernel="2x2")
    scaled = layer("standardized(eps = 0.5, gain = true)", 1, 2, kernel="2x2")
    with torch.no_grad():
        plain.weight.copy_(given)
        scaled.weight.copy_(given)
        scaled.gain.copy_(torch.tensor([3.0, -1]).view(2, 1, 1, 1))
    first = np.array([-1, -0.5, 0, 1.5])  # over sqrt(3.5 + 0.5) = 2
    second = np.array([1, -1, 1, -1]) / 1.5**0.5
    expected = np.stack([first, second]).reshape(2, 1, 2, 2)
    np.testing.assert_allclose(*numpy_of(plain.effective_weight()), expected, rtol=1e-14)
    expected = np.stack([1.5 * first, -0.5 * second]).reshape(2, 1, 2, 2)  # 3 / sqrt(4), -1 / 2
    np.testing.assert_allclose(*numpy_of(scaled.effective_weight()), expected, rtol=1e-14)


@pytest.mark.parametrize(("inputs", "outputs", "groups"), RATIOS)
@pytest.mark.parametrize("scheme", [*STANDARDIZED, "standardized(eps = 0.01, gain = true)"])
def test_a_standardized_weight_is_that_of_the_papers(scheme, inputs, outputs, groups):
    more = f"groups = {groups}, stride = 2, bias = true"
    conv = scattered(layer(scheme, inputs, outputs, more))
    eps = 0.01 if "0.01" in scheme else 1e-5
    (weight,) = numpy_of(conv.weight)
    fan_in = inputs // groups * 9
    expected = np.zeros_like(weight)
    for o in range(outputs):
        mean = weight[o].sum() / fan_in
        var = ((weight[o] - mean) ** 2).sum() / fan_in
        expected[o] = (weight[o] - mean) / math.sqrt(var + eps)
        if "gain" in scheme:
            expected[o] *= conv.gain[o].item() / math.sqrt(fan_in)
    np.testing.assert_allclose(*numpy_of(conv.effective_weight()), expected, rtol=1e-12, atol=1e-14)


def test_what_is_kept_comes_in_pytorch_s_order():
    conv = layer("standardized(gain = true)", 4, 6, "bias = true, groups = 2")
    shapes = {name: tuple(tensor.shape) for name, tensor in conv.state_dict().items()}
    assert list(shapes.items()) == [
        ("weight", (6, 2, 3, 3)),
        ("bias", (6,)),
        ("gain", (6, 1, 1, 1)),
    ]
    assert list(layer("standardized").state_dict()) == ["weight"]


@pytest.mark.parametrize("scheme", STANDARDIZED)
@pytest.mark.parametrize(("inputs", "outputs", "groups"), [(2, 4, 1), (4, 2, 2)])
def test_gradients_of_standardized_are_those_of_finite_differences(scheme, inputs, outputs, groups):
    conv = scattered(layer(scheme, inputs, outputs, f"groups = {groups}, bias = true"))
    names = [name for name, _ in conv.named_parameters()]
    values = [p.detach().requires_grad_() for p in conv.parameters()]
    x = torch.randn(1, inputs, 4, 3, dtype=torch.float64, requires_grad=True)

    def forward(x, *values):
        return functional_call(conv, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(forward, (x, *values))


@pytest.mark.parametrize("scheme", STANDARDIZED)
def test_mean_and_size_of_a_standardized_filter_make_no_difference(scheme):
    conv = scattered(layer(scheme))
    before = conv.effective_weight().detach()
    with torch.no_grad():
        conv.weight.mul_(100).add_(3)
    np.testing.assert_allclose(*numpy_of(conv.effective_weight(), before), rtol=1e-4)  # but for eps


@pytest.mark.parametrize("scheme", STANDARDIZED)
@pytest.mark.parametrize("training", [True, False])
def test_a_standardized_layer_is_the_same_in_training_and_evaluation(scheme, training):
    conv = scattered(layer(scheme)).train(training)
    assert torch.equal(conv.effective_weight(), conv.train(not training).effective_weight())


def test_gains_are_at_first_those_of_a_map_that_keeps_its_variance():
    conv = layer("standardized(gain = true)", 4, 8, "groups = 2")
    sums = conv.effective_weight().square().sum((1, 2, 3))
    np.testing.assert_allclose(*numpy_of(sums), 1, rtol=1e-3)  # sum of squares: var / (var + eps)


def test_a_class_refuses_an_argument_that_leaves_a_filter_one_weight():
    network = load(
        compile_text("""
network n(width = 8) {
    input(4, 8, 8)
    conv3x3(width)
    conv1x1(16) with standardized
}
""")
    )
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(width=1)(torch.zeros(1, 4, 8, 8))


# ---------------------------------------------------------------- how they begin


def is_normal(tensor, std):
    """Say whether so many numbers may be of N(0, std^2): mean, deviation and fourth moment."""
    standard = (tensor / std).flatten().double()
    n = standard.numel()
    means = standard.mean(), standard.square().mean(), standard.pow(4).mean()
    expected = (0, 1), (1, 2), (3, 96)  # mean and variance of z, z^2, z^4
    return all(
        abs(float(found) - mean) < 5 * math.sqrt(variance / n)
        for found, (mean, variance) in zip(means, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("scheme", "std", "a", "b"),
    [
        ("dirac", 1.0, [5.0], [1e-3]),
        ("dirac(v2)", math.sqrt(2 / 288), [1.0] * 64, [0.1] * 64),
        ("dirac(b_per = channel)", 1.0, [5.0], [1e-3] * 64),
        ("dirac(a = 2, b = 0, std = 0.1, a_per = channel)", 0.1, [2.0] * 64, [0.0]),
        ("dirac(norm = false)", 0.01, [5.0], None),
        ("dirac(norm = false, std = 1e-3)", 1e-3, [5.0], None),
        ("dirac(bare)", 0.01, None, None),
        ("dirac(bare, std = 1e-8)", 1e-8, None, None),
        ("binary", math.sqrt(2 / 288), None, None),
        ("binary(gain = 4)", math.sqrt(4 / 288), None, None),
        ("binary(scale = mean)", math.sqrt(2 / 288), None, None),
        ("standardized", math.sqrt(2 / 288), None, None),
    ],
)
def test_layers_begin_as_the_papers_say(scheme, std, a, b):
    conv = layer(scheme, 32, 64)
    assert is_normal(conv.weight.detach(), std)
    assert not is_normal(conv.weight.detach(), 1.05 * std)
    assert not is_normal(torch.rand_like(conv.weight) * math.sqrt(12) - math.sqrt(3), 1)
    scalars = {name: p.tolist() for name, p in conv.named_parameters() if name != "weight"}
    expected = {"a": a, "b": b}
    assert scalars == {n: pytest.approx(v) for n, v in expected.items() if v is not None}


def test_a_standardized_layer_with_gain_begins_with_a_gain_of_1():
    conv = layer("standardized(gain = true)", 32, 64)
    assert is_normal(conv.weight.detach(), math.sqrt(2 / 288))
    assert torch.equal(conv.gain, torch.ones(64, 1, 1, 1, dtype=torch.float64))


def test_a_standardized_layer_is_reset_after_to_empty():
    with torch.device("meta"):
        module = load(compile_text(MIXED.format(held="")))()
    conv = module.to_empty(device="cpu").held[4]
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.fill_(math.nan)
    torch.manual_seed(3)
    conv.reset_parameters()
    assert torch.equal(conv.gain, torch.ones(8, 1, 1, 1))
    assert is_normal(conv.weight.detach(), math.sqrt(2 / 36))
    assert torch.isfinite(conv.bias).all()


def test_plain_layers_beside_them_begin_as_ever():
    module = network(
        "network n with dirac {\n input(16, 5, 5)\n conv3x3(32)\n relu conv3x3(64) with plain\n}"
    )
    assert is_normal(module.conv2.weight.detach(), math.sqrt(2 / (9 * 64)))  # He, over the outputs
    assert is_normal(module.conv1.weight.detach(), 1)


# ---------------------------------------------------------------- batch normalization


def normalization(word, size=(5, 4)):
    shape = ", ".join(map(str, (3, *size)))
    return network(
        f"network n {{\n input({shape})\n bn(momentum = 0.25) with bn({word})\n}}"
    ).double()


@pytest.mark.parametrize("size", [(5, 4), ()])
@pytest.mark.parametrize(
    ("word", "learned"),
    [("learned", ["weight", "bias"]), ("scale", ["weight"]), ("frozen", []), ("fixed", [])],
)
def test_batch_norm_in_training(word, learned, size):
    bn = normalization(word, size).bn1
    assert [name for name, _ in bn.named_parameters()] == learned
    x = np.random.default_rng(1).normal(2, 3, size=(6, 3, *size))
    axes = (0, *range(2, x.ndim))
    by_channel = (slice(None), *(None for _ in size))
    mean, var = x.mean(axes), x.var(axes)
    unbiased = var * (x.size / 3) / (x.size / 3 - 1)
    scattered(bn)
    if word == "fixed":
        bn.running_mean.copy_(torch.tensor([1.0, 2, 3]))
        bn.running_var.copy_(torch.tensor([4.0, 5, 6]))
        mean, var = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    scale = numpy_of(bn.weight)[0] if "weight" in learned else np.ones(3)
    offset = numpy_of(bn.bias)[0] if "bias" in learned else np.zeros(3)
    expected = (x - mean[by_channel]) / np.sqrt(var + 1e-5)[by_channel]
    expected = expected * scale[by_channel] + offset[by_channel]
    bn.train()
    found = bn(torch.from_numpy(x))
    np.testing.assert_allclose(*numpy_of(found), expected, rtol=1e-10, atol=1e-12)
    moments = numpy_of(bn.running_mean, bn.running_var)
    measured = [0.25 * x.mean(axes), 0.75 + 0.25 * unbiased]
    measured = [mean, var] if word == "fixed" else measured
    np.testing.assert_allclose(moments, measured, rtol=1e-12)
    assert int(bn.num_batches_tracked) == (word != "fixed")


@pytest.mark.parametrize("word", ["learned", "scale", "frozen", "fixed"])
def test_batch_norm_in_evaluation_uses_the_moments_and_leaves_them(word):
    bn = normalization(word).bn1.eval()
    bn.running_mean.copy_(torch.tensor([1.0, 2, 3]))
    bn.running_var.copy_(torch.tensor([4.0, 5, 6]))
    before = {name: tensor.clone() for name, tensor in bn.state_dict().items()}
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    means, variances = (torch.tensor(v).double().view(3, 1, 1) for v in ([1, 2, 3], [4, 5, 6]))
    torch.testing.assert_close(bn(x), (x - means) / (variances + 1e-5).sqrt())
    assert all(torch.equal(tensor, before[name]) for name, tensor in bn.state_dict().items())


def test_fixed_batch_norm_does_not_move_in_training():
    module = normalization("fixed").train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for _ in range(3):
        module.train()
        module(torch.randn(2, 3, 5, 4, dtype=torch.float64))
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


# ---------------------------------------------------------------- frozen

MIXED = """
network n {{
    input(3, 6, 6)
    conv3x3(4) with plain
    held: {held}{{
        conv3x3(4) with dirac
        conv3x3(8, bias = true) with dirac(v2)
        conv3x3(8) with dirac(bare)
        conv3x3(4, stride = 2) with binary
        conv3x3(8, bias = true) with standardized(gain = true)
        bn with bn(scale)
        bn with bn(frozen)
    }}
    conv1x1(4) with binary
    avgpool
    linear(2)
}}
"""


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1),
    ],
    ids=["sgd", "adam", "adamw"],
)
@pytest.mark.parametrize("is_frozen", [True, False])
def test_what_is_frozen_does_not_move_and_the_rest_does(optimizer, is_frozen):
    held = "with freeze " if is_frozen else ""
    module = network(MIXED.format(held=held)).double()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    chosen = optimizer(module.parameters())  # the frozen ones too
    for seed in range(3):
        chosen.zero_grad()
        torch.manual_seed(seed)
        module.train()
        module(torch.randn(4, 3, 6, 6, dtype=torch.float64)).square().sum().backward()
        chosen.step()
    moved = {n for n, tensor in module.state_dict().items() if not torch.equal(tensor, before[n])}
    inside = {name for name in before if name.startswith("held.")}
    # weight, a, b | weight, bias, a, b | weight | weight | weight, bias, gain
    # weight, 3 moments | 3 moments
    assert len(inside) == 3 + 4 + 1 + 1 + 3 + 4 + 3
    assert moved == set(before) - inside if is_frozen else moved == set(before)


# ---------------------------------------------------------------- shared

SHARED = """
network n with {scheme} {{
    input(6, 5, 5)
    stage s = 3 * unit{share}
    avgpool
}}
block unit {{ residual {{ ncrelu conv1x1(6) with plain
 relu conv3x3(6{bias}) }} }}
"""


def pair(scheme, bias):
    """Return a network that shares and one that does not, with equal weights."""
    bias = ", bias = true" * bias
    share = " with share(conv3x3)"
    shared = network(SHARED.format(scheme=scheme, share=share, bias=bias)).double()
    apart = network(SHARED.format(scheme=scheme, share="", bias=bias)).double()
    scattered(shared)
    state = {}
    for name in apart.state_dict():
        _, index, rest = name.split(".", 2)
        if rest.startswith("conv2"):
            state[name] = shared.state_dict()[f"s.shared_conv2.{rest.partition('.')[2]}"]
        else:
            state[name] = shared.state_dict()[f"s.blocks.{index}.{rest}"]
    apart.load_state_dict(state)
    return shared, apart


def counted(module, monkeypatch):
    """Return a list that grows by each computation of a weight."""
    calls = []
    for kind in {type(m) for m in module.modules() if hasattr(m, "effective_weight")}:
        compute = kind.effective_weight
        monkeypatch.setattr(
            kind, "effective_weight", lambda self, compute=compute: calls.append(1) or compute(self)
        )
    return calls


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("again", [False, True], ids=["kept", "checkpointed"])
@pytest.mark.parametrize("scheme", [*DIRACS, "binary", *STANDARDIZED])
def test_a_shared_weight_is_computed_once_and_its_gradient_is_the_sum(
    scheme, bias, again, monkeypatch
):
    shared, apart = pair(scheme, bias)
    own = shared.s.shared_conv2
    scalars = {"dirac": 2, "dirac(v2)": 12, "dirac(norm = false)": 1, STANDARDIZED[1]: 6}
    kept = 6 * 6 * 9 + 6 * bias + scalars.get(scheme, 0)
    assert sum(p.numel() for p in own.parameters()) == kept
    elements = [sum(p.numel() for p in m.parameters()) for m in (shared, apart)]
    assert elements == [3 * 12 * 6 + kept, 3 * 12 * 6 + 3 * kept]
    if again:
        for block in shared.s.blocks:
            forward = block.forward
            block.forward = lambda *given, forward=forward: checkpoint(
                forward, *given, use_reentrant=False
            )
    calls = counted(shared, monkeypatch)
    x = torch.randn(2, 6, 5, 5, dtype=torch.float64)
    outputs = [module(x) for module in (shared, apart)]
    torch.testing.assert_close(*outputs, rtol=1e-13, atol=1e-13)
    for output in outputs:
        output.square().sum().backward()
    assert len(calls) == 1
    for name, parameter in own.named_parameters():
        others = [apart.get_submodule(f"s.{i}.conv2").get_parameter(name).grad for i in range(3)]
        torch.testing.assert_close(parameter.grad, sum(others), rtol=1e-11, atol=1e-12)


def test_one_binary_weight_serves_several_strides(monkeypatch):
    module = network("""
network n with binary, share(conv3x3, strides = any) {
    input(6, 8, 8)
    conv3x3(6, stride = 2)
    conv3x3(6)
    conv3x3(6, stride = [1, 2])
}
""").double()
    calls = counted(module, monkeypatch)
    x = torch.randn(2, 6, 8, 8, dtype=torch.float64)
    expected = x
    weight = module.shared_conv1.effective_weight()
    for stride in (2, 1, (1, 2)):
        expected = torch.nn.functional.conv2d(expected, weight, stride=stride, padding=1)
    calls.clear()
    assert torch.equal(module(x), expected)
    assert len(calls) == 1
    assert [tuple(p.shape) for p in module.parameters()] == [(6, 6, 3, 3)]


def test_layers_of_different_schemes_share_with_their_like_only():
    module = network("""
network n with share(conv3x3) {
    input(4, 6, 6)
    conv3x3(4)
    stem with dirac { conv3x3(4) conv3x3(4) }
    head with dirac(v2) { conv3x3(4) conv3x3(4) }
    last: with binary { conv3x3(4) conv3x3(4) conv3x3(4) with plain
 }
}
""")
    names = [name for name, _ in module.named_parameters()]
    assert sorted(names) == sorted(
        [
            "shared_conv1.weight",  # the two plain ones
            *(f"stem.shared_conv1.{each}" for each in ("weight", "a", "b")),
            *(f"head.shared_conv1.{each}" for each in ("weight", "a", "b")),
            "last.shared_conv1.weight",
        ]
    )


# ---------------------------------------------------------------- weight decay

TRAINED = """
network n with {scheme} {{
    input(1, 8, 8)
    conv3x3(4, bias = true)
    avgpool
    linear(10)
    train = quick
}}
train quick {{
    data      = digits
    batch     = 32
    epochs    = 1
    optimizer = sgd(lr = 0.1, weight_decay = 5e-4)
    schedule  = cosine
    decay     = {decay}
}}
"""


class TakenError(Exception):
    """The optimizer of a script has its parameters."""


def decays(folder, monkeypatch, scheme, decay):
    """Return how much each parameter decays by the script that is generated, by its name."""
    files = compile_text(TRAINED.format(scheme=scheme, decay=decay)).files("n")
    for name, text in files.items():
        (folder / name).write_text(text)
    groups, models = [], []

    def take(parameters, **options):
        groups.extend(torch.optim.Adam(parameters, **options).param_groups)
        raise TakenError

    monkeypatch.setattr(torch.optim, "SGD", take)
    for name in ("processes", "data", "checkpoint", "model", "responses", "train"):
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    made = module.N
    monkeypatch.setattr(module, "N", lambda: models.append(made()) or models[0])
    config = module.Config(synthetic=True, device="cpu", out=str(folder / "out"))
    with pytest.raises(TakenError):
        module.main(config)
    names = {parameter: name for name, parameter in models[0].named_parameters()}
    return {names[p]: group["weight_decay"] for group in groups for p in group["params"]}


@pytest.mark.parametrize("scheme", ["dirac", "dirac(v2)"])
def test_a_and_b_decay_where_the_recipe_lets_all_parameters_decay(scheme, tmp_path, monkeypatch):
    """As in version 1 (equation 6); the code of version 2 has none on a and b."""
    names = [f"conv1.{each}" for each in ("weight", "bias", "a", "b")]
    names += ["linear1.weight", "linear1.bias"]
    found = decays(tmp_path, monkeypatch, scheme, "all")
    assert found == dict.fromkeys(names, 5e-4)
    found = decays(tmp_path, monkeypatch, scheme, "weights")
    assert found == dict.fromkeys(names, 0.0) | {"conv1.weight": 5e-4, "linear1.weight": 5e-4}


def test_a_gain_has_the_dimensions_of_a_weight_and_decays_as_one(tmp_path, monkeypatch):
    found = decays(tmp_path, monkeypatch, "standardized(gain = true)", "weights")
    names = ("conv1.weight", "conv1.bias", "conv1.gain", "linear1.weight", "linear1.bias")
    assert found == {name: 0.0 if name.endswith("bias") else 5e-4 for name in names}


# ---------------------------------------------------------------- as text

VARIANTS = {
    **{scheme: f"conv3x3(8) with {scheme}" for scheme in (*FORMS, *BARE, *UNNORMALIZED)},
    "a third": "conv3x3(8) with binary(gain = 1 / 3)",
    "mean": "conv1x1(4, bias = true, stride = 2) with binary(scale = mean)",
    "numbers": "conv3x3(8) with dirac(a = 1 / 3, b = 1e-9, std = 2 / 3, eps = 1e-7)",
    "two of a kind": "stem with dirac { conv3x3(8) conv1x1(8) with dirac(v2)\n }",
    **{
        f"groups, {f}": f"conv3x3(8, groups = 2, dilation = 2) with {f}"
        for f in (*FORMS, *BARE, *UNNORMALIZED)
    },
    **{scheme: f"conv3x3(8, groups = 2, bias = true) with {scheme}" for scheme in STANDARDIZED},
    "an eps of many digits": "conv1x1(8) with standardized(eps = 1e-20 / 3, gain = true)",
    "shared, gain": "stem with share(conv3x3), standardized(gain = true) { conv3x3(4) conv3x3(4) }",
    "scale": "bn with bn(scale)",
    "fixed": "bn with bn(fixed)",
    "ncrelu": "ncrelu",
    "pad": "pad_channels(8)",
    "shared": "stem with share(conv3x3), binary { conv3x3(4) conv3x3(4) }",
    "shared, bias": "stem with share(conv), dirac { conv1x1(4, bias = true)\n"
    " conv1x1(4, bias = true) }",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the model.py of each variant."""
    folder = tmp_path_factory.mktemp("variants")
    for number, body in enumerate(VARIANTS.values()):
        path = folder / "generated" / f"n{number}" / "model.py"
        path.parent.mkdir(parents=True)
        path.write_text(source_of(compile_text(f"network n {{\n input(4, 7, 6)\n {body}\n}}")))
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--no-cache"),
        ("ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), "--no-cache"),
        ("pyright", "--pythonpath", sys.executable),
    ],
    ids=["ruff", "format", "pyright"],
)
def test_the_text_of_each_scheme_is_clean(written, command):
    command = [sys.executable, "-m", *command, str(written)]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("spec", "name"), [("diracnet", "DiracConv2d"), ("onebit", "BinaryConv2d"), ("wrn", None)]
)
def test_a_file_has_the_one_class_that_it_needs_of_few_lines(spec, name):
    tree = ast.parse(source_of(compile_spec(str(ROOT / f"specs/{spec}.arch"))))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    found = [node for node in classes if any(ast.unparse(b) == "nn.Conv2d" for b in node.bases)]
    assert [node.name for node in found] == ([name] if name else [])
    for node in found:
        assert node.end_lineno is not None
        assert 15 <= node.end_lineno - node.lineno + 1 <= 35
