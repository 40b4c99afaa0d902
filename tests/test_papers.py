"""Every exact count of the papers' networks, as literals.

The printed figures are rounded; these are the numbers that the architectures have in closed form,
weights of convolutions, scales and offsets of batch normalization and the classifier, shared
weights once. They were worked out from the papers and their authors' code, not with this compiler.
"""

import json
import shlex
from pathlib import Path

import pytest

from archdsl.analyses.counts import Sums, rows_by_layer
from archdsl.cli import main
from archdsl.pipeline import compile_spec
from docs import papers

ROOT = Path(__file__).parents[1]


def counted(spec, /, **arguments) -> Sums:
    """Return the sums of a network, `spec` being a file, with `:network` where it has several."""
    texts = {name: json.dumps(value) for name, value in arguments.items()}
    return compile_spec(f"{ROOT}/{spec}", None, texts).counts.sums


def share_resnet164():
    return counted("specs/share_resnet164.arch")


def preact(**arguments):
    return counted("specs/preact_resnet.arch", **arguments)


def wrn(depth, k, **arguments):
    return counted("specs/wrn.arch", depth=depth, k=k, **arguments)


def share_wrn(depth, k, **arguments):
    return counted("specs/share_wrn.arch", depth=depth, k=k, **arguments)


def resnet(depth):
    return counted("specs/resnet.arch", depth=depth)


def sharesnet(depth):
    return counted("specs/sharesnet.arch", depth=depth)


# ---------------------------------------------------------------- Boulch 2017, Table 1


def test_resnet_164_has_the_papers_parameters():
    assert preact(depth=164).total == 1_703_258  # printed 1.70 M
    assert share_resnet164().total == 929_114  # 0.93 M


def test_wrn_40_4_has_the_papers_parameters():
    assert wrn(40, 4).total == 8_949_210  # 8.95 M
    assert share_wrn(40, 4).total == 5_852_634  # 5.85 M


def test_wrn_28_10_for_cifar_100_has_the_papers_parameters():
    assert wrn(28, 10, classes=100).total == 36_536_884  # 36.54 M
    assert share_wrn(28, 10, classes=100).total == 26_860_084  # 26.86 M


@pytest.mark.parametrize(
    ("depth", "original", "shared"),
    [
        (34, 21_797_672, 13_613_864),  # 21.8 M, 13.6 M
        (50, 25_557_032, 20_469_800),  # 25.6 M, 20.5 M
        (101, 44_549_160, 29_434_920),  # 44.5 M, 29.4 M
        (152, 60_192_808, 36_821_032),  # 60.2 M, 36.8 M
    ],
)
def test_imagenet_resnets_have_the_papers_parameters(depth, original, shared):
    assert resnet(depth).total == original
    assert sharesnet(depth).total == shared


def test_sharesnet50_is_sharesnet_at_depth_50():
    assert counted("specs/sharesnet50.arch") == sharesnet(50)


@pytest.mark.parametrize(
    ("shared", "removed"),
    [
        (share_resnet164, 774_144),
        (lambda: share_wrn(40, 4), 3_096_576),
        (lambda: share_wrn(28, 10, classes=100), 9_676_800),
        (lambda: sharesnet(34), 8_183_808),
        (lambda: sharesnet(50), 5_087_232),
        (lambda: sharesnet(101), 15_114_240),
        (lambda: sharesnet(152), 23_371_776),
    ],
)
def test_sharing_removes_what_the_original_has_more(shared, removed):
    assert shared().shared_away == removed


@pytest.mark.parametrize(
    ("original", "shared"),
    [
        (lambda: preact(depth=164), share_resnet164),
        (lambda: wrn(40, 4), lambda: share_wrn(40, 4)),
        (lambda: resnet(50), lambda: sharesnet(50)),
    ],
)
def test_sharing_changes_neither_the_original_total_nor_the_cost(original, shared):
    assert shared().unshared == original().total
    assert shared().macs == original().macs
    assert shared().conv_layers == original().conv_layers


@pytest.mark.parametrize(
    ("original", "shared", "layers", "tensors"),
    [
        (lambda: preact(depth=164), share_resnet164, 166, 118),
        (lambda: wrn(40, 4), lambda: share_wrn(40, 4), 40, 28),
        (lambda: wrn(28, 10), lambda: share_wrn(28, 10), 28, 22),
        (lambda: resnet(34), lambda: sharesnet(34), 36, 24),
        (lambda: resnet(50), lambda: sharesnet(50), 53, 44),
        (lambda: resnet(101), lambda: sharesnet(101), 104, 78),
        (lambda: resnet(152), lambda: sharesnet(152), 155, 112),
    ],
)
def test_shared_convolutions_are_counted_once(original, shared, layers, tensors):
    """Projections of shortcuts are counted, the classifier is not: see docs/papers.md."""
    assert (original().conv_layers, original().conv_tensors) == (layers, layers)
    assert (shared().conv_layers, shared().conv_tensors) == (layers, tensors)


