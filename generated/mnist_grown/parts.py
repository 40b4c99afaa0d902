"""An optimizer over parts of parameters, for train.py: a part that is fixed is not handed to it.

So neither momentum nor moments nor weight decay reach what is fixed, which zeroed gradients would
not keep from them. Each part has a state of its own. The same in every run.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from torch import Tensor, nn, optim, tensor

Channels: TypeAlias = Sequence[int]  # that stand in some dimension of a parameter


class Part:
    """Some elements of a parameter: those of some channels in each of its first dimensions."""

    def __init__(self, name: str, key: str, channels: Sequence[Channels]) -> None:
        self.name = name  # of the parameter
        self.key = key  # names the part's state in a checkpoint
        self.where = index(channels)
        self.is_view = all(isinstance(each, slice) for each in self.where)


def index(channels: Sequence[Channels]) -> tuple[slice | Tensor, ...]:
    """Return what indexes some channels of each dimension: slices where they stand in a row."""
    rows = [
        slice(each[0], each[-1] + 1) if each[-1] - each[0] + 1 == len(each) else tensor(each)
        for each in channels
    ]
    if sum(isinstance(row, Tensor) for row in rows) < 2:
        return tuple(rows)
    spread = [1] * len(rows)
    shapes = [(*spread[:dim], -1, *spread[dim + 1 :]) for dim in range(len(rows))]
    return tuple(tensor(each).view(s) for each, s in zip(channels, shapes, strict=True))


def ranges(channels: Channels) -> tuple[tuple[int, int], ...]:
    """Return channels as ranges: from, and up to but not including."""
    runs = itertools.groupby(enumerate(channels), lambda pair: pair[1] - pair[0])
    found = [[channel for _, channel in run] for _, run in runs]
    return tuple((run[0], run[-1] + 1) for run in found)


class Learned:
    """A part that learns, and what the optimizer has of it."""

    def __init__(self, parameter: nn.Parameter, part: Part) -> None:
        device = parameter.device
        self.parameter, self.part = parameter, part
        self.where = tuple(w.to(device) if isinstance(w, Tensor) else w for w in part.where)
        self.piece = parameter.detach()[self.where]


class PartOptimizer:
    """Steps like an optimizer of torch.optim, on parts of a model's parameters.

    A part is a view of its parameter, updated in place, or else a copy that is written back. `make`
    gets groups of parameters, each with what else is said of them, and returns the optimizer. It
    must not be fused on a CPU, where that updates views of columns wrongly (torch 2.13).
    """

    def __init__(
        self,
        model: nn.Module,
        parts: Iterable[Part],
        groups: Iterable[dict[str, Any]],
        make: Callable[[list[dict[str, Any]]], optim.Optimizer],
    ) -> None:
        self.model = model
        known = dict(model.named_parameters())
        if any(hasattr(parameter, "placements") for parameter in known.values()):
            raise TypeError("parameters that FSDP2 shards have no parts: train them with DDP")
        names = {id(parameter): name for name, parameter in known.items()}
        by_name: dict[str, list[Part]] = {}
        for each in parts:
            by_name.setdefault(each.name, []).append(each)
        self.learned: list[Learned] = []
        cut: list[dict[str, Any]] = []
        for group in groups:
            found = [
                Learned(parameter, each)
                for parameter in group["params"]
                for each in by_name.get(names[id(parameter)], ())
            ]
            self.learned += found
            if found:
                cut.append({**group, "params": [learned.piece for learned in found]})
        for name, parameter in known.items():  # no gradient is computed of what is fixed as a whole
            parameter.requires_grad_(name in by_name)
        self.optimizer = make(cut)
        # what is said of each group; the rates are tensors, where a CUDA graph reads them
        self.param_groups = [
            {**group, "lr": tensor(group["lr"], device=group["params"][0].device)}
            for group in self.optimizer.param_groups
        ]
        self.resting: dict[str, Any] = {}  # states of parts that do not learn now, by key

    @property
    def state(self) -> dict[Tensor, Any]:
        """The states of parts."""
        return self.optimizer.state

    def zero_grad(self, *, set_to_none: bool = True) -> None:
        """Forget the gradients of the whole parameters."""
        self.model.zero_grad(set_to_none)

    def take_gradients(self) -> list[Tensor]:
        """Hand each part its gradient; return the parts."""
        for learned in self.learned:
            whole = learned.parameter.grad
            learned.piece.grad = None if whole is None else whole[learned.where]
        return [learned.piece for learned in self.learned]

    def step(self) -> None:
        """Update the parts by the gradients that they were handed."""
        for group, said in zip(self.optimizer.param_groups, self.param_groups, strict=True):
            group["lr"] = said["lr"] if said["lr"].is_cuda else said["lr"].item()
        self.optimizer.step()
        for learned in self.learned:
            if not learned.part.is_view:
                learned.parameter.data[learned.where] = learned.piece

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every part that has learned, by key."""
        found = self.optimizer.state_dict()
        mine = {
            learned.part.key: found["state"][number]
            for number, learned in enumerate(self.learned)
            if number in found["state"]
        }
        return {"state": {**self.resting, **mine}, "param_groups": found["param_groups"]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with states; a part without one begins."""
        own = {learned.part.key: number for number, learned in enumerate(self.learned)}
        by_key = state["state"]
        mine = {own[key]: value for key, value in by_key.items() if key in own}
        self.resting = {key: value for key, value in by_key.items() if key not in own}
        self.optimizer.load_state_dict({"state": mine, "param_groups": state["param_groups"]})
