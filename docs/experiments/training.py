"""Trains a network with its generated train.py, once: a log that is there is read instead."""

import contextlib
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import archdsl
from docs.experiments.plan import FOLDER, Network, as_literals


class Run(NamedTuple):
    """What the log of a run says, and what the compiler says of the network."""

    network: str  # its key
    seed: int
    parameters: int
    deployed_bits: int
    train_loss: tuple[float, ...]  # the mean of each epoch
    test_accuracy: tuple[float, ...]  # after each epoch, a fraction
    diverged: bool = False  # the loss was infinite or no number, and training stopped


def train(network: Network, seed: int, cache: Path, flags: tuple[str, ...] = ()) -> Run:
    """Train in a folder of `cache`, go on after a run that was interrupted, or read a whole one.

    `flags` are more arguments of train.py. The folder is named after the generated code and the
    arguments: what changes them starts a run of its own.
    """
    compiled = archdsl.compile(f"{FOLDER}/{network.spec}", **as_literals(network.arguments))
    files = compiled.files()
    words = ("--epochs", str(network.epochs)) if network.epochs != 10 else ()
    words = ("--seed", str(seed), *words, *flags)
    digest = crc32("\0".join((*map(_code, files.values()), *words)).encode())
    folder = cache / f"{_file_name(network.key)}-seed{seed}-{digest:08x}"
    if not (folder / "whole").exists():
        _write(folder, files)
        error = _run(folder / "train.py", ("--out", str(folder), "--resume", *words))
        (folder / "whole").write_text(error, encoding="utf-8")
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    epochs = _epochs(folder / "log.jsonl")
    return Run(
        network.key,
        seed,
        compiled.parameters.total,
        compiled.deployed_bits,
        tuple(round(epoch["train_loss"], 4) for epoch in epochs),
        tuple(round(epoch["test_accuracy"], 4) for epoch in epochs),
        diverged=(folder / "whole").read_text(encoding="utf-8") != "",
    )


def _code(text: str) -> str:
    """Return a generated file without the docstring, which says where the spec lies."""
    return text.split('"""', 2)[2]


def _file_name(key: str) -> str:
    return "-".join(key.replace(".arch:", "-").replace("=", "").split())


def _write(folder: Path, files: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _run(script: Path, words: tuple[str, ...]) -> str:
    """Run the script as a user would, but in this process; return why it gave up, or "".

    It begins with its own random seed, so what ran before has no part in it.
    """
    with _as_main(script, words), contextlib.redirect_stdout(sys.stderr):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as stopped:
            if not str(stopped.code).startswith("the loss is"):
                raise
            return str(stopped.code)
    return ""


@contextlib.contextmanager
def _as_main(script: Path, words: tuple[str, ...]) -> Iterator[None]:
    """Give the script its arguments, and the files that lie beside it as modules."""
    argv, path = sys.argv, sys.path
    sys.argv, sys.path = [str(script), *words], [str(script.parent), *path]
    names = [file.stem for file in script.parent.glob("*.py")]
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    try:
        yield
    finally:
        sys.argv, sys.path = argv, path
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def _epochs(log: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if "epoch" in line]
