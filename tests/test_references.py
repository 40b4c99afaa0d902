"""Networks of the papers compute what hand-written ones do, with the same weights and statistics.

A network with shared weights is held against the one without, all users of a weight given it.
"""

import re
from pathlib import Path

import pytest
import torch

import archdsl
from tests.references import functional, preactivation
from tests.references.resnet import ResNet

ROOT = Path(__file__).parents[1]
DOUBLE = torch.double


def generated(spec, **arguments):
    return archdsl.compile(ROOT / f"specs/{spec}.arch", **arguments).build().double()


def scattered(module, seed=0):
    """Give the vectors of a module random values, as training would; return it in double."""
    torch.manual_seed(seed)
    for name, tensor in module.double().state_dict().items():
        if tensor.ndim == 1 and name.endswith(("weight", "running_var")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1:
            tensor.normal_(std=0.1)
    return module


def assert_equal_outputs(network, reference, size):
    images = torch.randn(2, 3, size, size, dtype=DOUBLE)
    with torch.no_grad():
        for training in (False, True):
            network.train(training)
            reference.train(training)
            torch.testing.assert_close(network(images), reference(images))


@pytest.mark.parametrize(
    ("spec", "arguments", "reference"),
    [
        ("wrn", {"depth": 16, "k": 1}, lambda: preactivation.wide(16, 1)),
        ("wrn", {"depth": 16, "k": 2}, lambda: preactivation.wide(16, 2)),
        (
            "wrn",
            {"depth": 16, "k": 2, "classes": 100},
            lambda: preactivation.wide(16, 2, classes=100),
        ),
        *(
            (
                "wrn",
                {"depth": 16, "k": 2, "kernels": list(b)},
                lambda b=b: preactivation.wide(16, 2, b),
            )
            for b in ((1, 3, 1), (3, 1), (1, 3), (3, 1, 1), (3, 1, 3), (3,))
        ),
        ("preact_resnet", {"depth": 29}, lambda: preactivation.bottleneck(29)),
        ("preact_resnet", {"depth": 20, "bottlenecks": False}, lambda: preactivation.basic(20)),
    ],
)
def test_preactivation_networks_compute_what_the_reference_does(spec, arguments, reference):
    network, reference = generated(spec, **arguments), scattered(reference())
    assert list(network.state_dict()) == list(reference.state_dict())
    network.load_state_dict(reference.state_dict(), strict=True)
    assert_equal_outputs(network, reference, 16)


# ---------------------------------------------------------------- weight schemes

FROZEN = {"norm": "frozen", "image_norm": "frozen"}


@pytest.mark.parametrize(
    ("spec", "arguments", "reference", "settings"),
    [
        ("diracnet", {"depth": 16, "k": 1}, "diracnet", ((2, 2, 2),)),
        ("diracnet", {"depth": 10, "k": 1, "b_per": "channel"}, "diracnet", ((1, 1, 1),)),
        ("diracnet_imagenet", {"width": 0.25}, "diracnet", ((2, 2, 2, 2), True)),
        ("onebit", {"depth": 14, "k": 2}, "onebit", ((2, 2, 2),)),
        ("onebit", {"depth": 8, "k": 1, **FROZEN}, "onebit", ((1, 1, 1),)),
        ("onebit_imagenet32", {"depth": 8, "k": 1}, "onebit", ((1, 1, 1),)),
        ("onebit_imagenet", {"k": 0.25}, "onebit", ((2, 2, 2, 2), True)),
        ("onebit_plain", {"depth": 14, "k": 1}, "onebit_plain", (4,)),
        ("resnet_cifar", {"depth": 20}, "resnet_cifar", (3,)),
    ],
)
def test_networks_of_weight_schemes_compute_what_their_papers_say(
    spec, arguments, reference, settings
):
    network = scattered(generated(spec, **arguments))
    counts, *rest = settings
    flags = {"imagenet": True} if rest else {}
    function = getattr(functional, reference)
    images = torch.randn(2, 3, 64 if rest else 32, 64 if rest else 32, dtype=DOUBLE)
    with torch.no_grad():
        for training in (False, True):  # in this order: training measures moments
            expected = function(
                functional.Reader(network.state_dict(), training), images, counts, **flags
            )
            torch.testing.assert_close(network.train(training)(images), expected)


# ---------------------------------------------------------------- shared weights


def unshared(shared, original, rename):
    """Load the original with the weights of a network that shares; return it."""
    state, own = shared.state_dict(), original.state_dict()
    for key, tensor in own.items():
        tensor.copy_(state[rename(key, state)])
    return original


def imagenet_name(key, state):
    """Return where a ShaResNet keeps what a ResNet calls `key`."""
    key = re.sub(r"^conv1\.", "stem.0.", key)
    key = re.sub(r"^bn1\.", "stem.1.", key)
    key = re.sub(r"^fc\.", "head.2.", key)
    key = re.sub(r"^layer(\d)\.(\d+)\.", lambda m: f"conv{int(m[1]) + 1}.blocks.{m[2]}.", key)
    renamed = key.replace(".downsample.", ".shortcut.")
    return _found(renamed if renamed in state else key, state)


def cifar_name(key, state):
    """Return where a network that shares keeps what the one that does not calls `key`."""
    return _found(re.sub(r"^(conv\d)\.(\d+)\.", r"\1.blocks.\2.", key), state)


def _found(key, state):
    stage, _, name = key.rpartition(".blocks.")
    spatial = re.sub(r"\.conv2\.weight$", ".spatial.weight", key)
    names = [key, spatial, f"{stage}.shared_spatial.weight", f"{stage}.shared_conv2.weight"]
    if not name.endswith(".conv2.weight"):
        names = [key]
    return next(name for name in names if name in state)


@pytest.mark.parametrize(
    ("network", "original", "rename", "size"),
    [
        (lambda: generated("sharesnet", depth=34), lambda: ResNet(34), imagenet_name, 64),
        (lambda: generated("sharesnet50"), lambda: ResNet(50), imagenet_name, 64),
        (
            lambda: generated("share_wrn", depth=22, k=1),
            lambda: preactivation.wide(22, 1),
            cifar_name,
            16,
        ),
        (
            lambda: generated("share_resnet164"),
            lambda: preactivation.bottleneck(164),
            cifar_name,
            16,
        ),
    ],
    ids=["sharesnet34", "sharesnet50", "share_wrn", "share_resnet164"],
)
def test_shared_weights_serve_all_their_users(network, original, rename, size):
    network = scattered(network())
    original = unshared(network, original().double(), rename)
    assert_equal_outputs(network, original, size)


def test_the_gradient_of_a_shared_weight_is_the_sum_over_its_users():
    """Boulch 2017, equation 5."""
    network = scattered(generated("share_wrn", depth=22, k=1))
    original = unshared(network, preactivation.wide(22, 1).double(), cifar_name)
    images = torch.randn(2, 3, 16, 16, dtype=DOUBLE)
    for module in (network, original):
        module(images).square().sum().backward()
    for stage in ("conv2", "conv3", "conv4"):
        first, second = (gradient(original, f"{stage}.{i}.conv2.weight") for i in (1, 2))
        shared = gradient(network, f"{stage}.shared_spatial.weight")
        torch.testing.assert_close(shared, first + second)


def gradient(module, name):
    found = module.get_parameter(name).grad
    assert found is not None
    return found
