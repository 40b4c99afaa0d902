"""Training scripts of growing networks: their text, when they grow, and what they log."""

import difflib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from archdsl.pipeline import compile_text
from tests.emit.stand_ins import log_of

ROOT = Path(__file__).resolve().parents[2]
SPEC = """
network grown(width = 8) with FREEZE {
    grow width = [2, 4, 6, 8]
    input(1, 8, 8)
    stem:  unit(width)
    conv2: unit(2 * width)
    head with trainable { avgpool dropout(0.1) linear(10) }
    train = quick
}
block unit(width) { conv3x3(width) bn relu }
train quick {
    data      = DATA
    batch     = 32
    epochs    = 8
    WORDS
}
"""
SGD = "optimizer = sgd(lr = 0.05, momentum = 0.9, nesterov = true, weight_decay = 5e-4)"
AT = "grow = at([3, 5, 7])"
# What is fixed, and lines of the recipe.
VARIANTS = {
    "plain": ("trainable", [SGD, "schedule = cosine", AT]),
    "fixed": ("freeze(grown)", [SGD, "schedule = constant", "moments = averaged", AT]),
    "for epochs": (
        "freeze(grown, epochs = 1)",
        [SGD, "schedule = cosine", "grow = at([2, 5, 7])"],
    ),
    "drawn": (
        "freeze(grown)",
        [
            "optimizer = adamw(lr = 3e-3)",
            "schedule = cosine(warmup = 1)",
            "grow = at([3, 5, 7], new = drawn)",
        ],
    ),
    "plateau, held out": (
        "trainable",
        [
            "optimizer = adam(lr = 3e-3)",
            "schedule = constant",
            "held_out = 100",
            "grow = plateau(held_out_loss, window = 1, least = 0.05, cooldown = 0)",
        ],
    ),
    "restarts": (
        "trainable",
        [
            "optimizer = sgd(lr = 0.05, momentum = 0.9)",
            "schedule = cosine",
            "ema = 0.9",
            "clip = 1",
            "accumulate = 2",
            "grow = at([3, 5, 7], schedule = restart)",
        ],
    ),
    "plateau, restarts, factors": (
        "freeze(grown)",
        [
            "optimizer = sgd(lr = 0.05, momentum = 0.9, norm_factor = 2, bias_factor = 2)",
            "schedule = steps(at = [2], factor = 0.1)",
            "grow = plateau(train_loss, window = 1, least = 0.5, schedule = restart)",
        ],
    ),
    "decay of weights": (
        "freeze(grown)",
        [
            "optimizer = adamw(lr = 3e-3)",
            "decay = weights",
            "mixup = 0.2",
            "schedule = warm_restarts(first = 1)",
            "grow = at([2, 4, 8])",
        ],
    ),
    "ema and clip": (
        "freeze(grown)",
        [
            SGD,
            "schedule = cosine",
            "ema = 0.9",
            "clip = 1",
            "grow = plateau(train_loss, window = 2)",
        ],
    ),
}
SINE = """
network sine(hidden = 12) with freeze(grown) {
    grow hidden = [4, 8, 12]
    input(1)
    linear(hidden) tanh linear(1)
    train = quick
}
train quick {
    data      = sine(train = 256, test = 101)
    loss      = squared_error
    batch     = 32
    epochs    = 6
    optimizer = adam(lr = 1e-2)
    schedule  = constant
    grow      = plateau(train_loss, window = 1, least = 0.9)
}
"""
FIXED_HEAD = """
network head(width = 8) {
    input(1, 8, 8)
    conv3x3(width, bias = true) with freeze(outputs = 4)
    relu avgpool linear(10)
    train = quick
}
train quick {
    data      = digits
    batch     = 32
    epochs    = 2
    optimizer = adam(lr = 0.01)
    schedule  = constant
}
"""
FOLDER = "image_folder(augment = [random_resized_crop(8)], test = [resize(9), center_crop(8)])"


def spec(name, data="digits", images="1, 8, 8"):
    freeze, lines = VARIANTS[name]
    text = SPEC.replace("FREEZE", freeze).replace("DATA", data).replace("1, 8, 8", images)
    return text.replace("WORDS", "\n    ".join(lines))


