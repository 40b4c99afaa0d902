# pyright: reportOptionalMemberAccess=false
"""data.py of a folder of images: its crops, colours, order and shards, in this process."""

import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image

from archdsl.pipeline import compile_text
from tests.photos import write_photos

ROOT = Path(__file__).parents[2]
SPEC = """\
network net(classes = 20) {
    input(3, 64, 64)
    stem { conv3x3(8, stride = 4) bn relu }
    head { avgpool linear(classes) }
    train = quick
}
train quick {
    data      = image_folder(
        augment = [random_resized_crop(64)AUGMENT], test = [resize(72), center_crop(64)]MORE,
    )
    batch     = 32
    epochs    = 2
    optimizer = sgd(lr = 0.1, momentum = 0.9)
    schedule  = cosine
}
"""
COLOURS = ", flip, color_jitter(0.4, 0.3, 0.2), lighting(0.1)"
CPU = torch.device("cpu")


def files_of(augment=COLOURS, more="", classes=20):
    text = SPEC.replace("AUGMENT", augment).replace("MORE", more)
    return compile_text(text, None, {"classes": str(classes)}).files("net")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The folder of a script with everything."""
    folder = tmp_path_factory.mktemp("net")
    for name, text in files_of().items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Forty images for training and twenty for the test, of several sizes."""
    return write_photos(tmp_path_factory.mktemp("photos"), train=40, test=20)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports the data.py of a recipe."""

    def load(augment=COLOURS, more="", classes=20):
        folder = tmp_path / f"script{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, text in files_of(augment, more, classes).items():
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

    return load


@pytest.fixture
def data(load):
    """data.py with all augmentation."""
    return load()


def load_batches(module, folder, size=8, limit=0, workers=0, synthetic=False):
    return module.load_batches(
        folder, size=size, limit=limit, device=CPU, synthetic=synthetic, workers=workers
    )


# ---------------------------------------------------------------- the text


def test_a_script_holds_only_what_its_recipe_needs():
    plain = files_of("", ", normalize = false")["data.py"]
    absent = ("flip(", "color_jitter", "lighting", "MEAN", "JITTER", "drawn +=", "draw.gauss")
    assert [word for word in absent if word in plain] == []
    assert "lighting" not in files_of(", flip, color_jitter(0.4, 0.4, 0.4)")["data.py"]


VARIANTS = [
    ("", ""),
    ("", ", normalize = false"),
    (", flip", ", mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25]"),
    (", lighting(0.1)", ", normalize = false"),
    (", color_jitter(0.4, 0, 0.4), flip", ""),
    (COLOURS, ", normalize = false"),
    (COLOURS, ""),
]


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    for number, (augment, more) in enumerate(VARIANTS):
        (folder / str(number)).mkdir()
        for name, text in files_of(augment, more).items():
            (folder / str(number) / name).write_text(text)
    return folder


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_scripts_are_clean_for_ruff(variants):
    pyproject = ROOT / "pyproject.toml"
    ignored = tomllib.loads(pyproject.read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    ruff, options = (sys.executable, "-m", "ruff"), ("--config", pyproject, "--no-cache")
    ignore = ("--ignore", ",".join(ignored["generated/**"]))
    checked = run(*ruff, "check", *options, *ignore, variants)
    assert checked.returncode == 0, checked.stdout
    formatted = run(*ruff, "format", *options, "--diff", variants)
    assert formatted.returncode == 0, formatted.stdout


@pytest.mark.slow
def test_scripts_are_clean_for_pyright(variants):
    (variants / "pyrightconfig.json").write_text('{"typeCheckingMode": "basic"}')
    pyright = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable)
    checked = run(*pyright, "--project", variants / "pyrightconfig.json")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(("augment", "more"), VARIANTS)
def test_every_combination_gives_batches(load, photos, augment, more):
    for batches in load_batches(load(augment, more), photos):
        x, y = next(iter(batches))
        assert (x.shape, x.dtype, y.dtype) == ((8, 3, 64, 64), torch.float32, torch.int64)


# ---------------------------------------------------------------- crops

# torchvision draws the area from U(0.08, 1) of the image's and the ratio of the sides from 3/4 to
# 4/3 with a uniform logarithm, until the part fits. So both are uniform where it fits. For an image
# of 4:3 that is where ratio >= 4/3 area; with L = 2 log(4/3), the area is below a <= 9/16 with
# probability L (a - 0.08) / M, M = L (9/16 - 0.08) + 1 - 9/16 + 9/16 log(9/16) = 0.39147, and the
# ratio below r with (0.75 (r - 0.75) - 0.08 log(r / 0.75)) / M. For a square it is where
# |log ratio| <= -log area.
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
AREAS = {(500, 375): (0.148, 0.2501, 0.4202, 0.5916, 0.7336)}
AREAS[400, 400] = (0.1589, 0.2773, 0.4745, 0.6718, 0.7946)
RATIOS: dict = {(500, 375): (0.8105, 0.8999, 1.0465, 1.1908, 1.2765)}
RATIOS[400, 400] = (None, None, 1.0, None, None)  # as often upright as lying
DRAWN = 20_000  # crops: the share below a quantile has a standard deviation of 0.0035 at most


@pytest.mark.parametrize("size", list(AREAS))
def test_crops_have_the_areas_and_ratios_of_torchvision(data, size):
    width, height = size
    boxes = [data.random_box(size, random.Random(seed)) for seed in range(DRAWN)]
    areas = torch.tensor([w * h / (width * height) for *_, w, h in boxes])
    ratios = torch.tensor([w / h for *_, w, h in boxes])
    for found, known in ((areas, AREAS), (ratios, RATIOS)):
        for quantile, value in zip(QUANTILES, known[size], strict=True):
            if value is not None:
                share = (found < value).float().mean() + (found == value).float().mean() / 2
                assert float(share) == pytest.approx(quantile, abs=0.012)
    assert areas.min() >= 0.079  # sides are whole pixels
    assert ratios.min() >= 0.74
    assert ratios.max() <= 1.35


def test_crops_lie_anywhere_within_the_image(data):
    places = []
    for seed in range(DRAWN):
        left, top, w, h = data.random_box((500, 375), random.Random(seed))
        assert 0 <= left <= 500 - w
        assert 0 <= top <= 375 - h
        if w <= 400:
            places.append(left / (500 - w))
    quarters = torch.histc(torch.tensor(places), 4, 0, 1) / len(places)
    assert quarters.tolist() == pytest.approx([0.25] * 4, abs=0.015)


@pytest.mark.parametrize(
    ("size", "box"),
    [((2000, 100), (933, 0, 133, 100)), ((100, 2000), (0, 933, 100, 133)), ((1, 1), (0, 0, 1, 1))],
)
def test_what_fits_nowhere_is_cropped_in_the_middle(data, size, box):
    """Nearly all crops of a long image do not fit: 8 % of its area is 4 times as wide as high."""
    assert data.random_box(size, random.Random(0)) == box


def gradient(width, height):
    """Return an image whose red grows from left to right, and green from top to bottom."""
    red = torch.linspace(0, 255, width).expand(height, width)
    green = torch.linspace(0, 255, height).unsqueeze(1).expand(height, width)
    pixels = torch.stack((red, green, torch.full((height, width), 128.0)), dim=2)
    return Image.fromarray(pixels.round().to(torch.uint8).numpy())


def saved(image, kind="PNG", **options):
    """Return an image as it is read from a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Image.open(io.BytesIO(file.getvalue()))