# ---------------------------------------------------------------- Boulch 2017, Table 1, otherwise


@pytest.mark.parametrize(
    ("network", "arguments", "first_blocks_apart", "one_per_stage"),
    [
        ("resnet164", {}, 929_114, 880_730),
        ("wrn", {"depth": 40, "k": 4}, 5_852_634, 5_078_490),
        ("wrn", {"depth": 28, "k": 10, "classes": 100}, 26_860_084, 22_021_684),
        ("imagenet", {"depth": 34}, 16_747_304, 13_613_864),
        ("imagenet", {"depth": 50}, 20_506_664, 17_373_224),
        ("imagenet", {"depth": 101}, 29_471_784, 26_338_344),
        ("imagenet", {"depth": 152}, 36_857_896, 33_724_456),
    ],
)
def test_other_rules_of_sharing_give_other_counts(
    network, arguments, first_blocks_apart, one_per_stage
):
    spec = f"tests/specs/sharing_rules.arch:{network}"
    assert counted(spec, **arguments, first=2).total == first_blocks_apart
    assert counted(spec, **arguments, first=1).total == one_per_stage


# ---------------------------------------------------------------- Boulch 2017, Table 3


def test_plain_networks_of_equal_size_have_the_papers_parameters():
    assert preact(depth=92).total == 961_370  # ResNet-92: 0.96 M
    assert wrn(28, 4).total == 5_849_050  # 5.85 M, labelled CIFAR-100
    assert wrn(28, 4, classes=100).total == 5_872_180  # which would print 5.87
    assert share_wrn(40, 4, classes=100).total == 5_875_764  # and 5.88
    assert wrn(22, 10, classes=100).total == 26_855_604  # 26.85 M, truncated


# ---------------------------------------------------------------- Zagoruyko & Komodakis 2016


@pytest.mark.parametrize(
    ("kernels", "depth", "parameters", "convolutions"),
    [
        ([1, 3, 1], 40, 1_429_082, 58),  # 1.4 M
        ([3, 1], 40, 1_211_354, 40),  # 1.2 M
        ([1, 3], 40, 1_297_370, 40),  # 1.3 M
        ([3, 1, 1], 40, 1_343_066, 58),  # 1.3 M
        ([3, 3], 28, 1_467_610, 28),  # 1.5 M
        ([3, 1, 3], 22, 1_145_498, 31),  # 1.1 M
    ],
)
def test_block_types_of_table_2(kernels, depth, parameters, convolutions):
    found = wrn(depth, 2, kernels=kernels)
    assert (found.total, found.conv_layers) == (parameters, convolutions)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_deepening_of_table_3_keeps_parameters_and_convolutions(length):
    found = wrn(40, 2, kernels=[3] * length, per_block=length)
    assert (found.total, found.conv_layers) == (2_243_546, 40)  # 2.2 M


@pytest.mark.parametrize(
    ("depth", "k", "cifar10", "cifar100"),
    [
        (40, 1, 563_930, 569_780),  # 0.6 M
        (40, 2, 2_243_546, 2_255_156),  # 2.2 M
        (40, 4, 8_949_210, 8_972_340),  # 8.9 M
        (40, 8, 35_748_314, 35_794_484),  # 35.7 M
        (28, 10, 36_479_194, 36_536_884),  # 36.5 M
        (28, 12, 52_517_850, 52_587_060),  # 52.5 M
        (22, 8, 17_158_106, 17_204_276),  # 17.2 M
        (22, 10, 26_797_914, 26_855_604),  # 26.8 M
        (16, 8, 10_961_370, 11_007_540),  # 11.0 M
        (16, 10, 17_116_634, 17_174_324),  # 17.1 M
    ],
)
def test_depths_and_widths_of_table_4(depth, k, cifar10, cifar100):
    assert wrn(depth, k).total == cifar10
    assert wrn(depth, k, classes=100).total == cifar100


