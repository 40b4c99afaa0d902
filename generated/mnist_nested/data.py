"""Read MNIST and cut it into batches, for train.py.

Compiled by `archdsl compile specs/mnist_nested.arch` from the recipe `growing_mnist`; change the
spec, not this file.
"""

import gzip
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from processes import RANK, WORLD_SIZE, refuse

IMAGE_SHAPE = (1, 28, 28)  # channels, height, width of what the model takes
NUM_CLASSES = 10  # logits that it gives


@dataclass(frozen=True)
class Split:
    """Images with their labels."""

    images: Tensor  # uint8 (N, C, H, W)
    labels: Tensor  # int64 (N,)


# Of the training and the test split: how many images there are, and what `checksum` gives.
CHECKSUMS = {"training": (60_000, 3_461_494_716_690), "test": (10_000, 586_578_337_654)}


def read_data(folder: Path) -> tuple[Split, Split]:
    """Return the training and the test split of MNIST."""
    files = folder / "MNIST/raw"
    try:
        return read_split(files, "train"), read_split(files, "t10k")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        refuse(f"{error}\nMNIST is four *-ubyte.gz files in {files}")


def read_split(files: Path, name: str) -> Split:
    """Return the split whose files begin with `name`."""
    images = read_idx(files / f"{name}-images-idx3-ubyte.gz")  # (N, 28, 28)
    return Split(images.unsqueeze(1), read_idx(files / f"{name}-labels-idx1-ubyte.gz").long())


def read_idx(path: Path) -> Tensor:
    """Read an IDX file of bytes: 0, 0, 8, number of dimensions, big-endian sizes, the bytes."""
    content = gzip.decompress(path.read_bytes())
    start = 4 + 4 * content[3] if content[:3] == b"\0\0\x08" else 0
    sizes = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    if start == 0 or math.prod(sizes) != len(content) - start:
        raise ValueError(f"{path} is damaged, or no IDX file of bytes")
    return torch.frombuffer(bytearray(content[start:]), dtype=torch.uint8).view(sizes)


def random_split(num_images: int) -> Split:
    """Return random images with random labels."""
    images = torch.randint(0, 256, (num_images, *IMAGE_SHAPE), dtype=torch.uint8)
    return Split(images, torch.randint(0, NUM_CLASSES, (num_images,)))


def checksum(split: Split) -> int:
    """Return a number that hangs on each pixel and its place, and each label, not on the order."""
    places = torch.arange(1, math.prod(split.images.shape[1:]) + 1)
    chunks = zip(split.images.flatten(1).split(1000), split.labels.split(1000), strict=True)
    return sum(int((x.long() @ places * (y + 1)).sum()) for x, y in chunks)


def check(split: Split, name: str, verify: bool) -> Split:
    """Return a split that fits the model, and is whole."""
    if verify:
        number, total = CHECKSUMS[name]
        if len(split.images) != number:
            refuse(f"{len(split.images)} {name} images instead of the {number} of MNIST")
        if checksum(split) != total:
            refuse(f"the {name} images are not those of MNIST: --no-verify takes them")
    shape, classes = tuple(split.images.shape[1:]), int(split.labels.max()) + 1
    if shape != IMAGE_SHAPE or classes > NUM_CLASSES:
        refuse(
            f"the data has images of shape {shape} in {classes} classes, but "
            f"the model takes {IMAGE_SHAPE} and tells {NUM_CLASSES} classes apart"
        )
    return split


