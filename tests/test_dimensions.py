"""Weights of signals and films begin as those of images do."""

import math

import pytest
import torch

from archdsl.pipeline import compile_text
from tests.generated import build, load

# input, a window of five, and the numbers that it holds
SIGNAL = ("4, 64", "conv5", 5)
FILM = ("4, 8, 16, 16", "conv1x5x1", 5)
CUBE = ("4, 8, 8, 8", "conv3x3x3", 27)


def network(given, layers):
    torch.manual_seed(0)
    return build(load(compile_text(f"network n {{ input({given}) {layers} }}"))).eval()


@pytest.mark.parametrize(("given", "word", "_"), [SIGNAL, FILM, CUBE])
def test_delta_passes_a_map_on(given, word, _):
    made = network(given, f"{word}(4) with dirac").double()
    x = torch.randn(2, *map(int, given.split(", ")), dtype=torch.float64)
    with torch.no_grad():
        made.conv1.a.fill_(3)
        made.conv1.b.fill_(0)
        assert torch.equal(made(x), 3 * x)


@pytest.mark.parametrize(("given", "word", "window"), [SIGNAL, FILM, CUBE])
def test_signs_are_scaled_by_the_root_of_two_over_n(given, word, window):
    """McDonnell 2018, equation 1."""
    conv = network(given, f"{word}(64) with binary").conv1
    scale = math.sqrt(2 / (4 * window))
    assert torch.allclose(conv.effective_weight().abs(), torch.tensor(scale))
    assert conv.weight.std().item() == pytest.approx(scale, rel=0.1)


@pytest.mark.parametrize(("given", "word", "window"), [SIGNAL, FILM, CUBE])
def test_a_network_with_rectifiers_begins_as_he_et_al_have_it(given, word, window):
    conv = network(given, f"{word}(64) relu").conv1
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * window)), rel=0.1)


@pytest.mark.parametrize(("given", "word", "window"), [SIGNAL, FILM, CUBE])
def test_standardized_filters_have_mean_0_and_variance_1(given, word, window):
    conv = network(given, f"{word}(8) with standardized(1e-12)").double().conv1
    filters = conv.effective_weight().flatten(1)
    assert filters.shape == (8, 4 * window)
    assert torch.allclose(filters.mean(1), torch.zeros(8).double(), atol=1e-12)
    assert torch.allclose(filters.var(1, correction=0), torch.ones(8).double())
