"""`archdsl diff`: two specs, one at two choices of arguments, and what git asks for."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import main

ROOT = Path(__file__).parents[1]
MACHINES = (ROOT / "docs/machine-readable.md").read_text("utf-8")
OLD = """\
import unit from "blocks.arch"
network small(n = 3, width = 4) {
    input(3, 8, 8)
    stem { conv3x3(width) }
    stage body = n * unit(width)
    head { avgpool linear(10) }
    expect parameters == 592
}
"""
NEW = OLD.replace("stem { conv3x3(width) }", "stem { conv5x5(width) }\n    neck: { bn relu }")
BLOCKS = "block unit(width) { conv3x3(width) relu }\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("blocks.arch").write_text(BLOCKS)
    Path("old.arch").write_text(OLD)
    Path("new.arch").write_text(NEW)
    return tmp_path


def document(capsys, *words):
    assert main(["diff", *words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_rows_and_tensors_that_came_went_and_changed(folder, capsys):
    found = document(capsys, "old.arch", "new.arch")
    rows = {row["name"]: (row["change"], row["parameters"]) for row in found["rows"]}
    # 5 x 5 for 3 x 3 windows of 3 x 4 channels, and the scale and offset of 4 channels
    assert rows == {"stem": ("changed", 12 * (25 - 9)), "neck": ("added", 8)}
    weights = found["weights"]
    assert weights["fitting"] == 5
    assert weights["reshaped"] == [
        {"name": "stem.0.weight", "old": [4, 3, 3, 3], "new": [4, 3, 5, 5]}
    ]
    assert [each["name"] for each in weights["missing"]][:2] == ["neck.0.weight", "neck.0.bias"]
    back = document(capsys, "new.arch", "old.arch")
    assert {row["name"]: row["parameters"] for row in back["rows"]} == {"stem": -192, "neck": -8}


def test_one_spec_at_two_choices_of_arguments(folder, capsys):
    found = document(capsys, "old.arch", "--set", "width=8", "--set-new", "n=5", "--by", "block")
    (row,) = found["rows"]
    assert (row["name"], row["change"], row["parameters"]) == ("body.0-4", "changed", 2 * 9 * 64)
    assert (row["old"]["blocks"], row["new"]["blocks"]) == (3, 5)
    assert found["weights"]["fitting"] == 6


def test_a_renamed_part_keeps_its_weights(folder, capsys):
    Path("new.arch").write_text(OLD.replace("stage body", "stage trunk"))
    found = document(capsys, "old.arch", "new.arch")
    assert found["weights"]["renamed"]["body.0.conv1.weight"] == "trunk.0.conv1.weight"
    assert {row["change"] for row in found["rows"]} == {"added", "removed"}


def test_the_status_is_that_of_git_where_it_is_asked_for(folder):
    assert main(["diff", "old.arch", "new.arch"]) == 0
    assert main(["diff", "old.arch", "new.arch", "--exit-code"]) == 1
    assert main(["diff", "old.arch", "old.arch", "--exit-code"]) == 0
    assert main(["diff", "old.arch", "--set-new", "n=4", "--exit-code"]) == 1


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "csv"])
def test_each_format_has_the_rows(folder, capsys, form):
    assert main(["diff", "old.arch", "new.arch", "--format", form]) == 0
    said = capsys.readouterr().out
    assert "neck" in said
    assert "192" in said
    assert "body" not in said or form == "text"
    assert ("changed" in said) == (form != "text")


def test_every_key_is_on_the_page(folder, capsys):
    found = document(capsys, "old.arch", "new.arch")
    section = MACHINES.split("\n## Differences")[1].split("\n## ")[0]
    rows = {*found["rows"][0], *found["rows"][0]["new"]}
    for key in (*found, *rows, *found["weights"], *found["weights"]["reshaped"][0]):
        assert f"`{key}`" in section, key


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["old.arch"], "one spec differs from itself only with --set-old or --set-new"),
        (["old.arch", "new.arch", "old.arch"], "one or two specs, not 3"),
        (["old.arch", "new.arch", "--set", "n=2", "--set", "n=3"], "`n` is set twice"),
        (["old.arch", "new.arch", "--git"], "is what git calls"),
        (["old.arch", "new.arch", "--textconv"], "takes one spec"),
        (["nothing:old.arch", "new.arch"], "git"),
        (["--", "-x:old.arch", "new.arch"], "`-x` is no revision"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(folder, capsys, words, message):
    assert main(["diff", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert "Traceback" not in said.err


def test_a_spec_with_errors_has_its_diagnostic(folder, capsys):
    Path("new.arch").write_text(OLD.replace("conv3x3", "conf3x3"))
    assert main(["diff", "old.arch", "new.arch"]) == 1
    assert "error[E301]" in capsys.readouterr().err


# ---------------------------------------------------------------- git


@pytest.fixture
def repository(folder):
    """A repository with a spec that changes after its first commit; `git` runs in it."""
    command = folder / "bin/archdsl"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m archdsl "$@"\n')
    command.chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
    }

    def git(*words):
        found = subprocess.run(
            ["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        return found.stdout

    git("init", "-q")
    git("config", "user.email", "a@example.org")
    git("config", "user.name", "A")
    Path("nets").mkdir()
    for name, text in (("blocks.arch", BLOCKS), ("net.arch", OLD)):
        Path("nets", name).write_text(text)
    Path(".gitattributes").write_text("*.arch diff=archdsl\n")
    git("add", ".gitattributes", "nets")
    git("commit", "-q", "-m", "old")
    Path("nets/net.arch").write_text(NEW)
    return git


def test_git_shows_what_differs(repository):
    repository("config", "diff.archdsl.command", "archdsl diff --git")
    said = repository("diff")
    assert re.search(r"^~ +stem .* 300 +\+192 ", said, re.MULTILINE)
    assert re.search(r"^\+ +neck ", said, re.MULTILINE)
    repository("commit", "-q", "-a", "-m", "new")
    Path("nets/net.arch").write_text(NEW.replace("conv5x5", "conf5x5"))
    said = repository("diff")
    assert "not compared: E301" in said
    assert "+    stem { conf5x5(width) }" in said
    assert "neck" in repository("show", "--ext-diff", "HEAD")


def test_git_compares_lines_of_layers(repository):
    repository("config", "diff.archdsl.textconv", "archdsl diff --textconv")
    lines = repository("diff").splitlines()
    assert "-stem.0 conv [4, 8, 8] 108 parameters 6,912 MACs" in lines
    assert "+stem.0 conv [4, 8, 8] 300 parameters 19,200 MACs" in lines
    assert not [line for line in lines if line.startswith(("+body", "-body"))]


def test_a_spec_of_a_commit_has_the_imports_of_that_commit(repository, folder, capsys):
    Path("nets/blocks.arch").write_text(BLOCKS.replace("conv3x3", "conv1x1"))
    found = document(capsys, "HEAD:nets/net.arch", "nets/net.arch")
    rows = {row["name"]: row["parameters"] for row in found["rows"]}
    assert rows == {"stem": 192, "neck": 8, "body": -3 * 16 * 8}
    assert main(["diff", "HEAD:nets/none.arch", "nets/net.arch"]) == 2
    assert "git has no spec `nets/none.arch` in `HEAD`" in capsys.readouterr().err
