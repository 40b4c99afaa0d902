"""ImageNet32: the publisher's pickles, here of a few images each."""

import importlib.util
import os
import pickle
import sys

import numpy as np
import pytest
import torch

from archdsl.pipeline import compile_text

SPEC = """\
network net {
    input(3, 32, 32)
    bn conv3x3(8, stride = 2) avgpool linear(1000)
    train = quick
}
train quick {
    data      = imagenet32(normalize = false, augment = [flip])
    batch     = 4
    epochs    = 1
    optimizer = sgd(lr = 0.1)
    schedule  = cosine
}
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "script_of_imagenet32"
    folder.mkdir()
    for name, text in compile_text(SPEC).files("net").items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "processes", raising=False)
    spec = importlib.util.spec_from_file_location(folder.name, folder / "data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, folder.name, module)  # dataclasses look it up
    spec.loader.exec_module(module)
    del sys.modules["processes"]
    return module


@pytest.fixture
def files(tmp_path):
    """Ten files of four images and one of five: pixels, and labels from 1."""
    draw = np.random.default_rng(0)
    names = [*(f"train_data_batch_{i}" for i in range(1, 11)), "val_data"]
    found = {}
    (tmp_path / "imagenet32").mkdir()
    for name in names:
        n = 5 if name == "val_data" else 4
        pixels = draw.integers(0, 256, (n, 3072), dtype=np.uint8)
        found[name] = pixels, draw.integers(1, 1001, n).tolist()
        content = {"data": pixels, "labels": found[name][1], "mean": np.zeros(3072)}
        (tmp_path / "imagenet32" / name).write_bytes(pickle.dumps(content, protocol=3))
    return found


def load_batches(data, folder, verify):
    flags = {"limit": 0, "device": torch.device("cpu"), "synthetic": False, "verify": verify}
    return data.load_batches(folder, size=4, **flags)


def test_its_files_are_read_with_labels_from_0(data, files, tmp_path):
    train, test = data.read_data(tmp_path)
    *parts, (last, last_labels) = files.values()
    pixels = np.concatenate([pixels for pixels, _ in parts])
    assert np.array_equal(train.images.numpy(), pixels.reshape(-1, 3, 32, 32))
    assert train.labels.tolist() == [y - 1 for _, labels in parts for y in labels]
    assert np.array_equal(test.images.numpy(), last.reshape(-1, 3, 32, 32))
    assert test.labels.tolist() == [y - 1 for y in last_labels]


def test_pixels_stay_what_they_are(data, files, tmp_path):
    _, test = load_batches(data, tmp_path, verify=False)
    x, _ = next(iter(test))
    assert np.array_equal(x.numpy(), files["val_data"][0][:4].reshape(-1, 3, 32, 32))


def test_another_number_of_images_is_refused(data, files, tmp_path):
    """1,281,167 and 50,000: Chrabaszcz, Loshchilov & Hutter 2017, section 3."""
    message = r"^40 training images instead of the 1281167 of ImageNet32$"
    with pytest.raises(SystemExit, match=message):
        load_batches(data, tmp_path, verify=True)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch harmed",)


DAMAGES = {
    "system is no part of an array": {"data": Malicious()},
    "val_data is none of its files": {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]},
    "val_data is none of its": {"data": np.zeros((2, 3072), np.uint8), "labels": [1]},
    "'labels'": {"data": np.zeros((2, 3072), np.uint8)},
}


@pytest.mark.parametrize("message", list(DAMAGES))
def test_a_file_of_another_kind_is_refused(data, files, tmp_path, monkeypatch, message):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(DAMAGES[message], protocol=3)
    (tmp_path / "imagenet32/val_data").write_bytes(content)
    with pytest.raises(SystemExit, match=message) as refused:
        data.read_data(tmp_path)
    assert "unpack Imagenet32_train.zip and Imagenet32_val.zip" in str(refused.value)
    assert not (tmp_path / "harmed").exists()
