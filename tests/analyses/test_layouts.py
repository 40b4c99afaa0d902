"""Where the channels of each phase lie among those of the next one, layer by layer.

Lengths are (phase 0, phase 1), worked out by hand: a piece (4, 8) is 4 channels that become the
first 4 of 8.
"""

import pytest

from archdsl.analyses.growth.channels import Channels
from archdsl.analyses.growth.layouts import (
    LayoutError,
    Layouts,
    Piece,
    fixed,
    free,
    settled,
    spread,
)
from archdsl.analyses.growth.matching import match_phases
from archdsl.pipeline import compile_text


def through(body, name, blocks=""):
    """Return the pieces of what a layer of a growing network takes, and of what it gives."""
    text = f"network n(k = 2) {{\ngrow k = [1, 2]\ninput(2, 8, 8)\n{body}\n}}\n{blocks}"
    growing = compile_text(text).growing
    assert growing is not None
    matched = match_phases(growing.plain, growing.phases)
    channels = Channels(matched)
    stack, found = list(matched.inner), {}
    while stack:
        one = stack.pop()
        stack += one.inner
        if id(one) in channels.through:
            found[one.name] = channels.through[id(one)]
    return settled(found[name].inputs), settled(found[name].outputs)


END = "\navgpool linear(10)"


def test_a_convolution_has_its_old_channels_in_front():
    assert through(f"conv3x3(4 * k){END}", "conv1") == (((2, 2),), ((4, 8),))


def test_concat_has_those_of_each_branch():
    body = f"concat {{ branch {{ conv3x3(4 * k) }} branch {{ conv3x3(3 * k) }} }} conv1x1(5){END}"
    assert through(body, "conv1") == (((4, 8), (3, 6)), ((5, 5),))


def test_pieces_are_joined_where_the_first_does_not_grow():
    body = f"concat {{ branch {{ conv3x3(4) }} branch {{ conv3x3(3 * k) }} }} conv1x1(5){END}"
    assert through(body, "conv1")[0] == ((7, 10),)


def test_a_dense_block_has_a_piece_for_each_layer():
    dense = "block dense(growth) { concat { identity branch { conv3x3(growth) } } }"
    body = f"conv3x3(4 * k) dense(3 * k) dense(3 * k) conv1x1(5){END}"
    assert through(body, "conv2", dense)[0] == ((4, 8), (3, 6), (3, 6))


def test_ncrelu_has_those_of_each_half():
    assert through(f"conv3x3(4 * k) ncrelu conv1x1(5){END}", "conv2")[0] == ((4, 8), (4, 8))


def test_flatten_has_those_of_each_map():
    # 4 channels of 8 x 8 are the first 256 features of 512
    assert through("conv3x3(4 * k) flatten linear(10)", "linear1")[0] == ((256, 512),)
    body = "conv3x3(4 * k) ncrelu flatten linear(10)"
    assert through(body, "linear1")[0] == ((256, 512), (256, 512))


def test_groups_have_their_own():
    body = f"conv3x3(4 * k) conv3x3(6 * k, groups = 2) conv1x1(5){END}"
    assert through(body, "conv2") == (((2, 4), (2, 4)), ((3, 6), (3, 6)))


def test_more_groups_of_one_size_are_behind_the_old_ones():
    body = f"conv3x3(4 * k) ncrelu conv3x3(16 * k, groups = 4 * k) conv1x1(5){END}"
    # a group takes 2 channels and gives 4; 2 groups are of each half of ncrelu
    assert through(body, "conv2") == (((4, 8), (4, 8)), ((8, 16), (8, 16)))


def test_a_depthwise_convolution_keeps_the_places():
    body = f"conv3x3(4 * k) ncrelu conv3x3(8 * k, groups = 8 * k) conv1x1(5){END}"
    assert through(body, "conv2") == (((4, 8), (4, 8)), ((4, 8), (4, 8)))


def test_a_depthwise_multiplier_spreads_them():
    body = f"conv3x3(4 * k) ncrelu conv3x3(24 * k, groups = 8 * k) conv1x1(5){END}"
    assert through(body, "conv3")[0] == ((12, 24), (12, 24))


def test_a_shuffle_interleaves_the_groups():
    # two groups of (2, 4) channels become (2, 4) pairs: old channels are in front
    body = f"conv3x3(4 * k) conv3x3(4 * k, groups = 2) channel_shuffle(2) conv1x1(5){END}"
    assert through(body, "conv3")[0] == ((4, 8),)


def test_a_split_takes_the_pieces_of_its_part():
    body = f"conv3x3(4 * k) ncrelu channel_split(2, 1) conv1x1(5){END}"
    assert through(body, "conv2")[0] == ((4, 8),)
    # of a convolution, both parts have their old channels in front
    body = f"conv3x3(4 * k) concat {{ branch {{ channel_split(2, 0) }} identity }} conv1x1(5){END}"
    assert through(body, "conv2")[0] == ((2, 4), (2, 4), (2, 4))


def test_pad_channels_puts_its_new_ones_behind():
    body = f"conv3x3(4 * k) pad_channels(10 * k) conv1x1(5){END}"
    assert through(body, "conv2")[0] == ((4, 8), (6, 12))


def test_a_transposed_convolution_has_them_in_front_and_in_groups_of_their_own():
    body = f"conv3x3(4 * k) conv_transpose(6 * k, kernel = 2, stride = 2) conv1x1(5){END}"
    assert through(body, "conv2")[0] == ((6, 12),)
    body = (
        f"conv3x3(4 * k) conv_transpose(6 * k, kernel = 2, stride = 2, groups = 2) conv1x1(5){END}"
    )
    assert through(body, "conv_transpose1") == (((2, 4), (2, 4)), ((3, 6), (3, 6)))


