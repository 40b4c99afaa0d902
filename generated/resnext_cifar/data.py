"""Read CIFAR-10 and cut it into batches, for train.py.

Compiled by `archdsl compile specs/resnext_cifar.arch` from the recipe `aggregated_cifar`; change
the spec, not this file.
"""

import math
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.nn import functional as F

IMAGE_SHAPE = (3, 32, 32)  # channels, height, width of what the model takes
NUM_CLASSES = 10  # logits that it gives
RANK = int(os.environ.get("RANK", "0"))  # of this process, among those that torchrun started
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))  # how many there are


def refuse(message: object) -> NoReturn:
    """End the run with one sentence, said by the first process."""
    raise SystemExit(message if RANK == 0 else 1)


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
        self.images, self.labels = split.images, split.labels
        self.num_images = len(split.labels)
        self.mean, self.std = mean, std  # (C, 1, 1)
        self.size, self.training = size, training
        self.format = torch.contiguous_format  # of the images in memory
        self.random = torch.Generator(self.images.device)  # the same numbers in all processes
        self.taken, self.begun = 0, self.random.get_state()  # batches of this pass, and its start

    def __len__(self) -> int:
        whole, rest = divmod(len(self.labels), self.size)
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
        n, device = len(self.labels), self.labels.device
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
            chosen, part = batches[i], part_of(i)
            x = (self.images[chosen[part]].float() - self.mean) / self.std
            if self.training:
                draw = self.drawing(len(chosen), part)
                x = flip(x, draw)
                x = crop(x, draw, pad=4, mode="constant")
            yield x.contiguous(memory_format=self.format), self.labels[chosen[part]]
        self.taken = 0

    def drawing(self, n: int, part: slice) -> Callable[..., Tensor]:
        """Return what draws numbers in [0, 1) for n images, and gives those of a part of them."""
        random, device = self.random, self.labels.device
        return lambda *shape: torch.rand(n, *shape, generator=random, device=device)[part]


def load_batches(
    folder: Path, *, size: int, limit: int, device: torch.device, synthetic: bool, verify: bool
) -> tuple[Batches, Batches]:
    """Return the batches of `size` images for training and for the test, on the device of the run.

    `limit` is the number of images of either split that are used; 0: all.
    """
    if synthetic:
        train, test = random_split(8 * size), random_split(2 * size)
    else:
        train, test = read_data(folder)
        train, test = check(train, "training", verify), check(test, "test", verify)
    train, test = (
        Split(split.images[: limit or None].to(device), split.labels[: limit or None].to(device))
        for split in (train, test)
    )
    if size > len(train.labels):
        refuse(f"--batch {size} exceeds the {len(train.labels)} training images")
    std, mean = torch.std_mean(train.images.float(), dim=(0, 2, 3), keepdim=True)
    mean, std = mean[0], std[0].clamp(min=1e-6)  # of the training images, for both splits
    return (
        Batches(train, mean, std, size, training=True),
        Batches(test, mean, std, size, training=False),
    )


def flip(x: Tensor, draw: Callable[..., Tensor]) -> Tensor:
    """Mirror each image left to right with probability 1/2."""
    return torch.where(draw(1, 1, 1) < 0.5, x.flip(3), x)


def crop(x: Tensor, draw: Callable[..., Tensor], pad: int, mode: str) -> Tensor:
    """Pad the images by `pad` pixels and cut each to its size at a random place of its own."""
    n, _, height, width = x.shape
    x = F.pad(x, (pad, pad, pad, pad), mode=mode)
    windows = x.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, 2 pad + 1, 2 pad + 1, H, W)
    top, left = ((2 * pad + 1) * draw(2)).long().unbind(1)
    return windows[torch.arange(n, device=x.device), :, top, left]  # (N, C, H, W)
