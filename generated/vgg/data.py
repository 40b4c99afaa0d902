"""Read a folder of images and cut it into batches, for train.py.

Compiled by `archdsl compile specs/vgg.arch` from the recipe `imagenet`; change the spec, not this
file.

A folder of images holds train/ and val/, and each of them a folder for each class. `pack` writes it
as tar shards of small JPEGs, which are read in its place, from here and by webdataset:

    python data.py pack FOLDER OUT

The images of a batch, and the crop of each, hang on seed, epoch and image alone: they are the same
in any number of processes.
"""

import argparse
import atexit
import hashlib
import io
import json
import math
import multiprocessing
import os
import random
import signal
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from processes import RANK, WORLD_SIZE, refuse

NUM_CLASSES = 1000  # logits that the model gives
TRAIN_SIZE = 224  # pixels each way of a crop in training
TEST_RESIZE, TEST_SIZE = 256, 224  # of the shorter side, and of the middle
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of red, green and blue
ON_THIS_MACHINE = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # of them


# ---------------------------------------------------------------- what there is to read


SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")  # of images, in small letters or capitals


@dataclass(frozen=True)
class Split:
    """Where images lie, and their labels; as tensors, which worker processes share."""

    folder: str
    classes: tuple[str, ...]
    names: Tensor  # uint8: the names of all files from `folder` on, one after the other
    ends: Tensor  # int64: where each of them ends
    places: Tensor  # int64 (N, 3): number of a file, first byte there, how many; -1: all
    labels: Tensor  # int64 (N,)

    def place(self, i: int) -> tuple[str, int, int]:
        """Return the path of an image's file, its first byte there, and how many; -1: all."""
        file, first, size = self.places[i].tolist()
        start, end = int(self.ends[file - 1]) if file else 0, int(self.ends[file])
        name = os.fsdecode(self.names[start:end].numpy().tobytes())
        return os.path.join(self.folder, name), first, size

    def some(self, limit: int) -> "Split":
        """Return at most so many images, from all classes; 0: all."""
        n = len(self.labels)
        if not 0 < limit < n:
            return self
        chosen = torch.arange(limit) * n // limit
        return replace(self, places=self.places[chosen], labels=self.labels[chosen])

    def digest(self) -> str:
        """Return what differs where names, places or labels do."""
        parts = (self.names, self.ends, self.places, self.labels)
        return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def read(path: str, first: int, size: int) -> bytes:
    """Return an image as it lies in its file, not decoded."""
    with open(path, "rb") as file:
        file.seek(first)
        content = file.read(size)
    if len(content) < size:
        raise ValueError("the shard is cut off")
    return content


def to_split(
    folder: Path, classes: list[str], files: list[str], places: Tensor, labels: list[int]
) -> Split:
    """Return a split; `files` are its names from `folder` on."""
    names = [os.fsencode(file) for file in files]
    ends = torch.tensor([len(name) for name in names]).cumsum(0)
    joined = torch.frombuffer(bytearray(b"".join(names)), dtype=torch.uint8)
    return Split(str(folder), tuple(classes), joined, ends, places, torch.tensor(labels))


def find_split(folder: Path) -> Split:
    """Return what a folder holds: shards with their index, or a folder of images for each class."""
    try:
        if (folder / "index.json").exists():
            return read_index(folder)
        classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        found = [sorted(images_in(folder / name)) for name in classes]
    except (OSError, ValueError, LookupError, TypeError) as error:
        refuse(f"cannot read {folder}: {error}")
    files = [f"{classes[label]}/{file}" for label, inside in enumerate(found) for file in inside]
    if not files:
        refuse(f"{folder} holds no folders with images ({', '.join(SUFFIXES)})")
    labels = [label for label, inside in enumerate(found) for _ in inside]
    n = len(files)
    places = torch.stack((torch.arange(n), torch.zeros(n).long(), torch.full((n,), -1)), dim=1)
    return to_split(folder, classes, files, places, labels)


