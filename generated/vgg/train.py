"""Train Vgg on a folder of images.

Compiled by `archdsl compile specs/vgg.arch` from the recipe `imagenet`; change the spec, not this
file.

    python train.py                # the whole run; log.jsonl and checkpoint.pt go to --out
    python train.py --resume       # go on where a run was stopped, or from its last epoch
    python train.py --synthetic    # random images: try the script, or its speed, without data
    torchrun --nproc-per-node=2 train.py    # in two processes, on a GPU each or on the CPU
"""

import argparse
import io
import math
import platform
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from checkpoint import Clock, Saver, append, open_run, restore, snapshot, start_log
from data import Batches, load_batches
from model import Vgg
from processes import (
    RANK,
    WORLD_SIZE,
    average_buffers,
    by_first,
    find_device,
    meet,
    part,
    refuse,
    replicate,
    say,
)
from responses import fixed_batch, responses_entry

SPEC = "85dc02ef658c9d8e"  # of the network and the recipe: a checkpoint of another has another
Step: TypeAlias = Callable[[Tensor, Tensor], None]  # on a batch of images and their labels
REWIND = "\r" if RANK == 0 and sys.stdout.isatty() else ""  # a terminal shows progress in one line


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes a run; each field is a command-line flag of the same name."""

    data: str = "data"  # folder that holds train/ and val/, of images or shards
    out: str = "runs/vgg"  # folder of the log and the checkpoint
    epochs: int = 90  # passes over the training images
    batch: int = 256  # images a step, over all processes; an incomplete last batch is left out
    lr: float = 0.01  # the highest, for `batch` images
    milestones: tuple[int, ...] = (31, 61)  # epochs, from 1, that start with a drop of lr
    drop: float = 0.1  # factor of lr at each milestone
    momentum: float = 0.9
    weight_decay: float = 1e-4  # for every learned parameter
    seed: int = 0  # of the initial weights, the order of images and the augmentation
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    limit: int = 0  # number of images to use of either split; 0: all
    amp: bool = True  # bfloat16 autocast, on CUDA only
    channels_last: bool = torch.cuda.is_available()  # memory format, in which cuDNN is faster
    compile: bool = torch.cuda.is_available()  # slow to start, then faster; see `Captured`, too
    synthetic: bool = False  # random images instead of the data set
    responses: bool = False  # log how much each layer responds: see responses.py
    save_minutes: float = 10.0  # between checkpoints, written beside the training; 0: each epoch
    minutes: float = 0.0  # stop after so many with a checkpoint, for --resume; 0: at the end
    resume: bool = False  # go on from the checkpoint in `out` if there is one
    workers: int = -1  # processes that read, for each that trains; -1: one a core


# The flags that may differ when a run goes on, and what numbers may be: from, and below.
MAY_CHANGE = {"data", "workers", "out", "epochs", "device", "amp", "channels_last", "compile"}
MAY_CHANGE |= {"save_minutes", "minutes", "resume", "responses"}
RANGES = {
    "epochs": (1, math.inf),
    "batch": (1, math.inf),
    "lr": (0.0, math.inf),
    "drop": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, math.inf),
    "seed": (0, 2**63),
    "limit": (0, math.inf),
    "save_minutes": (0.0, math.inf),
    "minutes": (0.0, math.inf),
    "workers": (-1, math.inf),
}


def parse_configs() -> list[Config]:
    """Read the command line: a Config, or for each of several seeds one with its own folder."""
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
    parser.add_argument("--seeds", type=int, nargs="+", help="train with each; to OUT/seedN")
    with redirect_stderr(sys.stderr if RANK == 0 else io.StringIO()):  # one speaks for all
        flags = vars(parser.parse_args())
        for name, (least, end) in RANGES.items():
            if not least <= flags[name] < end:
                parser.error(f"--{name.replace('_', '-')} must be in [{least}, {end})")
        seeds = flags.pop("seeds")
        if seeds and not (0 <= min(seeds) <= max(seeds) < 2**63 and len({*seeds}) == len(seeds)):
            parser.error("--seeds must be different numbers in [0, 2**63)")
        if min(flags["milestones"], default=1) < 1:
            parser.error("--milestones are epochs, from 1 on")
    flags["milestones"] = tuple(flags["milestones"])
    config = Config(**flags)
    return [replace(config, seed=s, out=f"{config.out}/seed{s}") for s in seeds or ()] or [config]


# ---------------------------------------------------------------- optimization


def lr_factor(step: int, steps_per_epoch: int, config: Config) -> float:
    """Fraction of `lr` at a step, counted from 0: it drops at the start of each milestone."""
    epoch = step // steps_per_epoch + 1
    return config.drop ** sum(epoch >= milestone for milestone in config.milestones)


def autocast(config: Config) -> torch.autocast:
    """Compute in bfloat16 where that is safe, on CUDA; weights stay in float32."""
    kind = torch.device(config.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=config.amp and kind == "cuda")


def make_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, sums: Tensor, config: Config
) -> Step:
    """Return what takes a step, and adds to `sums`: of losses, and of images that are told right.

    They stay on the device.
    """

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(config):
            logits = model(x)
            loss = F.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        sums.add_(torch.stack((loss.detach() * len(y), (logits.argmax(1) == y).sum())))

    return Captured(step) if config.compile and sums.is_cuda and WORLD_SIZE == 1 else step


class Captured:
    """A step as a CUDA graph: the GPU launches its kernels by itself, one after the other.

    The first steps are taken without: they compile the network and try out its convolutions.
    """

    def __init__(self, step: Step) -> None:
        self.step, self.first, self.stream = step, 3, torch.cuda.Stream()
        self.graph, self.held = torch.cuda.CUDAGraph(), ()  # it reads its batch from `held`

    def __call__(self, x: Tensor, y: Tensor) -> None:
        """Take a step."""
        if self.first:
            self.first -= 1
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.step(x, y)
            torch.cuda.current_stream().wait_stream(self.stream)
            return
        if not self.held:
            self.held = (x.clone(), y.clone())
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.step(*self.held)
        for held, given in zip(self.held, (x, y), strict=True):
            held.copy_(given)
        self.graph.replay()


def train_epoch(
    model: nn.Module,
    step: Step,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    config: Config,
    clock: Clock,
) -> bool:
    """Take a step on every batch that is left; return False where the clock pauses.

    Nothing in the loop waits for the device but, in several processes, the clock.
    """
    device = torch.device(config.device)
    model.train()
    if clock.pauses(batches.taken, device):
        return False
    for x, y in batches:
        done = (epoch - 1) * len(batches) + batches.taken - 1
        for group in optimizer.param_groups:
            group["lr"].fill_(config.lr * lr_factor(done, len(batches), config))
        step(x, y)
        if REWIND:
            place = f"{batches.taken}/{len(batches)}"
            print(f"{REWIND}epoch {epoch}: step {place} ", end="", flush=True)
        if batches.taken < len(batches) and clock.pauses(batches.taken, device):
            return False
    return True


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
        "network": "vgg",
        "recipe": "imagenet",
        "data": "a folder of images",
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": WORLD_SIZE,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def main(*configs: Config) -> None:
    """Train in this process alone, or together with those that torchrun started."""
    first = configs[0]
    device, clock = find_device(first.device), Clock(first.minutes, first.save_minutes)
    if WORLD_SIZE > 1:
        meet(device, first.batch)
    refusal = None
    try:
        for config in configs:
            run(config, device, clock)
    except SystemExit as error:
        refusal = error.code  # the error itself knows variables of `run`, such as the replica
    if WORLD_SIZE > 1:
        part()
    if refusal is not None:
        raise SystemExit(refusal)


def build(config: Config, device: torch.device) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return the network and the optimizer of what it learns."""
    model = Vgg().to(device)
    torch.backends.cudnn.benchmark = True  # find the fastest convolutions: shapes do not change
    if config.channels_last:
        nn.utils.convert_conv2d_weight_memory_format(model, torch.channels_last)
    if config.compile:
        model.compile(dynamic=False)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=True,
    )
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(group["lr"], device=device)  # where a CUDA graph reads it
    return model, optimizer


