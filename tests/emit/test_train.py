"""The training script: its text, its parts run in this process, and whole runs as a user has them.

Networks here are stand-ins of a few layers; `test_digits_reach_97_percent` trains the shipped one.
"""

import ast
import gzip
import math
import os
import pickle
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from archdsl.emit.python.printer import number
from archdsl.ir.recipe import (
    Adam,
    AdamW,
    AveragedMoments,
    Constant,
    Cosine,
    Crop,
    Cutout,
    Data,
    Factors,
    Flip,
    Sgd,
    Steps,
    Views,
    WarmRestarts,
)
from archdsl.pipeline import compile_spec, compile_text
from tests.emit.stand_ins import (
    checkpoint_of,
    load_batches,
    log_of,
    quick,
    recipe,
    script,
    scripts,
    start,
    train,
    without_time,
    write,
    write_idx,
)
from tests.uses.checkpoints import same

ROOT = Path(__file__).resolve().parents[2]

# ---------------------------------------------------------------- the text

VARIANTS = {
    "digits": recipe(schedule=Cosine(warmup=1.0), label_smoothing=0.1, clip=1.0),
    "mnist": recipe("mnist", (Crop(2),), optimizer=AdamW(lr=1e-3), decay="weights"),
    "fashion": recipe("fashion_mnist", (Flip(),), optimizer=Sgd(lr=0.1)),
    "cifar10": recipe(
        "cifar10", (Flip(), Crop(4, "reflect")), schedule=Steps(at=(60, 120, 160), factor=0.2)
    ),
    "cifar100": recipe("cifar100", optimizer=AdamW(lr=1e-3, betas=(0.9, 0.95))),
    "onebit": recipe(
        data=Data(
            name="cifar10",
            augment=(Flip(), Crop(4, "noise"), Cutout(18)),
            normalize=False,
        ),
        schedule=WarmRestarts(first=1, growth=2, min_lr=1e-4),
        decay="weights",
        moments=AveragedMoments(),
    ),
    "mcdonnell": recipe(
        schedule=WarmRestarts(first=1, growth=2, min_lr=1e-5, reset_momentum=True, warmup=0.5),
        moments=AveragedMoments(of="deviations", between=2),
        held_out=200,
    ),
    "noise": recipe("cifar10", (Cutout(8),)),
    "whitened": recipe(
        Data(
            name="cifar10",
            augment=(Flip(alternate=True), Crop(4, "reflect")),
            normalize=False,
            whiten=True,
            views=Views(flip=True, shift=1),
        ),
        optimizer=Sgd(lr=0.1, momentum=0.9, factors=Factors(biases=64.0)),
        schedule=Constant(warmup=1.0),
        held_out=50,
        ema=0.99,
    ),
    "svhn": recipe(Data(name="svhn", normalize=False, unit=True), optimizer=Adam(lr=1e-3)),
    "mixed": recipe(
        Data(name="cifar100", augment=(Flip(alternate=True),), views=Views(flip=True)),
        optimizer=AdamW(lr=1e-3, factors=Factors(norms=2.0)),
        schedule=Constant(),
        decay="weights",
        accumulate=2,
        mixup=0.2,
        cutmix=1.0,
        ema=0.9,
        label_smoothing=0.1,
        clip=1.0,
    ),
    "pasted": recipe("mnist", accumulate=4, cutmix=1.0),
    "auxiliary": recipe("cifar10", auxiliary=0.4),
    "auxiliary_smooth": recipe(auxiliary=0.3, label_smoothing=0.1, accumulate=2),
    "auxiliary_mixed": recipe(auxiliary=0.3, mixup=0.2),
    "auxiliary_all": recipe(auxiliary=0.3, label_smoothing=0.1, mixup=0.2, cutmix=1.0, ema=0.9),
}


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    for name, variant in VARIANTS.items():
        write(folder / name, variant, "Config" if name == "mnist" else "Tiny")
    return folder


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_scripts_are_clean_for_ruff(variants):
    pyproject = ROOT / "pyproject.toml"
    ignored = tomllib.loads(pyproject.read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    scripts = sorted(path for path in variants.glob("*/*.py") if path.name != "model.py")
    ruff = (sys.executable, "-m", "ruff")
    options = ("--config", pyproject, "--no-cache", "--ignore", ",".join(ignored["generated/**"]))
    checked = run(*ruff, "check", *options, *scripts)
    assert checked.returncode == 0, checked.stdout
    formatted = run(
        *ruff, "format", "--isolated", "--no-cache", "--line-length", 100, "--diff", *scripts
    )
    assert formatted.returncode == 0, formatted.stdout


def test_scripts_are_clean_for_pyright(variants):
    # Not `strict`: PyTorch's own annotations are too loose for it.
    (variants / "pyrightconfig.json").write_text('{"typeCheckingMode": "basic"}')
    pyright = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable)
    checked = run(*pyright, "--project", variants / "pyrightconfig.json")
    assert checked.returncode == 0, checked.stdout


