"""An epoch of generated scripts, beside the same recipe written the usual way."""

import importlib
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from benchmarks.networks import ROOT
from benchmarks.processes import Progress
from benchmarks.steps import is_on_cuda
from benchmarks.table import Table, Unavailable, milliseconds

ROUNDS = 5
STEPS = 8  # of an epoch: what `--synthetic` has images for
SCRIPT, EAGER, USUAL, STEP = "script", "script, eager", "usual", "step by hand"
FILES = ("checkpoint", "data", "model", "processes", "responses", "train")
# Dense peaks in bfloat16 of the makers' data sheets, in operations a second: two of them are one
# multiply-accumulate.
PEAKS = {"H100": 989.4e12, "H200": 989.4e12, "A100": 312e12}


class Subject(NamedTuple):
    """A spec with its arguments, and the images of a step."""

    name: str
    spec: str
    arguments: dict[str, str]
    batch: int


ON_CUDA = (
    Subject("WRN-28-10", "wrn", {}, 128),
    Subject("WRN-40-4", "wrn", {"depth": "40", "k": "4"}, 128),
    Subject("WRN-16-4", "wrn", {"depth": "16", "k": "4"}, 128),
    Subject("ShaResNet-164", "share_resnet164", {}, 128),
    Subject("DiracNet-34-2", "diracnet", {}, 128),
    Subject("one-bit 20-4", "onebit", {"k": "4"}, 125),
    Subject("ResNet-18", "resnet", {"depth": "18"}, 256),
    Subject("ResNet-50", "resnet", {}, 256),
    Subject("ShaResNet-50", "sharesnet50", {}, 256),
)
ON_CPU = (
    Subject("WRN-16-2", "wrn", {"depth": "16", "k": "2"}, 32),
    Subject("DiracNet-16-1", "diracnet", {"depth": "16", "k": "1"}, 32),
    Subject("one-bit 14-2", "onebit", {"depth": "14", "k": "2"}, 32),
)


class Way(NamedTuple):
    """A way to train: what takes the steps of an epoch, and what does no more than its batches."""

    epoch: Callable[[], object]
    batches: Callable[[], object] | None = None


class Epoch(NamedTuple):
    """What an epoch took: seconds a step, and of them those of its batches alone."""

    step: float
    data: float = 0.0


def tables(
    progress: Progress,
    rounds: int = ROUNDS,
    device: str = "auto",
    batch: int | None = None,
    threads: int = 1,
) -> list[Table]:
    """Time epochs of each network."""
    on_cuda = is_on_cuda(device)
    import torch

    torch.set_num_threads(threads)
    rows: list[tuple[str, ...]] = []
    for subject in ON_CUDA if on_cuda else ON_CPU:
        sized = subject._replace(batch=batch or subject.batch)
        with tempfile.TemporaryDirectory() as folder, _script(sized, Path(folder)) as modules:
            ways = _ways(modules, sized, Path(folder), "cuda" if on_cuda else "cpu")
            found = _interleaved(ways, rounds, lambda at, s=sized.name: progress(f"{s}: {at}"))
            seen = {name: _seen(way) for name, way in ways.items()} if on_cuda else {}
            rows += [
                (*_row(sized, way, found, on_cuda=on_cuda), *seen.get(way, ())) for way in ways
            ]
    return [_table(rows, rounds, threads, on_cuda=on_cuda)]


# ---------------------------------------------------------------- a script


@contextmanager
def _script(subject: Subject, folder: Path) -> Iterator[dict[str, ModuleType]]:
    """Compile a spec and import its files, which are neighbours; leave no trace."""
    from archdsl.pipeline import compile_spec

    compilation = compile_spec(f"{ROOT}/specs/{subject.spec}.arch", None, subject.arguments)
    for name, text in compilation.files("net").items():
        (folder / name).write_text(text, "utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield {name: importlib.import_module(name) for name in FILES}
    finally:
        sys.path.remove(str(folder))
        for name in FILES:
            sys.modules.pop(name, None)


def _ways(
    modules: dict[str, ModuleType], subject: Subject, folder: Path, device: str
) -> dict[str, Way]:
    compiled = {SCRIPT: True, EAGER: False} if device == "cuda" else {SCRIPT: False}
    ways = {
        name: _epoch_of_script(modules, subject, folder, device, compiled=flag)
        for name, flag in compiled.items()
    }
    if subject.spec in ("resnet", "sharesnet50"):
        return ways  # folders of images: `python -m benchmarks reading`
    try:
        ways[USUAL] = _usual_epoch(modules, subject, device)
    except ImportError:
        raise Unavailable("the usual way needs Pillow: pip install pillow") from None
    if device == "cpu":
        ways[STEP] = _steps_by_hand(modules, subject)
    return ways


def _config(
    modules: dict[str, ModuleType], subject: Subject, folder: Path, device: str, *, compiled: bool
) -> Any:
    flags = {"compile": compiled, "channels_last": device == "cuda"}
    out = str(folder / "run")
    return modules["train"].Config(
        synthetic=True, batch=subject.batch, device=device, out=out, **flags
    )


def _epoch_of_script(
    modules: dict[str, ModuleType], subject: Subject, folder: Path, device: str, *, compiled: bool
) -> Way:
    import torch

    train, on = modules["train"], torch.device(device)
    config = _config(modules, subject, folder, device, compiled=compiled)
    torch.manual_seed(0)
    batches = train.ready_batches(config, on)[0]
    model, optimizer = train.build(config, on)
    for group in optimizer.param_groups:
        group["lr"] = torch.zeros((), device=on)
    step = train.make_step(model, optimizer, torch.zeros(2, device=on), config)

    arguments = (model, step, batches, optimizer, 1, config, _Never())
    return Way(lambda: train.train_epoch(*arguments), lambda: [None for _ in batches])


class _Never:
    """A clock that never pauses, and leaves signals as they are."""

    def pauses(self, step: int, device: object) -> bool:
        """Go on."""
        del step, device
        return False


def _usual_epoch(modules: dict[str, ModuleType], subject: Subject, device: str) -> Way:
    import torch

    from benchmarks.plain_loop import PerSample, epoch, loader

    split = modules["data"].random_split(STEPS * subject.batch)
    std, mean = torch.std_mean(split.images.float(), dim=(0, 2, 3))
    workers = 8 if device == "cuda" else 0
    batches = loader(
        PerSample(split.images, split.labels, mean, std),
        subject.batch,
        workers,
        pinned=device == "cuda",
    )
    torch.manual_seed(0)
    model = modules["model"].Net().to(device)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9, weight_decay=5e-4)
    on = torch.device(device)

    return Way(lambda: epoch(model, batches, optimizer, on), lambda: [None for _ in batches])