def as_tensor(image):
    return torch.tensor(list(image.convert("RGB").tobytes())).view(image.height, image.width, 3)


def test_the_middle_is_that_of_the_resized_image(data):
    """The side of 250 is made 72, that of 375 108; the middle is from 4 and from 22 on."""
    image = gradient(375, 250)
    expected = image.resize((108, 72), Image.Resampling.BILINEAR).crop((22, 4, 86, 68))
    found = data.center_crop(saved(image), 64).long()
    assert (found - as_tensor(expected)).abs().max() <= 1


def test_crops_are_those_of_pillow(data):
    image = gradient(375, 250)
    for seed in range(20):
        left, top, w, h = data.random_box(image.size, random.Random(seed))
        part = image.crop((left, top, left + w, top + h))
        expected = as_tensor(part.resize((64, 64), Image.Resampling.BILINEAR))
        found = data.random_crop(saved(image), 64, random.Random(seed)).long()
        assert (found - expected).abs().max() <= 1


def test_large_jpegs_are_decoded_no_larger_than_needed(data, monkeypatch):
    """At a half, a quarter or an eighth if the shorter side of the crop has 64 pixels at that."""
    image, sizes = gradient(1600, 1200), []
    resized = data.resized
    monkeypatch.setattr(
        data, "resized", lambda part, size: resized(sizes.append(part.size) or part, size)
    )
    for seed in range(40):
        left, top, w, h = data.random_box(image.size, random.Random(seed))
        part = image.crop((left, top, left + w, top + h))
        expected = as_tensor(part.resize((64, 64), Image.Resampling.BILINEAR))
        found = data.random_crop(saved(image, "JPEG", quality=95), 64, random.Random(seed)).long()
        assert (found - expected).abs().float().mean() < 2  # levels of 255
        scale = max(k for k in (1, 2, 4, 8) if min(w, h) >= 64 * k)
        assert sizes[-1] == (pytest.approx(w / scale, abs=1), pytest.approx(h / scale, abs=1))
    assert min(min(size) for size in sizes) < 128  # some crops are small


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "1"])
def test_images_of_all_modes_have_three_channels(data, mode):
    kind = "JPEG" if mode in ("L", "CMYK") else "PNG"
    image = saved(gradient(100, 80).convert(mode), kind)
    assert data.center_crop(image, 64).shape == (64, 64, 3)