def images_in(folder: Path) -> Iterator[str]:
    """Yield the names of the images in a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith("."):
                yield entry.name


def read_index(folder: Path) -> Split:
    """Return the split that `pack` wrote, its images in the order of the folder it was."""
    index = json.loads((folder / "index.json").read_text("utf-8"))
    places = torch.tensor([index["shard"], index["offset"], index["size"]]).T.contiguous()
    if len(index["label"]) != len(places) or not len(places):
        raise ValueError("index.json is damaged")
    return to_split(folder, index["classes"], index["shards"], places, index["label"])


def random_split(num_images: int) -> Split:
    """Return random labels of images that lie nowhere."""
    none, labels = torch.zeros(0, dtype=torch.uint8), torch.randint(0, NUM_CLASSES, (num_images,))
    return Split("", (), none, none.long(), torch.zeros(num_images, 3).long(), labels)


def check(train: Split, test: Split) -> None:
    """Refuse images that do not fit the model, or differ between the processes."""
    if train.classes != test.classes:
        name = min(set(train.classes) ^ set(test.classes))
        refuse(f"class `{name}` is not in both {train.folder} and {test.folder}")
    if len(train.classes) != NUM_CLASSES:
        found = f"{train.folder} has {len(train.classes)} classes"
        refuse(f"{found}, the model tells {NUM_CLASSES} apart")
    if WORLD_SIZE > 1:
        digests: list[Any] = [None] * WORLD_SIZE
        dist.all_gather_object(digests, train.digest() + test.digest())
        if len(set(digests)) > 1:
            refuse(f"{train.folder} or {test.folder} differs between the processes")


# ---------------------------------------------------------------- in worker processes


# What a file gives that is cut off, no image, or too large for Pillow.
READ_ERRORS = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


def reason(error: Exception) -> str:
    """Return what is wrong with a file, in words of its own where Pillow has none."""
    is_unknown = isinstance(error, UnidentifiedImageError)
    return "it is no image that Pillow knows" if is_unknown else str(error)


class Reader(Dataset[Any]):
    """Reads, decodes and crops the images of a batch."""

    def __init__(self, split: Split, *, training: bool) -> None:
        self.split, self.training = split, training
        self.size = TRAIN_SIZE if training else TEST_SIZE

    def __getitem__(self, asked: tuple[int, int, list[int]]) -> tuple[Tensor, Tensor, Tensor] | str:
        """Return crops, uint8 (n, S, S, 3), what was drawn for each, and labels; or what is wrong.

        Numbers are drawn for each image by itself, from the seed of the run and the epoch.
        """
        seed, epoch, images = asked
        pixels = torch.empty(len(images), self.size, self.size, 3, dtype=torch.uint8)
        drawn: list[float] = []
        for place, i in zip(pixels, images, strict=True):
            draw = random.Random(f"{seed} {epoch} {i}")
            try:
                place.copy_(self.crop(i, draw))
            except READ_ERRORS as error:
                return f"cannot read image {i}, in {self.split.place(i)[0]}: {reason(error)}"
            drawn += [draw.random() for _ in range(1)]
        draws = torch.tensor(drawn).view(len(images), 1)
        return pixels, draws, self.split.labels[images]

    def crop(self, i: int, draw: random.Random) -> Tensor:
        """Return what the model is to see of an image."""
        if not self.split.folder:
            noise = torch.Generator().manual_seed(i)
            shape = (self.size, self.size, 3)
            return torch.randint(0, 256, shape, dtype=torch.uint8, generator=noise)
        with Image.open(io.BytesIO(read(*self.split.place(i)))) as image:
            if self.training:
                return random_crop(image, self.size, draw)
            return center_crop(image, self.size)


def random_crop(image: Image.Image, size: int, draw: random.Random) -> Tensor:
    """Return a part of an image at random, as `size` x `size` pixels.

    A JPEG is decoded at a half, a quarter or an eighth if the part has pixels enough at that.
    """
    left, top, w, h = random_box(image.size, draw)
    width, height = image.size
    image.draft("RGB", (width * size // w, height * size // h))
    x, y = image.size[0] / width, image.size[1] / height
    box = round(left * x), round(top * y), round((left + w) * x), round((top + h) * y)
    return resized(image.crop(box), (size, size))


def center_crop(image: Image.Image, size: int) -> Tensor:
    """Return the middle of an image whose shorter side is made TEST_RESIZE pixels."""
    w, h = (TEST_RESIZE * side // min(image.size) for side in image.size)
    image.draft("RGB", (w, h))
    left, top = round((w - size) / 2), round((h - size) / 2)
    return resized(image, (h, w))[top : top + size, left : left + size]


def random_box(size: tuple[int, int], draw: random.Random) -> tuple[int, int, int, int]:
    """Draw left, top, width and height of a part of an image, as torchvision's RandomResizedCrop.

    It has 8 to 100 % of the area and sides from 3:4 to 4:3. Where ten tries do not fit, it is the
    largest of such sides, in the middle.
    """
    width, height = size
    for _ in range(10):
        area = width * height * draw.uniform(0.08, 1.0)
        ratio = math.exp(draw.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(draw.random() * (width - w + 1)), int(draw.random() * (height - h + 1))
            return left, top, w, h
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    return (width - w) // 2, (height - h) // 2, w, h


def resized(image: Image.Image, size: tuple[int, int]) -> Tensor:
    """Return an image as uint8 (height, width, 3), as Pillow's bilinear filter makes it.

    PyTorch's is quicker, and gives the same but for a level here and there.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    x = pixels.view(1, image.height, image.width, 3).permute(0, 3, 1, 2)
    small = F.interpolate(x, size, mode="bilinear", antialias=True)
    return small[0].permute(1, 2, 0)


