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


# ---------------------------------------------------------------- docs/papers.md


def test_the_page_of_figures_is_current():
    assert papers.render() == papers.PAGE.read_text(encoding="utf-8")


def test_the_commands_of_the_page_print_its_figures(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    figures = [f for paper in papers.PAPERS for table in paper.tables for f in table.figures]
    for figure in figures:
        assert main(["params", *shlex.split(papers.command(figure)), "--format", "json"]) == 0
        printed, sums = json.loads(capsys.readouterr().out), papers.counted(figure)
        assert printed["parameters"]["total"] == sums.total
        assert printed["parameters"]["unshared"] == sums.unshared
        assert printed["convolutions"]["tensors"] == sums.conv_tensors


def test_just_the_figures_that_do_not_match_say_why():
    for paper in papers.PAPERS:
        for table in paper.tables:
            for figure in table.figures:
                assert papers.matches(figure) != bool(figure.why), figure