TEXTS = {name: spec(name) for name in VARIANTS} | {
    "of MNIST": spec("fixed", "mnist", "1, 28, 28").replace("moments = averaged\n", ""),
    "of CIFAR-10": spec("restarts", "cifar10(augment = [flip, crop(2)])", "3, 32, 32"),
    "of a folder": spec("fixed", FOLDER, "3, 8, 8"),
    "regression": SINE,
    "fixed channels": FIXED_HEAD,
}


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in compile_text(text).files("grown").items():
        (folder / name).write_text(content)
    return folder


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """A folder with one for each text."""
    folder = tmp_path_factory.mktemp("grown")
    for name, text in TEXTS.items():
        write(folder / name.replace(" ", "_").replace(",", ""), text)
    return folder


# ---------------------------------------------------------------- the text


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_scripts_are_clean_for_ruff(scripts):
    pyproject = ROOT / "pyproject.toml"
    ignored = tomllib.loads(pyproject.read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    ruff = (sys.executable, "-m", "ruff")
    options = ("--config", pyproject, "--no-cache", "--ignore", ",".join(ignored["generated/**"]))
    checked = run(*ruff, "check", *options, scripts)
    assert checked.returncode == 0, checked.stdout
    formatted = run(
        *ruff, "format", "--isolated", "--no-cache", "--line-length", 100, "--diff", scripts
    )
    assert formatted.returncode == 0, formatted.stdout


@pytest.mark.slow  # those in generated/ are checked with all other files
def test_scripts_are_clean_for_pyright(scripts):
    for folder in scripts.iterdir():
        if folder.is_dir():
            (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "basic"}')
    roots = [{"root": folder.name} for folder in scripts.iterdir() if folder.is_dir()]
    settings = {"typeCheckingMode": "basic", "executionEnvironments": roots}
    (scripts / "pyrightconfig.json").write_text(json.dumps(settings))
    pyright = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable)
    checked = run(*pyright, "--project", scripts / "pyrightconfig.json")
    assert checked.returncode == 0, checked.stdout


def test_a_script_that_grows_is_some_sixty_lines_longer():
    grown = TEXTS["of MNIST"]
    still = grown.replace("    grow width = [2, 4, 6, 8]\n", "").replace("with freeze(grown) ", "")
    still = still.replace("    grow = at([3, 5, 7])\n", "")
    texts = [compile_text(each).files("grown")["train.py"].splitlines() for each in (grown, still)]
    found = difflib.unified_diff(texts[1], texts[0], n=0)
    added = [line for line in found if line[0] == "+" and line[1:].strip() and line[:3] != "+++"]
    assert 0 < len(texts[0]) - len(texts[1]) <= 75
    assert len(added) <= 100


def test_a_forward_has_no_mask_slice_or_parametrization():
    text = compile_text(TEXTS["of MNIST"]).files("grown")["model.py"]
    unit = text[text.index("class Unit") :]
    assert [word for word in ("mask", "[:", "parametri", "detach") if word in unit] == []


# ---------------------------------------------------------------- when it grows


@pytest.fixture
def growing(tmp_path, import_script):
    """What says when the losses of epochs end a phase."""
    return import_script(write(tmp_path / "plateau", TEXTS["ema and clip"])).Growing()


@pytest.mark.parametrize(
    ("losses", "least", "cooldown", "ends"),
    [
        ([1.0, 1.0, 1.0], 0.05, 0, False),  # two windows of two are four epochs
        ([1.0, 1.0, 1.0, 1.0], 0.05, 0, True),
        ([1.0, 1.0, 0.96, 0.96], 0.05, 0, True),  # by 4 %
        ([1.0, 1.0, 0.94, 0.94], 0.05, 0, False),  # by 6 %
        ([1.0, 1.0, 0.94, 0.94], 0.07, 0, True),
        ([2.0, 0.0, 0.4, 1.4], 0.05, 0, False),  # the means are 1 and 0.9
        ([2.0, 0.0, 0.5, 1.48], 0.05, 0, True),  # 1 and 0.99
        ([9.0, 1.0, 1.0, 1.0, 1.0], 0.05, 0, True),  # what is before both windows is past
        ([1.0, 1.0, 1.0, 1.0], 0.05, 1, False),  # the first one does not count
        ([9.0, 1.0, 1.0, 1.0, 1.0], 0.05, 1, True),
        ([1.0, 1.0, 2.0, 2.0], 0.0, 0, True),  # it rises
    ],
)
def test_a_plateau_is_where_the_mean_of_a_window_falls_too_little(
    growing, losses, least, cooldown, ends
):
    growing.losses += losses
    assert growing.ends(2, least, cooldown) is ends


