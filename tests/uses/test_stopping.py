"""Runs that are stopped: what they leave, and that they end with the same bits."""

import importlib
import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from archdsl.pipeline import compile_text
from tests.uses.kills import SPEC
from tests.uses.networks import ROOT

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
# Runs train.py, which gets a signal before a step of the optimizer: of all steps, counted from 1.
SIGNALLED = """
import os, runpy, signal, sys

import torch

sys.path.insert(0, os.getcwd())
step, left = torch.optim.SGD.step, [int(os.environ["STEP"])]

def signalled(*arguments, **options):
    left[0] -= 1
    if left[0] == 0 and os.environ.get("RANK", "1") == "1":
        os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))
    return step(*arguments, **options)

torch.optim.SGD.step = signalled
runpy.run_path("train.py", run_name="__main__")
"""
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


@pytest.fixture
def train(tmp_path):
    """Return a function that trains on the digits; it returns the status and stdout."""
    for name, text in compile_text(SPEC).files("net").items():
        (tmp_path / name).write_text(text)
    (tmp_path / "signalled.py").write_text(SIGNALLED)

    def train(*flags, step=0, by="SIGTERM", processes=1):
        script = ("signalled.py", "--device", "cpu", "--limit", "640", *flags)
        command = [sys.executable, *(TORCHRUN if processes > 1 else ()), *map(str, script)]
        environment = {**ENVIRONMENT, "STEP": str(step), "SIGNAL": by}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert 'train.py", line' not in done.stderr, done.stderr
        return done.returncode, done.stdout

    return train


def saved(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that can be handled")
@pytest.mark.parametrize("by", ["SIGTERM", pytest.param("SIGINT", marks=pytest.mark.slow)])
def test_a_signal_ends_a_run_after_its_step_with_a_checkpoint(train, tmp_path, by):
    status, said = train("--out", "out", step=30, by=by)
    assert (status, said.splitlines()[-1]) == (3, "stopped at step 10 of epoch 2: --resume goes on")
    state = saved(tmp_path / "out")
    assert (state["epoch"], state["place"]["taken"]) == (1, 10)
    assert len((tmp_path / "out/log.jsonl").read_text().splitlines()) == 2  # the run, and an epoch
    assert (saved(tmp_path / "out")["own"][0]["sums"] > 0).all()
    status, said = train("--out", "out", "--resume")
    assert (status, said.splitlines()[0]) == (0, "going on after epoch 1")
    log = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in log[1:]] == [1, 2, 3, 4]


def test_a_run_whose_minutes_are_over_before_it_begins_says_so(train, tmp_path):
    """The same command again would end at the same place, for ever."""
    assert train("--out", "out", "--minutes", 1e-9) == (1, "")
    assert not (tmp_path / "out/checkpoint.pt").exists()


def test_a_run_pauses_when_its_minutes_are_over(tmp_path, monkeypatch):
    for name, text in compile_text(SPEC).files("net").items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("checkpoint", "processes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    clock = importlib.import_module("checkpoint").Clock(1.0, 0.0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    clock.saved()
    assert not clock.pauses(0, torch.device("cpu"))
    assert not clock.stops
    clock.end = 0.0
    assert clock.pauses(1, torch.device("cpu"))
    assert clock.stops
    for name in ("checkpoint", "processes"):
        sys.modules.pop(name)


@pytest.mark.slow
def test_a_signal_to_one_of_two_processes_ends_both(train, tmp_path):
    status, said = train("--out", "out", step=27, processes=2)
    assert status == 1  # torchrun's: a process has ended with 3
    assert said.splitlines()[-1] == "stopped at step 10 of epoch 2: --resume goes on"
    assert saved(tmp_path / "out")["place"]["taken"] == 10
    assert train("--out", "out", "--resume", processes=2)[0] == 0


@pytest.mark.slow
def test_the_checkpoint_before_the_last_is_kept(train, tmp_path):
    assert train("--out", "out", "--epochs", 2, "--save-minutes", 0)[0] == 0
    before = tmp_path / "out/checkpoint.previous.pt"
    assert torch.load(before, weights_only=True)["epoch"] == 1
    whole = saved(tmp_path / "out")
    (tmp_path / "out/checkpoint.pt").unlink()  # as if killed between the two renamings
    assert train("--out", "out", "--epochs", 2, "--resume")[0] == 0
    again = saved(tmp_path / "out")
    assert all(torch.equal(again["model"][name], tensor) for name, tensor in whole["model"].items())


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked")
@pytest.mark.parametrize(
    ("kills", "processes"),
    [
        (3, 1),
        pytest.param(100, 1, marks=pytest.mark.slow),
        pytest.param(100, 2, marks=pytest.mark.slow),
    ],
)
def test_runs_that_are_killed_end_with_the_same_bits(kills, processes):
    command = ["-m", "tests.uses.kills", "--kills", str(kills), "--processes", str(processes)]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("ended with the same bits\n")
