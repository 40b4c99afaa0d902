"""Every shipped spec, at several arguments: the generated module is what the counts say it is."""

import ast
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from archdsl.analyses.tensors import entries
from archdsl.pipeline import compile_spec
from tests.generated import (
    NAME,
    build,
    check_activations,
    check_copies,
    check_forward,
    check_macs,
    check_state,
    load,
    source_of,
    train_step,
)

ROOT = Path(__file__).parents[1]
RECIPES = {"dilated", "imagenet", "recipes"}  # without a network
SPECS = sorted({path.stem for path in (ROOT / "specs").glob("*.arch")} - RECIPES)
OF_TESTS = ROOT / "tests/specs"

# spec, arguments: every spec is here at its defaults and, where it has parameters, at others
ON_META = [
    ("alexnet", {}),
    ("alexnet", {"classes": "10"}),
    ("deeplabv3", {}),
    ("deeplabv3", {"depth": "101"}),
    ("deeplabv3_mobilenet", {}),
    ("deeplabv3_mobilenet", {"auxiliary": "true", "classes": "5"}),
    ("efficientnet_v2", {}),
    ("efficientnet_v2", {"size": '"m"'}),
    ("fcn", {}),
    ("fcn", {"depth": "101", "classes": "5"}),
    ("inception_v3", {}),
    ("lraspp", {}),
    ("lraspp", {"classes": "5", "image": "136"}),
    ("mnasnet", {}),
    ("mnasnet", {"width": "0.5"}),
    ("mobilenet_v3", {}),
    ("mobilenet_v3", {"size": '"small"'}),
    ("regnet", {}),
    ("regnet", {"kind": '"x"', "mega": "800"}),
    ("squeezenet", {"version": "1.0"}),
    ("convnext", {}),
    ("convnext", {"width": "32", "blocks": "[2, 1, 3, 2]"}),
    ("densenet", {}),
    ("densenet", {"depth": "161", "growth": "48"}),
    ("digits", {}),
    ("digits", {"width": "24", "n": "4"}),
    ("dirac_resnet", {}),
    ("dirac_resnet", {"depth": "10", "k": "2", "sigma": "1e-8"}),
    ("diracnet", {}),
    ("diracnet_imagenet", {}),
    ("diracnet_imagenet", {"depth": "34", "width": "0.5", "b_per": '"layer"'}),
    ("efficientnet", {}),
    ("efficientnet", {"b": "7"}),
    ("full_precision", {}),
    ("googlenet", {}),
    ("mnist_grown", {}),
    ("mnist_grown", {"width": "8"}),
    ("mnist_nested", {}),
    ("mnist_nested", {"width": "8"}),
    ("mobilenet_v2", {}),
    ("mobilenet_v2", {"width": "1.4", "classes": "10"}),
    ("onebit", {}),
    ("onebit", {"depth": "26", "k": "4", "classes": "100", "norm": '"learned"'}),
    ("onebit_imagenet", {}),
    ("onebit_imagenet", {"stem_kernel": "3", "norm": '"frozen"'}),
    ("onebit_imagenet32", {}),
    ("onebit_mnist", {}),
    ("onebit_plain", {}),
    ("onebit_svhn", {}),
    ("plain", {}),
    ("preact_resnet", {}),
    ("preact_resnet", {"depth": "110"}),
    ("preact_resnet", {"depth": "299"}),
    ("resnet", {"depth": "18"}),
    ("resnet", {"depth": "34", "image": "96"}),
    ("resnet", {}),
    ("resnet", {"depth": "101"}),
    ("resnet", {"depth": "152"}),
    ("resnet_cifar", {}),
    ("resnext", {}),
    ("resnext", {"depth": "101", "groups": "64"}),
    ("resnext_cifar", {}),
    ("share_resnet164", {}),
    ("share_wrn", {}),
    ("share_wrn", {"depth": "10", "k": "2", "dropout": "0.3"}),
    ("sharesnet", {"depth": "34"}),
    ("sharesnet", {}),
    ("sharesnet", {"depth": "101"}),
    ("sharesnet", {"depth": "152"}),
    ("sharesnet50", {}),
    ("retinanet", {}),
    ("retinanet", {"classes": "5", "image": "256"}),
    ("shufflenet_v2", {}),
    ("shufflenet_v2", {"width": "0.5"}),
    ("sine", {}),
    ("sine", {"hidden": "100"}),
    ("squeezenet", {}),
    ("unet", {}),
    ("unet3d", {}),
    ("unet3d", {"width": "4", "depth": "2", "voxels": "16"}),
    ("video_resnet", {}),
    ("video_resnet", {"kind": '"mc3"', "classes": "5"}),
    ("video_resnet", {"kind": '"r2plus1d"', "frames": "8"}),
    ("waveform", {}),
    ("waveform", {"depth": "11", "samples": "16_000"}),
    ("unet", {"depth": "2", "width": "6", "image": "20"}),
    ("vgg", {}),
    ("vgg", {"depth": "19", "normalized": "true"}),
    ("vgg_cnn_s", {}),
    ("wrn", {}),
    ("wrn", {"depth": "40", "k": "2", "kernels": "[1, 3, 1]"}),
    ("wrn", {"depth": "40", "k": "2", "kernels": "[3]", "per_block": "1"}),
    ("wrn", {"depth": "16", "k": "1", "dropout": "0.3"}),
    ("wrn_grown", {}),
    ("wrn_grown", {"depth": "16", "k": "4"}),
    ("wrn_svhn", {}),
    ("wrn_svhn", {"depth": "52", "k": "1", "dropout": "0.0"}),
]
OF_TESTS_ON_META = [
    ("densenet_cifar", {"depth": "40", "growth": "12"}),
    ("densenet_unnamed", {}),
    ("diracnet_v2", {}),
    ("folded_diracnet:cifar", {}),
    ("folded_diracnet:imagenet", {"width": "0.5", "blocks": "[3, 4, 6, 5]"}),
    ("mobilenet_stages", {"width": "0.5"}),
    ("onebit_readings", {}),
    ("padded_preact", {"depth": "29"}),
    ("shake_shake", {}),
    ("sharing_rules:imagenet", {"first": "2"}),
    ("sharing_rules:imagenet", {"depth": "34"}),
    ("sharing_rules:wrn", {}),
    ("sharing_rules:resnet164", {"first": "2"}),
    ("thesis:dense", {}),
    ("thesis:filters", {"kernels": "[[3, 1], [1, 3]]"}),
    ("thesis:sine", {}),
    ("xception", {}),
]
# at their true size these take a second or so on a CPU, in float64
ON_CPU = [
    ("convnext", {"width": "32", "blocks": "[2, 1, 3, 2]"}),
    ("digits", {}),
    ("dirac_resnet", {"depth": "10"}),
    ("diracnet", {"depth": "16", "k": "1"}),
    ("diracnet_imagenet", {"width": "0.25"}),
    ("efficientnet", {}),
    ("full_precision", {"depth": "8", "k": "2"}),
    ("mnist_grown", {}),
    ("mnist_nested", {"width": "8"}),
    ("mobilenet_v2", {}),
    ("onebit", {"depth": "14", "k": "2"}),
    ("onebit", {"depth": "8", "k": "1", "norm": '"learned"', "image_norm": '"frozen"'}),
    ("onebit_imagenet", {"k": "0.25"}),
    ("onebit_imagenet32", {"depth": "8", "k": "1"}),
    ("onebit_mnist", {"depth": "8", "k": "1"}),
    ("onebit_plain", {"depth": "8", "k": "1"}),
    ("onebit_svhn", {"depth": "8", "k": "1"}),
    ("plain", {"depth": "10", "k": "1"}),
    ("preact_resnet", {}),
    ("resnet", {"depth": "18", "image": "96"}),
    ("resnet", {"image": "64"}),
    ("resnet_cifar", {"depth": "20"}),
    ("resnext_cifar", {"group_width": "4"}),
    ("share_resnet164", {}),
    ("share_wrn", {"depth": "16", "k": "2"}),
    ("retinanet", {"width": "64", "image": "128", "classes": "5"}),
    ("shufflenet_v2", {}),
    ("sine", {}),
    ("squeezenet", {}),
    ("unet", {"width": "8", "depth": "3", "image": "48"}),
    ("unet3d", {"width": "4", "depth": "2", "voxels": "16"}),
    ("video_resnet", {"kind": '"r2plus1d"', "frames": "4", "image": "32"}),
    ("waveform", {"samples": "2_000"}),
    ("wrn", {"depth": "16", "k": "2", "kernels": "[1, 3, 1]"}),
    ("wrn_grown", {"depth": "10", "k": "1"}),
    ("wrn_svhn", {"k": "1"}),
]
TRAINED = [
    ("convnext", {"width": "16", "blocks": "[1, 1, 1, 1]"}),
    ("digits", {}),
    ("dirac_resnet", {"depth": "10"}),
    ("diracnet", {"depth": "10", "k": "1", "b_per": '"channel"'}),
    ("onebit", {"depth": "8", "k": "1"}),
    ("onebit_plain", {"depth": "8", "k": "1"}),
    ("preact_resnet", {"depth": "20", "bottlenecks": "false"}),
    ("resnet", {"depth": "18", "image": "64"}),
    ("resnet_cifar", {"depth": "8"}),
    ("share_wrn", {"depth": "16", "k": "1"}),
    ("shufflenet_v2", {"width": "0.5"}),
    ("sine", {"hidden": "8"}),
    ("unet", {"width": "4", "depth": "2", "image": "32"}),
    ("unet3d", {"width": "4", "depth": "1", "voxels": "8"}),
    ("waveform", {"samples": "2_000"}),
    ("wrn", {"depth": "10", "k": "1"}),
]
LARGE = [
    ("convnext", {}),
    ("densenet", {}),
    ("diracnet", {}),
    ("diracnet_imagenet", {"depth": "34"}),
    ("efficientnet", {"b": "2"}),
    ("googlenet", {}),
    ("onebit", {}),
    ("onebit_imagenet", {}),
    ("resnet", {}),
    ("resnet", {"depth": "152"}),
    ("resnext", {}),
    ("sharesnet", {"depth": "34"}),
    ("sharesnet50", {}),
    ("share_wrn", {}),
    ("unet", {"image": "64"}),
    ("unet3d", {"voxels": "16"}),
    ("video_resnet", {"frames": "4", "image": "64"}),
    ("vgg", {"depth": "11"}),
    ("deeplabv3", {"image": "136"}),
    ("deeplabv3_mobilenet", {"image": "136"}),
    ("lraspp", {"image": "136"}),
    ("efficientnet_v2", {}),
    ("fcn", {"image": "64"}),
    ("inception_v3", {}),
    ("regnet", {"kind": '"x"'}),
    ("alexnet", {}),
    ("mobilenet_v3", {}),
    ("mnasnet", {}),
    ("vgg_cnn_s", {}),
    ("wrn", {"depth": "40", "k": "4"}),
]


