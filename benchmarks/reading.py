"""Images that a core reads in a second: the generated reader beside a usual data set."""

import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from archdsl.pipeline import compile_text
from benchmarks.processes import Progress
from benchmarks.steps import Sample, interleaved
from benchmarks.table import Table, Unavailable

if TYPE_CHECKING:
    from benchmarks.usual import UsualFolder

ROUNDS = 10
REQUIRED = 1.5  # median ratio of our reader to the usual one
IMAGES = 64  # in the folder, and in a batch
USUAL, AGAIN = "folder data set, usual transforms", "folder data set, again"
OURS, SHARDS = "ours, folder", "ours, packed"
FINISHED = ", and the device's part"

PLAIN, COLOURED = "crop, flip", "crop, flip, colours, lighting"
AUGMENTATIONS = {
    PLAIN: "[random_resized_crop(224), flip]",
    COLOURED: "[random_resized_crop(224), flip, color_jitter(0.4, 0.4, 0.4), lighting(0.1)]",
}
SPEC = """\
network net {
    input(3, 224, 224)
    conv7x7(8, stride = 4) avgpool linear(4)
    train = photos
}
train photos {
    data      = image_folder(augment = AUGMENT, test = [resize(256), center_crop(224)])
    batch     = 64
    epochs    = 1
    optimizer = sgd(lr = 0.1)
    schedule  = cosine
}
"""


def tables(progress: Progress, rounds: int = ROUNDS, images: int = IMAGES) -> list[Table]:
    """Read images that are generated, with one thread, in all ways."""
    try:
        import torch
        from PIL import Image  # noqa: F401 - the folder is made of it
    except ImportError:
        raise Unavailable("PyTorch or Pillow is not installed here: nothing to read with") from None
    torch.set_num_threads(1)
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        size = write_photos(folder / "photos", images)
        for name, augment in AUGMENTATIONS.items():
            progress(f"{name}: packing")
            module = reader(folder / f"script{len(rows)}", augment)
            readers = _readers(module, folder, with_colours=name == COLOURED)
            samples = interleaved(readers, rounds, lambda at, n=name: progress(f"{n}: {at}"))
            rows += [_row(name, way, samples, images) for way in samples]
    return [_table(rounds, images, size, rows)]