def outlast_signals(_: int) -> None:
    """Leave it to the process that trains to stop: a scheduler tells all processes at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def end_workers() -> None:
    """End the worker processes that are left when this process ends, by an error maybe."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else PyTorch would call that another error
    for worker in multiprocessing.active_children():
        worker.kill()


# ---------------------------------------------------------------- on the device


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return numbers (n, 1) on a device; they are brought there once, for that waits for it."""
    return torch.tensor(values, device=device).unsqueeze(1)


class Batches:
    """A split, cut into batches of normalized images and their labels.

    For training each pass has a new order and new crops, and leaves an incomplete last batch out.
    Each process reads its part of every batch, in worker processes of its own.
    """

    def __init__(
        self, split: Split, size: int, device: torch.device, workers: int, *, training: bool
    ) -> None:
        self.size, self.device, self.training = size, device, training
        self.num_images = len(split.labels)
        self.format = torch.contiguous_format  # of the images in memory
        self.random = torch.Generator()  # has the seed of the run; the order hangs on that alone
        self.taken, self.epoch = 0, 0  # batches of this pass, passes before it
        self.asked: list[tuple[int, int, list[int]]] = []  # what is still to be read
        self.loader = DataLoader(
            Reader(split, training=training),
            batch_size=None,  # a worker makes a whole batch of this process
            sampler=self.asked,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device.type == "cuda",
            worker_init_fn=outlast_signals,
            multiprocessing_context="spawn" if workers else None,
            generator=torch.Generator(),  # of numbers that nobody needs: those of the run stay
        )

    def __len__(self) -> int:
        whole, rest = divmod(self.num_images, self.size)
        return whole if self.training or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self.parts(lambda _: slice(RANK, None, WORLD_SIZE))

    def place(self) -> dict[str, Any]:
        """Return where a pass stands, for `go_to`."""
        seed, images = self.random.initial_seed(), self.num_images
        return {"taken": self.taken, "epoch": self.epoch, "seed": seed, "images": images}

    def go_to(self, place: dict[str, Any]) -> bool:
        """Let the next pass begin there: in the middle of the one that was left."""
        if place["images"] != self.num_images:
            refuse(f"the checkpoint is of {place['images']} images, here are {self.num_images}")
        self.taken, self.epoch = place["taken"], place["epoch"]
        self.random.manual_seed(place["seed"])
        return True

    def order(self) -> Tensor:
        """Return the images of this pass in their order."""
        if not self.training:
            return torch.arange(self.num_images)
        seed = random.Random(f"{self.random.initial_seed()} {self.epoch}").getrandbits(63)
        return random_order(self.num_images, seed)

    def parts(self, part_of: Callable[[int], slice]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield of each batch of a pass the part that is asked for by its number."""
        batches, seed = self.order().split(self.size)[: len(self)], self.random.initial_seed()
        left = range(self.taken, len(batches))
        self.asked[:] = [(seed, self.epoch, batches[i][part_of(i)].tolist()) for i in left]
        for i, found in zip(left, self.loader, strict=True):
            self.taken = i + 1
            if isinstance(found, str):
                raise SystemExit(found)  # whichever process it is that says so
            pixels, draws, labels = (each.to(self.device, non_blocking=True) for each in found)
            x = self.finish(pixels.permute(0, 3, 1, 2).contiguous(), draws)
            yield x.contiguous(memory_format=self.format), labels
        self.taken, self.epoch = 0, self.epoch + 1

    def finish(self, pixels: Tensor, draws: Tensor) -> Tensor:
        """Return crops, (n, 3, S, S), as numbers, of mean 0 and deviation 1."""
        if self.training:
            pixels = torch.where(draws[:, 0].view(-1, 1, 1, 1) < 0.5, pixels.flip(3), pixels)
        mean, std = (255 * constant(each, draws.device) for each in (MEAN, STD))
        return pixels.float().sub_(mean.unsqueeze(2)).div_(std.unsqueeze(2))


