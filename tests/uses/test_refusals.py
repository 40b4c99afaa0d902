"""What ends a run in one sentence: command, message, status; nothing is overwritten."""

import json
import os
import runpy
import subprocess
import sys

import numpy as np
import pytest
import torch

from archdsl.pipeline import compile_text

TINY = """\
network tiny(width = 4) {
    input(IMAGE)
    stem { conv3x3(width) bn relu }
    head { avgpool linear(10) }
    train = quick
}
train quick {
    data      = DATA
    batch     = 32
    epochs    = 1
    optimizer = sgd(lr = 0.1, momentum = 0.9, weight_decay = 1e-4)
    schedule  = SCHEDULE
}
"""
RANGE = "train.py: error: --"
LIMITED = """
import resource, runpy, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # as a disk that is full
runpy.run_path("train.py", run_name="__main__")
"""


def write(folder, data="digits", schedule="cosine", width=4, image="1, 8, 8"):
    text = TINY.replace("DATA", data).replace("SCHEDULE", schedule).replace("IMAGE", image)
    compilation = compile_text(text, arguments={"width": str(width)})
    for name, content in compilation.files("tiny").items():
        (folder / name).write_text(content)
    return folder


class Script:
    """A script in a folder, run in this process."""

    def __init__(self, folder, monkeypatch, capsys):
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys

    def run(self, *flags):
        """Return the status, and what stands last on stderr."""
        for name in ("checkpoint", "data", "model"):
            sys.modules.pop(name, None)
        self.monkeypatch.chdir(self.folder)
        command = ["train.py", "--device", "cpu", *map(str, flags)]
        self.monkeypatch.setattr(sys, "argv", command)
        self.monkeypatch.setattr(sys, "path", [str(self.folder), *sys.path])
        self.capsys.readouterr()
        try:
            runpy.run_path("train.py", run_name="__main__")
        except SystemExit as end:
            said = self.capsys.readouterr().err.splitlines()
            return (1, end.code) if isinstance(end.code, str) else (end.code, said[-1])
        return 0, ""


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    return Script(write(tmp_path), monkeypatch, capsys)


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


FLAGS = [
    ("--epochs 0", 2, RANGE + "epochs must be in [1, inf)"),
    ("--batch 0", 2, RANGE + "batch must be in [1, inf)"),
    ("--lr -0.1", 2, RANGE + "lr must be in [0.0, inf)"),
    ("--lr nan", 2, RANGE + "lr must be in [0.0, inf)"),
    ("--weight-decay -1", 2, RANGE + "weight-decay must be in [0.0, inf)"),
    ("--momentum 1", 2, RANGE + "momentum must be in [0.0, 1.0)"),
    ("--seed -1", 2, RANGE + "seed must be in [0, 9223372036854775808)"),
    ("--seeds 1 1", 2, RANGE + "seeds must be different numbers in [0, 2**63)"),
    (f"--seeds {2**63}", 2, RANGE + "seeds must be different numbers in [0, 2**63)"),
    ("--limit -1", 2, RANGE + "limit must be in [0, inf)"),
    ("--lr fast", 2, RANGE.removesuffix("--") + "argument --lr: invalid float value: 'fast'"),
    ("--rate 1", 2, RANGE.removesuffix("--") + "unrecognized arguments: --rate 1"),
    ("--device abacus", 1, "--device abacus: Expected one of "),
    ("--device meta", 1, "--device meta: "),
    ("--out full", 1, "cannot use full: File exists"),
    ("--out full/below", 1, "cannot use full/below: Not a directory"),
    ("--out held", 1, "held holds a run: go on with it by --resume, or choose another folder"),
    ("--out logged", 1, "logged holds a run: go on with it by --resume, or choose another folder"),
    ("--out long --resume", 1, "long/log.jsonl has epochs of a run whose checkpoint is not there"),
    ("--out empty --resume", 1, "empty/checkpoint.pt is damaged, or no checkpoint of this script"),
    ("--out cut --resume", 1, "cut/checkpoint.pt is damaged, or no checkpoint of this script"),
    ("--out text --resume", 1, "text/checkpoint.pt is damaged, or no checkpoint of this script"),
    ("--out array --resume", 1, "array/checkpoint.pt is damaged, or no checkpoint of this script"),
    ("--out other --resume", 1, "other/checkpoint.pt is of another network or recipe"),
    (
        "--out held --resume --seed 1",
        1,
        "cannot resume held/checkpoint.pt: seed was 0, now it is 1",
    ),
    ("--out held --resume --epochs 9", 1, "epochs was 1, and every lr hangs on it: go on by --res"),
    ("--lr 1e30", 1, "the loss is nan in epoch 1: try a lower --lr"),
]