def mean_of(sums: Tensor, images: int, epoch: int) -> tuple[float, float]:
    """Return the mean loss and the accuracy of all processes; end a run that has lost its way."""
    total = sums / images
    if WORLD_SIZE > 1:
        dist.all_reduce(total)
    loss, accuracy = total.tolist()
    if not math.isfinite(loss):
        refuse(f"the loss is {loss} in epoch {epoch}: try a lower --lr")
    return loss, accuracy


def ready_batches(config: Config, device: torch.device) -> tuple[Batches, ...]:
    """Return the batches for training and for the test, as this run wants them."""
    train, test = load_batches(
        Path(config.data),
        size=config.batch,
        limit=config.limit,
        device=device,
        synthetic=config.synthetic,
        workers=config.workers,
    )
    train.random.manual_seed(config.seed)
    for batches in (train, test):
        batches.format = torch.channels_last if config.channels_last else torch.contiguous_format
    return train, test


def log_epoch(out: Path, record: dict[str, Any], config: Config, device: torch.device) -> None:
    """Add an epoch to the log, and say how far the run is."""
    if device.type == "cuda":
        record["peak_memory"] = torch.cuda.max_memory_allocated(device)  # bytes, of the first
    by_first(append, out / "log.jsonl", record)
    say(
        f"{REWIND}epoch {record['epoch']:3d}/{config.epochs}  loss {record['train_loss']:.4f}  "
        f"accuracy {record['train_accuracy']:.4f}  test {record['test_accuracy']:.4f}  "
        f"{record['seconds']:.1f} s"
    )