def random_order(n: int, seed: int) -> Tensor:
    """Return the numbers below n in an order that hangs on a seed."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def load_batches(
    folder: Path,
    *,
    size: int,
    limit: int,
    device: torch.device,
    synthetic: bool,
    workers: int,
) -> tuple[Batches, Batches]:
    """Return the batches of `size` images for training and for the test, on the device of the run.

    `limit` is the number of images of either split that are used; 0: all. -1 `workers`: one for
    each core that this process has.
    """
    if synthetic:
        train, test, workers = random_split(8 * size), random_split(2 * size), 0
    else:
        train, test = find_split(folder / "train"), find_split(folder / "val")
        check(train, test)
    train, test = train.some(limit), test.some(limit)
    if size > len(train.labels):
        refuse(f"--batch {size} exceeds the {len(train.labels)} training images")
    if workers < 0:
        workers = max(1, num_cores() // ON_THIS_MACHINE)
    if workers:
        atexit.register(end_workers)
    return (
        Batches(train, size, device, workers, training=True),
        Batches(test, size, device, workers, training=False),
    )


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


# ---------------------------------------------------------------- shards


def pack(folder: Path, out: Path, *, pixels: int, quality: int, shard: int, workers: int) -> None:
    """Write a folder of images as shards; `out` is there when all of it is written."""
    if out.exists():
        refuse(f"{out} is there already")
    if any(out.resolve().is_relative_to((folder / name).resolve()) for name in ("train", "val")):
        refuse(f"{out} lies among the images: shards there would be a class of their own")
    splits = {name: find_split(folder / name) for name in ("train", "val")}
    check(splits["train"], splits["val"])
    quiet = signal.SIGINT, signal.SIG_IGN  # Ctrl-C is for this process
    with (
        TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as new,
        multiprocessing.get_context("spawn").Pool(workers, signal.signal, quiet) as pool,
    ):
        for name, split in splits.items():
            target = Path(new, out.name, name)
            target.mkdir(parents=True)
            order = random_order(len(split.labels), seed=0).tolist()
            places = (split.place(i) for i in order)
            small = pool.imap(partial(shrunk, pixels, quality), places, chunksize=16)
            pack_split(split, target, shard, zip(order, small, strict=True))
        Path(new, out.name).rename(out)


def pack_split(
    split: Split, target: Path, shard: int, small: Iterator[tuple[int, bytes | str]]
) -> None:
    """Write the shards of a split, and their index, from all its images and what they became.

    Their order is at random, for those who read shards from front to back.
    """
    n = len(split.labels)
    shards = [f"{number:06d}.tar" for number in range(-(-n // shard))]
    places = torch.zeros(n, 3).long()
    for number, file in enumerate(shards):
        with tarfile.open(target / file, "w", format=tarfile.USTAR_FORMAT) as tar:
            for done in range(number * shard, min(n, (number + 1) * shard)):
                i, content = next(small)
                if isinstance(content, str):
                    refuse(content)
                add(tar, f"{i:08d}.jpg", content)
                add(tar, f"{i:08d}.cls", str(int(split.labels[i])).encode())
                say(f"{target.name}: {done + 1:,} of {n:,} images", last=done + 1 == n)
        with tarfile.open(target / file) as tar:
            for member in tar:
                key, _, kind = member.name.partition(".")
                if kind == "jpg":
                    place = (number, member.offset_data, member.size)
                    places[int(key)] = torch.tensor(place)
    numbers = zip(("shard", "offset", "size"), places.T.tolist(), strict=True)
    index = {"classes": split.classes, "shards": shards, **dict(numbers)}
    index["label"] = split.labels.tolist()
    (target / "index.json").write_text(json.dumps(index) + "\n", "utf-8")


def shrunk(pixels: int, quality: int, place: tuple[str, int, int]) -> bytes | str:
    """Return an image as a JPEG whose shorter side has `pixels` at most; or what is wrong."""
    try:
        content = read(*place)
        with Image.open(io.BytesIO(content)) as image:
            (width, height), short = image.size, min(image.size)
            if short <= pixels and (image.format, image.mode) == ("JPEG", "RGB"):
                image.load()  # fails where it is cut off
                return content
            scale = min(1.0, pixels / short)
            size = max(1, round(width * scale)), max(1, round(height * scale))
            image.draft("RGB", (2 * size[0], 2 * size[1]))
            small = image.convert("RGB").resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        made = io.BytesIO()
        small.save(made, "JPEG", quality=quality)
        return made.getvalue()
    except READ_ERRORS as error:
        return f"cannot read {place[0]}: {reason(error)}"


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file; nothing else than its name and content hangs on when or where."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def say(text: str, *, last: bool) -> None:
    """Show progress, in one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r{text}", end="\n" if last else "", file=sys.stderr, flush=True)
    elif last:
        print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Work on a folder of images."""
    parser = argparse.ArgumentParser(description="Prepare the images that train.py reads.")
    commands = parser.add_subparsers(dest="command", required=True)
    about = "write a folder of images as tar shards of small JPEGs, each NUMBER.jpg and NUMBER.cls"
    packing = commands.add_parser("pack", help=about, description=about)
    packing.add_argument("folder", type=Path, help="with train/ and val/, a folder for each class")
    packing.add_argument("out", type=Path, help="folder for the shards, which is made")
    flags = {
        "pixels": (TEST_RESIZE, "of the shorter side; a smaller image keeps its size"),
        "quality": (90, "of the JPEGs, 1 to 95"),
        "shard": (5000, "images in a shard"),
        "workers": (num_cores(), "processes"),
    }
    for name, (default, meaning) in flags.items():
        about = f"{meaning}; default: {default}"
        packing.add_argument(f"--{name}", type=int, default=default, help=about, metavar="N")
    given = vars(parser.parse_args())
    for name in flags:
        if given[name] < 1:
            parser.error(f"--{name} must be at least 1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave nothing half written
    try:
        pack(**{name: value for name, value in given.items() if name != "command"})
    except KeyboardInterrupt:
        refuse("stopped: nothing was written")
    except OSError as error:
        refuse(f"cannot write {given['out']}: {error.strerror}")


if __name__ == "__main__":
    main()
