"""Train Digits on scikit-learn's handwritten digits.

Compiled by `archdsl compile specs/digits.arch` from the recipe `digits_quick`; change the spec, not
this file.

    python train.py                # the whole run; log.jsonl and checkpoint.pt go to --out
    python train.py --resume       # go on after the last finished epoch
    python train.py --synthetic    # random images: try the script, or its speed, without data
    torchrun --nproc-per-node=2 train.py    # in two processes, on a GPU each or on the CPU
"""

import argparse
import gc
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.distributed.nn  # imported later, its defaults would hold the process group for ever
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from model import Digits

IMAGE_SHAPE = (1, 8, 8)  # channels, height, width of what the model takes
NUM_CLASSES = 10  # logits that it gives
RANK = int(os.environ.get("RANK", "0"))  # of this process, among those that torchrun started
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))  # how many there are
IS_FIRST = RANK == 0  # the first process tests, prints, logs and saves
REWIND = "\r" if IS_FIRST and sys.stdout.isatty() else ""  # a terminal shows progress in one line


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes a run; each field is a command-line flag of the same name."""

    out: str = "runs/digits"  # folder of the log and the checkpoint
    epochs: int = 15  # passes over the training images
    batch: int = 64  # images a step, over all processes; an incomplete last batch is left out
    lr: float = 0.1  # the highest, for `batch` images
    warmup: float = 1.0  # epochs of linear rise to lr, before half a cosine to 0
    momentum: float = 0.9
    weight_decay: float = 5e-4  # for every learned parameter
    label_smoothing: float = 0.1  # probability spread over all classes
    seed: int = 0  # of the initial weights, the order of images and the augmentation
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    limit: int = 0  # number of images to use of either split; 0: all
    amp: bool = True  # bfloat16 autocast, on CUDA only
    channels_last: bool = False  # memory format; on CUDA most convolutions are faster with it
    compile: bool = False  # torch.compile: slow to start, then faster
    synthetic: bool = False  # random images instead of the data set
    resume: bool = False  # go on from the checkpoint in `out` if there is one


# The flags that may differ when a run goes on.
MAY_CHANGE = {"out", "epochs", "device", "amp", "channels_last", "compile", "resume"}


def parse_config() -> Config:
    """Read the command line into a Config."""
    parser = argparse.ArgumentParser(description="Train the network of model.py.")
    for field in fields(Config):
        flag, default = f"--{field.name.replace('_', '-')}", field.default
        about = f"default: {default}"
        if isinstance(default, bool):
            action = argparse.BooleanOptionalAction
            parser.add_argument(flag, action=action, default=default, help=about)
        else:
            parser.add_argument(flag, type=type(default), default=default, help=about)
    flags = vars(parser.parse_args())
    if min(flags["epochs"], flags["batch"]) < 1 or flags["limit"] < 0:
        parser.error("--epochs and --batch are at least 1, --limit at least 0")
    return Config(**flags)


# ---------------------------------------------------------------- data


@dataclass(frozen=True)
class Split:
    """Images with their labels."""

    images: Tensor  # uint8 (N, C, H, W)
    labels: Tensor  # int64 (N,)


def read_data() -> tuple[Split, Split]:
    """Return scikit-learn's digits: 1,438 for training, every fifth (359) for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SystemExit("the digits come with scikit-learn: pip install scikit-learn") from None
    digits: Any = load_digits()
    images = torch.tensor(digits.images, dtype=torch.uint8).unsqueeze(1)  # (1797, 1, 8, 8), 0..16
    labels = torch.tensor(digits.target, dtype=torch.int64)
    test = torch.arange(len(labels)) % 5 == 4
    return Split(images[~test], labels[~test]), Split(images[test], labels[test])


def random_split(num_images: int) -> Split:
    """Return random images with random labels."""
    images = torch.randint(0, 256, (num_images, *IMAGE_SHAPE), dtype=torch.uint8)
    return Split(images, torch.randint(0, NUM_CLASSES, (num_images,)))


def load_split(split: Split, config: Config) -> Split:
    """Return the part of a split that is used, on the device of the run, if it fits the model."""
    shape, classes = tuple(split.images.shape[1:]), int(split.labels.max()) + 1
    if shape != IMAGE_SHAPE or classes > NUM_CLASSES:
        raise SystemExit(
            f"the data has images of shape {shape} in {classes} classes, but "
            f"the model takes {IMAGE_SHAPE} and tells {NUM_CLASSES} classes apart"
        )
    end = config.limit or None
    return Split(split.images[:end].to(config.device), split.labels[:end].to(config.device))


