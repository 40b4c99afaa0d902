"""Other ways to count a network, each in its documented manner, on the module that we generate.

python -m benchmarks.peers TOOL NETWORK [REPEATS]    prints what it counts and what a repeat takes
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.networks import SUBJECTS, Count, build


def by_torchinfo(module: nn.Module, image: Tensor) -> Count:
    """Count with `summary`, which runs the network."""
    from torchinfo import summary  # pyright: ignore[reportMissingImports]

    found = summary(module, input_data=image, device="cpu", verbose=0)
    str(found)  # the table
    return Count(found.total_params, found.total_mult_adds)


def by_fvcore(module: nn.Module, image: Tensor) -> Count:
    """Count with `FlopCountAnalysis`, which traces the network; what it calls flops are MACs."""
    from fvcore.nn import FlopCountAnalysis, flop_count_table, parameter_count  # pyright: ignore[reportMissingImports]

    flops = FlopCountAnalysis(module, image)
    flops.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    flop_count_table(flops)
    return Count(parameter_count(module)[""], int(flops.total()))


def by_torch(module: nn.Module, image: Tensor) -> Count:
    """Count with PyTorch alone: what is true of the module.

    FlopCounterMode counts a multiplication and an addition as two.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(image)
    parameters = sum(p.numel() for p in module.parameters())
    return Count(parameters, counter.get_total_flops() // 2)


TOOLS: dict[str, Callable[[nn.Module, Tensor], Count]] = {
    "torchinfo": by_torchinfo,
    "fvcore": by_fvcore,
    "torch": by_torch,
}


def main(tool: str, network: str, repeats: str = "0") -> None:
    """Print what a tool counts, and the median CPU time of counting it again."""
    subject = next(s for s in SUBJECTS if s.name == network)
    module = build(subject).eval()
    image = torch.zeros(1, 3, subject.image, subject.image)
    count = TOOLS[tool](module, image)
    taken: list[float] = []
    for _ in range(int(repeats)):
        start = time.process_time()
        TOOLS[tool](module, image)
        taken.append(time.process_time() - start)
    cpu = statistics.median(taken) if taken else None
    print(json.dumps({**count._asdict(), "cpu": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
