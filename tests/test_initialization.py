"""What weights begin as: said by a network or its recipe, or as follows from what stands in it.

Figures are of the papers: He et al. 2015 (arXiv:1502.01852), Glorot & Bengio 2010, and for schemes
Zagoruyko & Komodakis 2017 (arXiv:1706.00388) and McDonnell 2018 (arXiv:1802.08530).
"""

import math
import types

import pytest
import torch
from torch import nn

from archdsl.emit.initialization import initialization
from archdsl.ir.initialization import Fan, He, PyTorchDefault, TruncatedNormal, Xavier
from archdsl.ir.layers import ActivationKind
from archdsl.pipeline import compile_text
from tests.generated import load, source_of

RECIPE = """
train quick {
    data = digits
    batch = 8
    epochs = 1
    optimizer = sgd(lr = 0.1)
    schedule = cosine
%s}
"""
TRAINED = "    train = quick\n"


def compiled(body, *, said="", annotations="", recipe=None):
    train = TRAINED if recipe is not None else ""
    head = f"network net{annotations} {{\n    input(32, 8, 8)\n"
    text = f"{head}{body}\n{said}{train}}}\n"
    return compile_text(text + (RECIPE % recipe if recipe is not None else ""))


def built(body, **how):
    torch.manual_seed(0)
    return load(compiled(body, **how))()


def last_steps(body, **how):
    """Return the lines behind the last layer in the network's __init__."""
    source = source_of(compiled(body, **how))
    network = source[source.rindex("class ") :].partition("    def forward")[0]
    return network[network.rindex("# ") :] if "# " in network else ""


# ---------------------------------------------------------------- what is said, in the text

BODY = "conv3x3(64, bias = true) relu avgpool linear(10)"
TODAY = """\
# He initialization of the convolutions; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
"""
TEXTS = {
    "he(fan_out)": TODAY,
    "he(fan_in)": """\
# He initialization of the weights; the rest keeps PyTorch's defaults
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
""",
    "xavier": """\
# Xavier initialization; biases are 0
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
""",
    "truncated_normal(0.02)": """\
# Normal initialization, cut off at -2 and 2; biases are 0
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
""",
    "default": "",
}


@pytest.mark.parametrize("word", TEXTS)
def test_what_is_said_is_what_is_written(word):
    assert last_steps(BODY, said=f"    init = {word}\n").strip() == TEXTS[word].strip()


def test_nothing_said_is_he_with_fan_out():
    assert last_steps(BODY).strip() == TODAY.strip()


@pytest.mark.parametrize(
    ("said", "recipe", "init"),
    [
        ("", None, None),
        ("", "", None),
        ("", "    init = xavier\n", Xavier()),
        ("    init = he(fan_in)\n", "    init = xavier\n", He(Fan.IN)),
        ("    init = default\n", "    init = xavier\n", PyTorchDefault()),
        ("    init = truncated_normal(0.5)\n", "", TruncatedNormal(0.5)),
        ("    init = if 1 < 2 then he(fan = fan_out) else xavier\n", "", He(Fan.OUT)),
    ],
)
def test_a_network_says_it_before_its_recipe_does(said, recipe, init):
    body = "conv3x3(64) relu avgpool linear(10)"
    assert compiled(body, said=said, recipe=recipe).network.init == init


RECTIFIERS = (
    "relu", "relu6", "leaky_relu(0.1)", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish",
    "softplus", "prelu", "ncrelu",
)  # fmt: skip
OTHERS = ("tanh", "hardtanh", "sigmoid", "hardsigmoid", "logsigmoid", "softsign")


def test_every_activation_is_a_rectifier_or_is_not():
    words = {word.partition("(")[0] for word in RECTIFIERS + OTHERS}
    assert words == {*map(str, ActivationKind), "prelu", "ncrelu"}


@pytest.mark.parametrize("act", RECTIFIERS)
def test_before_a_rectifier_convolutions_begin_as_he_has_them(act):
    assert last_steps(f"conv3x3(64) {act} avgpool linear(10)") == last_steps(BODY)


@pytest.mark.parametrize("act", [*OTHERS, ""])
def test_where_there_is_no_rectifier_all_begins_as_torch_has_it(act):
    network = compiled(f"conv3x3(64) {act} avgpool linear(10)").network
    assert not list(initialization(network))


# ---------------------------------------------------------------- what comes of it

WIDE = "conv3x3(96, bias = true) relu up: conv_transpose3x3(64, bias = true) relu \
avgpool fc: linear(300)"


def deviations(module):
    return {name: float(p.detach().std()) for name, p in module.named_parameters() if p.ndim > 1}


CONV, UP, FC = "conv1.weight", "up.weight", "fc.weight"
FANS = {CONV: (32 * 9, 96 * 9), UP: (96 * 9, 64 * 9), FC: (64, 300)}  # in, out


