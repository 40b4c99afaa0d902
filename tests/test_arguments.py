"""The class of a network at other arguments is the network that its spec has there."""

import ast
import re
from pathlib import Path

import pytest

from archdsl.pipeline import compile_spec, compile_text
from tests.arguments import check_arguments, check_signature
from tests.generated import NAME, build, load, source_of

ROOT = Path(__file__).parents[1]
OPEN = {
    "specs/alexnet:alexnet": ("classes",),
    "specs/convnext:convnext": ("width", "classes"),
    "specs/deeplabv3:deeplabv3": ("classes",),
    "specs/deeplabv3_mobilenet:deeplabv3_mobilenet": ("classes",),
    "specs/densenet:densenet": ("growth", "classes"),
    "specs/digits:digits": ("width", "n", "classes"),
    "specs/dirac_resnet:dirac_resnet": ("depth", "k", "classes"),
    "specs/diracnet:diracnet": ("depth", "k", "classes", "stem_width"),
    "specs/diracnet_imagenet:diracnet_imagenet": ("width", "classes"),
    "specs/efficientnet:efficientnet": ("classes",),
    "specs/efficientnet_v2:efficientnet_v2": ("classes",),
    "specs/fcn:fcn": ("classes",),
    "specs/full_precision:full_precision": ("depth", "k", "classes"),
    "specs/googlenet:googlenet": ("classes",),
    "specs/inception_v3:inception_v3": ("classes",),
    "specs/lraspp:lraspp": ("classes",),
    "specs/mnasnet:mnasnet": ("width", "classes"),
    "specs/mnist_grown:mnist_grown": (),
    "specs/mnist_nested:mnist_nested": (),
    "specs/mobilenet_v2:mobilenet_v2": ("width", "classes"),
    "specs/mobilenet_v3:mobilenet_v3": ("classes",),
    "specs/onebit:onebit": ("depth", "k", "classes"),
    "specs/onebit_imagenet:onebit_imagenet": ("k", "classes", "stem_kernel"),
    "specs/onebit_imagenet32:onebit_imagenet32": ("depth", "k", "classes"),
    "specs/onebit_mnist:onebit_mnist": ("depth", "k"),
    "specs/onebit_plain:onebit_plain": ("depth", "k", "classes"),
    "specs/onebit_svhn:onebit_svhn": ("depth", "k"),
    "specs/plain:plain_net": ("depth", "k", "classes"),
    "specs/preact_resnet:preact_resnet": ("depth", "classes"),
    "specs/regnet:regnet": ("classes",),
    "specs/resnet:resnet": ("classes",),
    "specs/resnet_cifar:resnet_cifar": ("depth", "classes"),
    "specs/resnext:resnext": ("groups", "group_width", "classes"),
    "specs/resnext_cifar:resnext_cifar": ("depth", "groups", "group_width", "classes"),
    "specs/share_resnet164:share_resnet164": ("classes",),
    "specs/share_wrn:share_wrn": ("depth", "k", "dropout", "classes"),
    "specs/sharesnet:sharesnet": ("classes",),
    "specs/sharesnet50:sharesnet50": ("classes",),
    "specs/retinanet:retinanet": ("classes", "anchors", "width"),
    "specs/shufflenet_v2:shufflenet_v2": ("classes",),
    "specs/sine:sine": (),  # it grows
    "specs/squeezenet:squeezenet": ("classes",),
    "specs/unet:unet": ("width", "depth", "classes"),
    "specs/unet3d:unet3d": ("width", "depth", "classes"),
    "specs/video_resnet:video_resnet": ("classes",),
    "specs/waveform:waveform": ("classes",),
    "specs/vgg:vgg": ("classes",),
    "specs/vgg_cnn_s:vgg_cnn_s": ("classes",),
    "specs/wrn:wrn": ("depth", "k", "per_block", "dropout", "classes"),
    "specs/wrn_grown:wrn_grown": ("classes",),  # the others grow
    "specs/wrn_svhn:wrn_svhn": ("depth", "k", "dropout"),
    "tests/specs/densenet_cifar:densenet_cifar": ("classes",),
    "tests/specs/densenet_unnamed:densenet": ("growth", "classes"),
    "tests/specs/diracnet_v2:diracnet_v2": ("depth", "k", "classes"),
    "tests/specs/folded_diracnet:cifar": ("depth", "k", "classes"),
    "tests/specs/folded_diracnet:imagenet": ("width",),
    "tests/specs/mobilenet_stages:mobilenet_v2": ("width", "classes"),
    "tests/specs/onebit_readings:one_less": ("k", "classes"),
    "tests/specs/padded_preact:padded_preact": ("depth",),
    "tests/specs/shake_shake:shake_shake": ("width", "classes"),
    "tests/specs/sharing_rules:imagenet": (),
    "tests/specs/sharing_rules:wrn": ("depth", "k", "classes"),
    "tests/specs/sharing_rules:resnet164": (),
    "tests/specs/thesis:dense": ("nodes",),
    "tests/specs/thesis:sine": ("hidden",),
    "tests/specs/thesis:filters": (),
    "tests/specs/xception:xception": ("classes",),
}
# small enough for a forward in float64, at arguments around these
ON_CPU = [
    ("convnext", {"width": "8", "blocks": "[2, 1, 2, 1]"}),
    ("digits", {"width": "8"}),
    ("dirac_resnet", {"depth": "10"}),
    ("diracnet", {"depth": "10", "k": "1"}),
    ("full_precision", {"depth": "8", "k": "1"}),
    ("onebit", {"depth": "8", "k": "1"}),
    ("preact_resnet", {"depth": "20", "bottlenecks": "false"}),
    ("resnet_cifar", {"depth": "8"}),
    ("resnext_cifar", {"depth": "11", "groups": "2", "group_width": "4"}),
    ("share_wrn", {"depth": "16", "k": "1"}),
    ("unet", {"width": "4", "depth": "2", "image": "32"}),
    ("unet3d", {"width": "2", "depth": "2", "voxels": "16"}),
    ("waveform", {"depth": "18", "samples": "2_000"}),
    ("wrn", {"depth": "10", "k": "1", "dropout": "0.3"}),
    ("wrn", {"depth": "10", "k": "1", "kernels": "[3, 1, 3]"}),
]


