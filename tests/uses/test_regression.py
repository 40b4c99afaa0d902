"""Whole runs on points of the sine: stopped and killed, and in two processes."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from tests.emit.test_regression import PLAIN, VARIANTS, texts
from tests.uses.checkpoints import same
from tests.uses.test_stopping import SIGNALLED, TORCHRUN

# Everything that changes along an epoch, or draws random numbers in it.
ALL = {**VARIANTS["every word"], "OPTIMIZER": "adam(lr = 0.01, bias_factor = 2)"}


@pytest.fixture
def train(tmp_path):
    """Return a function that trains in a folder; it returns status, stderr and checkpoint."""
    (tmp_path / "signalled.py").write_text(SIGNALLED.replace("SGD", "Adam"))

    def train(words, out, *flags, step=0, by="SIGTERM", processes=1):
        for name, text in texts(words).items():
            (tmp_path / name).write_text(text)
        script = ("signalled.py", "--device", "cpu", "--out", out, *flags)
        command = [sys.executable, *(TORCHRUN if processes > 1 else ()), *map(str, script)]
        settings = {"OMP_NUM_THREADS": "1", "STEP": str(step), "SIGNAL": by}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        state = torch.load(tmp_path / out / "checkpoint.pt", weights_only=True)
        state["config"] |= {"out": "", "resume": False}
        return done.returncode, done.stderr, state | {"log_size": 0}

    return train


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that can be handled")
def test_a_run_that_is_stopped_and_killed_ends_with_the_same_bits(train):
    """12 steps an epoch of the 412 points that are not held out."""
    flags = ("--save-minutes", 0)
    status, stderr, whole = train(ALL, "whole", *flags)
    assert status == 0, stderr
    status, _, stopped = train(ALL, "cut", *flags, step=5)
    assert (status, stopped["epoch"], stopped["place"]["taken"]) == (3, 0, 5)
    status, _, killed = train(ALL, "cut", *flags, "--resume", step=14, by="SIGKILL")
    assert (status, killed["epoch"], killed["place"]["taken"]) == (-signal.SIGKILL, 1, 0)
    status, stderr, ended = train(ALL, "cut", *flags, "--resume")
    assert status == 0, stderr
    assert same(ended, whole)
    assert not same(ended["model"], ended["average"])


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(train, tmp_path):
    """Each has the gradient of its half of every batch; their mean is the batch's."""
    words = {**PLAIN, "WORDS": "ema = 0.9 held_out = 64 accumulate = 2"}
    one, two = (train(words, f"in{n}", processes=n) for n in (1, 2))
    assert (one[0], two[0]) == (0, 0), one[1] + two[1]
    for kind in ("model", "average"):
        for name, tensor in one[2][kind].items():
            torch.testing.assert_close(two[2][kind][name], tensor, rtol=1e-4, atol=1e-6)
    logs = [(tmp_path / f"in{n}/log.jsonl").read_text().splitlines() for n in (1, 2)]
    first, *records = (list(map(json.loads, lines)) for lines in zip(*logs, strict=True))
    assert [about["processes"] for about in first] == [1, 2]
    for ours, theirs in records:
        losses = {name: value for name, value in ours.items() if name.endswith("_loss")}
        assert {name: theirs[name] for name in losses} == pytest.approx(losses, rel=1e-4)


@pytest.mark.slow
def test_two_processes_go_on_in_the_middle_of_an_epoch(train):
    """They look up whether to stop before every tenth step."""
    _, _, whole = train(ALL, "whole", processes=2)
    status, _, stopped = train(ALL, "cut", step=15, processes=2)
    assert (status, stopped["epoch"], stopped["place"]["taken"]) == (1, 1, 10)
    status, stderr, ended = train(ALL, "cut", "--resume", processes=2)
    assert status == 0, stderr
    assert same(ended, whole)