def test_a_script_holds_only_what_its_recipe_needs():
    text = script(VARIANTS["cifar100"])
    absent = ("SGD", "momentum", "milestones", "warmup", "draw(", "cutout", "label_smoothing")
    absent += ("clip",)
    assert [word for word in absent if word in text] == []
    assert "torch.optim.AdamW(" in text
    assert "betas=(0.9, 0.95)," in text
    text = script(VARIANTS["fashion"])
    assert [
        word for word in ("Adam", "shift", "cifar", "Unpickler)", "groups(") if word in text
    ] == []


def test_the_header_names_the_command_and_the_recipe():
    text = scripts(recipe())["train.py"]
    assert text.startswith('"""Train Tiny on scikit-learn\'s handwritten digits.\n')
    assert "Compiled by `archdsl compile tiny.arch` from the recipe `quick`" in text


def test_a_network_may_be_called_like_something_in_the_script(load):
    module = load(recipe(), class_name="Config")
    assert module.ConfigNetwork.__name__ == "Config"


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_network_takes_a_name_from_a_script(variant):
    tree = ast.parse(scripts(VARIANTS[variant])["train.py"])
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    names |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    names = {name for name in names if name[0].isupper() and name.isalnum()} - {"Tiny"}
    assert {"Config", "Captured", "Tensor"} <= names
    for name in names:
        text = scripts(VARIANTS[variant], class_name=name)["train.py"]
        assert f"from model import {name} as {name}Network\n" in text


def test_each_process_has_a_gpu_or_none_begins(load, monkeypatch):
    module = load(recipe())
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SystemExit, match=r"^2 processes need a GPU each, and this machine has 1$"):
        module.meet(torch.device("cuda"), 32)
    with pytest.raises(
        SystemExit, match=r"^--device cuda:1 is one GPU: each process takes its own"
    ):
        module.meet(torch.device("cuda:1"), 32)


def test_without_momentum_nesterov_has_nothing_to_do(load):
    module = load(recipe())
    for momentum, nesterov in ((0.9, True), (0.0, False)):
        config = module.Config(device="cpu", compile=False, momentum=momentum)
        _, optimizer = module.build(config, torch.device("cpu"))
        assert optimizer.param_groups[0]["nesterov"] is nesterov


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (5e-4, "5e-4"), (0.001, "0.001"), (200.0, "200.0"), (2.5e-5, "2.5e-5")],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert number(value) == text


# ---------------------------------------------------------------- optimization


def factors(module, steps, per_epoch, **flags):
    config = module.Config(**flags)
    return [module.lr_factor(step, per_epoch, config) for step in steps]


def test_cosine_warms_up_linearly_and_falls_to_zero(load):
    module = load(recipe(schedule=Cosine(warmup=2.0)))
    # 4 steps an epoch: 8 of warm-up, then 32 of half a cosine with its middle at step 24
    values = factors(module, [0, 3, 7, 8, 24, 39], 4, epochs=10)
    last = 0.5 * (1 + math.cos(math.pi * 31 / 32))
    assert values == pytest.approx([0.125, 0.5, 1.0, 1.0, 0.5, last])


def test_steps_drop_at_the_start_of_an_epoch_counted_from_1(load):
    module = load(recipe(schedule=Steps(at=(60, 120, 160), factor=0.2)))
    first_of = [(epoch - 1) * 390 for epoch in (1, 60, 120, 160, 200)]
    values = factors(module, [*first_of, 59 * 390 - 1], 390, epochs=200)
    assert values == pytest.approx([1.0, 0.2, 0.04, 0.008, 0.008, 1.0])


# McDonnell 2018, section 3.3.1: from 0.1 to 1e-4 by a cosine over 2 epochs, then over 4, 8, ...;
# restarts at the start of these epochs; 400 batches of 125 images are an epoch of CIFAR.
RESTARTS = (1, 3, 7, 15, 31, 63, 127)