def test_the_thinnest_wrn_has_two_projections():
    assert wrn(40, 1).conv_layers == 39  # 16 channels stay 16 in its first stage


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({"depth": 110}, 1_730_522),  # 1.7 M
        ({"depth": 164}, 1_703_258),  # 1.7 M
        ({"depth": 164, "classes": 100}, 1_726_388),
        ({"depth": 1001}, 10_327_706),  # 10.2 M, without batch normalization
        ({"depth": 1001, "classes": 100}, 10_350_836),
    ],
)
def test_preactivation_networks_of_table_5(arguments, parameters):
    assert preact(**arguments).total == parameters


def test_resnet_1001_prints_as_in_the_paper_without_batch_normalization():
    network = compile_spec(f"{ROOT}/specs/preact_resnet.arch", None, {"depth": "1001"}).network
    others = (row for row in rows_by_layer(network) if row.kind != "bn")
    assert sum(row.sums.total for row in others) == 10_178_490  # 10.2 M


@pytest.mark.parametrize(
    ("kernels", "depth", "parameters"),
    [
        ([1, 3, 1], 40, 953_306),  # 1.0 M, printed 1.4
        ([3, 1, 1], 40, 867_290),  # 0.9 M, printed 1.3
        ([3, 1, 3], 22, 735_578),  # 0.7 M, printed 1.1
    ],
)
def test_blocks_of_three_convolutions_would_be_fewer_if_the_depth_counted_them(
    kernels, depth, parameters
):
    assert wrn(depth, 2, kernels=kernels, per_block=3).total == parameters


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(110, 1_727_962), (1202, 19_421_274)],  # 1.7 M; 19.4 M, printed 10.2
)
def test_original_networks_of_table_5_pad_their_shortcuts(depth, parameters):
    assert counted("specs/resnet_cifar.arch", depth=depth).total == parameters


@pytest.mark.parametrize(("depth", "parameters"), [(110, 1_727_962), (1001, 10_285_722)])
def test_preactivation_networks_might_pad_their_shortcuts(depth, parameters):
    assert counted("tests/specs/padded_preact.arch", depth=depth).total == parameters


# ---------------------------------------------------------------- Zagoruyko & Komodakis 2017


def diracnet(**arguments):
    return counted("specs/diracnet.arch", **arguments)


def large_diracnet(**arguments):
    return counted("specs/diracnet_imagenet.arch", **arguments)


@pytest.mark.parametrize(
    ("k", "cifar10", "cifar100", "sixteen_first"),
    [
        (2, 3_693_158, 3_704_768, 3_683_478),  # 3.7 M
        (8, 59_009_222, 59_055_392, 58_747_926),  # 59 M
    ],
)
def test_diracnets_of_table_2(k, cifar10, cifar100, sixteen_first):
    assert diracnet(k=k).total == cifar10
    assert diracnet(k=k, classes=100).total == cifar100
    assert diracnet(k=k, stem_width=16).total == sixteen_first


def test_a_diracnet_of_34_layers_has_31_convolutions_and_two_scalars_in_30():
    assert diracnet().conv_layers == 31
    assert diracnet().total - counted("specs/plain.arch").total == 2 * 30
    # b per channel: 10 layers each of 32, 64 and 128
    assert diracnet(b_per="channel").total - diracnet().total == 10 * (32 + 64 + 128) - 30


TO_3, TO_5 = [3, 4, 6, 3], [3, 4, 6, 5]


@pytest.mark.parametrize(
    ("arguments", "per_channel", "scalar"),
    [
        ({"depth": 18, "width": 0.75}, 12_759_464, 12_756_600),  # 12.8 M
        ({"depth": 34, "width": 0.5, "blocks": TO_5}, 15_537_900, 15_533_136),  # 15.5 M
        ({"depth": 34, "width": 0.75, "blocks": TO_5}, 34_752_604, 34_745_440),  # 34.8 M
        ({"depth": 34, "width": 0.5, "blocks": TO_3}, 10_816_232, 10_812_488),
        ({"depth": 34, "width": 0.75, "blocks": TO_3}, 24_131_160, 24_125_528),
    ],
)
def test_diracnets_of_table_3(arguments, per_channel, scalar):
    assert large_diracnet(**arguments, b_per="channel").total == per_channel
    assert large_diracnet(**arguments, b_per="layer").total == scalar


def test_diracnet_34_of_imagenet_has_36_dirac_layers_unless_told_otherwise():
    assert large_diracnet(depth=34).conv_layers == 36 + 1
    assert large_diracnet(depth=34) == large_diracnet(depth=34, blocks=TO_5)


