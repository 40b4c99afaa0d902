"""Runs on a folder of images: the same in one process and in several, stopped and gone on with."""

import json
import os
import subprocess
import sys

import pytest
import torch

from archdsl.pipeline import compile_text
from tests.photos import write_photos
from tests.uses.checkpoints import same

SPEC = """\
network net(classes = 20) {
    input(3, 48, 48)
    stem { conv3x3(16, stride = 2) NORM relu }
    body: { conv3x3(32, stride = 2) NORM relu conv3x3(32, stride = 2) NORM relu }
    head { maxpool linear(classes) }
    train = quick
}
train quick {
    data      = image_folder(
        augment = [random_resized_crop(48), flip, color_jitter(0.4, 0.4, 0.4), lighting(0.1)],
        test = [resize(56), center_crop(48)],
    )
    batch     = 80
    epochs    = 3
    optimizer = sgd(lr = 0.02, momentum = 0.9)
    schedule  = cosine(warmup = 1)
}
"""
# Runs train.py, notes what each pass gives in this process, and gets a signal before a batch.
WRAPPED = """
import json, os, runpy, signal, sys, zlib
from pathlib import Path

if __name__ == "__main__":
    import data

    folder, rank = Path(__file__).parent, os.environ.get("RANK", "0")
    parts, passes = data.Batches.parts, []
    left = int(os.environ["SIGNAL_AFTER"])

    def noted(self, part_of):
        global left
        passes.append([])
        for x, y in parts(self, part_of):
            image = [zlib.crc32(each.numpy().tobytes()) for each in x]
            passes[-1].append(list(zip(image, y.tolist())))
            left -= 1
            if left == 0:
                os.killpg(0, signal.SIGTERM)  # the workers, too, as a scheduler does
            yield x, y

    data.Batches.parts = noted
    try:
        runpy.run_path("train.py", run_name="__main__")
    finally:
        (folder / f"passes{rank}.json").write_text(json.dumps(passes))
"""


@pytest.fixture
def scripts(tmp_path):
    """A folder with a script and the program that runs it."""
    return written(tmp_path, "bn")


def written(folder, norm):
    for name, content in compile_text(SPEC.replace("NORM", norm)).files("net").items():
        (folder / name).write_text(content)
    (folder / "wrapped.py").write_text(WRAPPED)
    return folder


@pytest.fixture
def train(scripts):
    """Return a function that trains and returns what each pass gave, by process."""

    def train(*flags, processes=1, status=0, signal_after=0):
        launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
        launched = launcher if processes > 1 else ()
        command = [sys.executable, *launched, "wrapped.py", "--device", "cpu", *map(str, flags)]
        variables = {"OMP_NUM_THREADS": "1", "SIGNAL_AFTER": str(signal_after)}
        done = subprocess.run(
            command,
            cwd=scripts,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
            start_new_session=True,
        )
        assert done.returncode == status, done.stdout + done.stderr
        found = [json.loads((scripts / f"passes{r}.json").read_text()) for r in range(processes)]
        return found, done.stdout + done.stderr

    return train


def merged(parts):
    """Return the batches of each pass as one process would have them."""
    passes = []
    for pieces in zip(*parts, strict=True):
        passes.append([])
        for shares in zip(*pieces, strict=True):
            whole = [None] * sum(map(len, shares))
            for rank, share in enumerate(shares):
                whole[rank :: len(shares)] = share
            passes[-1].append(whole)
    return passes