def rate_of_the_paper(epoch, batch):
    """The learning rate of a batch, both counted from 1."""
    number = max(i for i, start in enumerate(RESTARTS) if start <= epoch)
    done = (epoch - RESTARTS[number]) + (batch - 1) / 400  # epochs since the restart
    return 1e-4 + (0.1 - 1e-4) * (1 + math.cos(math.pi * done / 2 ** (number + 1))) / 2


@pytest.mark.parametrize(
    "schedule",
    [
        Steps(at=(3,), factor=0.1, warmup=2.0),
        WarmRestarts(first=4, warmup=2.0),
    ],
)
def test_any_schedule_may_begin_with_a_linear_rise(load, schedule):
    """Ten steps in an epoch: the twentieth is the first at its full rate."""
    whole = type(schedule)(**{f: getattr(schedule, f) for f in schedule.__struct_fields__[:2]})
    risen, plain = (load(recipe(schedule=each)) for each in (schedule, whole))
    config, without = risen.Config(lr=0.1), plain.Config(lr=0.1)
    for step, part in ((0, 0.05), (9, 0.5), (18, 0.95), (19, 1.0), (35, 1.0)):
        expected = part * plain.lr_factor(step, 10, without)
        assert risen.lr_factor(step, 10, config) == pytest.approx(expected)


def test_warm_restarts_give_the_rates_of_the_paper(load):
    module = load(recipe(schedule=WarmRestarts(first=2, growth=2, min_lr=1e-4)))
    config = module.Config(epochs=254, lr=0.1)
    places = [(e, b) for e in range(1, 255) for b in (1, 2, 200, 400)]
    rates = [0.1 * module.lr_factor((e - 1) * 400 + b - 1, 400, config) for e, b in places]
    assert rates == pytest.approx([rate_of_the_paper(e, b) for e, b in places], rel=1e-12)
    firsts = {e: rate for (e, b), rate in zip(places, rates, strict=True) if b == 1}
    assert [e for e, rate in firsts.items() if rate == 0.1] == list(RESTARTS)
    # The last batch of a cycle is one step before its end, where the cosine is flat.
    lasts = {e: rate for (e, b), rate in zip(places, rates, strict=True) if b == 400}
    assert lasts[254] == pytest.approx(1e-4, abs=1e-8)
    assert min(lasts.values()) >= 1e-4


def test_cycles_of_equal_length_repeat(load):
    module = load(recipe(schedule=WarmRestarts(first=3, growth=1)))
    values = factors(module, range(24), 4, epochs=6)
    assert values[12:] == values[:12]
    assert values[6] == pytest.approx(0.5)


def test_cycles_of_no_length_are_refused(tmp_path):
    folder = write(tmp_path, recipe(schedule=WarmRestarts(first=2)))
    code, _, stderr = train(folder, "--synthetic", "--cycle", 0)
    assert (code, stderr.splitlines()[-1]) == (
        2,
        "train.py: error: --cycle must be in [1, inf)",
    )


def test_decay_of_weights_spares_norms_and_biases(load):
    module = load(recipe(decay="weights"))
    decayed, spared = module.param_groups(module.Tiny(), module.Config(weight_decay=5e-4))
    assert [tuple(p.shape) for p in decayed["params"]] == [(8, 1, 3, 3), (10, 32)]
    assert [tuple(p.shape) for p in spared["params"]] == [(8,), (8,), (10,)]
    assert (decayed["weight_decay"], spared["weight_decay"]) == (5e-4, 0.0)


def test_decay_of_weights_leaves_frozen_parameters_out(load):
    module = load(recipe(decay="weights"))
    model = module.Tiny()
    model[0].weight.requires_grad_(False)
    decayed, _ = module.param_groups(model, module.Config(weight_decay=5e-4))
    assert [tuple(p.shape) for p in decayed["params"]] == [(10, 32)]


def test_factors_of_the_rate_leave_frozen_parameters_out(load):
    module = load(recipe(optimizer=Sgd(lr=0.1, factors=Factors(biases=2.0))))
    model = module.Tiny()
    model[0].weight.requires_grad_(False)
    groups = module.param_groups(model, module.Config())
    # the scale of the norm and the classifier's weight; the offset and the classifier's bias
    assert [len(group["params"]) for group in groups] == [2, 2]


def test_frozen_parameters_are_left_out_of_the_optimizer():
    assert "[p for p in model.parameters() if p.requires_grad]," in script(recipe(), frozen=True)
    assert "        model.parameters(),\n" in script(recipe(), frozen=False)


