"""The training script under torchrun: two processes on the CPU, on networks that share weights."""

import json
import os
import subprocess
import sys

import pytest
import torch

from archdsl.pipeline import compile_spec, compile_text
from tests.uses.networks import PLAIN, ROOT

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def write(folder, compilation):
    for name, text in compilation.files("net").items():
        (folder / name).write_text(text)
    return folder


def train(folder, *flags, processes=2):
    """Run the script in one process or two; return its exit status, stdout and stderr."""
    run = (*(TORCHRUN if processes == 2 else ()), folder / "train.py", "--device", "cpu", *flags)
    command = [sys.executable, *map(str, run)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def log_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_two_processes_take_the_steps_of_one(tmp_path):
    """Each has the gradient of its half of every batch; their mean is the batch's."""
    folder = write(tmp_path, compile_text(PLAIN))
    logs = {}
    for processes in (1, 2):
        out = tmp_path / f"out{processes}"
        status, _, stderr = train(folder, "--limit", 320, "--out", out, processes=processes)
        assert status == 0, stderr
        logs[processes] = log_of(out)
    assert [logs[n][0]["processes"] for n in (1, 2)] == [1, 2]
    assert len(logs[1]) == len(logs[2]) == 3  # the run, and two epochs
    for one, two in zip(logs[1][1:], logs[2][1:], strict=True):
        assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-4)
    states = [
        torch.load(tmp_path / f"out{n}" / "checkpoint.pt", weights_only=True)["model"]
        for n in (1, 2)
    ]
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_run_in_two_processes_goes_on_and_only_the_first_speaks(tmp_path):
    folder = write(tmp_path, compile_spec(str(ROOT / "specs/digits.arch")))
    flags = ("--limit", 256, "--out", tmp_path / "out")
    status, _, stderr = train(folder, *flags, "--epochs", 1)
    assert status == 0, stderr
    status, stdout, stderr = train(folder, *flags, "--epochs", 2, "--resume")
    assert status == 0, stderr
    going_on, epoch = stdout.splitlines()
    assert going_on == "going on after epoch 1"
    assert epoch.startswith("epoch   2/2")
    assert [record["epoch"] for record in log_of(tmp_path / "out")[1:]] == [1, 2]


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path, monkeypatch):
    folder = write(tmp_path, compile_text(PLAIN))
    monkeypatch.setenv("RANK", "0")  # as torchrun does
    monkeypatch.setenv("WORLD_SIZE", "2")
    status, _, stderr = train(folder, "--synthetic", "--batch", 33, processes=1)
    assert status == 1
    assert "--batch 33 cannot be divided among 2 processes" in stderr


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_the_script_compiles_the_model_where_that_is_wanted(tmp_path, processes):
    folder = write(tmp_path, compile_spec(str(ROOT / "specs/digits.arch")))
    flags = ("--synthetic", "--epochs", 1, "--compile", "--channels-last")
    status, _, stderr = train(folder, *flags, processes=processes)
    assert status == 0, stderr