def _steps_by_hand(modules: dict[str, ModuleType], subject: Subject) -> Way:
    """Return steps on batches that lie in memory: what a script cannot do without."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(0)
    model = modules["model"].Net().train()
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9, weight_decay=5e-4)
    shape = modules["data"].IMAGE_SHAPE
    images, labels = torch.randn(subject.batch, *shape), torch.randint(0, 10, (subject.batch,))

    def steps() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            cross_entropy(model(images), labels).backward()
            optimizer.step()

    return Way(steps)


# ---------------------------------------------------------------- times


def timed(work: Callable[[], object]) -> float:
    """Return seconds: of the process on a CPU, which other processes do not count in; else all."""
    import torch

    if not torch.cuda.is_available():
        start = time.process_time()
        work()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _interleaved(ways: dict[str, Way], rounds: int, progress: Progress) -> dict[str, list[Epoch]]:
    """Take each way once a round; a round before the first is lost."""
    found: dict[str, list[Epoch]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        progress(f"round {number} of {rounds}")
        for name, way in ways.items():
            epoch = timed(way.epoch)
            batches = timed(way.batches) if way.batches else 0.0
            if number:
                found[name].append(Epoch(epoch / STEPS, batches / STEPS))
    return found


def _row(
    subject: Subject, way: str, found: dict[str, list[Epoch]], *, on_cuda: bool
) -> tuple[str, ...]:
    step = statistics.median(epoch.step for epoch in found[way])
    data = statistics.median(epoch.data / epoch.step for epoch in found[way])
    cells = (
        f"{'cuda' if on_cuda else 'cpu'}, {subject.batch} images",
        subject.name,
        way,
        milliseconds(step),
        f"{subject.batch / step:,.0f}",
        f"{100 * data:.1f}" if data else "",
        *(_ratio(found, way, other) for other in ((USUAL,) if on_cuda else (USUAL, STEP))),
    )
    return (*cells, _share_of_peak(subject, step)) if on_cuda else cells


def _seen(way: Way) -> tuple[str, str]:
    """Return how many kernels a step launches, and for how much of an epoch the device is busy."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        way.epoch()
        torch.cuda.synchronize()
    kernels = [e for e in profiled.events() or () if e.device_type.name == "CUDA"]
    spans = [(e.time_range.start, e.time_range.end) for e in kernels]
    return f"{len(spans) / STEPS:,.0f}", f"{100 * busy(spans):.1f}"


def busy(spans: Sequence[tuple[float, float]]) -> float:
    """Return for how much of the time from the first start to the last end something runs."""
    done, last = 0.0, -math.inf
    for start, end in sorted(spans):
        done += max(0.0, end - max(start, last))
        last = max(last, end)
    return done / (last - min(start for start, _ in spans))


def _ratio(found: dict[str, list[Epoch]], way: str, other: str) -> str:
    """Return how many times as long as another way this one takes, in the same round."""
    if other not in found or way == other:
        return ""
    pairs = zip(found[way], found[other], strict=True)
    return f"{statistics.median(one.step / two.step for one, two in pairs):.3f}"


def _share_of_peak(subject: Subject, step: float) -> str:
    """Return percents of the dense peak: three times the operations of the forward."""
    import torch

    from archdsl.pipeline import compile_spec

    name = torch.cuda.get_device_name()
    peak = next((each for known, each in PEAKS.items() if known in name), None)
    if peak is None:
        return ""
    compilation = compile_spec(f"{ROOT}/specs/{subject.spec}.arch", None, subject.arguments)
    operations = 3 * 2 * compilation.counts.sums.macs * subject.batch
    return f"{100 * operations / step / peak:.1f}"


def _table(rows: list[tuple[str, ...]], rounds: int, threads: int, *, on_cuda: bool) -> Table:
    clock = "Time" if on_cuda else f"CPU time with {threads} thread{'s' if threads > 1 else ''}"
    on_device = ("of usual", "share of peak %", "kernels a step", "busy %")
    against = on_device if on_cuda else ("of usual", "of step by hand")
    note = (
        f"{clock} of epochs of {STEPS} steps on random images, medians of {rounds} interleaved "
        "rounds. "
        "Usual: a DataLoader, transforms of each sample with Pillow, a plain loop. Step by hand: "
        "forward, backward and SGD on a batch that lies in memory. Batches: their share of the "
        "time where nothing else is done."
    )
    header = ("device", "network", "way", "ms a step", "images/s", "batches %", *against)
    return Table("An epoch of training", note, header, tuple(rows))
