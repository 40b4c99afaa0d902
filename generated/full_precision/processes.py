"""Training in one process or in several that torchrun started, with a GPU each or on the CPU.

The same in every run.
"""

import gc
import os
import warnings
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed.nn  # imported later, its defaults would hold the process group for ever
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

Result = TypeVar("Result")
RANK = int(os.environ.get("RANK", "0"))  # of this process
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))  # how many there are


def refuse(message: object) -> NoReturn:
    """End the run with one sentence, said by the first process."""
    raise SystemExit(message if RANK == 0 else 1)


def say(message: str) -> None:
    """Print a line, by the first process."""
    if RANK == 0:
        print(message, flush=True)


def by_first(work: Callable[..., Result], *arguments: object) -> Result:
    """Let the first process read or write, and all have what it returns, or end where it fails."""
    found: list[Any] = [None, None]  # the result, the refusal
    if RANK == 0:
        try:
            found[0] = work(*arguments)
        except SystemExit as error:
            found[1] = error.code
        except OSError as error:
            found[1] = f"cannot use {error.filename}: {error.strerror}"
    if WORLD_SIZE > 1:
        dist.broadcast_object_list(found, src=0)
    if found[1] is not None:
        refuse(found[1])
    return found[0]


def find_device(name: str) -> torch.device:
    """Return the device of this name, if it can compute."""
    try:
        device = torch.device(name)
        torch.zeros((), device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        refuse(f"--device {name}: {str(error).splitlines()[0]}")
    return device


def meet(device: torch.device, batch: int) -> None:
    """Join the other processes that torchrun started: with a GPU each, or all on the CPU."""
    if batch % WORLD_SIZE:
        refuse(f"--batch {batch} cannot be divided among {WORLD_SIZE} processes")
    if device.index is not None:
        refuse(f"--device {device} is one GPU: each process takes its own of --device cuda")
    if device.type == "cuda":
        here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > gpus:
            refuse(f"{here} processes need a GPU each, and this machine has {gpus}")
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def replicate(model: nn.Module) -> nn.Module:
    """Return a model whose gradients are the mean of all processes'; moments stay their own."""
    if WORLD_SIZE == 1:
        return model
    # torch 2.13 has another name for the argument, which those before it do not know
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
    return DistributedDataParallel(model, broadcast_buffers=False)


def part() -> None:
    """Leave the other processes; no thread of gloo is left then.

    One that drops its last tensor while Python ends aborts the process. They end with the group,
    and that with the last reference to it, which is to be ours: DDP, were it the last, would keep
    them from using Python and wait for them for ever.
    """
    group = dist.group.WORLD
    gc.collect()  # what DDP left
    dist.destroy_process_group()
    del group


@torch.no_grad()
def average_buffers(weight: float, *models: nn.Module) -> None:
    """Let all processes have the weighted mean of their moments; equal ones stay to the bit."""
    for buffer in (b for model in models for b in model.buffers()) if WORLD_SIZE > 1 else ():
        if buffer.is_floating_point():
            first = buffer.clone()
            dist.broadcast(first, src=0)
            change = (buffer - first) * weight
            dist.all_reduce(change)
            buffer.copy_(first + change)
