"""The phases of MnistNested, for train.py: when it grows, what goes where, what is fixed.

A larger network computes the same as the one before it: old outputs take nothing
from new inputs at first.
What is fixed is handed to no optimizer, and batch normalization keeps its moments.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from math import inf
from typing import Any

import torch
from torch import Size, nn

from model import MnistNested
from parts import Part, index, ranges

PHASES = 4  # from phase 0: width = 4, 8, 12, 16

# Modules, and for how many epochs of a phase that which is older stays fixed in them.
FIXED = {
    "*": inf,
}


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
        return {name: value.shape for name, value in MnistNested(phase).state_dict().items()}


@cache
def channels(name: str, dim: int, before: int, now: int) -> Sequence[int]:
    """Return where a dimension of a tensor has in phase `now` what it had in phase `before`."""
    del now  # old channels are in front
    return range(shapes(before)[name][dim])


def found_in(table: dict[str, Any], name: str) -> Any:
    """Return what stands for a name in a table whose keys may have `*` for several names."""
    return next((value for key, value in table.items() if fnmatchcase(name, key)), None)


def parts(phase: int) -> Iterator[tuple[Part, int]]:
    """Yield the parts of what may learn in a phase, each with the phase that added it.

    What a growth adds to a weight are new inputs of old outputs, and new outputs.
    """
    with torch.device("meta"):
        found = MnistNested(phase).named_parameters()
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


# ---------------------------------------------------------------- what is fixed


def rests(name: str, epochs: int) -> bool:
    """Say whether what is older in a module is fixed when a phase has lasted for some epochs."""
    return epochs < (found_in(FIXED, name) or 0)


def fix_moments(model: nn.Module, phase: int, epochs: int) -> None:
    """Let batch normalization keep the moments of fixed channels, and measure the others.

    Nothing is learned through columns that are fixed.
    """
    modules: dict[str, Any] = dict(model.named_modules())
    for name, module in modules.items():
        if hasattr(module, "num_fixed"):
            columns = [f"{name}.columns.{each}" for each in range(len(module.columns))]
            before = shapes(phase - 1) if phase else {}
            old = [c for c in columns if f"{c}.weight" in before and rests(c, epochs)]
            module.num_fixed = len(old)
        if hasattr(module, "fixed"):
            moments = f"{name}.running_mean"
            is_old = phase > 0 and moments in shapes(phase - 1) and rests(name, epochs)
            module.fixed = ranges(channels(moments, 0, phase - 1, phase)) if is_old else ()


def learning(phase: int, epochs: int) -> list[Part]:
    """Return the parts that learn when a phase has lasted for some epochs."""
    return [
        part
        for part, added in parts(phase)
        if added == phase or not rests(part.name.rpartition(".")[0], epochs)
    ]
