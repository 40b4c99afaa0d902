"""A phase of a growing network is deployed and inspected from a checkpoint of it."""

from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.cli import main

SPEC = """\
network grown(width = 8) {
    grow width = [2, 4, 8]
    input(1, 8, 8)
    conv3x3(width) bn relu
    avgpool linear(10)
}
"""


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A folder with `grown.arch`, and `phase1.pt` of its phase 1."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grown.arch").write_text(SPEC)
    torch.manual_seed(0)
    phase = archdsl.compile("grown.arch").phases[1]
    torch.save(phase.build().state_dict(), "phase1.pt")
    return "phase1.pt"


def test_its_phase_is_deployed(checkpoint, capsys, tmp_path):
    words = ["deploy", "grown.arch", checkpoint, "--phase", "1", "--out", "small"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("grown(width = 4): [1, 8, 8] -> [10]\n")
    names = {path.name for path in (tmp_path / "small/grown_width4").iterdir()}
    assert names == {"model.py", "weights.safetensors"}


@pytest.mark.parametrize("words", [[], ["--phase", "2"], ["--phase", "0"]], ids=" ".join)
def test_another_phase_is_refused_and_the_right_one_named(checkpoint, capsys, tmp_path, words):
    assert main(["deploy", "grown.arch", checkpoint, *words, "--out", "small"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "archdsl: phase1.pt is of phase 1 (width = 4); write `--phase 1`\n"
    assert not (tmp_path / "small").exists()


def test_a_state_of_no_phase_is_refused_as_ever(checkpoint, capsys):
    torch.save({"conv1.weight": torch.zeros(3, 1, 3, 3)}, "other.pt")
    assert main(["deploy", "grown.arch", "other.pt", "--phase", "1", "--out", "small"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("archdsl: other.pt is no state of `grown` with these arguments: ")


def test_a_phase_that_is_not_there_is_refused(checkpoint, capsys):
    assert main(["deploy", "grown.arch", checkpoint, "--phase", "3", "--out", "small"]) == 1
    assert "there is no phase 3: phases are 0 to 2" in capsys.readouterr().err


def test_its_phase_is_inspected(checkpoint, capsys):
    assert main(["inspect", "grown.arch", checkpoint, "--phase", "1", "--layer", "conv1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("grown(width = 4): [1, 8, 8] -> [10]\n")
    assert "[4, 1, 3, 3]" in out


def test_inspected_without_its_phase_the_right_one_is_named(checkpoint, capsys):
    assert main(["inspect", "grown.arch", checkpoint]) == 1
    err = capsys.readouterr().err
    assert err == "archdsl: phase1.pt is of phase 1 (width = 4); write `--phase 1`\n"


def test_the_columns_of_a_nested_phase_are_inspected(checkpoint, capsys):
    Path("nested.arch").write_text(SPEC.replace("[2, 4, 8]", "[2, 4, 8] nested"))
    phase = archdsl.compile("nested.arch").phases[1]
    state = {entry.name: torch.zeros(entry.shape) for entry in phase.tensors()}
    torch.save(state, "nested1.pt")
    assert main(["inspect", "nested.arch", "nested1.pt"]) == 1
    assert "is of phase 1 (width = 4)" in capsys.readouterr().err
    assert main(["inspect", "nested.arch", "nested1.pt", "--phase", "1"]) == 0
    assert "columns.1.weight" in capsys.readouterr().out
