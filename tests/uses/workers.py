"""What each process of a distributed test does; imported by the processes that are started."""

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    set_model_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from tests.uses.networks import build, gradients, loss_of, network_class

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def stages(network: nn.Module) -> list[nn.Module]:
    """Return the parts that are blocks in a row."""
    return [
        part
        for name, part in network.named_children()
        if name[:-1] in ("conv", "layer", "group", "scale") and not isinstance(part, nn.Conv2d)
    ]


def blocks_of(stage: nn.Module) -> list[nn.Module]:
    """Return a stage's blocks."""
    return list(getattr(stage, "blocks", stage))  # type: ignore[reportArgumentType]


class Checkpointed(nn.Module):
    """A stage that keeps only the inputs of its blocks, and computes them again backward."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        shared = [_handed(m) for n, m in self.stage.named_children() if n.startswith("shared_")]
        own = getattr(self.stage, "num_own", 0)  # blocks with weights of their own come first
        for index, block in enumerate(blocks_of(self.stage)):
            handed = shared if index >= own else ()
            x = checkpoint(block, x, *handed, use_reentrant=False)
        return x


def _handed(layer: Any) -> Any:
    """Return what a stage hands to its blocks: a layer, or the weight that it computes."""
    if not hasattr(layer, "effective_weight"):
        return layer
    weight = layer.effective_weight()
    return weight if layer.bias is None else (weight, layer.bias)


def checkpoint_stages(network: nn.Module) -> nn.Module:
    """Put `Checkpointed` in the place of every stage."""
    for name, part in list(network.named_children()):
        if part in stages(network):
            setattr(network, name, Checkpointed(part))
    return network


def join(rank: int, folder: str) -> None:
    """Meet the other process at a file."""
    torch.set_num_threads(1)
    rendezvous = f"file://{folder}/rendezvous"
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)


def leave() -> None:
    """Part from the other process when neither waits for anything of this one."""
    dist.barrier()
    dist.destroy_process_group()


def part_of(batch: Tensor, rank: int) -> Tensor:
    return batch.chunk(2)[rank]


def data_parallel(
    rank: int, folder: str, path: str, batch: Tensor, training: bool, again: bool
) -> None:
    """Two backward passes of half a batch under DDP; the first process saves the gradients."""
    join(rank, folder)
    network = build(network_class(Path(path))).double().train(training)
    wrapped = DistributedDataParallel(checkpoint_stages(network) if again else network)
    for _ in range(2):  # what DDP complains of is found in the second pass at the latest
        network.zero_grad()
        loss_of(wrapped(part_of(batch, rank))).backward()
    if rank == 0:
        found = {name.replace("stage.", ""): g for name, g in gradients(network).items()}
        torch.save(found, f"{folder}/gradients.pt")
    leave()


def fully_sharded(rank: int, folder: str, path: str, batch: Tensor, unit: str, lr: float) -> None:
    """A step under FSDP2 from weights that only the first process had; it saves the new ones."""
    join(rank, folder)
    mesh = init_device_mesh("cpu", (2,))
    make = network_class(Path(path))
    with torch.device("meta"):
        network = make().double().eval()
    for stage in stages(network):
        if unit == "block":
            for block in blocks_of(stage):
                fully_shard(block, mesh=mesh)
        else:
            fully_shard(stage, mesh=mesh)
    fully_shard(network, mesh=mesh)
    network.to_empty(device="cpu")
    state = build(make).double().state_dict() if rank == 0 else {}
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
    set_model_state_dict(network, state, options=options)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        loss_of(network(part_of(batch, rank))).backward()
        optimizer.step()
    held = sum(p.to_local().numel() for p in network.parameters())  # type: ignore[reportCallIssue]
    count = len(list(network.parameters()))
    after = get_model_state_dict(network, options=WHOLE)
    torch.save((held, count), f"{folder}/held{rank}.pt")
    if rank == 0:
        torch.save(after, f"{folder}/after.pt")
    leave()