# ---------------------------------------------------------------- colours


def finished(module, pixels, draws):
    """Return what training makes of images (n, 3, S, S), from 0 to 1."""
    batches = module.Batches(module.random_split(8), 4, CPU, 0, training=True)
    x = batches.finish(pixels, draws)
    mean, std = torch.tensor(module.MEAN), torch.tensor(module.STD)
    return x * std.view(3, 1, 1) + mean.view(3, 1, 1)


def some_pixels(n=6, size=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=generator)


def test_half_of_the_images_are_flipped(load):
    module, pixels = load(", flip"), some_pixels()
    draws = torch.tensor([[0.1], [0.9], [0.4999], [0.5], [0.0], [0.7]])
    expected = pixels.clone()
    expected[[0, 2, 4]] = pixels[[0, 2, 4]].flip(3)
    torch.testing.assert_close(finished(module, pixels, draws), expected / 255)


def jittered(x, kinds, factors):
    """fb.resnet.torch, datasets/transforms.lua: blend an image (3, H, W) in this order."""
    for kind in kinds:
        gray = (0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]).expand(3, -1, -1)
        other = (torch.zeros_like(x), torch.full_like(x, float(gray.mean())), gray)[kind]
        x = factors[kind] * x + (1 - factors[kind]) * other
    return x


# the smallest of the last three draws is what is blended first
ORDERS = {
    (0.1, 0.2, 0.3): (0, 1, 2),
    (0.1, 0.3, 0.2): (0, 2, 1),
    (0.2, 0.1, 0.3): (1, 0, 2),
    (0.3, 0.1, 0.2): (1, 2, 0),
    (0.2, 0.3, 0.1): (2, 0, 1),
    (0.3, 0.2, 0.1): (2, 1, 0),
}


def test_colours_are_jittered_in_an_order_of_each_images_own(load):
    module, pixels = load(", color_jitter(0.4, 0.3, 0.2)"), some_pixels()
    uniform = (0.0, 1.0, 0.25)  # factors 1 - 0.4, 1 + 0.3, 1 - 0.1
    draws = torch.tensor([[*uniform, *order] for order in ORDERS])
    found = finished(module, pixels, draws)
    for image, x, kinds in zip(found, pixels / 255, ORDERS.values(), strict=True):
        torch.testing.assert_close(image, jittered(x, kinds, (0.6, 1.3, 0.9)), atol=1e-5, rtol=1e-5)


