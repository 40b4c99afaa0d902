"""Do runs that are stopped end with the bits of one that is not?

python -m tests.uses.kills --kills 100            one process, killed at random times and at writes
python -m tests.uses.kills --kills 100 --processes 2
python -m tests.uses.kills --kills 100 --grows     a network that grows three times

A run is killed (SIGKILL) at a random time, or while it writes, syncs or renames a file, or is asked
to stop (SIGTERM, SIGINT); the same command with --resume goes on, and may be stopped again. What is
compared are the last checkpoints, all bits but for the size of the log, which holds seconds.
"""

import argparse
import importlib
import multiprocessing
import os
import random
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from archdsl.pipeline import compile_text
from tests.uses.checkpoints import same
from tests.uses.endings import free_port

SPEC = """\
network net {
    input(1, 8, 8)
    stem { conv3x3(8) bn relu }
    head { avgpool dropout(0.3) linear(10) }
    train = quick
}
train quick {
    data      = digits(augment = [flip, crop(1)])
    batch     = 32
    epochs    = 4
    optimizer = sgd(lr = 0.1, momentum = 0.9)
    schedule  = cosine(warmup = 1)
    moments   = averaged
}
"""
GROWING = """\
network net(width = 8) with freeze(grown, epochs = 1) {
    grow width = [2, 4, 6, 8]
    input(1, 8, 8)
    stem { conv3x3(width) bn relu }
    head with trainable { avgpool dropout(0.3) linear(10) }
    train = quick
}
train quick {
    data      = digits(augment = [flip, crop(1)])
    batch     = 32
    epochs    = 6
    optimizer = sgd(lr = 0.1, momentum = 0.9)
    schedule  = cosine(warmup = 1)
    ema       = 0.9
    grow      = at([2, 3, 5])
}
"""
FLAGS = ("--device", "cpu", "--limit", "640")
STOPPED = 3  # the status of a run that was asked to stop
TRIES = 50

# Processes are forked from a server that has imported what takes long and has no threads: a fork of
# a process with threads, as pytest's may be, waits for locks that nobody frees.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["torch", "torch._dynamo", "sklearn.datasets", "tests.uses.kills"])


def die_at(count: int) -> None:
    """Let this process be killed at a write, a sync or a renaming: half of a write is done."""
    checkpoint: Any = importlib.import_module("checkpoint")  # of the run's folder
    left = [count]
    write, sync, replace = checkpoint.write, os.fsync, Path.replace

    def dies() -> bool:
        left[0] -= 1
        return left[0] == 0

    def half(path, content, mode):
        if dies():
            with path.open(mode) as file:
                file.write(content[: len(content) // 2])
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        write(path, content, mode)

    def before(function):
        def patched(*arguments):
            if dies():
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments)

        return patched

    checkpoint.write = half
    for owner, name, function in ((os, "fsync", sync), (Path, "replace", replace)):
        setattr(owner, name, before(function))


def nothing() -> None:
    """Do nothing."""


def train(
    folder: Path,
    out: Path,
    rank: int,
    ranks: int,
    port: int,
    *,
    flags: tuple[str, ...],
    at: int,
    before: Callable[[], None],
):
    """Be a process of a run; `at` is the write at which it is killed, 0: at none.

    `before` is called before train.py runs.
    """
    said = os.open(folder / f"said{rank}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    sys.path.insert(0, str(folder))
    sys.argv = ["train.py", *FLAGS, "--out", str(out), *flags]
    torch.set_num_threads(1)
    before()
    if at and rank == 0:
        die_at(at)
    status = 0
    try:
        runpy.run_path(str(folder / "train.py"), run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    os._exit(status)


def run(
    folder: Path,
    out: Path,
    ranks: int,
    *,
    resume: bool,
    at=0,
    signalled=None,
    flags: tuple[str, ...] = (),
    before: Callable[[], None] = nothing,
) -> list[int]:
    """Run all processes; `signalled` is a (signal, seconds) that one of them gets.

    `before` is a function of a module, since another process calls it.
    """
    flags = (*flags, *(("--resume",) if resume else ()))
    port = free_port()
    processes = [
        SERVER.Process(
            target=train,
            args=(folder, out, rank, ranks, port),
            kwargs={"flags": flags, "at": at, "before": before},
        )
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    started = time.monotonic()
    while any(process.is_alive() for process in processes):
        if signalled and time.monotonic() - started > signalled[1]:
            number, signalled = signalled[0], None
            if processes[-1].pid is not None and processes[-1].is_alive():
                os.kill(processes[-1].pid, number)
        if any(process.exitcode not in (None, 0, STOPPED) for process in processes):
            for process in processes:  # it waits for the one that was killed
                process.kill()
        time.sleep(0.005)
    return [code for code in (process.exitcode for process in processes) if code is not None]


def checkpoint_of(out: Path) -> dict:
    """Return the last checkpoint without what may differ."""
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    state["config"] |= {"out": "", "resume": False}
    return state | {"log_size": 0}


def trial(folder: Path, out: Path, ranks: int, draw: random.Random, seconds: float) -> str:
    """Stop a run again and again until it is through; return how it was stopped, each time."""
    ways = []
    for number in range(TRIES):
        way = draw.choice(("kill", "write", "write", "stop", "nothing"))
        at = draw.randrange(1, 30) if way == "write" else 0
        moment = draw.uniform(0, seconds)
        by = {"kill": signal.SIGKILL, "stop": draw.choice((signal.SIGTERM, signal.SIGINT))}
        signalled = (by[way], moment) if way in by else None
        codes = run(folder, out, ranks, resume=number > 0, at=at, signalled=signalled)
        ways.append(way)
        if not any(codes):
            return " ".join(ways)
    raise AssertionError(f"a run that never ends: {' '.join(ways)}")


def main() -> int:
    """Count the runs that end with other bits; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grows", action="store_true", help="train a network that grows")
    flags = parser.parse_args()
    folder, draw = Path(tempfile.mkdtemp()), random.Random(flags.seed)
    for name, text in compile_text(GROWING if flags.grows else SPEC).files("net").items():
        (folder / name).write_text(text)
    started = time.monotonic()
    assert not any(run(folder, folder / "whole", flags.processes, resume=False))
    seconds = time.monotonic() - started
    whole = checkpoint_of(folder / "whole")
    kills, ends = 0, Counter()
    while kills < flags.kills:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        ways = trial(folder, out, flags.processes, draw, seconds)
        kills += len(ways.split()) - 1
        right = same(checkpoint_of(out), whole)
        ends[right] += 1
        if not right:
            print(f"\nother bits after: {ways}", file=sys.stderr)
        print(f"\r{kills}/{flags.kills} kills, {ends.total()} runs", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(f"{ends[True]} of {ends.total()} runs, stopped {kills} times, ended with the same bits")
    shutil.rmtree(folder)
    return int(ends[False] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
