"""Shipped specs have the names of published weights: keys, shapes and order of torchvision."""

import json
from pathlib import Path

import pytest
import torch

from archdsl.analyses.tensors import entries
from archdsl.pipeline import compile_spec
from scripts import published
from tests.generated import build, load

ROOT = Path(__file__).parents[1]
SUMS = json.loads((ROOT / "tests/published/sums.json").read_text("utf-8"))
REGNETS = {
    "400mf": 400, "800mf": 800, "1_6gf": 1_600, "3_2gf": 3_200, "8gf": 8_000, "16gf": 16_000,
    "32gf": 32_000, "128gf": 128_000,
}  # fmt: skip
# torchvision's name: the spec, its arguments
SPECS = {
    "alexnet": ("alexnet", {}),
    **{f"vgg{n}": ("vgg", {"depth": str(n)}) for n in (11, 13, 16, 19)},
    **{f"vgg{n}_bn": ("vgg", {"depth": str(n), "normalized": "true"}) for n in (11, 13, 16, 19)},
    **{f"resnet{n}": ("resnet", {"depth": str(n)}) for n in (18, 34, 50, 101, 152)},
    "resnext50_32x4d": ("resnext", {}),
    "resnext101_32x8d": ("resnext", {"depth": "101", "group_width": "8"}),
    "resnext101_64x4d": ("resnext", {"depth": "101", "groups": "64"}),
    "wide_resnet50_2": ("resnext", {"groups": "1", "group_width": "128"}),
    "wide_resnet101_2": ("resnext", {"depth": "101", "groups": "1", "group_width": "128"}),
    "squeezenet1_0": ("squeezenet", {"version": "1.0"}),
    "squeezenet1_1": ("squeezenet", {}),
    "densenet121": ("densenet", {}),
    "densenet161": ("densenet", {"depth": "161", "growth": "48"}),
    "densenet169": ("densenet", {"depth": "169"}),
    "densenet201": ("densenet", {"depth": "201"}),
    "googlenet": ("googlenet", {}),
    "inception_v3": ("inception_v3", {}),
    **{
        f"shufflenet_v2_x{w.replace('.', '_')}": ("shufflenet_v2", {"width": w})
        for w in ("0.5", "1.0", "1.5", "2.0")
    },
    "mobilenet_v2": ("mobilenet_v2", {}),
    "mobilenet_v3_large": ("mobilenet_v3", {}),
    "mobilenet_v3_small": ("mobilenet_v3", {"size": '"small"'}),
    **{
        f"mnasnet{w.replace('.', '_')}": ("mnasnet", {"width": w})
        for w in ("0.5", "0.75", "1.0", "1.3")
    },
    **{f"efficientnet_b{b}": ("efficientnet", {"b": str(b)}) for b in range(8)},
    **{f"efficientnet_v2_{s}": ("efficientnet_v2", {"size": f'"{s}"'}) for s in "sml"},
    **{
        f"regnet_{kind}_{size}": ("regnet", {"kind": f'"{kind}"', "mega": str(mega)})
        for kind in "xy"
        for size, mega in REGNETS.items()
        if (kind, size) != ("x", "128gf")
    },
    "convnext_tiny": ("convnext", {}),
    "convnext_small": ("convnext", {"blocks": "[3, 3, 27, 3]"}),
    "convnext_base": ("convnext", {"width": "128", "blocks": "[3, 3, 27, 3]"}),
    "convnext_large": ("convnext", {"width": "192", "blocks": "[3, 3, 27, 3]"}),
    **{f"fcn_resnet{n}": ("fcn", {"depth": str(n)}) for n in (50, 101)},
    **{f"deeplabv3_resnet{n}": ("deeplabv3", {"depth": str(n)}) for n in (50, 101)},
    "deeplabv3_mobilenet_v3_large": ("deeplabv3_mobilenet", {}),
    "lraspp_mobilenet_v3_large": ("lraspp", {}),
    "r3d_18": ("video_resnet", {}),
    "mc3_18": ("video_resnet", {"kind": '"mc3"'}),
    "r2plus1d_18": ("video_resnet", {"kind": '"r2plus1d"'}),
}
for _name in ("googlenet", "inception_v3", *(n for n in SPECS if n.startswith(("fcn", "deep")))):
    SPECS[f"{_name}+aux"] = (SPECS[_name][0], {**SPECS[_name][1], "auxiliary": "true"})
