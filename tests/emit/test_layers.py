"""Layers that torch has no module for, on numbers that were worked out by hand."""

import torch

from archdsl.pipeline import compile_text
from tests.generated import build, load, source_of


def layer(text, channels):
    """Return the module of a layer alone on maps of 2 x 2 pixels."""
    network = f"network n {{\ninput({channels}, 2, 2)\nit: {text}\n}}"
    return build(load(compile_text(network))).it


def loaded(module, **tensors):
    """Return the module with these tensors."""
    module.load_state_dict({name: torch.tensor(values) for name, values in tensors.items()})
    return module


# ---------------------------------------------------------------- global response normalization

# Norms of the channels are 5 and 10, their mean with eps is 8: they are 0.625 and 1.25 of it.
RESPONSE = [[[3.0, 0.0], [0.0, 4.0]], [[0.0, 6.0], [8.0, 0.0]]]


def test_global_response_norm_is_algorithm_1_of_its_paper():
    grn = loaded(layer("grn(eps = 0.5)", 2), weight=[2.0, -1.0], bias=[0.5, 0.25])
    first = [[[7.25, 0.5], [0.5, 9.5]], [[0.25, -1.25], [-1.75, 0.25]]]
    nothing = [[[0.5, 0.5], [0.5, 0.5]], [[0.25, 0.25], [0.25, 0.25]]]
    given = torch.tensor([RESPONSE, [[[0.0] * 2] * 2] * 2])  # each example has its own norms
    assert grn(given).tolist() == [first, nothing]


def test_global_response_norm_begins_as_the_identity():
    grn = layer("grn", 2)
    assert grn.eps == 1e-6
    given = torch.tensor([RESPONSE])
    assert torch.equal(grn(given), given)
    loaded(grn, weight=[2.0, -1.0], bias=[0.5, 0.25]).reset_parameters()
    assert torch.equal(grn(given), given)


def test_global_response_norm_has_a_gradient_where_channels_are_zero():
    grn = loaded(layer("grn", 2), weight=[2.0, -1.0], bias=[0.0, 0.0])
    given = torch.zeros(1, 2, 2, 2, requires_grad=True)
    grn(given).sum().backward()
    assert given.grad is not None
    assert torch.equal(given.grad, torch.ones(1, 2, 2, 2))


# ---------------------------------------------------------------- a slice of the channels


def test_a_slice_keeps_the_channels_from_start_to_stop():
    given = torch.tensor([[[[channel]] for channel in range(6)]])
    assert layer("slice(2, 5)", 6)(given).flatten().tolist() == [2, 3, 4]
    assert layer("slice(0, 6)", 6)(given).flatten().tolist() == [0, 1, 2, 3, 4, 5]


def test_a_slice_from_the_first_channel_is_as_wide_as_its_end():
    text = "network n(k = 2) {\ninput(6, 2, 2)\nslice(0, 2 * k)\nconv1x1(3)\n}"
    assert "nn.Conv2d(2 * k, 3, 1, bias=False)" in source_of(compile_text(text))