def test_moments_of_batch_normalization_would_bring_34_075_to_the_printed_figure():
    sums = large_diracnet(depth=34, b_per="layer")
    assert sums.total + sums.buffers - 37 == 34_759_936  # 34.8 M; a counter in each of 37 layers


@pytest.mark.parametrize(
    ("k", "ratio"),
    [(1, 1.982), (2, 1.990), (8, 1.997)],  # the paper: the square root of 2
)
def test_ncrelu_makes_twice_the_parameters(k, ratio):
    assert round(diracnet(k=k).total / wrn(34, k).total, 3) == ratio


def test_diracnet_18_has_almost_twice_the_parameters_of_resnet_18():
    assert large_diracnet(width=1).total == 22_505_016
    assert round(22_505_016 / resnet(18).total, 3) == 1.925


@pytest.mark.parametrize(
    ("network", "arguments", "parameters"),
    [
        ("cifar", {}, 3_690_826),
        ("cifar", {"k": 8}, 59_000_074),
        ("imagenet", {}, 12_753_640),
        ("imagenet", {"width": 0.5, "blocks": TO_5}, 15_528_232),
        ("imagenet", {"blocks": TO_5}, 34_738_120),
    ],
)
def test_folded_diracnets_are_convolutions_with_biases(network, arguments, parameters):
    assert counted(f"tests/specs/folded_diracnet.arch:{network}", **arguments).total == parameters


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        ("vgg_cnn_s", 102_908_520),  # 102.9 M
        ("vgg", 138_357_544),  # 138.4 M
    ],
)
def test_plain_networks_of_table_3(spec, parameters):
    assert counted(f"specs/{spec}.arch").total == parameters


@pytest.mark.parametrize("depth_and_k", [(28, 10), (40, 1)])
def test_residual_networks_of_delta_and_weights_have_no_more_parameters(depth_and_k):
    depth, k = depth_and_k
    found = counted("specs/dirac_resnet.arch", depth=depth, k=k)
    assert found.total == wrn(depth, k).total


# ---------------------------------------------------------------- McDonnell 2018

FROZEN = {"norm": "frozen", "image_norm": "frozen"}


def onebit(**arguments):
    return counted("specs/onebit.arch", **arguments)


@pytest.mark.parametrize(
    ("depth", "k", "classes", "weights"),
    [
        (20, 4, 10, 4_280_512),  # 4.3 M
        (20, 4, 100, 4_303_552),
        (20, 10, 10, 26_737_120),  # 26.7 M, printed 26.8
        (20, 10, 100, 26_794_720),  # 26.8 M
        (26, 10, 10, 36_413_920),  # 36.4 M, printed 35.6
        (26, 10, 100, 36_471_520),  # 36.5 M, printed 35.6
        (20, 20, 10, 106_927_040),  # 106.9 M
        (20, 20, 100, 107_042_240),  # 107.0 M
    ],
)
def test_weights_of_table_1_are_bits(depth, k, classes, weights):
    arguments = {"depth": depth, "k": k, "classes": classes}
    assert onebit(**arguments, **FROZEN).total == weights
    assert onebit(**arguments, **FROZEN).deployed_bits == weights
    assert onebit(**arguments).total == weights + 6  # scale and offset of the image's 3 channels
    assert onebit(**arguments).deployed_bits == weights + 6 * 32
    full = counted("specs/full_precision.arch", **arguments, **FROZEN)
    assert (full.total, full.deployed_bits) == (weights, 32 * weights)


def test_all_normalization_learned_brings_some_more():
    learned = {"norm": "learned", "image_norm": "learned"}
    assert onebit(k=4, **learned).total == 4_286_042
    assert onebit(k=10, classes=100, **learned).total == 26_808_686


def test_moments_are_kept_for_each_channel_that_is_normalized():
    # 21 layers of 20-10, each with a counter beside its means and variances
    assert onebit(k=10, classes=10).buffers - 21 == 13_786
    assert onebit(k=10, classes=100).buffers - 21 == 13_966
    assert onebit(k=10, classes=10).total + 13_786 == 26_750_912  # 26.8 M


def test_20_layers_are_20_convolutions():
    assert onebit().conv_layers == 20
    assert onebit(depth=26).conv_layers == 26


def test_a_convolution_less_does_not_give_the_printed_figure_of_26_10_either():
    found = counted("tests/specs/onebit_readings.arch")
    assert (found.total, found.conv_layers) == (35_549_920, 25)  # 35.5 M, printed 35.6