def compiled(target, arguments, folder=ROOT / "specs"):
    """Return the compilation of SPEC or SPEC:NETWORK."""
    spec, _, network = target.partition(":")
    return compile_spec(str(folder / f"{spec}.arch"), network or None, arguments)


def title(value):
    return value if isinstance(value, str) else "-".join(f"{k}={v}" for k, v in value.items())


def test_every_shipped_spec_is_proven():
    assert {spec for spec, _ in ON_META} == set(SPECS)
    assert {spec for spec, _ in [*ON_CPU, *LARGE]} == set(SPECS)
    tested = {target.partition(":")[0] for target, _ in OF_TESTS_ON_META}
    assert tested == {path.stem for path in OF_TESTS.glob("*.arch")}


@pytest.mark.parametrize(
    ("folder", "target", "arguments"),
    [
        *(("specs", *case) for case in ON_META),
        *(("tests/specs", *case) for case in OF_TESTS_ON_META),
    ],
    ids=title,
)
def test_tensors_and_macs_are_those_of_the_module(folder, target, arguments):
    compilation = compiled(target, arguments, ROOT / folder)
    ast.parse(source_of(compilation))
    module = build(load(compilation), "meta")
    check_state(module, compilation)
    check_macs(module, compilation)
    check_activations(module, compilation)