def torchs(name):
    """The deviation of torch.nn's own: U(-1 / sqrt(n), 1 / sqrt(n)), n its fan_in."""
    n = FANS[name][name == UP]  # that of a transposed weight are its outputs
    return 1 / math.sqrt(3 * n)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (None, {CONV: math.sqrt(2 / (96 * 9)), UP: torchs(UP), FC: torchs(FC)}),
        ("default", {name: torchs(name) for name in FANS}),
        (
            "he(fan_out)",
            {CONV: math.sqrt(2 / (96 * 9)), UP: math.sqrt(2 / (64 * 9)), FC: torchs(FC)},
        ),
        ("he(fan_in)", {name: math.sqrt(2 / n) for name, (n, _) in FANS.items()}),
        ("xavier", {name: math.sqrt(2 / sum(fans)) for name, fans in FANS.items()}),
        ("truncated_normal(0.02)", dict.fromkeys(FANS, 0.02)),
        ("truncated_normal(1e-3)", dict.fromkeys(FANS, 1e-3)),
    ],
)
def test_weights_have_the_deviation_of_their_paper(word, expected):
    module = built(WIDE, said=f"    init = {word}\n" if word else "")
    found = deviations(module)
    assert found == {name: pytest.approx(std, rel=0.02) for name, std in expected.items()}
    with_zeros = word is not None and word.startswith(("xavier", "truncated"))
    biases = [p for name, p in module.named_parameters() if name.endswith("bias")]
    assert len(biases) == 3
    assert all(bool((bias == 0).all()) is with_zeros for bias in biases)


def test_glorots_is_uniform():
    weight = built("conv3x3(96) relu avgpool linear(10)", said="    init = xavier\n").conv1.weight
    bound = math.sqrt(6 / (9 * (32 + 96)))
    assert 0.99 * bound < float(weight.detach().abs().max()) <= bound


def test_forward_he_keeps_the_variance_through_relus():
    """Through 20 layers, which PyTorch's own begins to lose by 3 in each: He et al., fig. 3."""
    body = " ".join(["conv3x3(64, padding = 0) pad(1, mode = replicate) relu"] * 20)
    x = torch.randn(4, 32, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        kept = float(built(body, said="    init = he(fan_in)\n")(x).square().mean())
        lost = float(built(body, said="    init = default\n")(x).square().mean())
    assert 0.1 < kept < 10
    assert lost < 1e-10


SCHEMED = """
plain: conv3x3(64) with plain
relu
dirac: conv3x3(64)
relu
up: conv_transpose2x2(64, stride = 2) with plain
binary: conv3x3(64, bias = true) with binary
relu
avgpool
fc: linear(10)
"""


@pytest.mark.parametrize("word", [None, *TEXTS])
def test_weights_of_schemes_keep_their_own(word):
    said = f"    init = {word}\n" if word else ""
    module = built(SCHEMED, said=said, annotations=" with dirac")
    found = deviations(module)
    assert found["dirac.weight"] == pytest.approx(1, rel=0.02)
    assert found["binary.weight"] == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)
    assert bool(module.binary.bias.any())
    expected = {
        None: math.sqrt(2 / (9 * 64)),
        "he(fan_out)": math.sqrt(2 / (9 * 64)),
        "he(fan_in)": math.sqrt(2 / (9 * 32)),
        "xavier": math.sqrt(2 / (9 * (32 + 64))),
        "truncated_normal(0.02)": 0.02,
        "default": math.sqrt(1 / 3 / (9 * 32)),
    }
    assert found["plain.weight"] == pytest.approx(expected[word], rel=0.02)


@pytest.mark.parametrize("word", TEXTS)
def test_a_shared_and_frozen_weight_begins_so_too(word):
    body = "stem with share(conv3x3), freeze { conv3x3(32) relu conv3x3(32) relu }"
    module = built(f"{body} conv3x3(32)", said=f"    init = {word}\n")
    shared, plain = deviations(module).values()
    assert shared == pytest.approx(plain, rel=0.05)


def test_a_network_of_schemes_alone_has_nothing_to_initialize():
    body = "conv3x3(32) relu conv3x3(64)"
    for word in ("he(fan_out)", "he(fan_in)", "xavier", "truncated_normal(1)"):
        how = {"said": f"    init = {word}\n", "annotations": " with binary"}
        assert not list(initialization(compiled(body, **how).network))


# ---------------------------------------------------------------- to_empty, reset_parameters

LEARNERS = {
    "dirac": "network net with dirac { input(8, 8, 8) %s }",
    "v2": "network net with dirac(v2) { input(8, 8, 8) %s }",
    "bare": "network net with dirac(bare) { input(8, 8, 8) %s }",
    "unnormalized": "network net with dirac(norm = false) { input(8, 8, 8) %s }",
    "binary": "network net with binary, bn(frozen) { input(8, 8, 8) %s }",
    "mean": "network net with binary(scale = mean, gain = 4) { input(8, 8, 8) %s }",
    "standardized": "network net with standardized { input(8, 8, 8) %s }",
    "gain": "network net with standardized(gain = true) { input(8, 8, 8) %s }",
}
LAYERS = """
    conv3x3(32, bias = true) with plain
    bn ncrelu
    conv3x3(64) bn relu
    stage s = 2 * unit with share(conv3x3)
    maxpool2x2
    conv3x3(128) bn with bn(scale)
    prelu layernorm scale(0.5)
    avgpool bn with bn(scale)
    linear(4)
"""
UNIT = "\nblock unit { residual { bn relu conv3x3(64, bias = true) } }\n"