# of each family one whose outputs are compared, at a size that is quick
COMPARED = {
    "alexnet": 224, "vgg11": 224, "vgg11_bn": 224, "resnet18": 224, "resnet50": 224,
    "resnext50_32x4d": 224, "wide_resnet50_2": 224, "squeezenet1_0": 224, "squeezenet1_1": 224,
    "densenet121": 224, "googlenet": 224, "inception_v3": 299, "shufflenet_v2_x1_0": 224,
    "mobilenet_v2": 224, "mobilenet_v3_large": 224, "mobilenet_v3_small": 224, "mnasnet1_0": 224,
    "efficientnet_b0": 224, "efficientnet_b5": 456, "efficientnet_v2_s": 384,
    "regnet_x_400mf": 224, "regnet_y_400mf": 224, "convnext_tiny": 224,
    "fcn_resnet50": 520, "deeplabv3_resnet50": 520, "deeplabv3_mobilenet_v3_large": 520,
    "lraspp_mobilenet_v3_large": 520,
}  # fmt: skip


def listed(name):
    """Return what a spec's state_dict holds, as the fixtures write it."""
    spec, arguments = SPECS[name]
    network = compile_spec(str(ROOT / f"specs/{spec}.arch"), None, arguments).network
    return [f"{entry.name} {list(entry.shape)}" for entry in entries(network)]


def test_each_published_network_has_a_spec():
    assert {*SUMS} - {"torchvision"} == set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_names_shapes_and_order_are_the_published_ones(name):
    found = listed(name)
    assert len(found) == SUMS[name]["entries"]
    assert published.checksum(found) == SUMS[name]["sha256"]


@pytest.mark.parametrize("path", sorted((ROOT / "tests/published").glob("*.txt")), ids=str)
def test_the_first_member_of_a_family_entry_by_entry(path):
    head, *lines = path.read_text("utf-8").splitlines()
    name = head.rpartition(" ")[2]
    assert listed(name) == lines


@pytest.mark.parametrize("name", COMPARED)
def test_published_weights_load_and_give_the_same_outputs(name):
    """On random weights and statistics; where torchvision is there."""
    ours, theirs = both(name)
    size = COMPARED[name]
    x = torch.randn(2, 3, size, size)
    with torch.no_grad():
        mine, wanted = ours.eval()(x), theirs.eval()(x)
    check(mine, wanted["out"] if isinstance(wanted, dict) else wanted)


# ours, theirs, and the size of an image
SEGMENTED = (("output", "aux_classifier"), ("out", "aux"), 136)
HEADS = {
    "googlenet": (("output", "aux1", "aux2"), ("logits", "aux_logits1", "aux_logits2"), 224),
    "inception_v3": (("output", "AuxLogits"), ("logits", "aux_logits"), 299),
    "fcn_resnet50": SEGMENTED,
    "deeplabv3_resnet50": SEGMENTED,
    "deeplabv3_mobilenet_v3_large": SEGMENTED,
}


@pytest.mark.parametrize("name", HEADS)
def test_auxiliary_heads_give_the_same_outputs_in_training(name):
    """On statistics of the batch, and nothing is dropped; where torchvision is there."""
    names, others, size = HEADS[name]
    more = {"image": str(size)} if others[0] == "out" else {}
    ours, theirs = both(f"{name}+aux", more)
    for module in (*ours.modules(), *theirs.modules()):
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    x = torch.randn(4, 3, size, size)
    with torch.no_grad():
        mine, wanted = ours.train()(x), theirs.train()(x)
    wanted = wanted if isinstance(wanted, dict) else wanted._asdict()
    assert len(wanted) == len(names)
    for own, other in zip(names, others, strict=True):
        check(getattr(mine, own), wanted[other])


def both(name, more=None):
    """Return a network of ours and torchvision's, of equal random weights and statistics."""
    try:
        published.torchvision()
    except ImportError:
        pytest.skip("torchvision is not there")
    torch.manual_seed(0)
    spec, arguments = SPECS[name]
    compilation = compile_spec(str(ROOT / f"specs/{spec}.arch"), None, arguments | (more or {}))
    ours = build(load(compilation))
    theirs = published.model(name.removesuffix("+aux"), heads=name.endswith("+aux"))
    for key, tensor in theirs.state_dict().items():
        if tensor.is_floating_point() and (tensor.dim() == 1 or key.endswith("layer_scale")):
            tensor.uniform_(0.5, 1.5)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def check(mine, wanted):
    """Two maps are the same up to rounding."""
    assert torch.isfinite(wanted).all()
    scale = wanted.abs().max()
    torch.testing.assert_close(mine / scale, wanted / scale, rtol=1e-4, atol=1e-5)