@pytest.fixture
def folders(script):
    """What earlier runs left, or broke."""
    folder = script.folder
    assert script.run("--synthetic", "--out", "held") == (0, "")
    whole = (folder / "held/checkpoint.pt").read_bytes()
    (folder / "full").write_text("a file")
    (folder / "logged").mkdir()
    (folder / "logged/log.jsonl").write_text("{}\n")
    (folder / "long").mkdir()
    (folder / "long/log.jsonl").write_text("{}\n" * 3)
    other = torch.load(folder / "held/checkpoint.pt", weights_only=True) | {"spec": "another"}
    left = {"empty": b"", "cut": whole[: len(whole) // 2], "text": b"no checkpoint\n"}
    for name, content in left.items():
        (folder / name).mkdir()
        (folder / name / "checkpoint.pt").write_bytes(content)
    for name, state in (("other", other), ("array", [1, 2])):
        (folder / name).mkdir()
        torch.save(state, folder / name / "checkpoint.pt")
    return folder


def test_flags_and_folders_that_cannot_be_are_refused(script, folders):
    for flags, status, message in FLAGS:
        before = contents(folders)
        code, said = script.run("--synthetic", *flags.split())
        assert code == status, (flags, said)
        assert said.startswith(message), flags
        assert len(said.splitlines()) == 1, flags
        after = contents(folders)
        # a run that diverges has begun its log, and nothing else was there
        assert {path: after.get(path) for path in before} == before, flags


@pytest.mark.parametrize("lr", [0, 1e-4])
def test_a_rate_that_would_rise_to_its_least_is_refused(tmp_path, monkeypatch, capsys, lr):
    folder = write(tmp_path, schedule="warm_restarts(first = 1, min_lr = 1e-4)")
    refused = Script(folder, monkeypatch, capsys).run("--synthetic", "--lr", lr)
    assert refused == (2, RANGE + "min-lr must be below --lr")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_cuda_where_there_is_none_is_refused(script):
    code, said = script.run("--synthetic", "--device", "cuda")
    assert code == 1
    assert said.startswith("--device cuda: ")
    assert len(said.splitlines()) == 1


GOING_ON = ("--synthetic", "--out", "held", "--resume", "--epochs", 2, "--reschedule")


def test_more_epochs_of_a_cosine_are_asked_for_by_name(script, folders):
    assert script.run(*GOING_ON)[0] == 0
    state = torch.load(folders / "held/checkpoint.pt", weights_only=True)
    assert (state["epoch"], state["config"]["epochs"]) == (2, 2)
    log = (folders / "held/log.jsonl").read_text().splitlines()
    assert log[2] == '{"resumed_after": 1, "config": {"epochs": 2, "reschedule": true}}'
    assert len(log) == 4


def test_more_epochs_of_steps_change_no_rate(tmp_path, monkeypatch, capsys):
    folder = write(tmp_path, schedule="steps(at = [60], factor = 0.2)")
    script = Script(folder, monkeypatch, capsys)
    assert script.run("--synthetic", "--out", "held")[0] == 0
    assert script.run("--synthetic", "--out", "held", "--resume", "--epochs", 2)[0] == 0


def test_epochs_are_counted_from_1(tmp_path, monkeypatch, capsys):
    folder = write(tmp_path, schedule="steps(at = [60], factor = 0.2)")
    script = Script(folder, monkeypatch, capsys)
    says = (2, RANGE.removesuffix("--") + "--milestones are epochs, from 1 on")
    assert script.run("--synthetic", "--milestones", 0, 60) == says
    assert script.run("--synthetic", "--milestones") == (0, "")


def test_another_number_of_threads_is_said_in_the_log(script, folders):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert script.run(*GOING_ON)[0] == 0
    finally:
        torch.set_num_threads(threads)
    line = json.loads((folders / "held/log.jsonl").read_text().splitlines()[2])
    assert line["threads"] == threads + 1


# ---------------------------------------------------------------- disks


@pytest.mark.skipif(sys.platform != "linux", reason="a limit stands for a full disk")
@pytest.mark.parametrize(
    ("limit", "file", "kept"),
    [
        pytest.param(60, "log.jsonl", [], marks=pytest.mark.slow),
        (6_000, "checkpoint.new", ["log.jsonl"]),
    ],
)
def test_a_full_disk_leaves_what_was_saved(tmp_path, limit, file, kept):
    folder = write(tmp_path)
    (folder / "limited.py").write_text(LIMITED)

    def run(limit, *flags):
        words = (str(limit), "--synthetic", "--device", "cpu", "--out", "out", *flags)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "limited.py", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run(limit)
    assert (done.returncode, done.stderr) == (1, f"cannot use out/{file}: File too large\n")
    sizes = {path.name: path.stat().st_size for path in (folder / "out").iterdir()}
    assert sorted(name for name, size in sizes.items() if size) == kept
    whole = run(10**9, "--resume")
    assert whole.returncode == 0, whole.stderr
    saved = (folder / "out/checkpoint.pt").read_bytes()
    done = run(6_000, "--resume", "--epochs", "2", "--reschedule")
    assert done.stderr == "cannot use out/checkpoint.new: File too large\n"
    assert (folder / "out/checkpoint.pt").read_bytes() == saved


# ---------------------------------------------------------------- data


def cifar(folder, count=10_000, label=None, seed=0):
    """Write files as large as CIFAR-10's, whose pixels are one random image again and again."""
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    random = np.random.default_rng(seed)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        records = np.tile(random.integers(0, 256, 3073, dtype=np.uint8), (count, 1))
        records[:, 0] = np.arange(count) % 10 if label is None else label
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return folder


@pytest.fixture
def on_cifar(tmp_path, monkeypatch, capsys):
    return Script(write(tmp_path, "cifar10()", image="3, 32, 32"), monkeypatch, capsys)


def test_data_that_is_not_whole_is_refused(on_cifar):
    files = cifar(on_cifar.folder)
    flags = ("--data", ".", "--limit", 64)
    says = "the training images are not those of CIFAR-10: --no-verify takes them"
    assert on_cifar.run(*flags) == (1, says)
    whole = (files / "data_batch_3.bin").read_bytes()
    (files / "data_batch_3.bin").write_bytes(whole[: 3073 * 5_000])
    says = "45000 training images instead of the 50000 of CIFAR-10"
    assert on_cifar.run(*flags) == (1, says)
    (files / "data_batch_3.bin").write_bytes(whole[:-1])
    status, said = on_cifar.run(*flags)
    assert (status, said.splitlines()[0]) == (
        1,
        "cannot read CIFAR-10: cifar-10-batches-bin/data_batch_3.bin is cut off",
    )
    (files / "data_batch_3.bin").write_bytes(whole)
    assert on_cifar.run(*flags, "--no-verify") == (0, "")


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x03", b"\x80\x03}q\x00.", b"\x80\x03K\x01.", b"\x80\x03]q\x00.", b"\x80\x03N."],
    ids=["empty", "cut off", "no array", "a number", "a list", "none"],
)
def test_a_pickle_of_something_else_is_refused(on_cifar, content):
    (on_cifar.folder / "cifar-10-batches-py").mkdir()
    (on_cifar.folder / "cifar-10-batches-py/data_batch_1").write_bytes(content)
    status, said = on_cifar.run("--data", ".")
    assert status == 1
    assert said.startswith("cannot read CIFAR-10: ")


def test_a_checksum_hangs_on_labels_places_and_copies_and_not_on_the_order(on_cifar, monkeypatch):
    on_cifar.run("--lr", -1)  # which imports the module
    data = sys.modules["data"]
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8, generator=random)
    labels = torch.randint(0, 10, (50,), generator=random)
    known = data.checksum(data.Split(images, labels))
    order = torch.randperm(50, generator=random)
    assert data.checksum(data.Split(images[order], labels[order])) == known
    changed = {
        "another label": data.Split(images, labels.roll(1)),
        "mirrored": data.Split(images.flip(3), labels),
        "channels exchanged": data.Split(images.flip(1), labels),
        "one twice": data.Split(
            torch.cat([images[:1], images[:-1]]), torch.cat([labels[:1], labels[:-1]])
        ),
    }
    assert [name for name, split in changed.items() if data.checksum(split) == known] == []
