"""Training on points of the sine: parts of generated scripts against numbers by hand, and runs."""

import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from torch import nn

from archdsl.pipeline import compile_text
from tests.emit.stand_ins import train
from tests.uses.checkpoints import same

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
SPEC = """\
network tiny(hidden = 64) {
    input(1)
    linear(hidden) LAYERS tanh linear(1)
    train = quick
}
train quick {
    data      = sine(train = 512, test = 101)
    loss      = squared_error
    batch     = 32
    epochs    = 3
    optimizer = OPTIMIZER
    schedule  = SCHEDULE
    WORDS
}
"""
PLAIN = {"LAYERS": "", "OPTIMIZER": "adam(lr = 1e-2)", "SCHEDULE": "constant", "WORDS": ""}
VARIANTS = {
    "plain": PLAIN,
    "every word": {
        "LAYERS": "bn dropout(0.2)",
        "OPTIMIZER": "sgd(lr = 0.01, momentum = 0.9, weight_decay = 1e-4, bias_factor = 2)",
        "SCHEDULE": "steps(at = [2], factor = 0.1, warmup = 1)",
        "WORDS": "held_out = 100 ema = 0.9 clip = 1 accumulate = 2 moments = averaged(between = 3)",
    },
    "held out": {**PLAIN, "SCHEDULE": "cosine(warmup = 0.5)", "WORDS": "held_out = 64"},
    "averaged": {**PLAIN, "SCHEDULE": "warm_restarts(first = 1)", "WORDS": "ema = 0.99"},
    "decayed": {**PLAIN, "OPTIMIZER": "adamw(lr = 1e-3)", "WORDS": "decay = weights"},
}