def test_lighting_shifts_along_the_principal_components(load):
    """Red moves by -0.5675 * 0.2175 * 0.1 for one deviation along the first: fb.resnet.torch."""
    module, pixels = load(", lighting(0.1)"), some_pixels(2)
    found = finished(module, pixels, torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, -1.0]]))
    first = torch.tensor([-0.5675, -0.5808, -0.5836]) * 0.2175 * 0.1
    second = torch.tensor([0.7192, -0.0045, -0.6948]) * 0.0188 * 0.2
    third = torch.tensor([0.4009, -0.8140, 0.4203]) * 0.0045 * -0.1
    expected = pixels / 255 + torch.stack((first, second + third)).view(2, 3, 1, 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_pixels_stay_what_they_are_where_that_is_asked_for(load, photos):
    train, test = load_batches(load(", flip", ", normalize = false"), photos)
    for batches in (train, test):
        x, _ = next(iter(batches))
        assert torch.equal(x, x.round())
        assert (float(x.min()), float(x.max()) > 128) == (pytest.approx(0, abs=60), True)


def test_what_is_tested_is_normalized_and_nothing_else(load, photos):
    plain, full = load(", flip", ", normalize = false"), load()
    (x, _), (raw, _) = (next(iter(load_batches(m, photos)[1])) for m in (full, plain))
    mean, std = torch.tensor(full.MEAN).view(3, 1, 1), torch.tensor(full.STD).view(3, 1, 1)
    torch.testing.assert_close(x, (raw / 255 - mean) / std)


# ---------------------------------------------------------------- order


def seen(batches):
    """Return what a pass gives, with how far it is."""
    return [(x, y, batches.taken) for x, y in batches]


def same(left, right):
    return all(
        torch.equal(a, c) and torch.equal(b, d) and i == j
        for (a, b, i), (c, d, j) in zip(left, right, strict=True)
    )


def test_an_epoch_has_each_image_once_in_an_order_of_its_own(data, photos):
    train, _ = load_batches(data, photos)
    orders = []
    for _ in range(2):
        orders.append(train.order().tolist())
        assert sorted(orders[-1]) == list(range(40))
        assert len(seen(train)) == len(train) == 5
    assert orders[0] != orders[1]
    again, _ = load_batches(data, photos)
    assert again.order().tolist() == orders[0]
    again.random.manual_seed(1)
    assert again.order().tolist() not in orders


@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_share_each_batch_without_loss_or_repetition(
    data, photos, monkeypatch, world_size
):
    """The images, crops and colours are, bit for bit, those of one process."""
    whole = [seen(split) for split in load_batches(data, photos)]
    monkeypatch.setattr(data, "check", lambda *_: None)  # which would ask the others
    monkeypatch.setattr(data, "WORLD_SIZE", world_size)
    parts = []
    for rank in range(world_size):
        monkeypatch.setattr(data, "RANK", rank)
        parts.append([seen(split) for split in load_batches(data, photos)])
    for split in range(2):
        for i, (x, y, taken) in enumerate(whole[split]):
            together, labels = torch.empty_like(x), torch.empty_like(y)
            for rank in range(world_size):
                part = slice(rank, None, world_size)
                together[part], labels[part], reached = parts[rank][split][i]
                assert reached == taken
            assert torch.equal(together, x)
            assert torch.equal(labels, y)


def test_a_pass_goes_on_where_it_was_left(data, photos):
    train, _ = load_batches(data, photos)
    train.random.manual_seed(7)
    first, second = seen(train), seen(train)
    left, _ = load_batches(data, photos)
    left.random.manual_seed(7)
    seen(left)
    images = iter(left)
    for _ in range(2):
        next(images)
    place = left.place()
    assert (place["taken"], place["epoch"]) == (2, 1)
    again, _ = load_batches(data, photos)
    assert again.go_to(json.loads(json.dumps(place)))
    assert same(seen(again), second[2:])
    assert not same(first[2:], second[2:])


def test_a_pass_of_other_images_is_not_gone_on_with(data, photos):
    train, _ = load_batches(data, photos)
    other, _ = load_batches(data, photos, limit=30)
    with pytest.raises(SystemExit, match="checkpoint is of 40 images, here are 30"):
        other.go_to(train.place())


def test_reading_draws_no_number_of_the_run(data, photos):
    """Dropout after --resume goes on with the numbers of a run that was never stopped."""
    train, _ = load_batches(data, photos)
    before = torch.get_rng_state()
    seen(train)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_process_may_have_no_part_of_a_batch(data, photos):
    """As where the moments are averaged: whole batches, each in one process."""
    train, _ = load_batches(data, photos)
    found = list(train.parts(lambda i: slice(None) if i % 2 == 0 else slice(0)))
    assert [len(y) for _, y in found] == [8, 0, 8, 0, 8]
    assert found[1][0].shape == (0, 3, 64, 64)


def test_worker_processes_change_nothing(scripts, photos):
    """In a program of its own, for the workers import what it is."""
    program = scripts / "compare.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nimport torch\nimport data\n"
        "if __name__ == '__main__':\n"
        "    found = []\n"
        "    for workers in (0, 2):\n"
        "        splits = data.load_batches(Path(sys.argv[1]), size=8, limit=0, workers=workers,\n"
        "            device=torch.device('cpu'), synthetic=False)\n"
        "        passes = [split for split in splits for _ in range(2)]\n"
        "        found.append([x for each in passes for pair in each for x in pair])\n"
        "    print(all(torch.equal(a, b) for a, b in zip(*found, strict=True)), len(found[0]))\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, program, photos],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("True 32\n", 0), done.stderr  # (5 + 3) * 2 * 2


def test_a_limit_takes_images_of_all_classes(data, photos):
    train, test = load_batches(data, photos, limit=10)
    assert (train.num_images, test.num_images) == (10, 10)
    labels = torch.cat([y for _, y in test])
    assert labels.tolist() == list(range(0, 20, 2))


def test_synthetic_images_need_no_folder(data, tmp_path):
    train, test = load_batches(data, tmp_path, synthetic=True)
    assert (len(train), len(test), train.num_images) == (8, 2, 64)
    x, y = next(iter(train))
    assert (x.shape, y.shape) == ((8, 3, 64, 64), (8,))


# ---------------------------------------------------------------- shards


def pack(scripts, *arguments):
    """Run `python data.py pack`; return its exit status, stdout and stderr."""
    command = [sys.executable, scripts / "data.py", "pack", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def packed(scripts, photos, tmp_path_factory):
    """The images as shards of eleven, made small."""
    out = tmp_path_factory.mktemp("packed") / "shards"
    status, stdout, stderr = pack(scripts, photos, out, "--shard", 11, "--workers", 1)
    assert (status, stdout) == (0, ""), stderr
    assert stderr == "train: 40 of 40 images\nval: 20 of 20 images\n"
    return out


def test_shards_are_what_webdataset_reads(packed, photos):
    """Pairs of files with one key: KEY.jpg, and KEY.cls, the label in digits."""
    assert sorted(path.name for path in packed.iterdir()) == ["train", "val"]
    shards = sorted((packed / "train").glob("*.tar"))
    assert [path.name for path in shards] == [f"{i:06d}.tar" for i in range(4)]
    labels, images = {}, {}
    for shard in shards:
        with tarfile.open(shard) as tar:
            names = tar.getnames()
            assert [name.partition(".")[2] for name in names] == ["jpg", "cls"] * (len(names) // 2)
            for name in names:
                key, _, kind = name.partition(".")
                content = tar.extractfile(name).read()
                (images if kind == "jpg" else labels)[key] = content
    assert images.keys() == labels.keys() == {f"{i:08d}" for i in range(40)}
    assert sorted(map(int, labels.values())) == sorted([*range(20), *range(20)])
    for content in images.values():
        assert min(Image.open(io.BytesIO(content)).size) == 72


def test_images_that_are_small_enough_stay_as_they_are(scripts, photos, tmp_path):
    status, _, stderr = pack(scripts, photos, tmp_path / "out", "--pixels", 500, "--workers", 1)
    assert status == 0, stderr
    with tarfile.open(tmp_path / "out/train/000000.tar") as tar:
        first = tar.extractfile("00000000.jpg").read()
    assert first == (photos / "train/class00/00000.jpg").read_bytes()


def test_shards_are_read_in_the_same_order_as_the_folder(data, photos, packed):
    (of_folder, _), (of_shards, _) = (load_batches(data, place) for place in (photos, packed))
    assert torch.equal(of_folder.order(), of_shards.order())
    for (x, y), (small, labels) in zip(of_folder, of_shards, strict=True):
        assert torch.equal(y, labels)
        assert x.shape == small.shape
        assert torch.corrcoef(torch.stack((x.flatten(), small.flatten())))[0, 1] > 0.9


def test_packing_is_byte_for_byte_the_same(scripts, photos, packed, tmp_path):
    pack(scripts, photos, tmp_path / "again", "--shard", 11, "--workers", 2)
    for path in packed.rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(packed)).read_bytes() == path.read_bytes()


# ---------------------------------------------------------------- what is refused


def broken(photos, folder, change):
    """Return a copy of the images, linked, with something changed."""
    for path in photos.rglob("*.jpg"):
        copy = folder / path.relative_to(photos)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.hardlink_to(path)
    change(folder)
    return folder


def cut(path):
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


REFUSED = {
    "no folder": (lambda f: (f / "val").rename(f / "test"), "cannot read .*val: .*No such file"),
    "no images": (
        lambda f: [p.rename(p.with_suffix(".txt")) for p in f.glob("train/*/*.jpg")],
        "train holds no folders with images",
    ),
    "a class is missing": (
        lambda f: (f / "val/class07").rename(f / "class07"),
        "class `class07` is not in both .*train and .*val",
    ),
    "too few classes": (
        lambda f: [(f / s / "class19").rename(f / f"{s}19") for s in ("train", "val")],
        "train has 19 classes, the model tells 20 apart",
    ),
    "an image is cut off": (
        lambda f: cut(f / "train/class03/00003.jpg"),
        r"cannot read image 6, in .*class03/00003.jpg: .*truncated",
    ),
    "an image is none": (
        lambda f: (f / "train/class00/x.jpg").write_text("no image"),
        r"cannot read image \d+, in .*x.jpg: it is no image that Pillow knows",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_images_that_cannot_be_trained_on_are_refused(data, photos, tmp_path, name):
    change, message = REFUSED[name]
    folder = broken(photos, tmp_path / "photos", change)
    with pytest.raises(SystemExit, match=message):
        seen(load_batches(data, folder)[0])


def test_a_shard_that_is_cut_off_is_refused(data, packed, tmp_path):
    for path in packed.rglob("*.*"):
        copy = tmp_path / path.relative_to(packed)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    cut(tmp_path / "train/000001.tar")
    with pytest.raises(SystemExit, match=r"000001.tar: the shard is cut off"):
        seen(load_batches(data, tmp_path)[0])
    (tmp_path / "val/index.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"cannot read .*val: .*shard"):
        load_batches(data, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: cut(f / "train/class03/00003.jpg"), "00003.jpg: image file is truncated"),
        (lambda f: (f / "val").rename(f / "test"), "No such file or directory"),
    ],
)
def test_packing_writes_all_or_nothing(scripts, photos, tmp_path, change, message):
    folder = broken(photos, tmp_path / "photos", change)
    out = tmp_path / "new" / "out"
    out.parent.mkdir()
    status, stdout, stderr = pack(scripts, folder, out, "--workers", 1)
    assert (status, stdout) == (1, "")
    assert message in stderr
    assert "Traceback" not in stderr
    assert list(out.parent.iterdir()) == []


@pytest.mark.slow
def test_packing_replaces_nothing(scripts, photos, tmp_path):
    (tmp_path / "kept").write_text("mine")
    assert pack(scripts, photos, tmp_path) == (1, "", f"{tmp_path} is there already\n")
    inside = photos / "train" / "packed"
    message = f"{inside} lies among the images: shards there would be a class of their own\n"
    assert pack(scripts, photos, inside, "--workers", 1) == (1, "", message)
    status, _, stderr = pack(scripts, photos, tmp_path / "none/out", "--workers", 1)
    assert (status, stderr) == (1, f"cannot write {tmp_path}/none/out: No such file or directory\n")
    assert (tmp_path / "kept").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.slow
def test_packing_explains_itself(scripts):
    status, stdout, _ = pack(scripts, "--help")
    assert status == 0
    assert "default: 72" in " ".join(stdout.split())  # pixels: what the recipe resizes to
    status, _, stderr = pack(scripts, "a", "b", "--shard", 0)
    assert (status, stderr.splitlines()[-1]) == (2, "data.py: error: --shard must be at least 1")
