"""Read CIFAR-10 and cut it into batches, for train.py.

Compiled by `archdsl compile specs/wrn_grown.arch` from the recipe `growing_wrn`; change the spec,
not this file.
"""

import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from processes import RANK, WORLD_SIZE, refuse

IMAGE_SHAPE = (3, 32, 32)  # channels, height, width of what the model takes
NUM_CLASSES = 10  # logits that it gives


@dataclass(frozen=True)
class Split:
    """Images with their labels."""

    images: Tensor  # uint8 (N, C, H, W)
    labels: Tensor  # int64 (N,)


# Of the training and the test split: how many images there are, and what `checksum` gives.
CHECKSUMS = {"training": (50_000, 150_386_778_726_606), "test": (10_000, 30_263_231_057_635)}
# What a file gives that is not there, cut off, or something else than a data set.
READ_ERRORS = (OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
READ_ERRORS += (pickle.UnpicklingError,)


def read_data(folder: Path) -> tuple[Split, Split]:
    """Return the training and the test split of CIFAR-10, from either of its layouts."""
    binary, pickled = folder / "cifar-10-batches-bin", folder / "cifar-10-batches-py"
    read, files = (read_binary, binary) if binary.is_dir() else (read_pickled, pickled)
    try:
        train = torch.cat([read(files / f"data_batch_{i}") for i in range(1, 6)])
        return to_split(train), to_split(read(files / "test_batch"))
    except READ_ERRORS as error:
        refuse(
            f"cannot read CIFAR-10: {error}\n"
            "unpack cifar-10-binary.tar.gz or cifar-10-python.tar.gz\n"
            f"of https://www.cs.toronto.edu/~kriz/cifar.html in {folder}"
        )


def to_split(records: Tensor) -> Split:
    """Return rows of a label byte and 3 x 32 x 32 pixels as a split."""
    return Split(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].long())


def read_binary(path: Path) -> Tensor:
    """Read a file of the binary layout: records of a label byte and 3,072 pixels."""
    content = path.with_suffix(".bin").read_bytes()
    if len(content) % 3073:
        raise ValueError(f"{path}.bin is cut off")
    records = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return records.view(-1, 3073)


def read_pickled(path: Path) -> Tensor:
    """Read a file of the Python layout: a pickled dictionary with an array and a list."""
    with path.open("rb") as file:
        content = ArrayUnpickler(file, encoding="bytes").load()
    labels = torch.tensor(content[b"labels"], dtype=torch.uint8)
    return torch.cat([labels.unsqueeze(1), torch.from_numpy(content[b"data"])], dim=1)


class ArrayUnpickler(pickle.Unpickler):
    """Loads built-in containers and NumPy arrays; a pickle that asks for more is refused."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return a part of an array."""
        modules = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"}
        if module_name in modules and global_name in {"_reconstruct", "ndarray", "dtype"}:
            return super().find_class(module_name, global_name)
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no part of an array")


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
            refuse(f"{len(split.images)} {name} images instead of the {number} of CIFAR-10")
        if checksum(split) != total:
            refuse(f"the {name} images are not those of CIFAR-10: --no-verify takes them")
    shape, classes = tuple(split.images.shape[1:]), int(split.labels.max()) + 1
    if shape != IMAGE_SHAPE or classes > NUM_CLASSES:
        refuse(
            f"the data has images of shape {shape} in {classes} classes, but "
            f"the model takes {IMAGE_SHAPE} and tells {NUM_CLASSES} classes apart"
        )
    return split


class Batches:
    """A split, cut into batches of normalized images and their labels.

    For training each pass has a new order and augmentation and leaves an incomplete last batch out.
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
            x = self.images(chosen, len(batches[i]), part)
            yield x.contiguous(memory_format=self.format), self.labels[chosen]
        self.taken = 0

    def images(self, chosen: Tensor, n: int, part: slice) -> Tensor:
        """Return the chosen images, (N, C, H, W): a part of a batch of n, augmented in training."""
        rows = torch.arange(self.height, device=chosen.device)[None]  # (1, H), or (N, H) below
        columns = torch.arange(self.width, device=chosen.device)[None]
        if not self.training:
            return self.gather(self.pixels, chosen, rows, columns, self.mean, self.std)

        def draw(*shape: int) -> Tensor:
            """Draw from [0, 1) for each image of the batch; return the numbers of the part."""
            device = self.labels.device
            return torch.rand(n, *shape, generator=self.random, device=device)[part]

        shift = ((2 * 4 + 1) * draw(2)).long() - 4
        rows, columns = rows + shift[:, :1], columns + shift[:, 1:]
        columns = torch.where(draw(1) < 0.5, self.width - 1 - columns, columns)
        rows, columns = reflected(rows, self.height), reflected(columns, self.width)
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
    return ((x.float() - mean) / std).permute(0, 3, 1, 2)


def reflected(places: Tensor, size: int) -> Tensor:
    """Return the places inside that those outside show: before the first pixel the second, .."""
    return size - 1 - (size - 1 - places.abs()).abs()
