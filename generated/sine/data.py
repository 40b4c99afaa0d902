"""Make points of the sine and cut them into batches, for train.py.

Compiled by `archdsl compile specs/sine.arch` from the recipe `sine_thesis`; change the spec, not
this file.

For training x is drawn from [-2 pi, 2 pi], every number as likely as any other: the same ones in
every run, whatever its seed. For the test x is evenly spaced, with both ends.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from processes import RANK, WORLD_SIZE, refuse

NUM_TRAIN, NUM_TEST = 4_096, 2_001


@dataclass(frozen=True)
class Split:
    """Points with their targets."""

    points: Tensor  # float32 (N, 1)
    targets: Tensor  # float32 (N, 1)

    def at(self, chosen: Tensor) -> "Split":
        """Return the chosen points."""
        return Split(self.points[chosen], self.targets[chosen])


def sine(x: Tensor) -> Split:
    """Return points with their sines, which are computed in float64."""
    points = x.float()[:, None]
    return Split(points, points.double().sin().float())


def drawn_split(num_points: int) -> Split:
    """Return points at random, the same ones each time."""
    random = torch.Generator().manual_seed(0)
    x = torch.rand(num_points, generator=random, dtype=torch.float64)
    return sine(4 * math.pi * (x - 0.5))


def even_split(num_points: int) -> Split:
    """Return evenly spaced points."""
    return sine(torch.linspace(-2 * math.pi, 2 * math.pi, num_points, dtype=torch.float64))


def random_split(num_points: int) -> Split:
    """Return random points with random targets."""
    return Split(torch.randn(num_points, 1), torch.randn(num_points, 1))


def some(split: Split, limit: int) -> Split:
    """Return so many points, evenly spread over the split; 0: all."""
    n = len(split.targets)
    if not 0 < limit < n:
        return split
    return split.at(torch.arange(limit) * (n - 1) // max(1, limit - 1))


class Batches:
    """A split, cut into batches of points and their targets.

    For training each pass has a new order and leaves an incomplete last batch out. All processes
    draw the same random numbers, and each takes its part of every batch.
    """

    def __init__(self, split: Split, size: int, *, training: bool) -> None:
        self.points, self.targets = split.points, split.targets  # (N, 1) each
        self.num_points = len(self.targets)
        self.size, self.training = size, training
        self.random = torch.Generator(self.targets.device)  # the same numbers in all processes
        self.taken, self.begun = 0, self.random.get_state()  # batches of this pass, and its start

    def __len__(self) -> int:
        whole, rest = divmod(self.num_points, self.size)
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
        """Return the points of a pass in their order; of one that is taken up, in the same."""
        n, device = self.num_points, self.targets.device
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
            chosen = batches[i][part_of(i)]
            yield self.points[chosen], self.targets[chosen]
        self.taken = 0


def load_batches(
    *,
    size: int,
    limit: int,
    device: torch.device,
    synthetic: bool,
) -> tuple[Batches, ...]:
    """Return the batches of `size` points for training and for the test, on the device of the run.

    `limit` is the number of points of either split that are used; 0: all.
    """
    if synthetic:
        train, test = random_split(8 * size), random_split(2 * size)
    else:
        train, test = drawn_split(NUM_TRAIN), even_split(NUM_TEST)
    splits = [some(train, limit), some(test, limit)]
    if size > len(splits[0].targets):
        refuse(f"--batch {size} exceeds the {len(splits[0].targets)} training points")
    found = [Split(each.points.to(device), each.targets.to(device)) for each in splits]
    return tuple(Batches(each, size, training=each is found[0]) for each in found)
