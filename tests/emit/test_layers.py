"""Layers that torch has no module for, on numbers that were worked out by hand."""

import pytest
import torch

from archdsl.diagnostics import SpecError
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


# ---------------------------------------------------------------- softmax


def test_a_softmax_adds_up_to_1_over_what_it_says():
    third = torch.log(torch.tensor([1.0, 2.0])).tolist()  # of which exp is 1 and 2
    given = torch.tensor([[[third, third], [[0.0, 0.0], [0.0, 0.0]]]])
    over_channels = layer("softmax(over = channels)", 2)(given)
    assert_near(over_channels[0, 0], [[1 / 2, 2 / 3]] * 2)
    assert_near(over_channels[0, 1], [[1 / 2, 1 / 3]] * 2)
    over_pixels = layer("softmax(over = pixels)", 2)(given)
    assert_near(over_pixels[0, 0], [[1 / 6, 2 / 6]] * 2)
    assert_near(over_pixels[0, 1], [[1 / 4, 1 / 4]] * 2)


def test_a_softmax_over_branches_goes_over_equal_slices():
    given = torch.log(torch.tensor([1.0, 2.0, 3.0, 6.0])).view(1, 4, 1, 1).expand(1, 4, 2, 2)
    shares = layer("softmax(over = branches, parts = 2)", 4)(given)
    assert_near(shares[0, :, 0, 0], [1 / 4, 2 / 8, 3 / 4, 6 / 8])


# ---------------------------------------------------------------- what goes along the channels


def test_a_channel_convolution_slides_along_the_channels():
    conv = loaded(
        build(load(compile_text("network n {\ninput(4)\nit: channel_conv(3)\n}"))).it,
        weight=[[[1.0, 10.0, 100.0]]],
    )
    given = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert conv(given).tolist() == [[210.0, 321.0, 432.0, 43.0]]
    assert conv(given.view(1, 4, 1, 1)).flatten().tolist() == [210.0, 321.0, 432.0, 43.0]


def test_a_root_mean_square_is_divided_by():
    norm = loaded(layer("rmsnorm(eps = 0.5)", 2), weight=[2.0, -1.0])
    given = torch.tensor([1.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2)  # mean of squares 2.5
    assert_near(norm(given)[0, :, 0, 0], [2 / 3**0.5, -2 / 3**0.5])


# ---------------------------------------------------------------- pixels


def test_a_blur_of_three_pixels_is_1_2_1_in_each_direction():
    text = "network n {\ninput(1, 3, 3)\nit: blur(3)\n}"
    given = torch.zeros(1, 1, 3, 3)
    given[0, 0, 1, 1] = 16.0
    blurred = build(load(compile_text(text))).it(given)
    # at the borders the row behind is the row before: 1 and 1 instead of 1
    assert blurred[0, 0].tolist() == [[4.0, 4.0, 4.0]] * 3


def test_a_blur_with_a_stride_keeps_the_first_pixel():
    text = "network n {\ninput(1, 1, 7)\nit: blur(3, stride = [1, 2])\n}"
    with pytest.raises(SpecError, match="reflection by 1 pixels"):
        compile_text(text)
    wide = compile_text(text.replace("1, 1, 7", "1, 2, 7"))
    given = torch.tensor([0.0, 4, 0, 0, 0, 8, 0]).expand(1, 1, 2, 7)
    assert build(load(wide)).it(given)[0, 0].tolist() == [[2.0, 1.0, 2.0, 4.0]] * 2


def test_pixels_are_unshuffled_row_by_row():
    given = torch.arange(4.0).view(1, 1, 2, 2)
    assert layer("pixel_unshuffle(2)", 1)(given).flatten().tolist() == [0, 1, 2, 3]


# ---------------------------------------------------------------- padding as TensorFlow has it


def padded(window, size):
    """Return how many pixels of padding are left and right, above and below."""
    text = f"network n {{\ninput(1, {size[0]}, {size[1]})\n{window}\n}}"
    module = build(load(compile_text(text)))
    found = (module.same_pad(torch.ones(1, 1, *size))[0, 0] > 0).int()
    rows, columns = found.amax(1), found.amax(0)
    ends = [(n.cumsum(0), n.flip(0).cumsum(0)) for n in (columns, rows)]
    return [tuple(int((end == 0).sum()) for end in each) for each in ends]


def test_what_is_odd_of_the_padding_is_at_the_end():
    assert padded("conv3x3(1, stride = 2, padding = same)", (8, 9)) == [(1, 1), (0, 1)]
    assert padded("conv(1, kernel = 4, padding = same)", (8, 9)) == [(1, 2), (1, 2)]
    assert padded("maxpool2x2(padding = same)", (8, 9)) == [(0, 1), (0, 0)]


def test_maxima_are_padded_with_minus_infinity():
    text = "network n {\ninput(1, 3, 3)\nmaxpool2x2(padding = same)\n}"
    given = -torch.arange(1.0, 10).view(1, 1, 3, 3)
    assert build(load(compile_text(text)))(given)[0, 0].tolist() == [[-1.0, -3.0], [-7.0, -9.0]]


def test_a_window_of_stride_1_needs_no_layer_before_it():
    text = "network n {\ninput(3, 8, 8)\nconv3x3(4, padding = same, dilation = 2)\n}"
    assert "padding=2, dilation=2" in source_of(compile_text(text))
    assert "SamePad2d" not in source_of(compile_text(text))


# ---------------------------------------------------------------- a linear layer at each pixel


def test_a_linear_layer_at_each_pixel_is_shared_as_any_other():
    text = (
        "network n with share(linear) {\ninput(2, 2, 2)\n"
        "linear(2, per_pixel = true) relu linear(2, per_pixel = true)\n}"
    )
    module = build(load(compile_text(text)))
    assert [tuple(p.shape) for p in module.parameters()] == [(2, 2), (2,)]
    weight, bias = module.parameters()
    given = torch.randn(1, 2, 2, 2)
    once = torch.nn.functional.conv2d(given, weight[:, :, None, None], bias).relu()
    twice = torch.nn.functional.conv2d(once, weight[:, :, None, None], bias)
    torch.testing.assert_close(module(given), twice)


def assert_near(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected))
