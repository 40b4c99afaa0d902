"""A training step of the generated ResNet-50, beside a hand-written one and that one's twin."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.networks import SUBJECTS, build
from benchmarks.processes import Progress
from benchmarks.table import Table, Unavailable, mebibytes, milliseconds

if TYPE_CHECKING:
    import torch
    from torch import nn

ROUNDS = 20
REQUIRED = 1.03  # median ratio of the generated one to the hand-written one
HAND, TWIN, GENERATED = "hand-written", "hand-written, again", "generated"


class Setting(NamedTuple):
    """What a step works on."""

    device: str  # "cpu" or "cuda"
    batch: int
    image: int  # pixels each way
    compiled: bool
    threads: int
    repeats: int  # steps per time taken

    @property
    def mode(self) -> str:
        """How a table names it."""
        written = "torch.compile" if self.compiled else "eager"
        kind = "bf16 channels_last" if self.device == "cuda" else "float32"
        return f"{self.device} {kind}, {written}"


class Sample(NamedTuple):
    """A step."""

    seconds: float
    peak: int  # bytes above what the modules hold; 0 where nothing says so


Step = Callable[[], Sample]


def tables(
    progress: Progress,
    rounds: int = ROUNDS,
    device: str = "auto",
    batch: int | None = None,
    image: int | None = None,
    threads: int = 1,
    *,
    compiled: bool = False,
) -> list[Table]:
    """Time the steps; on CUDA with and without `torch.compile`."""
    settings = _settings(device, batch, image, threads, compiled=compiled)
    rows: list[tuple[str, ...]] = []
    for setting in settings:
        progress(f"{setting.mode}: building")
        samples = interleaved(
            steps(setting), rounds, lambda at, m=setting.mode: progress(f"{m}: {at}")
        )
        rows += [_row(setting, name, samples) for name in samples]
    return [_table(settings, rounds, rows)]


def _settings(
    device: str, batch: int | None, image: int | None, threads: int, *, compiled: bool
) -> list[Setting]:
    if is_on_cuda(device):
        ways = (False, True)
        return [Setting("cuda", batch or 128, image or 224, way, threads, 5) for way in ways]
    ways = (False, True) if compiled else (False,)
    return [Setting("cpu", batch or 4, image or 96, way, threads, 1) for way in ways]


def is_on_cuda(device: str) -> bool:
    """Whether `device` (`auto`, `cpu`, `cuda`) means CUDA here."""
    try:
        import torch
    except ImportError:
        raise Unavailable("PyTorch is not installed here: no step to time") from None
    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise Unavailable("PyTorch finds no CUDA device here")
    return found if device == "auto" else device == "cuda"


def interleaved(timed: dict[str, Step], rounds: int, progress: Progress) -> dict[str, list[Sample]]:
    """Take each step once a round, another one first in each; a round before the first is lost."""
    samples: dict[str, list[Sample]] = {name: [] for name in timed}
    names = list(timed)
    for number in range(rounds + 1):
        progress(f"round {number} of {rounds}")
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            sample = timed[name]()
            if number:
                samples[name].append(sample)
    return samples


def steps(setting: Setting) -> dict[str, Step]:
    """Return a step for each of the modules, which begin with the same weights."""
    import torch

    from benchmarks.handwritten import ResNet50

    torch.manual_seed(0)
    torch.set_num_threads(setting.threads)
    torch.backends.cudnn.benchmark = True  # all have the same shapes, so the same algorithms
    modules = {HAND: ResNet50(), TWIN: ResNet50(), GENERATED: build(SUBJECTS[0])}
    state = modules[HAND].state_dict()
    for module in modules.values():
        module.load_state_dict(state, strict=True)
    images = torch.randn(setting.batch, 3, setting.image, setting.image, device=setting.device)
    labels = torch.randint(1000, (setting.batch,), device=setting.device)
    return {name: timed_step(module, images, labels, setting) for name, module in modules.items()}


def timed_step(
    module: "nn.Module", images: "torch.Tensor", labels: "torch.Tensor", setting: Setting
) -> Step:
    """Return a function that times forwards and backwards of a module."""
    import torch
    from torch.nn.functional import cross_entropy

    on_cuda = setting.device == "cuda"
    layout = torch.channels_last if on_cuda else torch.contiguous_format
    images = images.to(memory_format=layout)
    module = module.to(device=setting.device).train()
    module.to(memory_format=layout)  # pyright: ignore[reportCallIssue] - as PyTorch documents it
    run = torch.compile(module, fullgraph=True) if setting.compiled else module
    precision = torch.autocast("cuda", torch.bfloat16) if on_cuda else nullcontext()

    def step() -> None:
        module.zero_grad(set_to_none=True)
        with precision:
            loss = cross_entropy(run(images), labels)
        loss.backward()

    def sample() -> Sample:
        module.zero_grad(set_to_none=True)
        return _timed(step, setting)

    return sample


def _timed(step: Callable[[], None], setting: Setting) -> Sample:
    """Return the seconds of a step: CPU time where one thread does it, else what the wall says."""
    if setting.device == "cuda":
        return _timed_on_cuda(step, setting.repeats)
    clock = time.process_time if setting.threads == 1 else time.perf_counter
    start = clock()
    for _ in range(setting.repeats):
        step()
    return Sample((clock() - start) / setting.repeats, 0)


def _timed_on_cuda(step: Callable[[], None], repeats: int) -> Sample:
    import torch

    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return Sample(seconds / repeats, torch.cuda.max_memory_allocated() - held)


# ---------------------------------------------------------------- tables


def _table(settings: Sequence[Setting], rounds: int, rows: Sequence[tuple[str, ...]]) -> Table:
    one = settings[0]
    clock = "CPU time" if one.device == "cpu" and one.threads == 1 else "time"
    note = (
        f"Forward, cross entropy and backward, {one.batch} images of {one.image} x {one.image}, "
        f"{one.threads} thread{'s' if one.threads > 1 else ''}: {clock} of {rounds} interleaved "
        "rounds. The hand-written one is `benchmarks/handwritten.py`, in the manner of "
        "torchvision's; all have the same weights. Ratio: over the hand-written one in the same "
        f"round, the median, and the middle half of the rounds; at most {REQUIRED} required of "
        "the generated one. The hand-written one against its twin shows the noise."
    )
    memory = ("peak MiB",) if one.device == "cuda" else ()
    header = ("on", "module", "ms", "ratio", "25 %", "75 %", *memory, "holds")
    return Table("Training step of ResNet-50", note, header, tuple(rows))


def _row(setting: Setting, name: str, samples: dict[str, list[Sample]]) -> tuple[str, ...]:
    pairs = zip(samples[name], samples[HAND], strict=True)
    ratios = [ours.seconds / theirs.seconds for ours, theirs in pairs]
    enough = ratios if len(ratios) > 1 else ratios * 2
    low, middle, high = statistics.quantiles(enough, n=4, method="inclusive")
    taken = statistics.median(sample.seconds for sample in samples[name])
    peak = (mebibytes(max(sample.peak for sample in samples[name])),)
    holds = ("yes" if middle <= REQUIRED else "**no**") if name == GENERATED else ""
    return (
        setting.mode,
        name,
        milliseconds(taken),
        f"{middle:.3f}",
        *((f"{low:.3f}", f"{high:.3f}") if name != HAND else ("", "")),
        *(peak if setting.device == "cuda" else ()),
        holds,
    )
