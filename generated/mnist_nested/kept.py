"""What fixed columns give for all training images: computed once a phase, for train.py."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from data import Batches
from model import Nested
from processes import say

MOST = 4e9  # bytes of maps that are kept


class Kept:
    """The maps of a phase."""

    def __init__(self, model: nn.Module, batches: Batches, autocast: torch.autocast) -> None:
        self.modules = [m for m in model.modules() if isinstance(m, Nested) and m.num_fixed]
        found: list[list[Tensor]] = [[] for _ in self.modules]
        pairs = list(zip(self.modules, found, strict=True))
        hooks = [module.register_forward_hook(noting(module, own)) for module, own in pairs]
        model.eval()  # what is fixed is the same in training
        number = batches.num_images
        with torch.no_grad(), autocast:
            for some in torch.arange(number).split(batches.size):
                if self.modules:
                    model.forward(batches.images(some.to(batches.labels.device)))
                    size = sum(own[0].nbytes for own in found) / len(found[0][0]) * number
                    self.modules = self.modules if size <= MOST else []
                    if not self.modules:
                        say(f"not kept, which would take {size / 1e9:.1f} GB: what is fixed")
        for hook in hooks:
            hook.remove()
        self.maps = [torch.cat(own) for own in found] if self.modules else []

    def hold(self, chosen: Tensor) -> None:
        """Let fixed columns give what is known of a batch; or, of nothing, compute it."""
        for module, maps in zip(self.modules, self.maps, strict=True):
            module.held = maps[chosen] if len(chosen) else None


def noting(layer: Nested, own: list[Tensor]) -> Callable[[nn.Module, Any, Tensor], None]:
    """Return what notes what the fixed columns of a layer give."""
    outputs = sum(layer.outputs[: layer.num_fixed])

    def note(_: nn.Module, __: Any, made: Tensor) -> None:
        own.append(made[:, :outputs].clone())

    return note
