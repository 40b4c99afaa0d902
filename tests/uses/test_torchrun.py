"""The training script under torchrun: two processes on the CPU, on networks that share weights."""

import json
import os
import subprocess
import sys

import pytest
import torch

from archdsl.pipeline import compile_spec, compile_text
from tests.uses.networks import PLAIN, ROOT

# Runs train.py and, however that ends, leaves the names of the threads that there are then. With
# BROKEN the second process fails in its first step, while the first one waits for it.
WATCHED = """
import os, runpy, sys
from pathlib import Path

import torch

def fail(*_, **__):
    raise RuntimeError("this process is broken")

folder = Path(__file__).parent
if "BROKEN" in os.environ and os.environ["RANK"] == "1":
    torch.randperm = fail
try:
    runpy.run_path(str(folder / "train.py"), run_name="__main__")
finally:
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    (folder / f"threads{os.environ['RANK']}").write_text("\\n".join(names))
"""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="threads are listed in /proc")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def write(folder, compilation):
    for name, text in compilation.files("net").items():
        (folder / name).write_text(text)
    return folder


def train(folder, *flags, processes=2, script="train.py"):
    """Run the script in one process or two; return its exit status, stdout and stderr."""
    run = (*(TORCHRUN if processes == 2 else ()), folder / script, "--device", "cpu", *flags)
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
def test_two_processes_measure_the_responses_that_one_does(tmp_path):
    """Each measures its half of the batch; PLAIN has no moments, which would be of halves, too."""
    folder = write(tmp_path, compile_text(PLAIN))
    found = []
    for processes in (1, 2):
        out = tmp_path / f"out{processes}"
        flags = ("--synthetic", "--epochs", 1, "--lr", 0, "--responses", "--out", out)
        status, _, stderr = train(folder, *flags, processes=processes)
        assert status == 0, stderr
        found.append(log_of(out)[-1]["responses"])
    one, two = found
    assert list(two) == list(one)
    assert list(one)[:3] == ["stem.0", "body.blocks.0.shared_conv1", "body.blocks.0.conv2"]
    assert two == pytest.approx(one, rel=1e-5)


def watched(folder, *flags):
    """Run the script in two processes; return status, stderr and the threads left in each.

    Where one fails, torchrun may end the other before that has told its threads.
    """
    write(folder, compile_text(PLAIN))
    (folder / "watched.py").write_text(WATCHED)
    flags = ("--synthetic", "--epochs", 1, "--out", folder / "out", *flags)
    status, _, stderr = train(folder, *flags, script="watched.py")
    left = [path.read_text().splitlines() for path in folder.glob("threads*")]
    return status, stderr, left


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_thread_of_gloo_is_left_to_abort_a_process_that_ends(tmp_path, compiled):
    """It would where it still has a tensor; `python -m tests.uses.endings` counts how often."""
    status, stderr, left = watched(tmp_path, *(["--compile"] if compiled else []))
    assert status == 0, stderr
    assert [[name for name in names if "gloo" in name] for names in left] == [[], []]
    assert len(log_of(tmp_path / "out")) == 2
    assert torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)["epoch"] == 1


@LINUX
@pytest.mark.slow
def test_runs_end_well_where_the_threads_of_gloo_are_slow():
    command = [sys.executable, "-m", "tests.uses.endings", "--runs", "20"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "  20 of 20 ended well\n"), done.stderr


@pytest.mark.slow
@LINUX
def test_a_run_that_both_processes_give_up_ends_as_one_that_they_finish(tmp_path):
    status, stderr, left = watched(tmp_path, "--lr", 1e30)
    assert status == 1
    assert "the loss is nan in epoch 1: try a lower --lr" in stderr
    assert "terminate called" not in stderr
    assert left
    assert not [name for names in left for name in names if "gloo" in name]


@pytest.mark.slow
def test_a_process_that_fails_ends_the_other_one(tmp_path, monkeypatch):
    write(tmp_path, compile_text(PLAIN))
    (tmp_path / "watched.py").write_text(WATCHED)
    monkeypatch.setenv("BROKEN", "yes")
    status, _, stderr = train(tmp_path, "--synthetic", script="watched.py")
    assert status == 1
    assert "RuntimeError: this process is broken" in stderr


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