def test_the_network_without_shortcuts_has_as_many_parameters():
    plain = counted("specs/onebit_plain.arch")
    assert plain.total == onebit(k=4).total == 4_280_518
    assert plain.deployed_bits == onebit(k=4).deployed_bits
    assert plain.macs == onebit(k=4).macs


@pytest.mark.parametrize(
    ("depth", "k", "weights", "learned"),
    [
        (20, 4, 4_533_952, 4_541_462),  # 4.5 M
        (20, 10, 27_370_720, 27_386_486),  # 27.4 M
        (20, 15, 61_100_880, 61_123_526),  # 61.1 M
        (26, 10, 37_047_520, 37_067_766),  # 37 M, printed ~36
    ],
)
def test_networks_for_imagenet32_of_table_2(depth, k, weights, learned):
    spec = "specs/onebit_imagenet32.arch"
    assert counted(spec, depth=depth, k=k, norm="frozen").total == weights
    assert counted(spec, depth=depth, k=k).total == learned
    assert onebit(depth=depth, k=k, classes=1000, **FROZEN).total == weights


@pytest.mark.parametrize(
    ("stem_kernel", "weights", "learned"),
    [(7, 69_962_720, 69_984_246), (3, 69_943_520, 69_965_046)],  # 70.0 M
)
def test_networks_for_imagenet_of_table_2(stem_kernel, weights, learned):
    spec = "specs/onebit_imagenet.arch"
    assert counted(spec, stem_kernel=stem_kernel, norm="frozen").total == weights
    assert counted(spec, stem_kernel=stem_kernel).total == learned
    assert counted(spec).conv_layers == 18


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        ("specs/resnext_cifar.arch", 34_426_698),  # 34 M, printed 36
        ("tests/specs/densenet_cifar.arch", 25_624_430),  # 26 M
        ("tests/specs/shake_shake.arch", 26_192_922),  # 26 M
    ],
)
def test_networks_that_table_3_compares_with(spec, parameters):
    assert counted(spec).total == parameters


@pytest.mark.parametrize(
    ("spec", "arguments", "size", "megabytes", "mebibytes"),
    [
        ("onebit", {"k": 4, **FROZEN}, 535_064, 0.535, 0.510),
        ("onebit", {"k": 10, **FROZEN}, 3_342_140, 3.342, 3.187),
        ("onebit", {"k": 10, "classes": 100, **FROZEN}, 3_349_340, 3.349, 3.194),
        ("onebit", {"depth": 26, "classes": 100, **FROZEN}, 4_558_940, 4.559, 4.348),
        ("onebit", {"k": 20, "classes": 100, **FROZEN}, 13_380_280, 13.380, 12.760),
        ("onebit_imagenet", {"norm": "frozen"}, 8_745_340, 8.745, 8.340),  # printed 8.3 MB
    ],
)
def test_deployed_weights_take_a_bit_each(spec, arguments, size, megabytes, mebibytes):
    bits = counted(f"specs/{spec}.arch", **arguments).deployed_bits
    assert bits == 8 * size
    assert (round(bits / 8e6, 3), round(bits / 8 / 2**20, 3)) == (megabytes, mebibytes)


# ---------------------------------------------------------------- the thesis


@pytest.mark.parametrize(
    ("hidden", "parameters"), [(100, 301), (125, 376), (250, 751), (375, 1_126), (500, 1_501)]
)
def test_the_sine_regressor_grows_by_quarters(hidden, parameters):
    assert counted("tests/specs/thesis.arch:sine", hidden=hidden).total == parameters


# ---------------------------------------------------------------- docs/papers.md


def test_the_page_of_figures_is_current():
    assert papers.render() == papers.PAGE.read_text(encoding="utf-8")


def test_the_commands_of_the_page_print_its_figures(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    tables = [table for paper in papers.PAPERS for table in paper.tables]
    for figure in (each for table in tables for each in (*table.figures, *table.sizes)):
        assert main(["params", *shlex.split(papers.command(figure)), "--format", "json"]) == 0
        printed, sums = json.loads(capsys.readouterr().out), papers.counted(figure)
        assert printed["parameters"]["total"] == sums.total
        assert printed["parameters"]["unshared"] == sums.unshared
        assert printed["deployed_bits"] == sums.deployed_bits
        assert printed["convolutions"]["tensors"] == sums.conv_tensors


def test_just_the_figures_that_do_not_match_say_why():
    for paper in papers.PAPERS:
        for table in paper.tables:
            for figure in table.figures:
                assert papers.matches(figure) != bool(figure.why), figure