def from_meta(network, junk):
    """Return a module as FSDP makes one: no memory, then memory with whatever was in it."""
    with torch.device("meta"):
        module = network()
    module.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.fill_(junk if tensor.is_floating_point() else 7)
    for each in module.modules():
        if hasattr(each, "reset_parameters"):
            each.reset_parameters()
    return module


def learner(name):
    return load(compile_text(LEARNERS[name] % LAYERS + UNIT))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("junk", [math.nan, 1e21, 0.0])
def test_reset_modules_are_as_new_ones(name, junk):
    torch.manual_seed(0)
    network = learner(name)
    fresh, reset = network(), from_meta(network, junk)
    plain = {id(m.weight) for m in reset.modules() if type(m) is nn.Conv2d}
    found = dict(reset.named_parameters()) | dict(reset.named_buffers())
    for key, tensor in fresh.state_dict().items():
        if id(found[key]) in plain:
            continue  # He's is drawn by the network's own __init__
        if key.endswith("gain") or (tensor.ndim <= 1 and not key.endswith("bias")):
            assert torch.equal(found[key], tensor), key
        else:
            std = float(tensor.std())
            assert float(found[key].detach().std()) == pytest.approx(std, rel=0.3, abs=1e-9), key


@pytest.mark.parametrize("name", LEARNERS)
def test_after_to_empty_and_reset_a_network_trains(name):
    torch.manual_seed(0)
    module = from_meta(learner(name), 1.3e21)
    images = torch.randn(32, 8, 8, 8, generator=torch.Generator().manual_seed(1))
    labels = images.mean((2, 3))[:, :4].argmax(1)
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(module(images), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[0] < 20
    assert losses[-1] < 0.5 * min(losses[0], math.log(4))


@pytest.mark.parametrize(
    ("annotation", "std", "a", "b"),
    [
        ("dirac", 1, 5.0, 1e-3),
        ("dirac(a = 2, b = 3, std = 0.5)", 0.5, 2.0, 3.0),
        ("dirac(v2)", math.sqrt(2 / (9 * 32)), 1.0, 0.1),
        ("dirac(bare)", 0.01, None, None),
        ("dirac(bare, std = 2)", 2, None, None),
        ("dirac(norm = false)", 0.01, 5.0, None),
        ("dirac(norm = false, a = 2, a_per = channel, std = 1e-3)", 1e-3, 2.0, None),
        ("binary", math.sqrt(2 / (9 * 32)), None, None),
        ("binary(gain = 4)", math.sqrt(4 / (9 * 32)), None, None),
        ("binary(scale = mean)", math.sqrt(2 / (9 * 32)), None, None),
        ("standardized", math.sqrt(2 / (9 * 32)), None, None),
        ("standardized(gain = true)", math.sqrt(2 / (9 * 32)), None, None),
    ],
)
def test_a_scheme_is_reset_to_what_its_paper_has(annotation, std, a, b):
    network = load(compiled("conv3x3(64) relu", annotations=f" with {annotation}"))
    torch.manual_seed(0)
    conv = from_meta(network, 1.3e21).conv1
    assert float(conv.weight.detach().std()) == pytest.approx(std, rel=0.03)
    assert float(conv.weight.detach().mean()) == pytest.approx(0, abs=0.03 * std)
    for scalar, value in ((getattr(conv, "a", None), a), (getattr(conv, "b", None), b)):
        assert (scalar is None) is (value is None)
        assert scalar is None or bool((scalar == value).all())


def test_a_new_scheme_is_drawn_as_a_reset_one():
    """Each draws its bias and its weight in one order, so that a seed says what they are."""
    schemes = ("dirac", "dirac(v2)", "dirac(norm = false)", "dirac(bare)", "binary")
    for annotation in (*schemes, "standardized(gain = true)"):
        network = load(compiled("conv3x3(64, bias = true)", annotations=f" with {annotation}"))
        torch.manual_seed(7)
        conv = network().conv1
        before = {key: tensor.clone() for key, tensor in conv.state_dict().items()}
        torch.manual_seed(7)
        conv.reset_parameters()
        assert all(torch.equal(before[key], t) for key, t in conv.state_dict().items())


def test_every_class_that_keeps_something_can_be_reset():
    network = learner("dirac")
    for module in network().modules():
        keeps = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        assert not keeps or isinstance(module.reset_parameters, types.MethodType)
