"""`freeze(outputs = .., inputs = ..)` where nothing grows: exactly these channels stay."""

import pytest
import torch

from archdsl.analyses.tensors import entries
from archdsl.pipeline import compile_text
from tests.growing import OPTIMIZERS, Loaded

SPEC = """
network net {
    input(1, 4, 4)
    stem { conv1x1(8, bias = true) bn }
    LAYERS
    head { HEAD }
    train = quick
}
block pair { conv3x3(8) conv3x3(8) }
block triple { conv3x3(8) bn conv1x1(6, bias = true) }
train quick {
    data      = digits
    batch     = 32
    epochs    = 1
    optimizer = adam(lr = 0.01, weight_decay = 0.01)
    schedule  = constant
}
"""
EACH = 'a_per = "channel", b_per = "channel"'
ALL = slice(None)
FOUR, MIDDLE = slice(4), slice(2, 6)
# A layer, what is said of it, and where its tensors are fixed. There are 8 channels before it.
# Weights have outputs first, but those of transposed convolutions; with groups, their inputs are
# those of each group (the documentation of torch.nn).
CASES = {
    "conv, outputs": (
        "conv3x3(8, bias = true) with freeze(outputs = 4)",
        {"conv1.weight": FOUR, "conv1.bias": FOUR},
    ),
    "conv, inputs": (
        "conv3x3(8, bias = true) with freeze(inputs = [2, 6])",
        {"conv1.weight": (ALL, MIDDLE)},
    ),
    "conv, both": (
        "conv3x3(8, bias = true) with freeze(outputs = 4, inputs = [2, 6])",
        {"conv1.weight": (FOUR, MIDDLE), "conv1.bias": FOUR},
    ),
    "all outputs": (
        "conv3x3(8, bias = true) with freeze(outputs = 8)",
        {"conv1.weight": ALL, "conv1.bias": ALL},
    ),
    "linear": (
        "avgpool linear(8) with freeze(outputs = [2, 6], inputs = 4)",
        {"linear1.weight": (MIDDLE, FOUR), "linear1.bias": MIDDLE},
    ),
    "batch norm": (
        "bn with freeze(outputs = [2, 6])",
        {
            "bn1.weight": MIDDLE,
            "bn1.bias": MIDDLE,
            "bn1.running_mean": MIDDLE,
            "bn1.running_var": MIDDLE,
        },
    ),
    "linear, at each pixel": (
        "linear(8, per_pixel = true) with freeze(outputs = [2, 6], inputs = 4)\navgpool",
        {"linear1.weight": (MIDDLE, FOUR), "linear1.bias": MIDDLE},
    ),
    "offset": ("offset with freeze(outputs = [2, 6])", {"offset1.bias": MIDDLE}),
    "scale of three dimensions": (
        "scale(dims = 3) with freeze(outputs = [2, 6], inputs = [2, 6])",
        {"scale1.weight": MIDDLE},
    ),
    "scale of four dimensions": (
        "scale(dims = 4) with freeze(outputs = [2, 6])",
        {"scale1.weight": (ALL, MIDDLE)},
    ),
    "one scale for all": (
        "scale(per = layer, dims = 0) with freeze(outputs = 1)",
        {"scale1.weight": ()},
    ),
    "root mean square": ("rmsnorm with freeze(outputs = 4)", {"rmsnorm1.weight": FOUR}),
    "along the channels": (
        "avgpool channel_conv(3) with freeze(outputs = 1)",
        {"channel_conv1.weight": ALL},
    ),
    "groups": (
        "conv3x3(8, groups = 2) with freeze(outputs = [2, 6], inputs = 1)",
        {"conv1.weight": (MIDDLE, slice(1))},
    ),
    "transposed": (
        "conv_transpose2x2(8, stride = 2, bias = true) with freeze(outputs = 4, inputs = [2, 6])",
        {"conv_transpose1.weight": (MIDDLE, FOUR), "conv_transpose1.bias": FOUR},
    ),
    "dirac, one a and b": (
        "dirac: { conv3x3(8) with dirac, freeze(outputs = 4) }",
        {"dirac.0.weight": FOUR, "dirac.0.a": ALL, "dirac.0.b": ALL},
    ),
    "dirac, a and b of each filter": (
        "dirac: { conv3x3(8) with dirac(EACH), freeze(outputs = 4) }",
        {"dirac.0.weight": FOUR, "dirac.0.a": FOUR, "dirac.0.b": FOUR},
    ),
    "a shared weight": (
        "same: pair with share(conv3x3), freeze(outputs = 4)",
        {"same.shared_conv1.weight": FOUR},
    ),
    "every layer of a part": (
        "all: triple with freeze(outputs = 4)",
        {
            "all.conv1.weight": FOUR,
            "all.bn1.weight": FOUR,
            "all.bn1.bias": FOUR,
            "all.bn1.running_mean": FOUR,
            "all.bn1.running_var": FOUR,
            "all.conv2.weight": FOUR,
            "all.conv2.bias": FOUR,
        },
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_training_moves_all_but_what_is_fixed(case):
    layers, fixed = CASES[case]
    head = "linear(10)" if "linear" in layers else "avgpool linear(10)"
    compilation = compile_text(
        SPEC.replace("LAYERS", layers).replace("EACH", EACH).replace("HEAD", head)
    )
    loaded = Loaded(compilation)
    torch.manual_seed(0)
    model = loaded.network().double()
    expected = {
        name: torch.zeros_like(t, dtype=torch.bool) for name, t in model.state_dict().items()
    }
    for name, where in fixed.items():
        expected[name][where] = True
    found = {row.name: row.fixed for row in entries(compilation.network) if row.kind == "parameter"}
    named = dict(model.named_parameters())
    assert found == {name: int(expected[name].sum()) for name in named}
    groups = [{"params": list(named.values())}]
    parts = loaded.parts.learning(model)
    optimizer = loaded.parts.PartOptimizer(model, parts, groups, OPTIMIZERS["adamw"])
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(0.01)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for _ in range(3):
        optimizer.zero_grad()
        output = model.train()(torch.randn(4, 1, 4, 4, dtype=torch.float64))
        (output * torch.randn_like(output)).sum().backward()
        optimizer.take_gradients()
        optimizer.step()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor == before[name], expected[name]), name


def test_a_loop_counts_copies_however_many_there_are():
    layers = "stage body = N * pair with freeze(outputs = 3)"
    text = SPEC.replace("LAYERS", layers).replace("HEAD", "avgpool linear(10)")
    lines = {}
    for number in (2, 9_000_000):
        files = compile_text(text.replace("N *", f"{number} *")).files("net")
        lines[number] = [line for line in files["parts.py"].splitlines() if "body" in line]
    assert lines[2] == [
        '    **{f"body.{i}.conv1": (range(3), None) for i in range(2)},',
        '    **{f"body.{i}.conv2": (range(3), None) for i in range(2)},',
    ]
    assert lines[9_000_000] == [line.replace("(2)", "(9000000)") for line in lines[2]]
