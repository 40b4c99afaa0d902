"""Train Resnet on a folder of images.

Compiled by `archdsl compile specs/resnet.arch` from the recipe `imagenet`; change the spec, not
this file.

    python train.py                # the whole run; log.jsonl and checkpoint.pt go to --out
    python train.py --resume       # go on where a run was stopped, or from its last epoch
    python train.py --synthetic    # random images: try the script, or its speed, without data
    torchrun --nproc-per-node=2 train.py    # in two processes, on a GPU each or on the CPU
"""

import argparse
import gc
import io
import math
import os
import platform
import signal
import sys
import time
import warnings
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.distributed.nn  # imported later, its defaults would hold the process group for ever
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from checkpoint import by_first, keep, open_run, restore, snapshot, start_log
from data import RANK, WORLD_SIZE, Batches, load_batches, refuse
from model import Resnet

SPEC = "4c8406a0f5e6cb69"  # of the network and the recipe: a checkpoint of another has another
IS_FIRST = RANK == 0  # the first process prints, logs, saves and reads what was saved
REWIND = "\r" if IS_FIRST and sys.stdout.isatty() else ""  # a terminal shows progress in one line


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes a run; each field is a command-line flag of the same name."""

    data: str = "data"  # folder that holds train/ and val/, of images or shards
    out: str = "runs/resnet"  # folder of the log and the checkpoint
    epochs: int = 90  # passes over the training images
    batch: int = 256  # images a step, over all processes; an incomplete last batch is left out
    lr: float = 0.1  # the highest, for `batch` images
    milestones: tuple[int, ...] = (31, 61)  # epochs, from 1, that start with a drop of lr
    drop: float = 0.1  # factor of lr at each milestone
    momentum: float = 0.9
    weight_decay: float = 1e-4  # for every learned parameter
    seed: int = 0  # of the initial weights, the order of images and the augmentation
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    limit: int = 0  # number of images to use of either split; 0: all
    amp: bool = True  # bfloat16 autocast, on CUDA only
    channels_last: bool = False  # memory format; on CUDA most convolutions are faster with it
    compile: bool = False  # torch.compile: slow to start, then faster
    synthetic: bool = False  # random images instead of the data set
    minutes: float = 0.0  # stop after so many with a checkpoint, for --resume; 0: at the end
    resume: bool = False  # go on from the checkpoint in `out` if there is one
    workers: int = -1  # processes that read, for each that trains; -1: one a core


# The flags that may differ when a run goes on, and what numbers may be: from, and below.
MAY_CHANGE = {"data", "workers", "out", "epochs", "device", "amp", "channels_last", "compile"}
MAY_CHANGE |= {"minutes", "resume"}
RANGES = {
    "epochs": (1, math.inf),
    "batch": (1, math.inf),
    "lr": (0.0, math.inf),
    "drop": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, math.inf),
    "seed": (0, 2**63),
    "limit": (0, math.inf),
    "minutes": (0.0, math.inf),
    "workers": (-1, math.inf),
}


def parse_config() -> Config:
    """Read the command line into a Config."""
    parser = argparse.ArgumentParser(description="Train the network of model.py.")
    for field in fields(Config):
        flag, default = f"--{field.name.replace('_', '-')}", field.default
        about = f"default: {default}"
        if isinstance(default, bool):
            action = argparse.BooleanOptionalAction
            parser.add_argument(flag, action=action, default=default, help=about)
        elif isinstance(default, tuple):
            parser.add_argument(flag, type=int, nargs="*", default=default, help=about)
        else:
            parser.add_argument(flag, type=type(default), default=default, help=about)
    with redirect_stderr(sys.stderr if IS_FIRST else io.StringIO()):  # of all processes, one speaks
        flags = vars(parser.parse_args())
        for name, (least, end) in RANGES.items():
            if not least <= flags[name] < end:
                parser.error(f"--{name.replace('_', '-')} must be in [{least}, {end})")
    flags["milestones"] = tuple(flags["milestones"])
    return Config(**flags)


# ---------------------------------------------------------------- optimization


def lr_factor(step: int, steps_per_epoch: int, config: Config) -> float:
    """Fraction of `lr` at a step, counted from 0: it drops at the start of each milestone."""
    epoch = step // steps_per_epoch + 1
    return config.drop ** sum(epoch >= milestone for milestone in config.milestones)


def autocast(config: Config) -> torch.autocast:
    """Compute in bfloat16 where that is safe, on CUDA; weights stay in float32."""
    kind = torch.device(config.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=config.amp and kind == "cuda")


class Stop:
    """Whether the run is to stop: a signal came to a process, or its minutes are over."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes if minutes else math.inf
        self.signalled = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.note)

    def note(self, number: int, _: object) -> None:
        """Note a signal; a second one ends the process at once."""
        self.signalled = True
        signal.signal(number, signal.SIG_DFL)

    def asked(self, step: int, device: torch.device) -> bool:
        """Say whether to stop before a step; several processes ask each other every tenth."""
        asked = self.signalled or time.monotonic() > self.end
        if WORLD_SIZE == 1:
            return asked
        if step % 10:
            return False
        votes = torch.tensor(float(asked), device=device)
        dist.all_reduce(votes)
        return bool(votes > 0)