def curves(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    return [[line[name] for name in names] for line in lines if "epoch" in line]


def checkpoint(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def hold(train, scripts, photos, counts, flags):
    """Train with these numbers of processes; hold their images and curves against the first's."""
    found, logs = [], []
    for count in counts:
        out = scripts / f"of{count}"
        parts, _ = train("--data", photos, "--out", out, *flags, processes=count)
        found.append(merged(parts))
        logs.append(curves(out))
    for passes in found[1:]:
        assert passes == found[0]  # images, crops, flips and colours, bit for bit
    return found[0], logs


def test_two_processes_train_on_the_images_of_one(train, scripts, tmp_path):
    photos = write_photos(tmp_path / "photos", train=170, test=30)
    flags = ("--epochs", 2, "--workers", 1, "--batch", 40)
    passes, _ = hold(train, scripts, photos, (1, 2), flags)
    assert [len(batches) for batches in passes] == [4, 1, 4, 1]  # training, test, again
    trained = [label for batch in passes[0] for _, label in batch]
    assert len(trained) == 160
    assert len({image for batch in passes[0] for image, _ in batch}) == 160
    assert passes[0] != passes[2]
    assert passes[1] == passes[3]


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "bound"), [("groupnorm(8)", 0.02), ("bn", 0.06)])
def test_one_two_and_four_processes_learn_alike(train, scripts, tmp_path, norm, bound):
    """2,000 images in 20 folders; losses and accuracies of each epoch, within 2 %.

    Batch normalization has other moments where a process has a part of the batch: 50 images of 200.
    """
    photos = write_photos(tmp_path / "photos", train=2000, test=400)
    written(scripts, norm)
    flags = ("--epochs", 8, "--workers", 1, "--batch", 200, "--lr", 0.05)
    passes, logs = hold(train, scripts, photos, (1, 2, 4), flags)
    assert [len(batches) for batches in passes[:2]] == [10, 2]
    assert logs[0][-1][3] > 0.3  # of 20 classes: something is learned
    for log in logs[1:]:
        for found, expected in zip(log, logs[0], strict=True):
            losses = found[0::2], expected[0::2]
            assert losses[0] == pytest.approx(losses[1], rel=bound)
            accuracies = found[1::2], expected[1::2]
            assert accuracies[0] == pytest.approx(accuracies[1], abs=bound)


@pytest.mark.slow
def test_a_run_that_a_scheduler_stops_goes_on_bit_for_bit(train, scripts, tmp_path):
    """The signal reaches the worker processes, too, in the middle of the second epoch."""
    photos = write_photos(tmp_path / "photos", classes=20, train=120, test=20)
    flags = ("--data", photos, "--epochs", 2, "--batch", 20, "--workers", 1)
    whole, _ = train(*flags, "--out", "whole")
    # 6 batches, 1 of the test, and 3 more
    cut, said = train(*flags, "--out", "cut", signal_after=10, status=3)
    assert "stopped at step 3 of epoch 2: --resume goes on" in said
    assert "Traceback" not in said
    rest, _ = train(*flags, "--out", "cut", "--resume")
    assert [*cut[0][2], *rest[0][0]] == whole[0][2]
    states = [checkpoint(scripts / out) for out in ("whole", "cut")]
    for part in ("epoch", "place", "own", "model", "optimizer"):
        assert same(*(state[part] for state in states)), part


@pytest.mark.slow
def test_a_broken_image_is_named_and_ends_the_run(train, tmp_path):
    photos = write_photos(tmp_path / "photos", train=40, test=20)
    broken = photos / "train/class05/00005.jpg"
    broken.write_bytes(broken.read_bytes()[:1000])
    for workers in (0, 1):
        flags = ("--data", photos, "--batch", 20, "--out", f"out{workers}", "--workers", workers)
        _, said = train(*flags, status=1)
        assert said.startswith("cannot read image 10, in "), said
        assert "class05/00005.jpg: image file is truncated (" in said
        assert said.count("\n") == 1


@pytest.mark.slow
def test_an_error_of_the_run_ends_its_workers(scripts, tmp_path):
    """They outlast the SIGTERM by which Python would end them."""
    photos = write_photos(tmp_path / "photos", train=40, test=20)
    program = scripts / "fails.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nimport torch\nimport data\n"
        "if __name__ == '__main__':\n"
        "    train, _ = data.load_batches(Path(sys.argv[1]), size=8, limit=0, workers=2,\n"
        "        device=torch.device('cpu'), synthetic=False)\n"
        "    for x, y in train:\n"
        "        raise ValueError('of the run')\n"
    )
    command = [sys.executable, program, photos]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ValueError: of the run")
    assert done.stderr.count("Traceback") == 1
