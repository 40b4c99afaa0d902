"""Train PreactResnetDepth110 on CIFAR-10.

Compiled by `archdsl compile specs/preact_resnet.arch --set depth=110` from the recipe `wrn_cifar`;
change the spec, not this file.

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
import pickle
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

from model import PreactResnetDepth110

IMAGE_SHAPE = (3, 32, 32)  # channels, height, width of what the model takes
NUM_CLASSES = 10  # logits that it gives
RANK = int(os.environ.get("RANK", "0"))  # of this process, among those that torchrun started
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))  # how many there are
IS_FIRST = RANK == 0  # the first process tests, prints, logs and saves
REWIND = "\r" if IS_FIRST and sys.stdout.isatty() else ""  # a terminal shows progress in one line


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes a run; each field is a command-line flag of the same name."""

    data: str = "data"  # folder that holds cifar-10-batches-bin or -py
    out: str = "runs/preact_resnet_depth110"  # folder of the log and the checkpoint
    epochs: int = 200  # passes over the training images
    batch: int = 128  # images a step, over all processes; an incomplete last batch is left out
    lr: float = 0.1  # the highest, for `batch` images
    milestones: tuple[int, ...] = (60, 120, 160)  # epochs, from 1, that start with a drop of lr
    drop: float = 0.2  # factor of lr at each milestone
    momentum: float = 0.9
    weight_decay: float = 5e-4  # for every learned parameter
    seed: int = 0  # of the initial weights, the order of images and the augmentation
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    limit: int = 0  # number of images to use of either split; 0: all
    amp: bool = True  # bfloat16 autocast, on CUDA only
    channels_last: bool = False  # memory format; on CUDA most convolutions are faster with it
    compile: bool = False  # torch.compile: slow to start, then faster
    synthetic: bool = False  # random images instead of the data set
    resume: bool = False  # go on from the checkpoint in `out` if there is one


# The flags that may differ when a run goes on.
MAY_CHANGE = {"data", "out", "epochs", "device", "amp", "channels_last", "compile", "resume"}


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
    flags = vars(parser.parse_args())
    if min(flags["epochs"], flags["batch"]) < 1 or flags["limit"] < 0:
        parser.error("--epochs and --batch are at least 1, --limit at least 0")
    flags["milestones"] = tuple(flags["milestones"])
    return Config(**flags)


# ---------------------------------------------------------------- data


@dataclass(frozen=True)
class Split:
    """Images with their labels."""

    images: Tensor  # uint8 (N, C, H, W)
    labels: Tensor  # int64 (N,)


def read_data(folder: Path) -> tuple[Split, Split]:
    """Return the training and the test split of CIFAR-10, from either of its layouts."""
    binary, pickled = folder / "cifar-10-batches-bin", folder / "cifar-10-batches-py"
    read, files = (read_binary, binary) if binary.is_dir() else (read_pickled, pickled)
    try:
        train = torch.cat([read(files / f"data_batch_{i}") for i in range(1, 6)])
        return to_split(train), to_split(read(files / "test_batch"))
    except (OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise SystemExit(
            f"cannot read CIFAR-10: {error}\n"
            "unpack cifar-10-binary.tar.gz or cifar-10-python.tar.gz\n"
            f"of https://www.cs.toronto.edu/~kriz/cifar.html in {folder}"
        ) from None


def to_split(records: Tensor) -> Split:
    """Return rows of a label byte and 3 x 32 x 32 pixels as a split."""
    return Split(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].long())


def read_binary(path: Path) -> Tensor:
    """Read a file of the binary layout: records of a label byte and 3,072 pixels."""
    content = path.with_suffix(".bin").read_bytes()
    if len(content) % 3073:
        raise ValueError(f"{path}.bin is cut off")
    records = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return records.view(-1, 3073)


def read_pickled(path: Path) -> Tensor:
    """Read a file of the Python layout: a pickled dictionary with an array and a list."""
    with path.open("rb") as file:
        content = ArrayUnpickler(file, encoding="bytes").load()
    labels = torch.tensor(content[b"labels"], dtype=torch.uint8)
    return torch.cat([labels.unsqueeze(1), torch.from_numpy(content[b"data"])], dim=1)


class ArrayUnpickler(pickle.Unpickler):
    """Loads built-in containers and NumPy arrays; a pickle that asks for more is refused."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return a part of an array."""
        modules = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"}
        if module_name in modules and global_name in {"_reconstruct", "ndarray", "dtype"}:
            return super().find_class(module_name, global_name)
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is no part of an array")


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

    For training each pass has a new order and augmentation and leaves an incomplete last batch out.
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
            if self.training:
                x = flip(x)
                x = crop(x, pad=4, mode="reflect")
            part = slice(RANK, None, WORLD_SIZE) if self.training else slice(None)
            yield x[part].contiguous(memory_format=self.format), self.labels[chosen][part]


def load_batches(config: Config) -> tuple[Batches, Batches]:
    """Return the batches for training and for the test."""
    if config.synthetic:
        splits = random_split(8 * config.batch), random_split(2 * config.batch)
    else:
        splits = read_data(Path(config.data))
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


def flip(x: Tensor) -> Tensor:
    """Mirror each image left to right with probability 1/2."""
    mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    return torch.where(mirrored, x.flip(3), x)


def crop(x: Tensor, pad: int, mode: str) -> Tensor:
    """Pad the images by `pad` pixels and cut each to its size at a random place of its own."""
    n, _, height, width = x.shape
    x = F.pad(x, (pad, pad, pad, pad), mode=mode)
    windows = x.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, 2 pad + 1, 2 pad + 1, H, W)
    top, left = torch.randint(0, 2 * pad + 1, (2, n), device=x.device)
    return windows[torch.arange(n, device=x.device), :, top, left]  # (N, C, H, W)


# ---------------------------------------------------------------- optimization


def lr_factor(step: int, steps_per_epoch: int, config: Config) -> float:
    """Fraction of `lr` at a step, counted from 0: it drops at the start of each milestone."""
    epoch = step // steps_per_epoch + 1
    return config.drop ** sum(epoch >= milestone for milestone in config.milestones)


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
            loss = F.cross_entropy(model(x), y)
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

    model = PreactResnetDepth110().to(device)
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
