"""Trains a network with its generated train.py, once: a log that is there is read instead."""

import contextlib
import json
import runpy
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

import archdsl
from archdsl.analyses.weights import kept_layers
from archdsl.deploy.measuring import measure
from docs.experiments.plan import FOLDER, Network, as_literals

Scalars: TypeAlias = tuple[tuple[float, ...], ...]


class Run(NamedTuple):
    """What the log of a run says, and what the compiler says of the network."""

    network: str  # its key
    seed: int
    parameters: int
    deployed_bits: int
    train_loss: tuple[float, ...]  # the mean of each epoch
    test_accuracy: tuple[float, ...]  # after each epoch, a fraction
    diverged: bool = False  # the loss was infinite or no number, and training stopped
    a: Scalars = ()  # of each Dirac layer in order, at the start and after each `every` epochs
    b: Scalars = ()


def train(
    network: Network, seed: int, cache: Path, flags: tuple[str, ...] = (), data: Path | None = None
) -> Run:
    """Train in a folder of `cache`, go on after a run that was interrupted, or read a whole one.

    `flags` are more arguments of train.py. The folder is named after the generated code and the
    arguments: what changes them starts a run of its own. `data` is where images lie that are not
    the digits; which folder that is makes no difference.
    """
    compiled = archdsl.compile(f"{FOLDER}/{network.spec}", **as_literals(network.arguments))
    files = compiled.files()
    words = ("--seed", str(seed), *_shape(network), *flags)
    digest = crc32("\0".join((*map(code_of, files.values()), *words)).encode())
    folder = cache / f"{_file_name(network.key)}-seed{seed}-{digest:08x}"
    if not (folder / "whole").exists():
        write_files(folder, files)
        here = ("--data", str(data)) if network.data else ()
        said = _run(folder, ("--out", str(folder), "--resume", *words, *here), network.every)
        if network.every:
            kept = _scalars(folder, compiled.compilation.network)
            (folder / "scalars.json").write_text(json.dumps(kept), encoding="utf-8")
        (folder / "whole").write_text(said, encoding="utf-8")
        for checkpoint in (folder / "checkpoint.pt", *folder.glob("epoch*.pt")):
            checkpoint.unlink(missing_ok=True)
    epochs = _epochs(folder / "log.jsonl")
    return Run(
        network.key,
        seed,
        compiled.parameters.total,
        compiled.deployed_bits,
        tuple(round(epoch["train_loss"], 4) for epoch in epochs),
        tuple(round(epoch["test_accuracy"], 4) for epoch in epochs),
        diverged=(folder / "whole").read_text(encoding="utf-8") != "",
        **(_read_scalars(folder / "scalars.json") if network.every else {}),
    )


def _read_scalars(file: Path) -> dict[str, Scalars]:
    return scalars_from(json.loads(file.read_text(encoding="utf-8")))


def scalars_from(read: Mapping[str, Any]) -> dict[str, Scalars]:
    """Return a and b as they were before they were JSON."""
    return {name: tuple(map(tuple, read.get(name, ()))) for name in "ab"}


def _shape(network: Network) -> tuple[str, ...]:
    """Return the flags that make this network's run another one than that of its recipe."""
    words = ("--epochs", str(network.epochs)) if network.epochs != 10 else ()
    words += ("--limit", str(network.limit)) if network.limit else ()
    return words + (("--save-minutes", "0") if network.every else ())


def _scalars(folder: Path, network: Any) -> dict[str, list[list[float]]]:
    """Return a and b of the layers that have them, as `archdsl inspect` reads the copies there."""
    layers = [k for k in kept_layers(network) if "a" in {tensor.name for tensor in k.tensors}]
    found: dict[str, list[list[float]]] = {"a": [], "b": []}
    for copy in sorted(folder.glob("epoch*.pt"), key=lambda path: int(path.stem[5:])):
        rows = list(measure(network, layers, str(copy), lambda _: None))
        for name, values in found.items():
            of_name = [row.statistics.moments for row in rows if row.tensor.name == name]
            values.append([round(m.mean, 4) for m in of_name if m is not None])
    return found


def code_of(text: str) -> str:
    """Return a generated file without the docstring, which says where the spec lies."""
    return text.split('"""', 2)[2]


def _file_name(key: str) -> str:
    return "-".join(key.replace(".arch:", "-").replace("=", "").split())


def write_files(folder: Path, files: Any) -> None:
    """Write generated files, by name, where the script is to run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _run(folder: Path, words: tuple[str, ...], every: int) -> str:
    """Run the script as a user would, but in this process; return why it gave up, or "".

    It begins with its own random seed, so what ran before has no part in it.
    """
    script = folder / "train.py"
    with as_main(script, words), contextlib.redirect_stdout(sys.stderr):
        if every:
            _keep_copies(every)
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as stopped:
            if not str(stopped.code).startswith("the loss is"):
                raise
            return str(stopped.code)
    return ""


def _keep_copies(every: int) -> None:
    """Let the script's checkpoint.py leave a copy of a checkpoint after every so many epochs."""
    checkpoint = import_module("checkpoint")  # the one beside the script: see `as_main`
    keep = checkpoint.keep

    def keep_copy(out: Path, state: dict[str, Any]) -> None:
        keep(out, state)
        if state["epoch"] % every == 0:
            shutil.copyfile(out / "checkpoint.pt", out / f"epoch{state['epoch']}.pt")

    vars(checkpoint)["keep"] = keep_copy


@contextlib.contextmanager
def as_main(script: Path, words: tuple[str, ...]) -> Iterator[None]:
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
