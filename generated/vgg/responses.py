"""What each layer makes of its input: `train.py --responses` logs it after every epoch.

A layer's response is what a convolution or a linear layer gives, after the normalization that
directly follows it, if one does, and before anything else (He et al. 2015, arXiv:1512.03385,
figure 7).
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle
from torch.utils.weak import WeakTensorKeyDictionary

from data import Batches
from processes import WORLD_SIZE

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
FUNCTIONS = (F.conv2d, F.conv_transpose2d, F.linear)  # what computes them, or borrows their weight
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm1d, nn.InstanceNorm2d)
NORMS += (nn.GroupNorm, nn.LayerNorm)


def fixed_batch(train: Batches) -> Tensor:
    """Return this process's part of a batch from all classes, as in a test; nothing is drawn."""
    reader: Any = train.loader.dataset
    some = Batches(reader.split.some(train.size), train.size, train.device, 0, training=False)
    some.format = train.format
    x, _ = next(iter(some))
    return x


def responses_entry(model: nn.Module, batch: Tensor | None) -> dict[str, Any]:
    """Return what the log says of the responses to a batch; without one, nothing."""
    return {} if batch is None else {"responses": measure_responses(model, batch)}


@torch.no_grad()
def measure_responses(model: nn.Module, batch: Tensor) -> dict[str, float | None]:
    """Return the standard deviation of each layer's response by its name, in order of execution.

    It is that of all elements: over examples, channels and positions, of all processes; None where
    it is not finite. Moments and random numbers stay as they are.
    """
    model.eval()
    seen = Responses()
    hooks = list(seen.watch(model))
    try:
        with seen:
            model.forward(batch)  # `model(batch)` would run what is compiled, which has no hooks
    finally:
        for hook in hooks:
            hook.remove()
    if not seen.moments:
        return {}
    mean, variance = torch.stack(list(seen.moments.values())).cpu().double().T
    if WORLD_SIZE > 1:  # the parts are equally large
        squares = torch.stack((mean, variance + mean**2)).to(batch.device) / WORLD_SIZE
        dist.all_reduce(squares)
        mean, square = squares.cpu()
        variance = (square - mean**2).clamp(min=0)
    found = zip(seen.moments, variance.sqrt().tolist(), strict=True)
    return {name: std if math.isfinite(std) else None for name, std in found}


class Responses(TorchFunctionMode):
    """Measures what layers give while a network runs, each time that one is used."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: dict[str, Tensor] = {}  # mean and variance of each response
        self.running = [""]  # names of the modules that run, the innermost last
        self.layers: set[str] = set()  # names of those that are layers
        self.uses = Counter[str]()
        self.outputs = WeakTensorKeyDictionary()  # the name of the layer that gave it

    def watch(self, model: nn.Module) -> Iterator[RemovableHandle]:
        """Follow which module runs."""
        for name, module in model.named_modules():
            if isinstance(module, LAYERS):
                self.layers.add(name)
            if module is not model:
                yield module.register_forward_pre_hook(lambda *_, n=name: self.running.append(n))
                yield module.register_forward_hook(self.leave)

    def leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Take a norm's output for the response of the layer whose output it has normalized."""
        self.running.pop()
        if isinstance(module, NORMS) and inputs[0] in self.outputs:
            self.moments[self.outputs[inputs[0]]] = moments_of(output)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Measure what a layer gives."""
        output = func(*args, **(kwargs or {}))
        if func in FUNCTIONS:
            name = self.name_of(func)
            self.moments[name] = moments_of(output)
            self.outputs[output] = name
        elif isinstance(output, Tensor):
            self.outputs.pop(output, None)  # changed in place: no norm follows directly
        return output

    def name_of(self, function: Callable[..., Any]) -> str:
        """Return the name of the layer that runs, another one for each use of shared weights.

        A layer that a block was handed, or a function that applies a weight, is named by the block.
        """
        *_, caller, running = ["", *self.running]
        if running not in self.layers:
            caller, running = running, function.__name__
        inside = f"{caller}." if caller else ""
        name = running if running.startswith(inside) else inside + running.rpartition(".")[2]
        self.uses[name] += 1
        return name if self.uses[name] == 1 else f"{name}#{self.uses[name]}"


def moments_of(response: Tensor) -> Tensor:
    """Return the mean and the variance of all elements."""
    variance, mean = torch.var_mean(response.float(), correction=0)
    return torch.stack((mean, variance))
