"""Train Sine on the sine.

Compiled by `archdsl compile specs/sine.arch` from the recipe `sine_thesis`; change the spec, not
this file.

    python train.py                # the whole run; log.jsonl and checkpoint.pt go to --out
    python train.py --resume       # go on where a run was stopped, or from its last epoch
    python train.py --synthetic    # random points: try the script, or its speed
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
from growth import Growing, embed, fix_moments, learning
from model import Sine
from parts import PartOptimizer
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

SPEC = "6cc236f411db20d1"  # of the network and the recipe: a checkpoint of another has another
Step: TypeAlias = Callable[[Tensor, Tensor], None]  # on a batch of points and their targets
REWIND = "\r" if RANK == 0 and sys.stdout.isatty() else ""  # a terminal shows progress in one line


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that shapes a run; each field is a command-line flag of the same name."""

    out: str = "runs/sine"  # folder of the log and the checkpoint
    epochs: int = 400  # passes over the training points
    batch: int = 256  # points a step, over all processes; an incomplete last batch is left out
    lr: float = 0.001  # the highest, for `batch` points
    weight_decay: float = 0.0  # for every learned parameter
    window: int = 10  # epochs: the network grows when their mean loss has not fallen enough
    least: float = 0.05  # of the loss of the window before: enough
    cooldown: int = 10  # epochs of a phase that do not count
    seed: int = 0  # of the initial weights and the order of points
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    limit: int = 0  # number of points to use of either split; 0: all
    amp: bool = False  # bfloat16 autocast, on CUDA only: it rounds inputs and outputs to 8 bits
    compile: bool = torch.cuda.is_available()  # slow to start, then faster; see `Captured`, too
    synthetic: bool = False  # random points instead of the data set
    responses: bool = False  # log how much each layer responds: see responses.py
    save_minutes: float = 10.0  # between checkpoints, written beside the training; 0: each epoch
    minutes: float = 0.0  # stop after so many with a checkpoint, for --resume; 0: at the end
    resume: bool = False  # go on from the checkpoint in `out` if there is one