def reader(folder: Path, augment: str) -> ModuleType:
    """Return the data.py of a recipe with this augmentation, imported from a new folder."""
    folder.mkdir()
    for name, text in compile_text(SPEC.replace("AUGMENT", augment)).files("net").items():
        (folder / name).write_text(text, "utf-8")
    spec = importlib.util.spec_from_file_location(f"data_of_{folder.name}", folder / "data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    sys.path.insert(0, str(folder))  # of what it imports, which no part of a recipe changes
    spec.loader.exec_module(module)
    sys.path.remove(str(folder))
    return module


def _readers(
    module: ModuleType, folder: Path, *, with_colours: bool
) -> dict[str, Callable[[], Sample]]:
    from benchmarks.usual import UsualFolder

    packed = folder / "packed"
    if not packed.exists():
        _pack(module, folder / "photos", packed)
    usual = UsualFolder(folder / "photos/train", with_colours=with_colours)
    ways: dict[str, Callable[[], Sample]] = {
        USUAL: lambda: _timed(lambda: _batch_of(usual)),
        AGAIN: lambda: _timed(lambda: _batch_of(usual)),
    }
    for name, place in ((OURS, folder / "photos"), (SHARDS, packed)):
        ways[name] = _own(module, place, finishes=False)
        ways[name + FINISHED] = _own(module, place, finishes=True)
    return ways


def _batch_of(usual: "UsualFolder") -> None:
    """Make a batch of a data set as DataLoader does."""
    from torch.utils.data import default_collate

    default_collate([usual[i] for i in range(len(usual))])


def _own(module: ModuleType, folder: Path, *, finishes: bool) -> Callable[[], Sample]:
    import torch

    split = module.find_split(folder / "train")
    batches = module.Batches(split, len(split.labels), torch.device("cpu"), 0, training=True)
    read = module.Reader(split, training=True)
    epochs = iter(range(1_000_000))

    def batch() -> None:
        pixels, draws, _ = read[0, next(epochs), list(range(batches.size))]
        if finishes:
            batches.finish(pixels.permute(0, 3, 1, 2).contiguous(), draws)

    return lambda: _timed(batch)


def _pack(module: ModuleType, folder: Path, out: Path) -> None:
    """Write shards as `data.py pack` does, in this process."""
    for name in ("train", "val"):
        split = module.find_split(folder / name)
        (out / name).mkdir(parents=True)
        small = (module.shrunk(256, 90, split.place(i)) for i in range(len(split.labels)))
        module.pack_split(split, out / name, 5000, enumerate(small))


def _timed(batch: Callable[[], None]) -> Sample:
    start = time.process_time()
    batch()
    return Sample(time.process_time() - start, 0)


# ---------------------------------------------------------------- images


def write_photos(folder: Path, count: int) -> int:
    """Write JPEGs of 500 x 375 pixels in four classes; return their mean size in bytes.

    Clouds of colour and noise, so that a file is about as large as one of ImageNet.
    """
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    sizes: list[int] = []
    for split in ("train", "val"):
        for i in range(count):
            inside = folder / split / f"class{i % 4}"
            inside.mkdir(parents=True, exist_ok=True)
            clouds = Image.fromarray(draw.integers(0, 256, (12, 16, 3), dtype=np.uint8))
            smooth = np.asarray(clouds.resize((500, 375), Image.Resampling.BICUBIC), dtype=float)
            noisy = smooth + draw.normal(0, 18, (375, 500, 1)) + draw.normal(0, 6, (375, 500, 3))
            path = inside / f"{i:04d}.jpg"
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
            sizes.append(path.stat().st_size)
    return round(statistics.mean(sizes))


# ---------------------------------------------------------------- tables


def _table(rounds: int, images: int, size: int, rows: list[tuple[str, ...]]) -> Table:
    note = (
        f"A batch of {images} crops of 224 x 224 from generated JPEGs of 500 x 375 pixels and "
        f"{size / 1024:.0f} KiB, which the system has in memory: CPU time of one thread, medians "
        f"of {rounds} interleaved rounds. The usual one is `benchmarks/usual.py`, in the manner of "
        "torchvision's reference: each image by itself, to normalized float tensors. Ours is a "
        "worker of the generated `data.py`, which gives uint8; flips, colours and normalization "
        "are the device's part, here done by the same core. Packed: by `python data.py pack`, the "
        "shorter side of 256 pixels. Ratio: over the usual one in the same round, the median, and "
        f"the middle half of the rounds; at least {REQUIRED} required of the worker."
    )
    header = ("augmentation", "reader", "images a second", "ratio", "25 %", "75 %", "holds")
    return Table("Reading images", note, header, tuple(rows))


def _row(
    augmentation: str, name: str, samples: dict[str, list[Sample]], images: int
) -> tuple[str, ...]:
    pairs = zip(samples[name], samples[USUAL], strict=True)
    ratios = [theirs.seconds / ours.seconds for ours, theirs in pairs]
    enough = ratios if len(ratios) > 1 else ratios * 2
    low, middle, high = statistics.quantiles(enough, n=4, method="inclusive")
    taken = statistics.median(sample.seconds for sample in samples[name])
    holds = ("yes" if middle >= REQUIRED else "**no**") if name in (OURS, SHARDS) else ""
    quartiles = (f"{low:.2f}", f"{high:.2f}") if name != USUAL else ("", "")
    return augmentation, name, f"{images / taken:,.0f}", f"{middle:.2f}", *quartiles, holds
