"""Trains an arm with its generated train.py, once: a log that is there is read instead."""

import contextlib
import json
import shutil
import sys
import time
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from zlib import crc32

import archdsl
from docs.experiments.growth.plan import FOLDER, Arm, Experiment
from docs.experiments.training import as_main, code_of, write_files


class Run(NamedTuple):
    """What the log of a run says, at some of its epochs, the last among them."""

    arm: str  # its key
    seed: int
    parameters: int  # in the end
    growths: tuple[int, ...]  # epochs, from 1, that began a phase
    epochs: tuple[int, ...]  # those of the curves
    seconds: tuple[float, ...]  # CPU time since the start without the tests, at their ends
    train_loss: tuple[float, ...]  # the mean of each
    test_loss: tuple[float, ...]  # after each
    train_accuracy: tuple[float, ...] = ()  # fractions; a regression has none
    test_accuracy: tuple[float, ...] = ()


CURVES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def train(
    experiment: Experiment, arm: Arm, seed: int, cache: Path, flags: tuple[str, ...], data: Path
) -> Run:
    """Train in a folder of `cache`, or read what a whole run left there.

    `flags` are more arguments of train.py, `data` is where images lie. The folder is named after
    the generated code and the arguments: what changes them starts a run of its own.
    """
    compiled = archdsl.compile(f"{FOLDER}/{experiment.spec}:{arm.network}", **arm.arguments)
    files = compiled.files()
    words = ("--seed", str(seed), *_shape(experiment, arm), *flags)
    told = (*map(code_of, files.values()), *words, *(["forgets"] if arm.forgets else []))
    key = experiment.key(arm)
    digest = crc32("\0".join(told).encode())
    folder = cache / f"{key.replace('.arch:', '-').replace(' ', '-')}-seed{seed}-{digest:08x}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        write_files(folder, files)
        here = ("--data", str(data)) if experiment.data else ()
        _run(folder, ("--out", str(folder), *words, *here), forgets=arm.forgets)
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        (folder / "whole").touch()
    run = _read(folder / "log.jsonl", key, seed, experiment.every)
    return run._replace(parameters=run.parameters or compiled.parameters.total)


def _shape(experiment: Experiment, arm: Arm) -> tuple[str, ...]:
    words = ("--epochs", str(arm.epochs)) if arm.epochs else ()
    return words + (("--limit", str(experiment.limit)) if experiment.limit else ())


def _run(folder: Path, words: tuple[str, ...], *, forgets: bool) -> None:
    """Run the script in this process, its log with the CPU time besides."""
    with as_main(folder / "train.py", words), contextlib.redirect_stdout(sys.stderr):
        script = import_module("train")
        _keep_time(script)
        if forgets:
            _forget_states(script)
        script.main(*script.parse_configs())


def _keep_time(script: ModuleType) -> None:
    """Let the log say the CPU time from the first step on, growths counted in and tests not."""
    names = vars(script)
    train_epoch, evaluate, append = (names[n] for n in ("train_epoch", "evaluate", "append"))
    begun: list[float] = []

    def timed_epoch(*arguments: Any) -> Any:
        begun[:] = begun or [time.process_time()]
        return train_epoch(*arguments)

    def untimed_test(*arguments: Any) -> Any:
        started = time.process_time()
        found = evaluate(*arguments)
        begun[0] += time.process_time() - started
        return found

    def append_with_time(path: Path, record: dict[str, Any]) -> None:
        if "epoch" in record:
            record = {**record, "cpu_seconds": round(time.process_time() - begun[0], 3)}
        append(path, record)

    names |= {"train_epoch": timed_epoch, "evaluate": untimed_test, "append": append_with_time}


def _forget_states(script: ModuleType) -> None:
    """Let a growth hand the optimizer no state, as most libraries that grow networks do."""
    optimize = vars(script)["optimize"]

    def optimize_anew(model: Any, config: Any, growing: Any, epoch: int, _: Any = None) -> Any:
        return optimize(model, config, growing, epoch)

    vars(script)["optimize"] = optimize_anew


def _read(log: Path, key: str, seed: int, every: int) -> Run:
    lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    epochs = [line for line in lines if "epoch" in line]
    growths = [
        after["epoch"]
        for before, after in pairwise(epochs)
        if before.get("phase", 0) != after.get("phase", 0)
    ]
    kept = [e for e in epochs if (e["epoch"] - 1) % every == 0 or e is epochs[-1]]
    curves = {
        name: tuple(float(f"{e[name]:.4g}") for e in kept) for name in CURVES if name in epochs[0]
    }
    return Run(
        key,
        seed,
        epochs[-1].get("parameters", 0),  # a network that does not grow says it once
        tuple(growths),
        tuple(e["epoch"] for e in kept),
        tuple(round(e["cpu_seconds"], 2) for e in kept),
        **curves,
    )
