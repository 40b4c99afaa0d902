"""docs/command-line.md and docs/machine-readable.md say what the command line does."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.cli import main
from archdsl.cli.arguments import parser
from tests.report.logs import epoch, run, start, write

ROOT = Path(__file__).parents[1]
COMMAND_LINE = (ROOT / "docs/command-line.md").read_text("utf-8")
MACHINES = (ROOT / "docs/machine-readable.md").read_text("utf-8")
WARNED = """\
network a {
    input(1, 2, 2)
    stage s = 2 * unit(1) with share(conv3x3, from = 2)
}
block unit(width) { conv3x3(width) }
"""
GROWN = """\
network g(width = 4) {
    grow width = [2, 4]
    input(1, 2, 2)
    conv3x3(width)
    avgpool linear(10)
    train = quick
}
train quick {
    data = mnist  batch = 1  epochs = 2  optimizer = sgd(lr = 0.1)  schedule = cosine
    grow = at([2])
}
"""


def commands(document):
    """Return the words of each archdsl command of a document, without what the shell takes."""
    blocks = re.findall(r"^```(?:sh|yaml)\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^|- run: |\$\()(archdsl [^|\n)]*)", "\n".join(blocks), re.MULTILINE)
    redirected = r'[<>](?=(?:[^"]*"[^"]*")*[^"]*$)'  # not in quotes
    return [shlex.split(re.split(redirected, line)[0], comments=True)[1:] for line in found]


@pytest.mark.parametrize("words", commands(COMMAND_LINE) + commands(MACHINES), ids=" ".join)
def test_each_command_of_the_pages_is_one(words):
    assert parser().parse_args(words)


def test_each_command_is_on_the_page_and_in_its_own_help(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    names = re.findall(r"^    (\w+)(?:  |$)", capsys.readouterr().out, re.MULTILINE)
    assert sorted(names) == sorted({words[0] for words in commands(COMMAND_LINE)})
    for name in names:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = re.findall(
            r"^  (?:eval \"\$\()?(archdsl .*)", capsys.readouterr().out, re.MULTILINE
        )
        assert shown
        for line in shown:
            words = shlex.split(re.split(r"[>|)]|   ", line)[0])
            assert parser().parse_args(words[1:])


# ---------------------------------------------------------------- keys


def documented(heading):
    """Return the keys in the first column of the table below a heading."""
    section = MACHINES.split(f"\n## {heading}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


@pytest.fixture
def document(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.arch").write_text(WARNED)
    Path("g.arch").write_text(GROWN)

    def run(*arguments):
        assert main([*arguments, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_the_keys_of_a_network_are_on_the_page(document):
    keys = set()
    for arguments in (
        ["params", "a.arch", "--tensors", "--by", "block"],
        ["params", "a.arch", "--by", "layer"],
        ["params", "a.arch", "--batch", "2"],
        ["compile", "a.arch"],
        ["compile", "a.arch", "--check"],
        ["params", "g.arch", "--phase", "0"],
    ):
        keys |= set(document(*arguments))
    assert keys == documented("A network")


def test_the_keys_of_phases_and_of_tensors_are_on_the_page(document):
    found = document("params", "g.arch", "--tensors")
    section = MACHINES.split("\n## A network")[1].split("\n## ")[0]
    for key in ("phases", "growth", "tensors"):
        (line,) = re.findall(rf"^\| (?:with .*)?`{key}` \|.*$", section, re.MULTILINE)
        inner = found[key][0] if isinstance(found[key], list) else found[key]
        assert all(f"`{name}`" in line for name in inner), key


@pytest.mark.parametrize(
    ("heading", "words", "shared"),
    [
        ("Closed forms", ["params", "g.arch", "--symbolic", "width"], True),
        ("Sweeps", ["sweep", "g.arch", "--set", "width=1..3"], True),
        ("Budgets", ["fit", "g.arch", "--vary", "width", "--parameters", "99"], False),
    ],
)
def test_the_keys_of_a_family_are_on_the_page(document, heading, words, shared):
    keys = {"schema", "network", "arguments"} if shared else set()
    assert set(document(*words)) == documented(heading) | keys


def test_the_keys_of_check_and_of_diagnostics_are_on_the_page(document):
    (spec,) = document("check", "a.arch")["specs"]
    assert set(spec) == documented("Specs")
    (diagnostic,) = spec["diagnostics"]
    assert set(diagnostic) == documented("Diagnostics")
    for note in diagnostic["notes"]:
        assert set(note) < set(diagnostic)


def test_the_keys_of_a_report_of_runs_are_on_the_page(document):
    run("net", (0.5, 0.5, 0.9))
    (row,) = document("report", "net")["rows"]
    assert set(row) | set(row["runs"][0]) == documented("Runs")


def test_the_columns_of_a_report_as_csv_are_on_the_page(document, capsys):
    run("net", (0.5, 0.5, 0.9))
    main(["report", "net", "--format", "csv"])
    titles = capsys.readouterr().out.splitlines()[0].split(",")
    section = MACHINES.split("\n## CSV: `report --format csv`")[1]
    assert titles == re.findall(r"`([^`]+)`", section)[:-1]  # the last is `'`


def test_the_columns_and_keys_of_responses_are_on_the_page(document, capsys):
    write("net", start(epochs=1), epoch(1, 0.5, responses={"stem.0": 1.0}))
    (row,) = document("report", "net")["rows"]
    (line,) = re.findall(r"^\| `responses` \|.*", MACHINES, re.MULTILINE)
    (layer,) = row["responses"]
    assert {*layer, *layer["std"], "responses"} == set(re.findall(r"`(\w+)`", line))
    main(["report", "net", "--responses", "--format", "csv"])
    titles = capsys.readouterr().out.splitlines()[0].split(",")
    section = MACHINES.split("\n## CSV: `report --responses --format csv`")[1].split("\n## ")[0]
    assert titles == re.findall(r"`([^`]+)`", section)


def test_the_keys_and_columns_of_a_checkpoint_are_on_the_page(document, capsys):
    torch.save(archdsl.compile("a.arch").build().state_dict(), "a.pt")
    found = document("inspect", "a.arch", "a.pt")
    section = MACHINES.split("\n## Checkpoints")[1].split("\n| key")[0]
    assert all(f"`{key}`" in section for key in found)
    assert set(found["tensors"][0]) == documented("Checkpoints")
    assert set(found["tensors"][0]["filter_norms"]) == {"least", "mean", "largest", "zeros"}
    main(["inspect", "a.arch", "a.pt", "--format", "csv"])
    titles = capsys.readouterr().out.splitlines()[0].split(",")
    page = MACHINES.split("\n## CSV")[1].split("`inspect` has ")[1].replace("\n", " ")
    assert all(f"`{title}`" in page for title in titles)


def test_the_columns_of_csv_are_on_the_page(document, capsys):
    section = MACHINES.split("\n## CSV")[1]
    for more in ([], ["--tensors"], ["--by", "phase"]):
        main(["params", "g.arch", "--format", "csv", *more])
        titles = capsys.readouterr().out.splitlines()[0].replace(",width,", ",").split(",")
        assert all(f"`{title}`" in section.replace("\n", " ") for title in titles)
