"""The folder of a run: the log, and the checkpoint that it goes on from after it was stopped.

Where there are several processes, the first alone reads and writes it. The same in every run.
"""

import io
import json
import math
import os
import pickle
import shlex
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from data import Batches
from processes import RANK, WORLD_SIZE, by_first, refuse

# What a file gives that is cut off, or something else than a checkpoint.
LOAD_ERRORS = (OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
LOAD_ERRORS += (pickle.UnpicklingError,)


def open_run(
    out: Path, spec: str, config: dict[str, Any], may_change: set[str]
) -> dict[str, Any] | None:
    """Return the checkpoint to go on from, None for a new run; what is there is never replaced.

    `spec` names what is trained; of the flags in `config`, some may differ from those before.
    """
    log, *saved = [out / f for f in ("log.jsonl", "checkpoint.pt", "checkpoint.previous.pt")]
    if not config["resume"] and any(path.exists() for path in (log, *saved)):
        refuse(f"{out} holds a run: go on with it by --resume, or choose another folder by --out")
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = next((path for path in saved if path.exists()), None)
    if checkpoint is None:
        if log.exists() and log.read_bytes().count(b"\n") > 1:  # a checkpoint is there before
            refuse(f"{log} has epochs of a run whose checkpoint is not there")
        return None
    content = io.BytesIO(checkpoint.read_bytes())
    try:
        state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
        before, found = state["config"], state["spec"]
    except LOAD_ERRORS:
        refuse(f"{checkpoint} is damaged, or no checkpoint of this script")
    if found != spec:
        refuse(f"{checkpoint} is of another network or recipe")
    for name, value in config.items():
        if value != before.get(name) and name not in may_change:
            refuse(f"cannot resume {checkpoint}: {name} was {before.get(name)}, now it is {value}")
    if config["epochs"] != before["epochs"] and not config.get("reschedule", True):
        refuse(f"epochs was {before['epochs']}, and every lr hangs on it: go on by --reschedule")
    return state


class Clock:
    """When to pause: a signal came to a process, the minutes are over, or it is time to save."""

    def __init__(self, minutes: float, save_minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes if minutes else math.inf
        self.between, self.next_save = 60 * save_minutes, 0.0
        self.signalled = self.stops = self.began = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.note)

    def note(self, number: int, _: object) -> None:
        """Note a signal; a second one ends the process at once."""
        self.signalled = True
        signal.signal(number, signal.SIG_DFL)

    def saved(self) -> None:
        """Note that a checkpoint was saved."""
        self.next_save = time.monotonic() + (self.between or math.inf)

    def ended_epoch(self) -> None:
        """Note that an epoch has ended: with no minutes between them, a checkpoint follows each."""
        self.next_save = self.next_save if self.between else 0.0

    def pauses(self, step: int, device: torch.device) -> bool:
        """Say whether to pause before a step; several processes ask each other every tenth."""
        now = time.monotonic()
        asked = [self.signalled, now > self.end, now >= self.next_save]
        if WORLD_SIZE > 1:
            if step % 10:
                return False
            votes = torch.tensor(asked, dtype=torch.float32, device=device)
            dist.all_reduce(votes)
            asked = (votes > 0).tolist()
        signalled, is_over, _ = asked
        if is_over and not signalled and not self.began:  # again and again it would get nowhere
            refuse("--minutes were over before the first step: reading the data took longer")
        self.began, self.stops = True, signalled or is_over
        return any(asked)


class Saver:
    """Saves checkpoints beside the training, in a thread of the first process, one at a time."""

    def __init__(self, out: Path, fixed: dict[str, Any]) -> None:
        self.out, self.fixed = out, fixed  # what each checkpoint says of the run
        self.saving = Future[None]()
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.saving.set_result(None)

    def save(self, epoch: int, state: dict[str, Any], *, wait: bool) -> None:
        """Save the state after so many epochs; what went wrong with the one before ends the run."""
        by_first(self.saving.result)
        if RANK == 0:
            size = (self.out / "log.jsonl").stat().st_size
            whole = {**self.fixed, "epoch": epoch, **state, "log_size": size}
            self.saving = self.thread.submit(keep, self.out, copied(whole))
        if wait:
            by_first(self.saving.result)


def copied(value: Any) -> Any:
    """Return a copy whose tensors are in the memory of the CPU and do not change any more."""
    match value:
        case Tensor():
            return value.detach().to("cpu", copy=True)
        case dict():
            return {name: copied(each) for name, each in value.items()}
        case list() | tuple():
            return type(value)(map(copied, value))
        case _:
            return value


def keep(out: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint: whenever the run is killed, a whole one is there."""
    new, checkpoint = out / "checkpoint.new", out / "checkpoint.pt"
    content = io.BytesIO()
    torch.save(state, content)
    write(new, content.getbuffer(), "wb")
    if checkpoint.exists():
        checkpoint.replace(out / "checkpoint.previous.pt")
    new.replace(checkpoint)


def write(path: Path, content: bytes | memoryview, mode: str) -> None:
    """Write or append to a file, all or nothing, and wait until the disk has it."""
    with path.open(mode, buffering=0) as file:
        size, rest = file.tell(), memoryview(content)
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(size)
            raise OSError(error.errno, error.strerror, str(path)) from None


def snapshot(
    models: dict[str, nn.Module], optimizer: torch.optim.Optimizer, train: Batches, sums: Tensor
) -> dict[str, Any]:
    """Return what changes in training, with what each process has of its own."""
    own: dict[str, Any] = {"cpu": torch.get_rng_state(), "sums": sums.cpu()}
    if sums.is_cuda:
        own["cuda"] = torch.cuda.get_rng_state()
    owns: list[Any] = [own]
    if WORLD_SIZE > 1:
        own["buffers"] = [b.cpu() for model in models.values() for b in model.buffers()]
        owns *= WORLD_SIZE
        dist.all_gather_object(owns, own)
    weights = {name: model.state_dict() for name, model in models.items()}
    return {"own": owns, "place": train.place(), "optimizer": optimizer.state_dict(), **weights}


def restore(
    state: dict[str, Any],
    models: dict[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    train: Batches,
    sums: Tensor,
) -> None:
    """Bring everything back to where `snapshot` was taken.

    Another number of processes than there was draws new numbers, and has its part of the sums;
    another kind of device begins the epoch again.
    """
    for name, model in models.items():
        model.load_state_dict(state[name])
    settings = optimizer.state_dict()["param_groups"]  # which hang on the device, too
    optimizer.load_state_dict({**state["optimizer"], "param_groups": settings})
    goes_on, owns = train.go_to(state["place"]), state["own"]
    if goes_on:
        sums.copy_(torch.stack([own["sums"] for own in owns]).sum(0) / WORLD_SIZE)
    if goes_on and len(owns) == WORLD_SIZE:
        own = owns[RANK]
        sums.copy_(own["sums"])
        torch.set_rng_state(own["cpu"])
        if sums.is_cuda and "cuda" in own:
            torch.cuda.set_rng_state(own["cuda"])
        buffers = [buffer for model in models.values() for buffer in model.buffers()]
        for buffer, value in zip(buffers, own.get("buffers", ()), strict=False):
            buffer.copy_(value)


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a line to the log."""
    write(path, json.dumps(record).encode() + b"\n", "ab")


def start_log(
    path: Path, state: dict[str, Any] | None, config: dict[str, Any], about: dict[str, Any]
) -> None:
    """Begin the log with what there is to say about the run, or go on after the checkpoint."""
    if state is None:
        path.unlink(missing_ok=True)  # of a run that was killed before its first checkpoint
        append(path, {"config": config, "command": shlex.join(["python", *sys.argv]), **about})
        return
    os.truncate(path, state["log_size"])  # drops what was logged after the checkpoint
    print(f"going on after epoch {state['epoch']}")
    changed = {name: value for name, value in about.items() if value != state["about"].get(name)}
    before = {**state["config"], "resume": True}
    flags = {name: value for name, value in config.items() if value != before.get(name)}
    if flags:
        changed["config"] = flags
    if changed:
        append(path, {"resumed_after": state["epoch"], **changed})