@pytest.mark.parametrize(("spec", "arguments"), ON_CPU, ids=title)
def test_a_forward_gives_the_announced_shapes_and_the_meaning(spec, arguments):
    compilation = compiled(spec, arguments)
    check_forward(build(load(compilation)), compilation)


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "arguments"), LARGE, ids=title)
def test_a_forward_of_a_large_network_gives_the_same(spec, arguments):
    compilation = compiled(spec, arguments)
    check_forward(build(load(compilation)), compilation)


@pytest.mark.parametrize(("spec", "arguments"), TRAINED, ids=title)
def test_a_step_moves_every_tensor(spec, arguments):
    compilation = compiled(spec, arguments)
    module = build(load(compilation))
    check_copies(module)
    torch.manual_seed(0)
    moved = train_step(module, compilation)
    assert moved == {row.name for row in entries(compilation.network) if row.learned}


@pytest.mark.parametrize(
    ("spec", "arguments"),
    [
        ("sharesnet50", {}),
        ("share_resnet164", {}),
        ("share_wrn", {"depth": "16", "k": "2"}),
        ("sharesnet", {"depth": "34"}),
    ],
    ids=title,
)
def test_shared_weights_are_saved_once(spec, arguments, tmp_path):
    compilation = compiled(spec, arguments)
    module = build(load(compilation))
    check_copies(module)
    path = tmp_path / f"{NAME}.safetensors"
    save_file(module.state_dict(), path)
    sums = compilation.counts.sums
    assert path.stat().st_size > 4 * sums.total
    assert sum(t.numel() for t in load_file(path).values()) == sums.total + sums.buffers
    other = build(load(compilation))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(load_file(path), strict=True)
    state = module.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.state_dict().items())