class Batches:
    """A split, cut into batches of normalized images and their labels.

    For training each pass has a new order and leaves an incomplete last batch out.
    All processes draw the same random numbers; each takes its part of every batch.
    """

    def __init__(
        self, split: Split, mean: Tensor, std: Tensor, config: Config, *, training: bool
    ) -> None:
        self.images, self.labels = split.images, split.labels
        self.mean, self.std = mean, std  # (C, 1, 1)
        self.size, self.training = config.batch, training
        self.format = memory_format(config)

    def __len__(self) -> int:
        whole, rest = divmod(len(self.labels), self.size)
        return whole if self.training or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm if self.training else torch.arange
        rows = order(len(self.labels), device=self.labels.device)
        for chosen in rows.split(self.size)[: len(self)]:
            x = (self.images[chosen].float() - self.mean) / self.std
            part = slice(RANK, None, WORLD_SIZE) if self.training else slice(None)
            yield x[part].contiguous(memory_format=self.format), self.labels[chosen][part]


def load_batches(config: Config) -> tuple[Batches, Batches]:
    """Return the batches for training and for the test."""
    if config.synthetic:
        splits = random_split(8 * config.batch), random_split(2 * config.batch)
    else:
        splits = read_data()
    train, test = (load_split(split, config) for split in splits)
    if config.batch > len(train.labels):
        raise SystemExit(f"--batch {config.batch} exceeds the {len(train.labels)} training images")
    std, mean = torch.std_mean(train.images.float(), dim=(0, 2, 3), keepdim=True)
    mean, std = mean[0], std[0].clamp(min=1e-6)  # of the training images, for both splits
    return (
        Batches(train, mean, std, config, training=True),
        Batches(test, mean, std, config, training=False),
    )


def memory_format(config: Config) -> torch.memory_format:
    """Return the order in memory of images and weights."""
    return torch.channels_last if config.channels_last else torch.contiguous_format


# ---------------------------------------------------------------- optimization


def lr_factor(step: int, steps_per_epoch: int, config: Config) -> float:
    """Fraction of `lr` at a step, counted from 0: linear warm-up, then half a cosine to 0."""
    warmup, total = config.warmup * steps_per_epoch, config.epochs * steps_per_epoch
    if step < warmup:
        return min(1.0, (step + 1) / warmup)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def autocast(config: Config) -> torch.autocast:
    """Compute in bfloat16 where that is safe, on CUDA; weights stay in float32."""
    kind = torch.device(config.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=config.amp and kind == "cuda")


def train_epoch(
    model: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    config: Config,
) -> float:
    """Take a step on every batch and return the mean loss of all processes."""
    model.train()
    loss_sum = torch.zeros((), device=config.device)
    for step, (x, y) in enumerate(batches, start=(epoch - 1) * len(batches)):
        for group in optimizer.param_groups:
            group["lr"] = config.lr * lr_factor(step, len(batches), config)
        with autocast(config):
            loss = F.cross_entropy(model(x), y, label_smoothing=config.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach()  # stays on the device: no synchronization inside the loop
        if REWIND:
            done = step % len(batches) + 1
            print(f"{REWIND}epoch {epoch}: step {done}/{len(batches)} ", end="", flush=True)
    if WORLD_SIZE > 1:
        dist.all_reduce(loss_sum)
    return loss_sum.item() / (WORLD_SIZE * len(batches))


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Batches, config: Config) -> float:
    """Return the fraction of images whose largest logit is the label's."""
    model.eval()
    correct = torch.zeros((), dtype=torch.int64, device=config.device)
    for x, y in batches:
        with autocast(config):
            correct += (model(x).argmax(1) == y).sum()
    return correct.item() / len(batches.labels)


# ---------------------------------------------------------------- checkpoint and log


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint at once: whenever the run is killed, a whole one is there."""
    new = path.with_suffix(".new")
    torch.save(state, new)
    new.replace(path)


def load_checkpoint(path: Path, config: Config) -> dict[str, Any] | None:
    """Return the checkpoint to go on from, if that is wanted and one is there."""
    if not config.resume or not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    for name, value in asdict(config).items():
        before = state["config"].get(name)
        if value != before and name not in MAY_CHANGE:
            raise SystemExit(f"cannot resume {path}: {name} was {before}, now it is {value}")
    return state


def snapshot(
    model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> dict[str, Any]:
    """Return what changes in training: weights, the optimizer's state, random numbers."""
    rng = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        rng["cuda"] = torch.cuda.get_rng_state(device)
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": rng}