def run(config: Config, device: torch.device, clock: Clock) -> None:
    """Train, test after every epoch, and keep the log and the checkpoint."""
    out = Path(config.out)
    state = by_first(open_run, out, SPEC, asdict(config), MAY_CHANGE)
    torch.manual_seed(config.seed)
    train, test = ready_batches(config, device)
    batch = fixed_batch(train) if config.responses else None
    model, optimizer = build(config, device)
    if RANK > 0:
        torch.manual_seed(config.seed + RANK)  # dropout has masks of its own in each process
    models: dict[str, nn.Module] = {"model": model}
    done, clock.next_save = 0, 0.0  # epochs; a new run saves what it begins with
    sums = torch.zeros(2, device=device)  # of the steps of an epoch
    if state is not None:
        restore(state, models, optimizer, train, sums)
        done = state["epoch"]
        clock.saved()
    step = make_step(replicate(model), optimizer, sums, config)
    about = environment(model, device)
    by_first(start_log, out / "log.jsonl", state, asdict(config), about)
    saver = Saver(out, {"spec": SPEC, "config": asdict(config), "about": about})

    for epoch in range(done + 1, config.epochs + 1):
        started, steps = time.perf_counter(), len(train) - train.taken
        while not train_epoch(model, step, train, optimizer, epoch, config, clock):
            mean_of(sums, 1, epoch)
            is_urgent = clock.stops or clock.next_save == 0
            saver.save(epoch - 1, snapshot(models, optimizer, train, sums), wait=is_urgent)
            clock.saved()
            if clock.stops:
                say(f"{REWIND}stopped at step {train.taken} of epoch {epoch}: --resume goes on")
                raise SystemExit(3)
        loss, accuracy = mean_of(sums, len(train) * config.batch, epoch)
        trained = time.perf_counter() - started
        average_buffers(1 / WORLD_SIZE, *models.values())
        tested = evaluate(model, test, config)
        record = {
            "epoch": epoch,
            "lr": config.lr * lr_factor(epoch * len(train) - 1, len(train), config),  # the last
            "train_loss": loss,
            "train_accuracy": accuracy,
            **tested,
            "images_per_second": round(steps * config.batch / trained),
            "seconds": round(time.perf_counter() - started, 3),
            **responses_entry(model, batch),
        }
        log_epoch(out, record, config, device)
        sums.zero_()
        clock.ended_epoch()
    if done < config.epochs:
        saver.save(config.epochs, snapshot(models, optimizer, train, sums), wait=True)


if __name__ == "__main__":
    main(*parse_configs())