def at(target, **arguments):
    """Return the compilation of FOLDER/SPEC:NETWORK."""
    path, _, network = target.partition(":")
    return compile_spec(f"{ROOT}/{path}.arch", network or None, arguments)


def test_every_network_is_in_the_table():
    networks = {
        f"{path.parent.relative_to(ROOT).as_posix()}/{path.stem}:{line.split()[1].split('(')[0]}"
        for folder in ("specs", "tests/specs")
        for path in (ROOT / folder).glob("*.arch")
        for line in path.read_text().splitlines()
        if line.startswith("network ")
    }
    assert set(OPEN) == networks


@pytest.mark.parametrize("target", OPEN)
def test_a_class_takes_what_its_text_only_computes_with(target):
    compilation = at(target)
    opened = compilation.written(NAME).open
    assert opened == OPEN[target]
    check_signature(load(compilation), opened)


@pytest.mark.parametrize(
    "target",
    [
        target if target.startswith("specs") else pytest.param(target, marks=pytest.mark.slow)
        for target, opened in OPEN.items()
        if opened
    ],
)
def test_at_further_arguments_a_class_is_what_the_compiler_makes_of_them(target):
    count = 2 if len(OPEN[target]) == 1 else 1  # of several arguments, some together as well
    taken, refused, _ = check_arguments(
        at(target), lambda given: at(target, **given), count=count, seed=1
    )
    assert taken > 0
    assert refused == 0


@pytest.mark.slow
@pytest.mark.parametrize("target", [target for target, opened in OPEN.items() if opened])
def test_at_many_further_arguments_it_is_so_too(target):
    check_arguments(at(target), lambda given: at(target, **given), count=12, seed=2)


@pytest.mark.parametrize(("spec", "arguments"), ON_CPU)
def test_a_forward_at_further_arguments_has_their_meaning(spec, arguments):
    taken, _, _ = check_arguments(
        at(f"specs/{spec}", **arguments),
        lambda given: at(f"specs/{spec}", **{**arguments, **given}),
        count=1,
        seed=3,
        forward=True,
    )
    assert taken > 0