# ---------------------------------------------------------------- data


def drawing(n):
    """Return what draws numbers in [0, 1) for n images."""
    return lambda *shape: torch.rand(n, *shape)


def batch_of(module, image, n, *, training=True, mean=0.0, std=1.0):
    """Return one batch of n times an image, (C, H, W), as it is given to the network."""
    split = module.Split(image.to(torch.uint8).expand(n, *image.shape), torch.zeros(n).long())
    mean, std = torch.full((len(image),), mean), torch.full((len(image),), std)
    batches = module.Batches(split, mean, std, n, training=training)
    return next(iter(batches))[0]


def windows_of(padded):
    """Return all windows of 8 x 8 pixels, as texts of numbers."""
    size = padded.shape[-1] - 7
    return {str(padded[i : i + 8, j : j + 8].tolist()) for i in range(size) for j in range(size)}


SQUARE = torch.arange(1.0, 65.0).view(1, 8, 8)


def test_crops_are_windows_of_the_padded_image_each_at_its_own_place(load):
    module = load(recipe("cifar10", (Crop(2, "reflect"),)))
    padded = torch.nn.functional.pad(SQUARE[None], (2, 2, 2, 2), mode="reflect")[0, 0]
    cropped = batch_of(module, SQUARE, 300)
    assert cropped.shape == (300, 1, 8, 8)
    assert {str(image[0].tolist()) for image in cropped} == windows_of(padded)
    assert torch.equal(batch_of(module, SQUARE, 3, training=False), SQUARE.expand(3, 1, 8, 8))


def test_crops_in_zeros_show_what_is_normalized_to_zero(load):
    module = load(recipe("cifar10", (Crop(2),)))
    padded = torch.nn.functional.pad((SQUARE[0] - 10) / 4, (2, 2, 2, 2))
    cropped = batch_of(module, SQUARE, 300, mean=10.0, std=4.0)
    assert {str(image[0].tolist()) for image in cropped} == windows_of(padded)


def test_crops_in_noise_are_windows_of_the_image_amid_noise(load):
    module = load(recipe("cifar10", (Crop(2, "noise"),)))
    module.Batches.noise = lambda *_: torch.tensor(-1.0)
    padded = torch.nn.functional.pad(SQUARE[0], (2, 2, 2, 2), value=-1.0)
    cropped = batch_of(module, SQUARE, 300)
    assert {str(image[0].tolist()) for image in cropped} == windows_of(padded)


def test_every_pixel_is_as_likely_to_be_cut_out(load):
    module = load(VARIANTS["onebit"])
    n, size = 20_000, 18
    x = torch.ones(n, 1, 32, 32)
    cut = module.cutout(x, drawing(n), torch.zeros_like(x), size)
    # 49 places of the square along either side, 18 of which hold a pixel
    assert cut.shape == x.shape
    assert (cut == 0).double().mean(dim=0) == pytest.approx((18 / 49) ** 2, abs=0.02)
    heights = (cut == 0).any(dim=3).sum(dim=2)
    assert set(heights.flatten().tolist()) == set(range(1, 19))  # from a row at the border on


def test_noise_is_of_whole_pixels_as_the_images_are(load):
    module = load(VARIANTS["onebit"])
    split = module.random_split(64)
    zero, one = torch.zeros(3), torch.ones(3)
    batches = module.Batches(split, zero, one, 8, training=True)
    noise = batches.noise(drawing(20))
    assert noise.shape == (20, 3, 32, 32)
    assert noise.unique().tolist() == list(range(256))
    halved = module.Batches(split, zero + 10, one * 2, 8, training=True)
    assert halved.noise(drawing(20)).unique().tolist() == [(pixel - 10) / 2 for pixel in range(256)]


def test_images_that_the_model_normalizes_are_given_as_they_are(load):
    module = load(VARIANTS["onebit"])
    _, test = load_batches(module, Path(), size=8, synthetic=True, verify=True)
    images, _ = next(iter(test))
    pixels = test.pixels.view(-1, 32, 32, 3)[:8]
    assert torch.equal(images, pixels.permute(0, 3, 1, 2).float())


