"""Files that are no checkpoints: one sentence, whatever stands in them, and nothing is run."""

import pickle
import random
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archdsl.cli import main
from archdsl.deploy.checkpoint import read_state
from archdsl.deploy.errors import DeployError

STATE = {"conv1.weight": torch.ones(8, 3, 3, 3), "linear1.weight": torch.ones(4, 8)}
SPEC = "network tiny { input(3, 4, 4) conv3x3(8) avgpool linear(4, bias = false) }\n"
FORMS = {
    "zip.pt": lambda path: torch.save({"model": STATE, "epoch": 1}, path),
    "old.pt": lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
    "some.safetensors": lambda path: save_file(STATE, path),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.arch").write_text(SPEC)


def test_what_is_tested_is_what_is_read():
    """With `ema` a run tests the average of the weights, not the last ones."""
    average = {name: 2 * value for name, value in STATE.items()}
    torch.save({"model": STATE, "average": average, "epoch": 1}, "ema.pt")
    assert torch.equal(read_state("ema.pt")["conv1.weight"], average["conv1.weight"])


def damaged(data, choose):
    """Return a file cut off, or with some bytes changed, where the names and sizes stand or not."""
    kind = choose.choice(("cut", "head", "anywhere"))
    if kind == "cut":
        return data[: choose.randrange(len(data))]
    changed, end = bytearray(data), 2_000 if kind == "head" else len(data)
    for _ in range(choose.randint(1, 8)):
        changed[choose.randrange(min(end, len(data)))] = choose.randrange(256)
    return bytes(changed)


def refusal(name, data):
    """Return what is said of a file of these bytes, "" where it is read."""
    Path(name).write_bytes(data)
    try:
        read_state(name)
    except DeployError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", FORMS)
def test_a_damaged_file_is_read_or_refused(name):
    FORMS[name](name)
    data, choose = Path(name).read_bytes(), random.Random(1)
    told = [message for _ in range(300) if (message := refusal(name, damaged(data, choose)))]
    assert len(told) > 150
    assert all(message.startswith(f"{name} ") and "\n" not in message for message in told)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_a_file_that_is_cut_off_is_one_sentence_that_names_it(name, part, capsys):
    FORMS[name](name)
    data = Path(name).read_bytes()
    Path(name).write_bytes(data[: int(part * len(data))])
    assert main(["inspect", "tiny.arch", name]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"archdsl: {name} is no ")


def test_an_archive_that_unpacks_to_more_than_its_size_is_not_unpacked(capsys):
    """As torch.load would: 16 MB of zeros in a file of some kilobytes."""
    torch.save({"conv1.weight": torch.zeros(1 << 22)}, "plain.pt")
    packed = zipfile.ZipFile("small.pt", "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile("plain.pt") as plain, packed:
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    assert Path("small.pt").stat().st_size < 100_000
    assert torch.load("small.pt", weights_only=True)["conv1.weight"].numel() == 1 << 22
    assert main(["inspect", "tiny.arch", "small.pt"]) == 1
    assert capsys.readouterr() == (
        "",
        "archdsl: small.pt is compressed, as no checkpoint of torch.save is\n",
    )


class Harmful:
    def __reduce__(self):
        return Path("harmed").touch, ()


def test_nothing_in_a_file_is_run(capsys):
    Path("harmful.pt").write_bytes(pickle.dumps(Harmful()))
    torch.save({"model": Harmful()}, "zipped.pt")
    torch.save(STATE | {"more": Harmful()}, "mixed.pt")
    torch.save(Harmful(), "old.pt", _use_new_zipfile_serialization=False)
    Path("noise.pt").write_bytes(b"noise")
    Path("noise.safetensors").write_bytes(b"noise")
    Path("folder.pt").mkdir()
    for name in ("harmful.pt", "zipped.pt", "mixed.pt", "old.pt", "noise.pt", "noise.safetensors",
                 "folder.pt", "absent.pt"):  # fmt: skip
        assert main(["inspect", "tiny.arch", name]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"archdsl: {name}")
    assert not Path("harmed").exists()
    pickle.loads(Path("harmful.pt").read_bytes())
    assert Path("harmed").exists()  # it would have been