def test_the_last_phase_has_no_plateau_and_a_phase_forgets_the_losses(growing):
    for phase in (1, 2, 3):
        growing.losses += [1.0] * 4
        assert growing.ends(2, 0.05, 0)
        growing.next(4 * phase)
        assert (growing.phase, growing.began, growing.losses) == (phase, 4 * phase, [])
    growing.losses += [1.0] * 4
    assert not growing.ends(2, 0.05, 0)


@pytest.fixture
def plain(tmp_path, import_script):
    return import_script(write(tmp_path / "script", TEXTS["plain"]))


@pytest.mark.parametrize("flags", [("3", "5"), ("3", "5", "5"), ("5", "3", "7"), ()])
def test_growths_that_do_not_fit_are_refused(plain, monkeypatch, capsys, flags):
    monkeypatch.setattr("sys.argv", ["train.py", "--growths", *flags])
    with pytest.raises(SystemExit) as ended:
        plain.parse_configs()
    assert ended.value.code == 2
    said = "--growths must be 3 epochs, one for each phase but the first, that rise"
    assert capsys.readouterr().err.splitlines()[-1].endswith(said)


def test_growths_may_be_given(plain, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py", "--growths", "2", "3", "8"])
    (config,) = plain.parse_configs()
    assert config.growths == (2, 3, 8)


# ---------------------------------------------------------------- runs


# 9 n + 2 n of `stem`, 18 n^2 + 4 n of `conv2`, 20 n + 10 of the head
PARAMETERS = [152, 438, 868, 1442]
RUNS = {
    "plain": [0, 0, 1, 1, 2, 2, 3, 3],
    "for epochs": [0, 1, 1, 1, 2, 2, 3, 3],
    "drawn": [0, 0, 1, 1, 2, 2, 3, 3],
    "restarts": [0, 0, 1, 1, 2, 2, 3, 3],
    "decay of weights": [0, 1, 1, 2, 2, 2, 2, 3],
}


@pytest.mark.parametrize("name", list(RUNS))
def test_the_log_has_phases_and_parameters(tmp_path, import_script, capsys, name):
    module = import_script(write(tmp_path / "script", TEXTS[name]))
    module.main(module.Config(out=str(tmp_path / "out"), device="cpu", limit=320))
    about, *epochs = log_of(tmp_path / "out")
    assert about["parameters"] == PARAMETERS[-1]
    assert [record["phase"] for record in epochs] == RUNS[name]
    assert [record["parameters"] for record in epochs] == [PARAMETERS[p] for p in RUNS[name]]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("phase ")]
    assert len(said) == (6 if name == "for epochs" else 3)  # what was fixed learns again
    assert said[0].startswith("phase 1 from epoch ")
    assert "438 parameters, " in said[0]


PLATEAUS = {  # where no fall of a window of one epoch is enough: every second epoch, if it may
    "plateau, held out": [0, 0, 1, 1, 2, 2, 3, 3],
    "plateau, restarts, factors": [0, 0, 1, 1, 2, 2, 3, 3],
    "regression": [0, 0, 1, 1, 2, 2],
}


@pytest.mark.parametrize("name", list(PLATEAUS))
def test_a_run_grows_at_plateaus(tmp_path, import_script, name):
    module = import_script(write(tmp_path / "script", TEXTS[name]))
    module.main(module.Config(out=str(tmp_path / "out"), device="cpu", limit=200, least=0.999))
    assert [record["phase"] for record in log_of(tmp_path / "out")[1:]] == PLATEAUS[name]