def test_flips_mirror_about_half_of_the_images(load):
    module = load(recipe("cifar10", (Flip(),)))
    row = torch.arange(3.0).view(1, 1, 3)
    flipped = batch_of(module, row, 1000)[:, 0, 0]
    assert {str(each.tolist()) for each in flipped} == {"[0.0, 1.0, 2.0]", "[2.0, 1.0, 0.0]"}
    assert 400 < (flipped[:, 0] == 2).sum().item() < 600


@pytest.mark.parametrize(("data", "channels"), [("digits", 1), ("cifar10", 3)])
def test_images_lie_in_memory_as_their_format_says(load, data, channels):
    """One channel fits either format: what layers make of it hangs on the strides."""
    module = load(recipe(data))
    folder = () if data == "digits" else (Path(),)
    verify = {} if data == "digits" else {"verify": True}
    batches, _ = load_batches(module, *folder, size=8, synthetic=True, **verify)
    x, _ = next(iter(batches))
    side = x.shape[2]
    assert x.stride() == (channels * side * side, side * side, side, 1)
    batches.format = torch.channels_last
    x, _ = next(iter(batches))
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_training_batches_are_normalized_shuffled_and_whole(load):
    module = load(recipe())
    batches, test = load_batches(module, size=100)
    images, labels = zip(*batches, strict=True)
    assert (len(batches), len(images)) == (14, 14)  # 1,438 images, 38 left out
    assert {len(y) for y in labels} == {100}
    assert torch.cat(images).mean().item() == pytest.approx(0.0, abs=0.02)
    assert torch.cat(images).std().item() == pytest.approx(1.0, abs=0.02)
    assert [len(y) for _, y in test] == [100, 100, 100, 59]
    again = torch.cat([y for _, y in batches])
    assert not torch.equal(torch.cat(labels), again)


def test_digits_are_split_the_same_way_every_time(load):
    train, test = load(recipe()).read_data()
    assert (tuple(train.images.shape), tuple(test.images.shape)) == (
        (1438, 1, 8, 8),
        (359, 1, 8, 8),
    )
    assert test.labels[:4].tolist() == [4, 9, 4, 9]  # images 4, 9, 14, 19 of load_digits()
    assert int(train.images.max()) == 16


def idx_files(folder, generator):
    folder.mkdir(parents=True)
    splits = {}
    for name, count in (("train", 5), ("t10k", 3)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = generator.integers(0, 10, count, dtype=np.uint8)
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)
        splits[name] = images, labels
    return splits