def train_epoch(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    config: Config,
    *,
    stop: Stop,
    sums: Tensor,
) -> tuple[float, float] | None:
    """Take a step on every batch that is left; return the mean loss and the accuracy.

    None where it is to stop. `sums`, of losses and of images that are told right in this process,
    stay on the device: nothing in the loop waits for it but, in several processes, `stop`.
    """
    model.train()
    if stop.asked(0, sums.device):
        return None
    for x, y in batches:
        step = (epoch - 1) * len(batches) + batches.taken - 1
        for group in optimizer.param_groups:
            group["lr"] = config.lr * lr_factor(step, len(batches), config)
        with autocast(config):
            logits = model(x)
            loss = F.cross_entropy(logits, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        sums += torch.stack((loss.detach() * len(y), (logits.argmax(1) == y).sum()))
        if REWIND:
            done = f"{batches.taken}/{len(batches)}"
            print(f"{REWIND}epoch {epoch}: step {done} ", end="", flush=True)
        if batches.taken < len(batches) and stop.asked(batches.taken, sums.device):
            return None
    total = sums / (len(batches) * config.batch)
    if WORLD_SIZE > 1:
        dist.all_reduce(total)
    loss, accuracy = total.tolist()
    return loss, accuracy


@torch.no_grad()
def average_buffers(model: nn.Module, weight: float) -> None:
    """Let all processes have the weighted mean of their moments; equal ones stay to the bit."""
    for buffer in model.buffers() if WORLD_SIZE > 1 else ():
        if buffer.is_floating_point():
            first = buffer.clone()
            dist.broadcast(first, src=0)
            change = (buffer - first) * weight
            dist.all_reduce(change)
            buffer.copy_(first + change)


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Batches, config: Config) -> dict[str, float]:
    """Return the mean loss, and how often the label is the first guess, or among five."""
    model.eval()
    sums = torch.zeros(3, device=config.device)
    for x, y in batches:
        if len(y):
            with autocast(config):
                logits = model(x)
            loss = F.cross_entropy(logits.float(), y, reduction="sum")
            hits = logits.topk(5).indices == y[:, None]
            sums += torch.stack((loss, hits[:, 0].sum(), hits.sum()))
    if WORLD_SIZE > 1:
        dist.all_reduce(sums)
    names = ("test_loss", "test_accuracy", "test_top5")
    return dict(zip(names, (sums / batches.num_images).tolist(), strict=True))


# ---------------------------------------------------------------- the run


