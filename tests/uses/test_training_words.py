"""Words of a recipe in whole runs: stopped in the middle of an epoch, and in several processes."""

import os
import subprocess
import sys

import pytest
import torch

from archdsl.pipeline import compile_text
from tests.uses.checkpoints import same
from tests.uses.test_stopping import SIGNALLED, TORCHRUN

SPEC = """\
network net {
    input(1, 8, 8)
    LAYERS linear(10)
    train = quick
}
train quick {
    data      = digits(DATA)
    batch     = 32
    epochs    = 3
    optimizer = OPTIMIZER
    schedule  = constant(warmup = 1)
    WORDS
}
"""
PLAIN = {"LAYERS": "flatten", "DATA": "", "OPTIMIZER": "sgd(lr = 0.1)", "WORDS": ""}
# Everything that changes along an epoch, or draws random numbers in it.
ALL = {
    "LAYERS": "conv3x3(8) bn relu avgpool dropout(0.3)",
    "DATA": "augment = [flip(alternate = true), crop(1)], views = [flip, shift(1)]",
    "OPTIMIZER": "adam(lr = 0.01, bias_factor = 2)",
    "WORDS": """
    accumulate = 2
    ema        = 0.9
    mixup      = 0.2
    cutmix     = 1
    held_out   = 100
    clip       = 1
    moments    = averaged(of = deviations, between = 3)
    """,
}
RESET = {
    **ALL,
    "OPTIMIZER": "sgd(lr = 0.1, momentum = 0.9)",
    "SCHEDULE": "warm_restarts(first = 1, growth = 2, reset_momentum = true)",
}


@pytest.fixture
def train(tmp_path):
    """Return a function that trains in a folder; it returns the checkpoint, or None if stopped."""

    def train(out, words, *flags, step=0, processes=1):
        text = SPEC.replace("constant(warmup = 1)", words.get("SCHEDULE", "constant(warmup = 1)"))
        for name, value in words.items():
            text = text.replace(name, value)
        for name, content in compile_text(text).files("net").items():
            (tmp_path / name).write_text(content)
        signalled = SIGNALLED if "sgd" in text else SIGNALLED.replace("SGD", "Adam")
        (tmp_path / "signalled.py").write_text(signalled)
        script = ("signalled.py", "--device", "cpu", "--out", out, *flags)
        command = [sys.executable, *(TORCHRUN if processes > 1 else ()), *map(str, script)]
        settings = {"OMP_NUM_THREADS": "1", "STEP": str(step), "SIGNAL": "SIGTERM"}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        stopped = done.returncode != 0
        assert "Traceback" not in done.stderr or (stopped and processes > 1), done.stderr
        assert stopped == (step > 0), done.stderr
        state = torch.load(tmp_path / out / "checkpoint.pt", weights_only=True)
        state["config"] |= {"out": "", "resume": False}
        return state | {"log_size": 0}

    return train


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [ALL, pytest.param(RESET, marks=pytest.mark.slow)], ids=["adam", "reset"]
)
def test_a_run_with_every_word_goes_on_in_the_middle_of_an_epoch_with_the_same_bits(train, words):
    """16 steps an epoch of the 540 images that are not held out."""
    flags = ("--limit", 640)
    whole = train("whole", words, *flags)
    stopped = train("cut", words, *flags, step=24)
    assert (stopped["epoch"], stopped["place"]["taken"]) == (1, 8)
    assert same(train("cut", words, *flags, "--resume"), whole)


@pytest.mark.slow
def test_two_processes_with_every_word_go_on_in_the_middle_of_an_epoch(train):
    """They look up whether to stop before every tenth step."""
    flags = ("--limit", 640)
    whole = train("whole", ALL, *flags, processes=2)
    stopped = train("cut", ALL, *flags, step=24, processes=2)
    assert (stopped["epoch"], stopped["place"]["taken"]) == (1, 10)
    assert same(train("cut", ALL, *flags, "--resume", processes=2), whole)
    assert not same(whole["model"], whole["average"])


@pytest.mark.slow
def test_parts_of_a_batch_in_two_processes_give_the_steps_of_the_whole(train):
    """Without batch normalization: of 4 images each, twice in each process."""
    accumulated = {**PLAIN, "WORDS": "accumulate = 4"}
    whole = train("whole", PLAIN, "--limit", 320)
    parts = train("parts", accumulated, "--limit", 320, processes=2)
    for name, tensor in whole["model"].items():
        torch.testing.assert_close(parts["model"][name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_average_of_two_processes_is_that_of_one(train):
    words = {**PLAIN, "WORDS": "ema = 0.9"}
    one, two = (train(f"in{n}", words, "--limit", 320, processes=n) for n in (1, 2))
    assert one["average"].keys() == one["model"].keys()
    for name, tensor in one["average"].items():
        torch.testing.assert_close(two["average"][name], tensor, rtol=1e-4, atol=1e-6)
        assert not torch.equal(tensor, one["model"][name])
