"""The phases of WrnGrown, for train.py: when it grows, what goes where, what is fixed.

A larger network computes the same as the one before it: old outputs take nothing
from new inputs at first, and new blocks end in zeros.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch import Size, nn

from model import WrnGrown
from parts import Part, index

PHASES = 3  # from phase 0: depth = 16, 22, 28; k = 4, 8, 10

# What new blocks end in: it begins as zeros.
ENDS = (
    "conv2.2.conv2.weight",
    "conv3.2.conv2.weight",
    "conv4.2.conv2.weight",
    "conv2.3.conv2.weight",
    "conv3.3.conv2.weight",
    "conv4.3.conv2.weight",
)


class Growing:
    """The phase that the network is in."""

    def __init__(self) -> None:
        self.phase = 0
        self.began = 1  # the epoch, from 1, that began it

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in the phase of a checkpoint."""
        vars(self).update(state)

    def ends(self, epoch: int, growths: Sequence[int]) -> bool:
        """Say whether an epoch is one of those that begin a phase."""
        return self.phase < PHASES - 1 and epoch == growths[self.phase]

    def next(self, epoch: int) -> None:
        """Note that an epoch begins the next phase."""
        self.phase, self.began = self.phase + 1, epoch


# ---------------------------------------------------------------- where channels are


@cache
def shapes(phase: int) -> dict[str, Size]:
    """Return the shapes of what a phase keeps, by name."""
    with torch.device("meta"):
        return {name: value.shape for name, value in WrnGrown(phase).state_dict().items()}


@cache
def channels(name: str, dim: int, before: int, now: int) -> Sequence[int]:
    """Return where a dimension of a tensor has in phase `now` what it had in phase `before`."""
    del now  # old channels are in front
    return range(shapes(before)[name][dim])


def parts(phase: int) -> Iterator[tuple[Part, int]]:
    """Yield the parts of what may learn in a phase, each with the phase that added it.

    What a growth adds to a weight are new inputs of old outputs, and new outputs.
    """
    with torch.device("meta"):
        found = WrnGrown(phase).named_parameters()
    names = [name for name, parameter in found if parameter.requires_grad]
    for name in names:
        first = next(each for each in range(phase + 1) if name in shapes(each))
        dims = range(len(shapes(first)[name]))
        yield Part(name, f"{name}@{first}", [channels(name, d, first, phase) for d in dims]), first
        for added in range(first + 1, phase + 1):
            for dim in reversed(dims):
                where = [channels(name, d, added - (d <= dim), phase) for d in dims]
                every, old = channels(name, dim, added, phase), set(where[dim])
                where[dim] = [channel for channel in every if channel not in old]
                if all(where):
                    yield Part(name, f"{name}@{added}.{dim}", where), added


# ---------------------------------------------------------------- the next phase


@torch.no_grad()
def embed(old: nn.Module, new: nn.Module, phase: int) -> None:
    """Put what a network holds where it belongs in the one of the next phase, `phase`."""
    state = new.state_dict()  # which is the memory of the network
    for name, value in old.state_dict().items():
        where = index([channels(name, dim, phase - 1, phase) for dim in range(value.ndim)])
        layer = new.get_submodule(name.rpartition(".")[0])
        if value.ndim > 1 and isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            # old outputs take nothing from new inputs
            state[name][where[:1]] = 0
        state[name][where] = value
    for name in state.keys() - shapes(phase - 1).keys():
        if name in ENDS:
            state[name].zero_()


def learning(phase: int, epochs: int) -> list[Part]:
    """Return the parts that learn when a phase has lasted for some epochs."""
    del epochs  # nothing is fixed
    return [part for part, _ in parts(phase)]