# ---------------------------------------------------------------- what is not legal


@pytest.mark.parametrize(
    ("target", "given", "message"),
    [
        ("specs/wrn", {"depth": 27}, "depth must be 3 * per_block * n + 4"),
        ("specs/wrn", {"per_block": 3}, "depth must be 3 * per_block * n + 4"),
        ("specs/diracnet", {"depth": 35}, "depth must be 6n + 4"),
        (
            "specs/preact_resnet",
            {"depth": 110 + 2},
            "depth must be 9n + 2 with bottlenecks, 6n + 2 with basic blocks",
        ),
    ],
)
def test_what_a_spec_does_not_take_its_class_refuses(target, given, message):
    network = load(at(target))
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build(lambda: network(**given), "meta")


# ---------------------------------------------------------------- what was asked for


def wrn(depth, k):
    """Return the parameters of a wide residual network, by hand: (names, sum)."""
    names, total, n = ["stem.0.weight"], 3 * 16 * 9, (depth - 4) // 6
    entering = 16
    for stage, width in (("conv2", 16 * k), ("conv3", 32 * k), ("conv4", 64 * k)):
        for i in range(n):
            block = f"{stage}.{i}"
            names += [f"{block}.bn1.weight", f"{block}.bn1.bias", f"{block}.conv1.weight"]
            names += [f"{block}.bn2.weight", f"{block}.bn2.bias", f"{block}.conv2.weight"]
            total += 2 * entering + 9 * entering * width + 2 * width + 9 * width * width
            if entering != width or (i == 0 and stage != "conv2"):
                names.append(f"{block}.shortcut.0.weight")
                total += entering * width
            entering = width
    names += [f"head.{key}" for key in ("0.weight", "0.bias", "4.weight", "4.bias")]
    return names, total + 2 * entering + 10 * entering + 10


def test_one_class_is_every_wide_residual_network():
    network = load(at("specs/wrn"), "wrn")
    for depth in (10, 16, 22, 28, 40, 100):
        for k in (1, 2, 3, 4, 8, 10, 12):
            module = build(lambda depth=depth, k=k: network(depth=depth, k=k), "meta")
            names, total = wrn(depth, k)
            assert [name for name, _ in module.named_parameters()] == names, (depth, k)
            assert sum(p.numel() for p in module.parameters()) == total, (depth, k)


def test_a_class_without_arguments_is_the_network_that_was_compiled():
    text = source_of(at("specs/wrn", depth="40", k="4"), "wrn")
    network = next(n for n in ast.walk(ast.parse(text)) if getattr(n, "name", "") == "Wrn")
    assert isinstance(network, ast.ClassDef)
    init = network.body[1]
    assert isinstance(init, ast.FunctionDef)
    assert [a.arg for a in init.args.args] == ["self", *OPEN["specs/wrn:wrn"]]
    assert [ast.literal_eval(d) for d in init.args.defaults] == [40, 4, 2, 0.0, 10]


def test_a_default_that_is_a_formula_follows_the_arguments_that_are_given():
    network = load(at("specs/diracnet"))
    stems = [
        build(lambda given=given: network(**given), "meta").stem[0].weight.shape[0]
        for given in ({}, {"k": 3}, {"stem_width": 16}, {"k": 3, "stem_width": 20})
    ]
    assert stems == [32, 48, 16, 20]


def test_a_name_that_python_has_ends_in_an_underscore():
    text = "network net(lambda = 4) { input(3, 8, 8)\n conv3x3(2 * lambda) }"
    compilation = compile_text(text)
    assert compilation.written(NAME).open == ("lambda",)
    module = load(compilation)(lambda_=5)
    assert module.conv1.out_channels == 10


def test_the_header_says_what_is_decided_and_what_may_be_given():
    text = " ".join(source_of(at("specs/wrn"), "wrn").split())
    decided, given = "kernels = [3, 3], whiten = false", "depth, k, per_block, dropout and classes"
    assert f" Compiled for {decided}; {given} may be given. " in text
    assert "may be given" not in source_of(at("tests/specs/thesis:filters"), "filters")