def test_pixel_shuffle_takes_a_square_of_channels_for_each():
    assert through(f"conv3x3(8 * k) pixel_shuffle(2) conv1x1(5){END}", "conv2")[0] == ((2, 4),)


def test_a_square_delta_keeps_the_places():
    body = f"conv3x3(4 * k) ncrelu conv3x3(8 * k) with dirac\nbn conv1x1(5){END}"
    assert through(body, "conv2")[1] == ((4, 8), (4, 8))


def test_a_tiled_delta_has_them_of_each_tile():
    body = f"conv3x3(4 * k) conv3x3(8 * k) with dirac\nconv1x1(5){END}"
    assert through(body, "conv2")[1] == ((4, 8), (4, 8))
    body = f"conv3x3(8 * k) ncrelu conv3x3(8 * k) with dirac\nconv1x1(5){END}"
    assert through(body, "conv2")[1] == ((8, 16),)


def test_a_sum_lets_a_convolution_lay_out_its_outputs_as_the_other_branch():
    body = (
        f"conv3x3(4 * k) ncrelu bn\nsum {{ identity branch {{ conv3x3(8 * k) }} }} conv1x1(5){END}"
    )
    assert through(body, "branch1.0")[1] == ((4, 8), (4, 8))


def test_a_layer_is_of_new_places_where_nothing_says_otherwise():
    body = f"conv3x3(4 * k) ncrelu conv3x3(8 * k) bn conv1x1(5){END}"
    assert through(body, "bn1") == (((8, 16),), ((8, 16),))


def test_what_does_not_grow_is_one_piece_however_often_it_is_repeated():
    doubled = "for i in range(20) { concat { identity identity } }"
    assert through(f"conv3x3(1) {doubled} conv1x1(5 * k){END}", "conv2")[0] == ((2**20, 2**20),)


# ---------------------------------------------------------------- making layouts equal


def test_a_free_piece_becomes_the_others():
    one = free((7, 14), 0)
    Layouts().equal(one, (*fixed((4, 8)), *fixed((3, 6))), 0)
    assert settled(one) == ((4, 8), (3, 6))


def test_of_two_free_pieces_the_longer_one_is_cut():
    long, short = free((7, 14), 0), free((3, 6), 0)
    Layouts().equal(long, (*short, *free((4, 8), 0)), 0)
    Layouts().equal(short, (*fixed((1, 2)), *fixed((2, 4))), 0)
    assert settled(long) == ((1, 2), (2, 4), (4, 8))


def test_what_is_fixed_otherwise_is_an_error_and_undone():
    layouts, one = Layouts(), free((4, 8), 0)
    with pytest.raises(LayoutError):
        layouts.equal((*one, *fixed((2, 4))), (*fixed((1, 2)), *fixed((3, 6)), *fixed((2, 5))), 0)
    assert settled(one) == ((4, 8),)


def test_pieces_that_are_spread_are_equal_in_whole_channels():
    one = free((2, 4), 0)
    Layouts().equal(spread(one, 3), (*fixed((3, 6)), *fixed((3, 6))), 0)
    assert settled(one) == ((1, 2), (1, 2))
    with pytest.raises(LayoutError):
        Layouts().equal(spread(free((2, 4), 0), 3), (*fixed((2, 4)), *fixed((4, 8))), 0)


def test_a_piece_is_not_part_of_itself():
    one = free((4, 8), 0)
    with pytest.raises(LayoutError):
        Layouts().equal(spread(one, 2), (*one, *fixed((4, 8))), 0)


def test_only_the_phases_count_that_both_have():
    # a layer of phase 1, beside one that had 8 and 8 channels then and before
    Layouts().equal((*fixed((8, 8)), *fixed((8, 8))), fixed((0, 16)), 1)
    with pytest.raises(LayoutError):
        Layouts().equal((*fixed((4, 8)), *fixed((4, 8))), fixed((8, 16)), 0)


def test_what_is_older_keeps_its_own_lengths_beside_what_is_new():
    # two halves of a new grouped convolution, added to a map that had 8 channels before
    old = free((8, 16, 24), 0)
    Layouts().equal(old, (*fixed((0, 8, 12)), *fixed((0, 8, 12))), 1)
    assert settled(old) == ((8, 8, 12), (0, 8, 12))


def test_of_two_equal_layouts_the_older_one_goes_on():
    old, new = (*fixed((4, 8)), *fixed((4, 8))), (*fixed((0, 8)), *fixed((0, 8)))
    assert Layouts().equal(new, old, 1) == old
    assert Layouts().equal(old, new, 1) == old


def test_a_new_layer_keeps_the_places_of_what_it_is_given():
    body = f"conv3x3(4 * k) ncrelu\nif k > 1 {{ dropout(0.1) }}\nconv1x1(5){END}"
    assert through(body, "conv2")[0] == ((4, 8), (4, 8))


def test_a_dense_network_grows_in_depth_and_width():
    dense = "block dense(growth) { concat { identity branch { conv3x3(growth) } } }"
    body = f"conv3x3(4 * k)\nfor j in range(k) {{ dense(3 * k) }}\nconv1x1(5){END}"
    # 4, 3, and 6 new ones
    assert through(body, "conv2", dense)[0] == ((4, 8), (3, 12))


def test_a_row_of_sums_is_followed_in_few_steps():
    first = last = free((4, 8), 0)
    layouts = Layouts()
    for _ in range(3_000):
        last = layouts.equal(last, free((4, 8), 0), 0)
    assert settled(first) == settled(last) == ((4, 8),)
    assert [type(piece) for piece in last] == [Piece]
