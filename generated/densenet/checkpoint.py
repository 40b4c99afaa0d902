"""The folder of a run: the log, and the checkpoint that it goes on from after it was stopped.

Where there are several processes, the first alone reads and writes it.
"""

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from data import RANK, WORLD_SIZE, Batches, refuse

Result = TypeVar("Result")
# What a file gives that is cut off, or something else than a checkpoint.
LOAD_ERRORS = (OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
LOAD_ERRORS += (pickle.UnpicklingError,)


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
        if log.exists() and log.read_bytes().count(b"\n") > 2:  # a run, one epoch
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


def keep(out: Path, record: dict[str, Any] | None, state: dict[str, Any]) -> None:
    """Log an epoch and replace the checkpoint: whenever the run is killed, a whole one is there."""
    log, new, checkpoint = out / "log.jsonl", out / "checkpoint.new", out / "checkpoint.pt"
    if record is not None:
        append(log, record)
    content = io.BytesIO()
    torch.save({**state, "log_size": log.stat().st_size}, content)
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
    model: nn.Module, optimizer: torch.optim.Optimizer, train: Batches, sums: Tensor
) -> dict[str, Any]:
    """Return what changes in training, with what each process has of its own."""
    own: dict[str, Any] = {"cpu": torch.get_rng_state(), "sums": sums.cpu()}
    if sums.is_cuda:
        own["cuda"] = torch.cuda.get_rng_state()
    owns: list[Any] = [own]
    if WORLD_SIZE > 1:
        own["buffers"] = [buffer.cpu() for buffer in model.buffers()]
        owns *= WORLD_SIZE
        dist.all_gather_object(owns, own)
    weights = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    return {"own": owns, "place": train.place(), **weights}


def restore(
    state: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: Batches,
    sums: Tensor,
) -> None:
    """Bring everything back to where `snapshot` was taken.

    Another number of processes than there was draws new numbers, and has its part of the sums;
    another kind of device begins the epoch again.
    """
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    goes_on, owns = train.go_to(state["place"]), state["own"]
    if goes_on:
        sums.copy_(torch.stack([own["sums"] for own in owns]).sum(0) / WORLD_SIZE)
    if goes_on and len(owns) == WORLD_SIZE:
        own = owns[RANK]
        sums.copy_(own["sums"])
        torch.set_rng_state(own["cpu"])
        if sums.is_cuda and "cuda" in own:
            torch.cuda.set_rng_state(own["cuda"])
        for buffer, value in zip(model.buffers(), own.get("buffers", ()), strict=False):
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
        append(path, {"config": config, **about})
        return
    os.truncate(path, state["log_size"])  # drops what was logged after the checkpoint
    print(f"going on after epoch {state['epoch']}")
    changed = {name: value for name, value in about.items() if value != state["about"].get(name)}
    if changed:
        append(path, {"resumed_after": state["epoch"], **changed})