@pytest.mark.parametrize(
    ("data", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_idx_files_are_read(load, tmp_path, data, folder):
    splits = idx_files(tmp_path / folder / "raw", np.random.default_rng(0))
    for split, (images, labels) in zip(
        load(recipe(data)).read_data(tmp_path), splits.values(), strict=True
    ):
        assert np.array_equal(split.images.numpy(), images[:, None])
        assert split.labels.tolist() == labels.tolist()


def test_a_cut_off_idx_file_is_named(load, tmp_path):
    idx_files(tmp_path / "MNIST" / "raw", np.random.default_rng(0))
    path = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    with pytest.raises(SystemExit, match=r"t10k-labels-idx1-ubyte\.gz is damaged"):
        load(recipe("mnist")).read_data(tmp_path)


def cifar_files(classes, generator):
    """Return random (pixels, coarse labels, labels) by the names of the files."""
    train = [f"data_batch_{i}" for i in range(1, 6)] if classes == 10 else ["train"]
    names = [*train, "test_batch" if classes == 10 else "test"]
    return {
        name: (
            generator.integers(0, 256, (4, 3072), dtype=np.uint8),
            generator.integers(0, 20, 4, dtype=np.uint8),
            generator.integers(0, classes, 4, dtype=np.uint8),
        )
        for name in names
    }


def write_binary(folder, files, *, coarse):
    folder.mkdir()
    for name, (pixels, coarse_labels, labels) in files.items():
        columns = [*([coarse_labels[:, None]] if coarse else []), labels[:, None], pixels]
        (folder / f"{name}.bin").write_bytes(np.hstack(columns).tobytes())


def write_pickled(folder, files, *, coarse):
    folder.mkdir()
    for name, (pixels, coarse_labels, labels) in files.items():
        content = {b"data": pixels, b"fine_labels" if coarse else b"labels": labels.tolist()}
        content |= {b"coarse_labels": coarse_labels.tolist()} if coarse else {}
        (folder / name).write_bytes(pickle.dumps(content, protocol=3))


@pytest.mark.parametrize("layout", ["binary", "pickled"])
@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_files_are_read_in_both_layouts(load, tmp_path, classes, layout):
    files = cifar_files(classes, np.random.default_rng(classes))
    if layout == "binary":
        folder = "cifar-10-batches-bin" if classes == 10 else "cifar-100-binary"
        write_binary(tmp_path / folder, files, coarse=classes == 100)
    else:
        folder = "cifar-10-batches-py" if classes == 10 else "cifar-100-python"
        write_pickled(tmp_path / folder, files, coarse=classes == 100)
    train, test = load(recipe(f"cifar{classes}")).read_data(tmp_path)
    *parts, last = files.values()
    pixels = np.concatenate([pixels for pixels, _, _ in parts])
    assert np.array_equal(train.images.numpy(), pixels.reshape(-1, 3, 32, 32))
    assert train.labels.tolist() == [int(y) for _, _, labels in parts for y in labels]
    assert np.array_equal(test.images.numpy(), last[0].reshape(-1, 3, 32, 32))
    assert test.labels.tolist() == last[2].tolist()


def test_a_cut_off_cifar_file_is_named(load, tmp_path):
    files = cifar_files(10, np.random.default_rng(0))
    write_binary(tmp_path / "cifar-10-batches-bin", files, coarse=False)
    path = tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SystemExit, match=r"data_batch_3\.bin is cut off"):
        load(recipe("cifar10")).read_data(tmp_path)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_pickle_cannot_run_code(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = load(recipe("cifar10"))
    (tmp_path / "cifar-10-batches-py").mkdir()
    content = pickle.dumps({b"data": Malicious()})
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(content)
    with pytest.raises(SystemExit, match=r"system is no part of an array"):
        module.read_data(tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_data_that_does_not_fit_the_model_is_refused(load):
    module = load(recipe())
    data = module.Batches.__init__.__globals__
    data["IMAGE_SHAPE"] = (3, 32, 32)
    with pytest.raises(SystemExit, match=r"images of shape \(1, 8, 8\) in 10 classes"):
        load_batches(module)
    data.update(IMAGE_SHAPE=(1, 8, 8), NUM_CLASSES=5)
    with pytest.raises(SystemExit, match=r"tells 5 classes apart"):
        load_batches(module)


def test_a_batch_larger_than_the_data_is_refused(load):
    module = load(recipe())
    with pytest.raises(SystemExit, match=r"--batch 32 exceeds the 20 training images"):
        load_batches(module, limit=20)


# ---------------------------------------------------------------- whole runs


def wait_for_lines(path, count, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists() and path.read_text().count("\n") >= count:
            return
        time.sleep(0.005)
    raise AssertionError(f"{path} never had {count} lines: {process.communicate()}")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_that_is_resumed_ends_in_the_same_bits(tmp_path):
    variant = recipe("digits", (Flip(), Crop(1)), schedule=Cosine(warmup=2.0))
    folder = write(tmp_path / "tiny", variant)
    flags = ("--epochs", 12, "--device", "cpu", "--save-minutes", 0)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    status, _, stderr = train(folder, *flags, "--out", whole)
    assert (status, stderr) == (0, "")

    process = start(folder, *flags, "--out", cut)
    wait_for_lines(cut / "log.jsonl", 4, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # it may have been killed when one was called the previous one, and the new one not yet its name
    saved = [cut / name for name in ("checkpoint.pt", "checkpoint.previous.pt")]
    found = next(path for path in saved if path.exists())
    done = torch.load(found, weights_only=True)["epoch"]
    assert 2 <= done < 12

    status, stdout, stderr = train(folder, *flags, "--out", cut, "--resume")
    assert (status, stderr) == (0, "")
    assert stdout.startswith(f"going on after epoch {done}\n")
    assert same(checkpoint_of(cut), checkpoint_of(whole))
    assert without_time(log_of(cut)[1:]) == without_time(log_of(whole)[1:])


def test_the_log_is_a_line_for_the_run_and_one_for_each_epoch(load, tmp_path):
    module = load(recipe(), class_name="Tiny")
    quick(module, tmp_path / "out", seed=3)
    first, *epochs = log_of(tmp_path / "out")
    assert (first["config"]["seed"], first["config"]["lr"]) == (3, 0.1)
    assert first["torch"] == torch.__version__
    assert first["parameters"] == 8 * 9 + 16 + 330  # convolution, norm, linear of MODEL
    assert [record["epoch"] for record in epochs] == [1, 2]
    keys = {"epoch", "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy"}
    keys |= {"images_per_second", "seconds"}
    assert {key for record in epochs for key in record} == keys


class Parts(list):
    """Batches whose parts can be asked for."""

    def parts(self, part_of):
        return ((x[part_of(i)], y[part_of(i)]) for i, (x, y) in enumerate(self))


def test_averaged_moments_are_those_of_all_batches_alike(load):
    module = load(recipe(moments=AveragedMoments()))
    model = module.Tiny()
    batches = Parts((torch.randn(16, 1, 8, 8) + i, torch.zeros(16)) for i in range(5))
    for x, _ in batches:
        model(x)  # running averages, which are to be forgotten
    module.average_moments(model, batches, module.Config(device="cpu"), 5)
    outputs = [model[0](x).detach().double().numpy() for x, _ in batches]
    means = np.mean([out.mean(axis=(0, 2, 3)) for out in outputs], axis=0)
    variances = np.mean([out.var(axis=(0, 2, 3), ddof=1) for out in outputs], axis=0)
    assert model[1].running_mean.tolist() == pytest.approx(means, abs=1e-6)
    assert model[1].running_var.tolist() == pytest.approx(variances, rel=1e-5)
    assert (model[1].num_batches_tracked, model[1].momentum) == (5, 0.1)


def test_frozen_moments_are_not_averaged(load):
    module = load(recipe(moments=AveragedMoments()))
    model = module.Tiny()
    model[1].train = lambda _=True: model[1]  # as the generated classes keep what is frozen
    model[1].training = False
    model[1].running_mean.fill_(3)
    batches = Parts([(torch.randn(16, 1, 8, 8), torch.zeros(16))])
    module.average_moments(model, batches, module.Config(device="cpu"), 5)
    assert (model[1].running_mean == 3).all()


def test_moments_are_averaged_when_the_training_has_ended(load, tmp_path):
    module = load(recipe(moments=AveragedMoments()))
    quick(module, tmp_path / "out")
    assert checkpoint_of(tmp_path / "out")["model"]["1.num_batches_tracked"] == 8  # of one pass
    module = load(recipe())
    quick(module, tmp_path / "running")
    assert checkpoint_of(tmp_path / "running")["model"]["1.num_batches_tracked"] == 16


def test_resuming_with_another_learning_rate_is_refused(load, tmp_path):
    module = load(recipe())
    quick(module, tmp_path / "out")
    with pytest.raises(SystemExit, match=r"cannot resume .*: lr was 0\.1, now it is 0\.2"):
        quick(module, tmp_path / "out", resume=True, lr=0.2)


def test_a_finished_run_can_be_given_more_epochs(load, tmp_path):
    module = load(recipe(schedule=Steps(at=(60,), factor=0.2)))
    quick(module, tmp_path / "out")
    with (tmp_path / "out" / "log.jsonl").open("a") as log:
        log.write('{"epoch": 3, "lr": 0.')  # as a run leaves it that is killed while it writes
    config = module.Config(
        out=str(tmp_path / "out"), synthetic=True, epochs=3, device="cpu", resume=True
    )
    module.main(config)
    _, one, two, resumed, three = log_of(tmp_path / "out")
    assert [record["epoch"] for record in (one, two, three)] == [1, 2, 3]
    assert resumed == {"resumed_after": 2, "config": {"epochs": 3}}


def test_a_run_goes_on_on_another_kind_of_device_with_an_epoch_anew(load, tmp_path):
    """A CUDA generator has a state of 16 bytes."""
    module, out = load(recipe(schedule=Steps(at=(60,), factor=0.2))), tmp_path / "out"
    quick(module, out)
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    state["place"] = {"taken": 3, **dict.fromkeys(("begun", "random"), torch.zeros(16).byte())}
    state["own"][0]["sums"] += 1000
    torch.save(state, out / "checkpoint.pt")
    config = module.Config(out=str(out), synthetic=True, epochs=3, device="cpu", resume=True)
    module.main(config)
    *_, last = log_of(out)
    assert (last["epoch"], last["train_accuracy"] <= 1) == (3, True)


def test_resuming_without_a_checkpoint_starts(load, tmp_path):
    quick(load(recipe()), tmp_path / "out", resume=True)
    assert len(log_of(tmp_path / "out")) == 3


def test_a_folder_that_holds_a_run_is_refused_and_stays_as_it_is(load, tmp_path):
    module, out = load(recipe()), tmp_path / "out"
    quick(module, out, seed=1)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    message = r"out holds a run: go on with it by --resume, or choose another folder by --out"
    for broken in ({"lr": 1e30}, {"seed": 2}):
        with pytest.raises(SystemExit, match=message):
            quick(module, out, **broken)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (out / name).unlink()
        with pytest.raises(SystemExit, match=message):
            quick(module, out)
    assert [path.read_bytes() for path in out.iterdir()] == [before["log.jsonl"]]


def test_a_loss_that_is_not_finite_stops_the_run(load, tmp_path):
    with pytest.raises(SystemExit, match=r"the loss is nan in epoch 1: try a lower --lr"):
        quick(load(recipe()), tmp_path / "out", lr=1e30)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_variant_runs_without_data(load, tmp_path, name):
    quick(load(VARIANTS[name]), tmp_path / "out", channels_last=name == "cifar10")
    assert len(log_of(tmp_path / "out")) == 3


def test_missing_data_is_explained_without_a_traceback(tmp_path):
    folder = write(tmp_path / "tiny", VARIANTS["mnist"])
    status, stdout, stderr = train(folder, "--data", tmp_path / "nothing")
    assert (status, stdout) == (1, "")
    assert "train-images-idx3-ubyte.gz" in stderr
    assert f"MNIST is four *-ubyte.gz files in {tmp_path / 'nothing' / 'MNIST' / 'raw'}" in stderr
    assert "Traceback" not in stderr


def test_flags_out_of_range_are_refused(tmp_path):
    folder = write(tmp_path / "tiny", VARIANTS["cifar10"])
    status, _, stderr = train(folder, "--epochs", 0, "--milestones", 3, 4)
    assert status == 2
    assert stderr.splitlines()[-1] == "train.py: error: --epochs must be in [1, inf)"


FROZEN = """
network part {
    input(1, 8, 8)
    stem with freeze { conv3x3(8) bn relu }
    head { avgpool linear(10) }
    train = quick
}
train quick {
    data      = digits
    batch     = 32
    epochs    = 2
    optimizer = sgd(lr = 0.1, momentum = 0.9, weight_decay = 0.01)
    schedule  = cosine
}
"""


def test_gradients_are_clipped_together(load):
    """Two gradients of norms 3 and 4 have the norm 5 together; half of it halves both."""
    module = load(recipe(optimizer=Sgd(lr=1.0), clip=2.5))
    model = torch.nn.Linear(2, 2)
    x, y = torch.randn(32, 2), torch.randint(0, 2, (32,))
    before = [p.detach().clone() for p in model.parameters()]

    def backward(gradients=(3.0, 4.0)):
        for parameter, size in zip(model.parameters(), gradients, strict=True):
            parameter.grad = torch.zeros_like(parameter)
            parameter.grad.flatten()[0] = size

    replaced = torch.Tensor.backward
    torch.Tensor.backward = lambda *_, **__: backward()
    try:
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        config = module.Config(device="cpu", batch=32, epochs=1, lr=1.0)
        module.make_step(model, optimizer, torch.zeros(2), config)(x, y)
    finally:
        torch.Tensor.backward = replaced
    after = [p.detach() for p in model.parameters()]
    steps = [float((b - p).abs().max()) for b, p in zip(before, after, strict=True)]
    assert steps == pytest.approx([1.5, 2.0], rel=1e-4)


def test_what_is_frozen_stays_as_it_was(tmp_path):
    files = compile_text(FROZEN).files("part")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    status, _, stderr = train(tmp_path, "--synthetic", "--out", tmp_path / "two")
    assert (status, stderr) == (0, "")
    status, _, stderr = train(tmp_path, "--synthetic", "--out", tmp_path / "one", "--epochs", 1)
    assert (status, stderr) == (0, "")
    one, two = (checkpoint_of(tmp_path / out)["model"] for out in ("one", "two"))
    unchanged = [name for name in one if torch.equal(one[name], two[name])]
    assert unchanged == [name for name in one if name.startswith("stem.")]


def test_digits_reach_97_percent(tmp_path):
    for name, text in compile_spec(str(ROOT / "specs" / "digits.arch")).files("digits").items():
        (tmp_path / name).write_text(text)
    status, _, stderr = train(tmp_path, "--out", tmp_path / "out", "--device", "cpu")
    assert (status, stderr) == (0, "")
    *_, last = log_of(tmp_path / "out")
    assert last["epoch"] == 15
    assert last["test_accuracy"] >= 0.97
