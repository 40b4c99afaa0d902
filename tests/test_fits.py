"""`archdsl fit`: the members that come nearest to a budget, or to another network."""

import json
from pathlib import Path

import pytest

from archdsl.cli import main

ROOT = Path(__file__).parents[1]
SPECS = ROOT / "specs"


def found(capsys, spec, *words):
    """Return the members that are found, and the exit status."""
    status = main(["fit", str(SPECS / spec), *words, "--format", "json"])
    return json.loads(capsys.readouterr().out)["members"], status


# Boulch 2017, Table 3: a network that shares, and the one beside it with as many parameters
TABLE3 = [
    ("preact_resnet.arch", "share_resnet164.arch", [], 92),  # ResNet-164 Share
    ("wrn.arch", "share_wrn.arch", [], 28),  # WRN-40-4 Share: WRN-28-4
    ("wrn.arch", "share_wrn.arch", ["depth=28", "k=10"], 22),  # WRN-28-10 Share: WRN-22-10
]


@pytest.mark.parametrize(("spec", "other", "settings", "depth"), TABLE3)
@pytest.mark.parametrize("classes", [10, 100])
def test_the_pairs_of_a_paper_are_found(spec, other, settings, depth, classes, capsys):
    words = [word for text in (*settings, f"classes={classes}") for word in ("--match-set", text)]
    members, status = found(capsys, spec, "--match", str(SPECS / other), "--vary", "depth", *words)
    assert status == 0
    assert members[0]["arguments"] == {"depth": depth}
    assert [each["error"] for each in members] == sorted(each["error"] for each in members)


def test_a_number_is_a_budget(capsys):
    members, _ = found(capsys, "wrn.arch", "--parameters", "8.95e6", "--vary", "depth,k")
    # WRN-40-4 has 8,949,210 (Zagoruyko & Komodakis 2016, Table 4); a thinner one may be nearer
    assert {"depth": 40, "k": 4} in [each["arguments"] for each in members[:2]]
    for each in members:
        assert each["error"] == pytest.approx(abs(each["parameters"] - 8.95e6) / 8.95e6)


def test_a_table_of_the_spec_says_what_there_is(capsys):
    # torchvision's documentation: ResNet-101 has 44,549,160
    members, _ = found(capsys, "resnet.arch", "--parameters", "44_549_160", "--vary", "depth")
    assert members[0] == {"arguments": {"depth": 101}, "parameters": 44_549_160, "error": 0.0}


def test_values_may_be_given_and_several_budgets(capsys):
    words = ["--vary", "depth=[18, 34, 50]", "--vary", "image=128..256:32", "--macs", "4.1e9"]
    members, _ = found(capsys, "resnet.arch", *words, "--parameters", "25.6e6")
    assert members[0]["arguments"] == {"depth": 50, "image": 224}
    assert members[0]["macs"] == 4_089_184_256


def test_other_measures(capsys):
    words = ["--match", str(SPECS / "wrn.arch"), "--match-set", "k=2", "--columns", "macs"]
    members, _ = found(capsys, "wrn.arch", *words, "--vary", "k")
    assert members[0]["arguments"] == {"k": 2}
    assert members[0]["error"] == 0
    members, _ = found(capsys, "onebit.arch", "--deployed-bits", "27e6", "--vary", "k=4..12")
    assert members[0]["arguments"] == {"k": 10}  # McDonnell 2018: 26.8 million weights of a bit


def test_a_budget_that_nobody_meets_names_the_nearest(capsys):
    words = ["--parameters", "4e7", "--vary", "depth", "--within", "1"]
    assert main(["fit", str(SPECS / "resnet.arch"), *words]) == 1
    _, err = capsys.readouterr()
    assert err == "archdsl: no member is within 1 %: the nearest is depth = 101, +11.37 %\n"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--vary", "depth"], 2, "nothing is wanted"),
        (["--vary", "depht", "--macs", "1e9"], 2, "did you mean `depth`?"),
        (["--vary", "depth,depth", "--macs", "1e9"], 2, "`depth` is varied, and said once more"),
        (["--vary", "k", "--set", "k=2", "--macs", "1e9"], 2, "`k` is varied"),
        (["--vary", "kernels", "--macs", "1e9"], 1, "`kernels` is no number"),
        (["--vary", "depth=[a, b]", "--macs", "1e9"], 2, "what varies is a number"),
        (["--vary", "depth=40..16", "--macs", "1e9"], 2, "is an empty range"),
        (["--vary", "depth", "--macs", "none"], 2, "`none` is not a number from 1 up"),
        (["--vary", "depth", "--macs", "1e99"], 2, "is not a number from 1 up"),
        (["--vary", "depth", "--match", "nowhere.arch"], 1, "nowhere.arch"),
        (["--vary", "depth=17..21", "--macs", "1e9"], 1, "depth must be"),
    ],
)
def test_what_is_wrong_is_said(words, status, message, capsys):
    try:
        got = main(["fit", str(SPECS / "wrn.arch"), *words])
    except SystemExit as exit_:
        got = exit_.code
    assert got == status
    assert message in capsys.readouterr().err


def test_a_budget_of_memory(capsys):
    """ResNet-50 takes 5.76 GB at 64 images, ResNet-34 less: docs/questions.md."""
    words = ("fit", f"{ROOT}/specs/resnet.arch", "--memory", "5.8e9", "--batch", "64")
    assert main([*words, "--vary", "depth=[18, 34, 50]", "--top", "1", "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split(",")[:2] == ["50", "5762397832"]
