"""Runs in several processes: what each draws, measures and tests, and how they go on together."""

import json
import os
import subprocess
import sys

import pytest
import torch

from archdsl.pipeline import compile_text
from tests.uses.checkpoints import same

SPEC = """\
network net {
    input(1, 8, 8)
    stem { conv3x3(8) bn relu }
    head { avgpool DROPOUT linear(10) }
    train = quick
}
train quick {
    data      = digits
    batch     = 32
    epochs    = 1
    optimizer = sgd(lr = 0.1, momentum = 0.9)
    schedule  = steps(at = [60], factor = 0.2)
    MOMENTS
}
"""
# Runs train.py in a folder of its own for each process, or in one for all, and keeps the first
# mask that dropout draws in each.
WRAPPED = """
import os, runpy, sys
from pathlib import Path

import torch
from torch.nn import functional as F

folder, rank = Path(__file__).parent, os.environ.get("RANK", "0")
place = folder / os.environ["PLACE"].replace("RANK", rank)
place.mkdir(exist_ok=True)
os.chdir(place)
sys.path.insert(0, str(folder))
dropout = F.dropout

def kept(input, p, training, inplace):
    mask = dropout(torch.ones_like(input), p, training)
    path = folder / f"mask{rank}.pt"
    if training and not path.exists():
        torch.save(mask, path)
    return input * mask

F.dropout = kept
runpy.run_path(str(folder / "train.py"), run_name="__main__")
"""


@pytest.fixture
def train(tmp_path):
    """Return a function that trains and returns the stderr of all processes."""

    def train(*flags, processes=2, place="all", dropout="", moments="", status=0):
        text = SPEC.replace("DROPOUT", dropout).replace("MOMENTS", moments)
        for name, content in compile_text(text).files("net").items():
            (tmp_path / name).write_text(content)
        (tmp_path / "wrapped.py").write_text(WRAPPED)
        launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
        script = (tmp_path / "wrapped.py", "--device", "cpu", "--synthetic", *flags)
        command = [sys.executable, *(launcher if processes > 1 else ()), *map(str, script)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PLACE": place}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == status, done.stderr
        return done.stderr

    return train


def checkpoint(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


@pytest.mark.parametrize("place", [pytest.param("all", marks=pytest.mark.slow), "apartRANK"])
def test_processes_go_on_with_and_without_a_common_disk(train, tmp_path, place):
    settings = {"dropout": "dropout(0.5)"}
    train("--out", "out", "--epochs", 2, place="whole", **settings)
    train("--out", "out", place=place, **settings)
    train("--out", "out", "--epochs", 2, "--resume", place=place, **settings)
    found = [place.replace("RANK", "0"), "whole"]
    resumed, whole = (checkpoint(tmp_path / folder / "out") for folder in found)
    assert not (tmp_path / "apart1" / "out").exists()  # the first process alone reads and writes
    assert whole["epoch"] == 2
    resumed["config"]["resume"] = False
    assert same({**resumed, "log_size": 0}, {**whole, "log_size": 0})
    masks = [torch.load(tmp_path / f"mask{rank}.pt") for rank in range(2)]
    assert masks[0].shape == masks[1].shape == (16, 8, 1, 1)
    assert not torch.equal(*masks)  # dropout draws for each process anew


@pytest.mark.slow
def test_another_number_of_processes_is_said_in_the_log(train, tmp_path):
    train("--out", "out", processes=1)
    train("--out", "out", "--epochs", 2, "--resume")
    lines = (tmp_path / "all/out/log.jsonl").read_text().splitlines()
    assert json.loads(lines[2]) == {"resumed_after": 1, "processes": 2, "config": {"epochs": 2}}


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(1, 2), pytest.param((1, 4), marks=pytest.mark.slow)])
def test_averaged_moments_and_tests_are_those_of_one_process(train, tmp_path, counts):
    """The weights stay what they are, so that all processes measure the same network."""
    for count in counts:
        flags = ("--out", "out", "--lr", 0, "--limit", 250)
        train(*flags, processes=count, place=f"in{count}", moments="moments = averaged")
    one, several = (checkpoint(tmp_path / f"in{count}/out") for count in counts)
    for name, tensor in one["model"].items():
        if "running" in name:
            torch.testing.assert_close(several["model"][name], tensor, rtol=1e-5, atol=1e-6)
        elif "tracked" not in name:
            assert torch.equal(several["model"][name], tensor)
    logs = [(tmp_path / f"in{n}/out/log.jsonl").read_text().splitlines()[1] for n in counts]
    accuracies = [json.loads(line)["test_accuracy"] for line in logs]
    assert accuracies[1] == pytest.approx(accuracies[0], abs=2 / 64)


def test_running_moments_are_of_all_processes(train, tmp_path):
    """The mean of a batch is that of the means of its halves."""
    for count in (1, 2):
        train("--out", "out", "--lr", 0, processes=count, place=f"in{count}")
    one, two = (checkpoint(tmp_path / f"in{count}/out")["model"] for count in (1, 2))
    found = two["stem.1.running_mean"], one["stem.1.running_mean"]
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--out", "out"), "out holds a run: go on with it by --resume, or choose another folder"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                (("--out", "new", "--batch", 33), "--batch 33 cannot be divided among 2 processes"),
                (("--out", "new", "--lr", "nan"), "error: --lr must be in [0.0, inf)"),
                (("--out", "out/log.jsonl"), "cannot use out/log.jsonl: File exists"),
            )
        ),
    ],
)
def test_a_refusal_is_said_once(train, tmp_path, flags, message):
    (tmp_path / "all/out").mkdir(parents=True)
    (tmp_path / "all/out/log.jsonl").write_text("{}\n")
    said = train(*flags, status=1)
    assert said.count(message) == 1, said
    assert 'train.py", line' not in said, said  # no traceback but torchrun's own