def restore(
    state: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> None:
    """Bring everything back to where `snapshot` was taken."""
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"]["cpu"])
    if device.type == "cuda" and "cuda" in state["rng"]:
        torch.cuda.set_rng_state(state["rng"]["cuda"], device)


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a line to the log."""
    with path.open("a") as log:
        log.write(json.dumps(record) + "\n")


def cut(path: Path, size: int) -> None:
    """Drop what a killed run logged after its last checkpoint, when the log had so many bytes."""
    with path.open("ab") as log:
        log.truncate(min(size, log.tell()))


def set_aside(*paths: Path) -> None:
    """Rename what an earlier run left, so that a new one does not destroy it."""
    for path in paths:
        if path.exists():
            path.replace(path.with_stem(f"{path.stem}.previous"))


def start_log(
    log: Path, checkpoint: Path, state: dict[str, Any] | None, about: dict[str, Any]
) -> None:
    """Begin the log with what there is to say about the run, or go on after the checkpoint."""
    if state is None:
        set_aside(checkpoint, log)
        append(log, about)
    else:
        cut(log, state["log_size"])
        print(f"going on after epoch {state['epoch']}")


def environment(model: nn.Module, device: torch.device) -> dict[str, Any]:
    """Return what the log says of the run besides its configuration."""
    on_cuda = device.type == "cuda"
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": WORLD_SIZE,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


# ---------------------------------------------------------------- the run


def meet(device: torch.device, batch: int) -> None:
    """Join the other processes that torchrun started: with a GPU each, or all on the CPU."""
    if batch % WORLD_SIZE:
        raise SystemExit(f"--batch {batch} cannot be divided among {WORLD_SIZE} processes")
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


def main(config: Config) -> None:
    """Train in this process alone, or together with those that torchrun started."""
    device = torch.device(config.device)
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


def run(config: Config, device: torch.device) -> None:
    """Train, test after every epoch, and keep the log and the checkpoint."""
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = True  # find the fastest convolutions: shapes do not change
    train, test = load_batches(config)

    model = Digits().to(device)
    nn.utils.convert_conv2d_weight_memory_format(model, memory_format(config))
    if config.compile:
        model.compile()
    replica = DistributedDataParallel(model) if WORLD_SIZE > 1 else model
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        nesterov=True,
        weight_decay=config.weight_decay,
    )

    done, best = 0, 0.0  # epochs finished, highest test accuracy
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = out / "checkpoint.pt", out / "log.jsonl"
    state = load_checkpoint(checkpoint, config)
    if WORLD_SIZE > 1:
        dist.barrier()  # all have read what the first may now replace
    if state is not None:
        restore(state, model, optimizer, device)
        done, best = state["epoch"], state["best"]
    if IS_FIRST:
        start_log(log, checkpoint, state, {"config": asdict(config), **environment(model, device)})

    for epoch in range(done + 1, config.epochs + 1):
        started = time.perf_counter()
        loss = train_epoch(replica, train, optimizer, epoch, config)
        if not math.isfinite(loss):
            raise SystemExit(f"the loss is {loss} in epoch {epoch}: try a lower --lr")
        if not IS_FIRST:
            continue
        accuracy = evaluate(model, test, config)
        best = max(best, accuracy)
        seconds = time.perf_counter() - started
        record = {
            "epoch": epoch,
            "lr": optimizer.param_groups[0]["lr"],  # of the last step
            "train_loss": loss,
            "test_accuracy": accuracy,
            "seconds": round(seconds, 3),
        }
        append(log, record)
        progress = {"epoch": epoch, "best": best, "log_size": log.stat().st_size}
        save_checkpoint(
            checkpoint,
            {"config": asdict(config), **progress, **snapshot(model, optimizer, device)},
        )
        print(
            f"{REWIND}epoch {epoch:3d}/{config.epochs}  loss {loss:.4f}  "
            f"test accuracy {accuracy:.4f}  best {best:.4f}  {seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main(parse_config())