class Batches:
    """A split, cut into batches of normalized images and their labels.

    For training each pass has a new order and leaves an incomplete last batch out.
    All processes draw the same random numbers, and each takes its part of every batch.
    """

    def __init__(
        self, split: Split, mean: Tensor, std: Tensor, size: int, *, training: bool
    ) -> None:
        _, _, self.height, self.width = split.images.shape
        self.pixels = split.images.permute(0, 2, 3, 1).flatten(0, 2).contiguous()  # (N H W, C)
        self.num_images = len(split.labels)
        self.labels, self.mean, self.std = split.labels, mean, std  # (N,), (C,), (C,)
        self.size, self.training = size, training
        self.format = torch.contiguous_format  # of the images in memory
        self.gather = gather
        self.random = torch.Generator(self.labels.device)  # the same numbers in all processes
        self.taken, self.begun = 0, self.random.get_state()  # batches of this pass, and its start
        self.chosen = torch.empty(0, dtype=torch.long)  # numbers of the images of the last batch

    def __len__(self) -> int:
        whole, rest = divmod(self.num_images, self.size)
        return whole if self.training or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self.parts(lambda _: slice(RANK, None, WORLD_SIZE))

    def place(self) -> dict[str, Any]:
        """Return where a pass stands, for `go_to`."""
        return {"taken": self.taken, "begun": self.begun, "random": self.random.get_state()}

    def go_to(self, place: dict[str, Any]) -> bool:
        """Let the next pass begin there: in the middle of the one that was left.

        Return False, and begin a new one, where another kind of device drew the numbers.
        """
        if len(place["random"]) != len(self.random.get_state()):
            return False
        self.taken, self.begun = place["taken"], place["begun"]
        self.random.set_state(place["random"])
        return True

    def order(self) -> Tensor:
        """Return the images of a pass in their order; of one that is taken up, in the same."""
        n, device = self.num_images, self.labels.device
        if not self.training:
            return torch.arange(n, device=device)
        if not self.taken:
            self.begun = self.random.get_state()
            return torch.randperm(n, generator=self.random, device=device)
        again = torch.Generator(device)
        again.set_state(self.begun)
        return torch.randperm(n, generator=again, device=device)

    def parts(self, part_of: Callable[[int], slice]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield of each batch of a pass the part that is asked for by its number."""
        batches = self.order().split(self.size)[: len(self)]
        for i in range(self.taken, len(batches)):
            self.taken = i + 1
            part = part_of(i)
            chosen = batches[i][part]
            self.chosen = chosen
            x = self.images(chosen)
            yield x.contiguous(memory_format=self.format), self.labels[chosen]
        self.taken = 0

    def images(self, chosen: Tensor) -> Tensor:
        """Return the chosen images, (N, C, H, W)."""
        rows = torch.arange(self.height, device=chosen.device)[None]  # (1, H)
        columns = torch.arange(self.width, device=chosen.device)[None]
        return self.gather(self.pixels, chosen, rows, columns, self.mean, self.std)


def load_batches(
    folder: Path,
    *,
    size: int,
    limit: int,
    device: torch.device,
    synthetic: bool,
    verify: bool,
) -> tuple[Batches, ...]:
    """Return the batches of `size` images for training and for the test, on the device of the run.

    `limit` is the number of images of either split that are used; 0: all.
    """
    if synthetic:
        train, test = random_split(8 * size), random_split(2 * size)
    else:
        train, test = read_data(folder)
        train, test = check(train, "training", verify), check(test, "test", verify)
    some = slice(limit or None)
    splits = [Split(each.images[some], each.labels[some]) for each in (train, test)]
    train = splits[0]
    if size > len(train.labels):
        refuse(f"--batch {size} exceeds the {len(train.labels)} training images")
    std, mean = torch.std_mean(train.images.float(), dim=(0, 2, 3))
    std = std.clamp(min=1e-6)  # mean and deviation of the training images, for all
    found = [Split(each.images.to(device), each.labels.to(device)) for each in splits]
    moments = (mean.to(device), std.to(device))
    return tuple(Batches(each, *moments, size, training=each is found[0]) for each in found)


def gather(
    pixels: Tensor, chosen: Tensor, rows: Tensor, columns: Tensor, mean: Tensor, std: Tensor
) -> Tensor:
    """Return the normalized pixels of chosen images, (N, C, H, W), by rows (N, H), columns (N, W).

    Compiled, this is one kernel: to crop and to mirror costs no more than to copy.
    """
    height, width = rows.shape[1], columns.shape[1]
    places = (chosen[:, None, None] * height + rows[:, :, None]) * width + columns[:, None, :]
    x = pixels.index_select(0, places.flatten()).view(-1, height, width, pixels.shape[1])
    return ((x.float() - mean) / std).view(-1, 1, height, width)