def texts(words=PLAIN, **replaced):
    text = SPEC
    for name, value in {**words, **replaced}.items():
        text = text.replace(name, value)
    return compile_text(text).files("tiny")


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the files of a recipe with these words."""

    def write(words=PLAIN, **replaced):
        for name, text in texts(words, **replaced).items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.fixture
def module(write, import_script):
    return import_script(write())


def log_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def loaded(module, **flags):
    settings = {"size": 32, "limit": 0, "device": CPU, "synthetic": False, **flags}
    return module.load_batches(**settings)


# ---------------------------------------------------------------- the text


@pytest.mark.parametrize("name", list(VARIANTS))
def test_scripts_are_as_ruff_would_have_them(tmp_path, name):
    for file, text in texts(VARIANTS[name]).items():
        (tmp_path / file).write_text(text)
    pyproject = ROOT / "pyproject.toml"
    lint = tomllib.loads(pyproject.read_text())["tool"]["ruff"]["lint"]
    ignored = ",".join(lint["per-file-ignores"]["generated/**"])
    for options in (
        ("check", "--config", pyproject, "--ignore", ignored),
        ("format", "--isolated", "--line-length", "100", "--diff"),
    ):
        command = [sys.executable, "-m", "ruff", *map(str, options), "--no-cache", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_scripts_are_clean_for_pyright(tmp_path):
    for name, words in VARIANTS.items():
        folder = tmp_path / name.replace(" ", "_")
        folder.mkdir()
        for file, text in texts(words).items():
            (folder / file).write_text(text)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "basic"}')
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--project"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", list(VARIANTS))
def test_nothing_is_said_of_classes_or_images(name):
    files = texts(VARIANTS[name])
    text = files["train.py"] + files["data.py"]
    absent = ("accuracy", "label", "logit", "argmax", "cross_entropy", "image", "pixel")
    absent += ("channels_last", "cudnn", "augment", "views", "gather")
    assert [word for word in absent if word in text] == []


# ---------------------------------------------------------------- points


def test_the_points_of_the_test_are_evenly_spaced_and_have_their_sines(module):
    """Every half pi from -2 pi on."""
    split = module.even_split(9)
    quarters = [-2 * math.pi + i * math.pi / 2 for i in range(9)]
    assert split.points.shape == split.targets.shape == (9, 1)
    assert split.points[:, 0].tolist() == pytest.approx(quarters, abs=1e-6)
    sines = [0, 1, 0, -1, 0, 1, 0, -1, 0]
    assert split.targets[:, 0].tolist() == pytest.approx(sines, abs=1e-6)


def test_the_points_for_training_are_uniform_and_the_same_for_every_seed(module):
    """U(-2 pi, 2 pi) has a mean of 0 and a deviation of 4 pi / sqrt(12), 3.6276."""
    torch.manual_seed(1)
    split = module.drawn_split(100_000)
    torch.manual_seed(2)
    assert torch.equal(module.drawn_split(100_000).points, split.points)
    points = split.points[:, 0]
    assert -2 * math.pi <= points.min() < -6.28
    assert 6.28 < points.max() <= 2 * math.pi
    assert points.mean().item() == pytest.approx(0, abs=0.05)
    assert points.std().item() == pytest.approx(3.6276, abs=0.02)
    torch.testing.assert_close(split.targets, split.points.sin(), rtol=0, atol=1e-6)


def test_there_are_as_many_points_as_the_recipe_says(module):
    training, test = loaded(module)
    assert (training.num_points, test.num_points) == (512, 101)
    assert (len(training), len(test)) == (16, 4)


def test_a_limit_takes_points_of_the_whole_interval(module):
    training, test = loaded(module, limit=3, size=3)
    expected = [-2 * math.pi, 0, 2 * math.pi]
    assert test.points[:, 0].tolist() == pytest.approx(expected, abs=1e-6)
    assert training.num_points == 3
    assert [each.num_points for each in loaded(module, limit=1000)] == [512, 101]
    (one,) = {each.num_points for each in loaded(module, limit=1, size=1)}
    assert one == 1


def test_what_is_held_out_is_not_trained_on(write, import_script):
    module = import_script(write(VARIANTS["held out"]))
    training, held, test = loaded(module, held_out=64)
    assert [each.num_points for each in (training, held, test)] == [448, 64, 101]
    points = torch.cat((training.points, held.points))[:, 0].sort().values
    torch.testing.assert_close(points, module.drawn_split(512).points[:, 0].sort().values)
    with pytest.raises(SystemExit, match="--held-out 512 leaves none of 512 training points"):
        loaded(module, held_out=512)


def test_every_point_is_seen_once_a_pass_and_each_pass_has_its_order(module):
    training, _ = loaded(module)
    training.random.manual_seed(0)
    first, second = (torch.cat([x for x, _ in training]) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort(0).values, second.sort(0).values)
    assert torch.equal(first.sort(0).values, training.points.sort(0).values)


def test_a_batch_of_more_points_than_there_are_is_refused(module):
    with pytest.raises(SystemExit, match="--batch 513 exceeds the 512 training points"):
        loaded(module, size=513)


# ---------------------------------------------------------------- the loss


def line(slope):
    """Return the network y = slope * x."""
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(slope)
    return model


@pytest.mark.parametrize("name", ["plain", "accumulate"])
def test_a_step_goes_down_the_squared_error(write, import_script, name):
    """Of 2 x at 1 and 2, where 0 is wanted: (4 + 16) / 2, whose derivative is 2 (2 + 8) / 2."""
    words = {**PLAIN, "WORDS": "accumulate = 2" if name == "accumulate" else ""}
    module = import_script(write(words))
    model, sums = line(2.0), torch.zeros(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    step = module.make_step(model, optimizer, sums, module.Config(device="cpu"))
    step(torch.tensor([[1.0], [2.0]]), torch.zeros(2, 1))
    assert model.weight.item() == pytest.approx(1.0)
    assert sums.tolist() == pytest.approx([20.0])


def test_the_test_loss_is_the_mean_squared_error(module):
    """Of 0 at 0, 1, 0, -1, 0, 1, 0, -1, 0, in batches of 4 and one that is not full."""
    test = module.Batches(module.even_split(9), 4, training=False)
    found = module.evaluate(line(0.0), test, module.Config(device="cpu"))
    assert found == {"test_loss": pytest.approx(4 / 9)}


def test_a_loss_that_is_not_finite_stops_the_run(write, tmp_path):
    status, _, stderr = train(write(OPTIMIZER="sgd(lr = 1e30)"), "--out", tmp_path / "out")
    assert status == 1
    assert stderr == "the loss is nan in epoch 1: try a lower --lr\n"


# ---------------------------------------------------------------- runs


def test_a_network_learns_the_sine(write, tmp_path):
    """0 for all x has an error of 0.5."""
    status, stdout, stderr = train(write(), "--epochs", 40, "--out", tmp_path / "out")
    assert (status, stderr) == (0, "")
    about, *epochs = log_of(tmp_path / "out")
    assert (about["task"], about["data"], about["parameters"]) == ("regression", "the sine", 193)
    keys = {"epoch", "lr", "train_loss", "test_loss", "points_per_second", "seconds"}
    assert {key for record in epochs for key in record} == keys
    assert epochs[0]["test_loss"] > 0.2
    assert epochs[-1]["test_loss"] < LEARNED
    assert epochs[-1]["train_loss"] < LEARNED
    last = epochs[-1]
    said = f"epoch  40/40  loss {last['train_loss']:.3g}  test {last['test_loss']:.3g}  "
    assert stdout.splitlines()[-1].startswith(said)


LEARNED = 0.05  # seeds 0 to 4 come to 0.020 to 0.032


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_variant_runs(write, import_script, tmp_path, name):
    module = import_script(write(VARIANTS[name]))
    held = "held_out" in VARIANTS[name]["WORDS"]
    for number, flags in enumerate(({}, {"synthetic": True}, {"limit": 200})):
        out = tmp_path / f"out{number}"
        module.main(module.Config(out=str(out), device="cpu", **flags))
        *_, before, last = log_of(out)
        assert ("test_loss" in before, "held_out_loss" in before) == (not held, held)
        assert ("test_loss" in last, "held_out_loss" in last) == (True, held)


def test_responses_are_logged_and_training_keeps_its_bits(module, tmp_path):
    """Of both linear layers, in each of the three epochs; the tanh is none."""
    states = []
    for name, asked in (("with", True), ("without", False)):
        out = tmp_path / name
        module.main(module.Config(out=str(out), device="cpu", responses=asked))
        states.append(torch.load(out / "checkpoint.pt", weights_only=True))
        found = [record.get("responses") for record in log_of(out)[1:]]
        assert [list(each or ()) for each in found] == [["linear1", "linear2"] if asked else []] * 3
    for part in ("model", "optimizer", "own", "place"):
        assert same(states[0][part], states[1][part])


def test_seeds_have_a_folder_each_and_differ(module, tmp_path, monkeypatch):
    flags = (
        "--seeds",
        "0",
        "1",
        "--epochs",
        "1",
        "--device",
        "cpu",
        "--out",
        str(tmp_path / "out"),
    )
    monkeypatch.setattr("sys.argv", ["train.py", *flags])
    module.main(*module.parse_configs())
    first, second = (log_of(tmp_path / f"out/seed{seed}")[1]["test_loss"] for seed in (0, 1))
    assert first != second