# The flags that may differ when a run goes on, and what numbers may be: from, and below.
MAY_CHANGE = {"out", "epochs", "device", "amp", "compile"}
MAY_CHANGE |= {"save_minutes", "minutes", "resume", "responses"}
RANGES = {
    "epochs": (1, math.inf),
    "batch": (1, math.inf),
    "lr": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
    "window": (1, math.inf),
    "least": (0.0, 1.0),
    "cooldown": (0, math.inf),
    "seed": (0, 2**63),
    "limit": (0, math.inf),
    "save_minutes": (0.0, math.inf),
    "minutes": (0.0, math.inf),
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
    config = Config(**flags)
    return [replace(config, seed=s, out=f"{config.out}/seed{s}") for s in seeds or ()] or [config]


# ---------------------------------------------------------------- optimization


def autocast(config: Config) -> torch.autocast:
    """Compute in bfloat16 where that is safe, on CUDA; weights stay in float32."""
    kind = torch.device(config.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=config.amp and kind == "cuda")


def make_step(model: nn.Module, optimizer: PartOptimizer, sums: Tensor, config: Config) -> Step:
    """Return what takes a step, and adds its losses to `sums`, which stays on the device."""

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(config):
            loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.take_gradients()
        optimizer.step()
        sums.add_(loss.detach() * len(y))

    return Captured(step) if config.compile and sums.is_cuda and WORLD_SIZE == 1 else step


class Captured:
    """A step as a CUDA graph: the GPU launches its kernels by itself, one after the other.

    The first steps are taken without: they compile the network.
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
    optimizer: PartOptimizer,
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
        for group in optimizer.param_groups:
            group["lr"].fill_(config.lr)
        step(x, y)
        if REWIND:
            place = f"{batches.taken}/{len(batches)}"
            print(f"{REWIND}epoch {epoch}: step {place} ", end="", flush=True)
        if batches.taken < len(batches) and clock.pauses(batches.taken, device):
            return False
    return True


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Batches, config: Config) -> dict[str, float]:
    """Return the mean squared error."""
    model.eval()
    total = torch.zeros((), device=config.device)
    for x, y in batches:
        if len(y):
            with autocast(config):
                outputs = model(x)
            total += F.mse_loss(outputs.float(), y, reduction="sum")
    if WORLD_SIZE > 1:
        dist.all_reduce(total)
    return {"test_loss": total.item() / batches.num_points}


# ---------------------------------------------------------------- the run


def environment(device: torch.device) -> dict[str, Any]:
    """Return what the log says of the run besides its configuration."""
    on_cuda = device.type == "cuda"
    with torch.device("meta"):
        whole = Sine()  # the last phase
    return {
        "network": "sine",
        "recipe": "sine_thesis",
        "data": "the sine",
        "task": "regression",
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": WORLD_SIZE,
        "parameters": sum(p.numel() for p in whole.parameters()),
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


def begin(state: dict[str, Any] | None) -> tuple[Growing, int]:
    """Return the phase of a run that begins or goes on, and how many epochs there have been."""
    growing = Growing()
    if state is None:
        return growing, 0
    growing.load_state_dict(state["growing"])
    return growing, state["epoch"]


def build(config: Config, device: torch.device, phase: int) -> nn.Module:
    """Return the network of a phase."""
    model = Sine(phase).to(device)
    if config.compile:
        torch.compiler.reset()  # it counts graphs over all phases, and stops at some number
        say("compiling")
        model.compile(dynamic=False)
    return model


def grow(
    models: dict[str, nn.Module], growing: Growing, epoch: int, config: Config, device: torch.device
) -> dict[str, nn.Module]:
    """Return the networks of the next phase, which an epoch begins; they go on from old ones."""
    growing.next(epoch)
    model = build(config, device, growing.phase)
    larger = {"model": model}
    for name, old in models.items():
        embed(old, larger[name], growing.phase)
    return larger


def optimize(
    model: nn.Module,
    config: Config,
    growing: Growing,
    epoch: int,
    states: dict[str, Any] | None = None,
) -> PartOptimizer:
    """Return the optimizer of what learns from an epoch on; each part goes on with its state."""
    device, lasted = next(model.parameters()).device, epoch - growing.began  # epochs

    def make(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            groups,
            lr=config.lr,
            capturable=device.type == "cuda",
            weight_decay=config.weight_decay,
            foreach=True,
        )

    fix_moments(model, growing.phase, lasted)
    parts = learning(growing.phase, lasted)
    optimizer = PartOptimizer(model, parts, [{"params": [*model.parameters()]}], make)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states or {}})
    return optimizer


def counted(model: nn.Module, optimizer: PartOptimizer) -> str:
    """Return how many parameters there are, and how many learn."""
    learned = sum(learned.piece.numel() for learned in optimizer.learned)
    return f"{sum(p.numel() for p in model.parameters()):,} parameters, {learned:,} learn"


def mean_of(sums: Tensor, points: int, epoch: int) -> float:
    """Return the mean loss of all processes; end a run that has lost its way."""
    total = sums / points
    if WORLD_SIZE > 1:
        dist.all_reduce(total)
    loss = total.item()
    if not math.isfinite(loss):
        refuse(f"the loss is {loss} in epoch {epoch}: try a lower --lr")
    return loss


def ready_batches(config: Config, device: torch.device) -> tuple[Batches, ...]:
    """Return the batches for training and for the test, as this run wants them."""
    train, test = load_batches(
        size=config.batch,
        limit=config.limit,
        device=device,
        synthetic=config.synthetic,
    )
    train.random.manual_seed(config.seed)
    return train, test


def log_epoch(out: Path, record: dict[str, Any], config: Config, device: torch.device) -> None:
    """Add an epoch to the log, and say how far the run is."""
    if device.type == "cuda":
        record["peak_memory"] = torch.cuda.max_memory_allocated(device)  # bytes, of the first
    by_first(append, out / "log.jsonl", record)
    say(
        f"{REWIND}epoch {record['epoch']:3d}/{config.epochs}  loss {record['train_loss']:.3g}  "
        f"test {record['test_loss']:.3g}  {record['seconds']:.1f} s"
    )


def run(config: Config, device: torch.device, clock: Clock) -> None:
    """Train, test after every epoch, and keep the log and the checkpoint."""
    out = Path(config.out)
    state = by_first(open_run, out, SPEC, asdict(config), MAY_CHANGE)
    torch.manual_seed(config.seed)
    train, test = ready_batches(config, device)
    batch = fixed_batch(train) if config.responses else None
    growing, done = begin(state)
    model = build(config, device, growing.phase)
    optimizer = optimize(model, config, growing, done + 1)
    if RANK > 0:
        torch.manual_seed(config.seed + RANK)  # dropout has masks of its own in each process
    models: dict[str, nn.Module] = {"model": model}
    clock.next_save = 0.0  # a new run saves what it begins with
    sums = torch.zeros(1, device=device)  # of the steps of an epoch
    if state is not None:
        restore(state, models, optimizer, train, sums)
        clock.saved()
    step = make_step(replicate(model), optimizer, sums, config)
    about = environment(device)
    by_first(start_log, out / "log.jsonl", state, asdict(config), about)
    saver = Saver(out, {"spec": SPEC, "config": asdict(config), "about": about})

    for epoch in range(done + 1, config.epochs + 1):
        if train.taken == 0 and growing.ends(config.window, config.least, config.cooldown):
            models = grow(models, growing, epoch, config, device)
            model = models["model"]
            optimizer = optimize(model, config, growing, epoch, optimizer.state_dict()["state"])
            step = make_step(replicate(model), optimizer, sums, config)
            say(f"phase {growing.phase} from epoch {epoch} on: {counted(model, optimizer)}")
        started, steps = time.perf_counter(), len(train) - train.taken
        while not train_epoch(model, step, train, optimizer, epoch, config, clock):
            mean_of(sums, 1, epoch)
            changing = snapshot(models, optimizer, train, sums) | {"growing": growing.state_dict()}
            saver.save(epoch - 1, changing, wait=clock.stops or clock.next_save == 0)
            clock.saved()
            if clock.stops:
                say(f"{REWIND}stopped at step {train.taken} of epoch {epoch}: --resume goes on")
                raise SystemExit(3)
        loss = mean_of(sums, len(train) * config.batch, epoch)
        trained = time.perf_counter() - started
        average_buffers(1 / WORLD_SIZE, *models.values())
        tested = evaluate(model, test, config)
        record = {
            "epoch": epoch,
            "lr": config.lr,
            "train_loss": loss,
            **tested,
            "points_per_second": round(steps * config.batch / trained),
            "seconds": round(time.perf_counter() - started, 3),
            "phase": growing.phase,
            "parameters": sum(p.numel() for p in model.parameters()),
            **responses_entry(model, batch),
        }
        growing.losses.append(record["train_loss"])
        log_epoch(out, record, config, device)
        sums.zero_()
        clock.ended_epoch()
    if done < config.epochs:
        saver.save(
            config.epochs,
            snapshot(models, optimizer, train, sums) | {"growing": growing.state_dict()},
            wait=True,
        )


if __name__ == "__main__":
    main(*parse_configs())