def environment(model: nn.Module, device: torch.device) -> dict[str, Any]:
    """Return what the log says of the run besides its configuration."""
    on_cuda = device.type == "cuda"
    return {
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": WORLD_SIZE,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def meet(device: torch.device, batch: int) -> None:
    """Join the other processes that torchrun started: with a GPU each, or all on the CPU."""
    if batch % WORLD_SIZE:
        refuse(f"--batch {batch} cannot be divided among {WORLD_SIZE} processes")
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


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


def find_device(name: str) -> torch.device:
    """Return the device of this name, if it can compute."""
    try:
        device = torch.device(name)
        torch.zeros((), device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        refuse(f"--device {name}: {str(error).splitlines()[0]}")
    return device


def main(config: Config) -> None:
    """Train in this process alone, or together with those that torchrun started."""
    device = find_device(config.device)
    if WORLD_SIZE == 1:
        run(config, device)
        return
    meet(device, config.batch)
    refusal = None
    try:
        run(config, device)
    except SystemExit as error:
        refusal = error.code  # the error itself knows variables of `run`, such as the replica
    part()
    if refusal is not None:
        raise SystemExit(refusal)


def build(config: Config, device: torch.device) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return the network and the optimizer of what it learns."""
    model = Resnet().to(device)
    if config.compile:
        model.compile()
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    return model, optimizer


def run(config: Config, device: torch.device) -> None:
    """Train, test after every epoch, and keep the log and the checkpoint."""
    out, stop = Path(config.out), Stop(config.minutes)
    state = by_first(open_run, out, SPEC, asdict(config), MAY_CHANGE)
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = True  # find the fastest convolutions: shapes do not change
    train, test = load_batches(
        Path(config.data),
        size=config.batch,
        limit=config.limit,
        device=device,
        synthetic=config.synthetic,
        workers=config.workers,
    )
    train.random.manual_seed(config.seed)
    train.format = torch.channels_last if config.channels_last else torch.contiguous_format
    test.format = train.format

    model, optimizer = build(config, device)
    if not IS_FIRST:
        torch.manual_seed(config.seed + RANK)  # dropout has masks of its own in each process
    nn.utils.convert_conv2d_weight_memory_format(model, train.format)
    replica = model
    if WORLD_SIZE > 1:
        # torch 2.13 has another name for the argument, which those before it do not know
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        replica = DistributedDataParallel(model, broadcast_buffers=False)
    done = 0  # epochs
    sums = torch.zeros(2, device=device)  # of the steps of an epoch
    if state is not None:
        restore(state, model, optimizer, train, sums)
        done = state["epoch"]
    about = environment(model, device)
    by_first(start_log, out / "log.jsonl", state, asdict(config), about)
    fixed = {"spec": SPEC, "config": asdict(config), "about": about}

    for epoch in range(done + 1, config.epochs + 1):
        started, steps = time.perf_counter(), len(train) - train.taken
        found = train_epoch(replica, train, optimizer, epoch, config, stop=stop, sums=sums)
        if found is None:
            changing = snapshot(model, optimizer, train, sums)
            by_first(keep, out, None, {**fixed, "epoch": epoch - 1, **changing})
            if IS_FIRST:
                print(f"{REWIND}stopped at step {train.taken} of epoch {epoch}: --resume goes on")
            raise SystemExit(3)
        loss, accuracy = found
        trained = time.perf_counter() - started
        if not math.isfinite(loss):
            refuse(f"the loss is {loss} in epoch {epoch}: try a lower --lr")
        average_buffers(model, 1 / WORLD_SIZE)
        tested = evaluate(model, test, config)
        record = {
            "epoch": epoch,
            "lr": optimizer.param_groups[0]["lr"],  # of the last step
            "train_loss": loss,
            "train_accuracy": accuracy,
            **tested,
            "images_per_second": round(steps * config.batch / trained),
            "seconds": round(time.perf_counter() - started, 3),
        }
        if device.type == "cuda":
            record["peak_memory"] = torch.cuda.max_memory_allocated(device)  # bytes, of the first
        sums.zero_()
        changing = snapshot(model, optimizer, train, sums)
        by_first(keep, out, record, {**fixed, "epoch": epoch, **changing})
        if IS_FIRST:
            print(
                f"{REWIND}epoch {epoch:3d}/{config.epochs}  loss {loss:.4f}  accuracy "
                f"{accuracy:.4f}  test {tested['test_accuracy']:.4f}  {record['seconds']:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main(parse_config())
