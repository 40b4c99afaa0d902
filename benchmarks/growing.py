"""A training step of a network that grows, in its phases, beside the same one that does not."""

import importlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from benchmarks.processes import Progress
from benchmarks.steps import Sample, interleaved, is_on_cuda
from benchmarks.table import Table, milliseconds
from benchmarks.training import timed

ROUNDS = 20
REQUIRED = 1.035  # at full capacity: 37.9 s over 36.6 s, section 5.5 of the thesis of 2017
WARM_STEPS = 6  # CUDA graphs are there after four
STATIC, GROWN, GROWTH = "static", "grown, all learns", "a growth"

RECIPE = """
train recipe {{
    data      = {data}
    loss      = {loss}
    batch     = {batch}
    epochs    = 4
    optimizer = {optimizer}
    schedule  = constant
    grow      = at([2, 3, 4])
}}
"""
CONVOLUTIONS = """
network net(width = {full}){annotation} {{
    grow width = {widths}{nested}
    input(1, 28, 28)
    stem:  unit(width, stride = 2){first}
    conv2: unit(2 * width, stride = 2){first}
    conv3: unit(4 * width)
    head with trainable {{ avgpool linear(10) }}
    train = recipe
}}
block unit(width) {{ conv3x3(width, stride = stride) bn relu }}
"""
HIDDEN = """
network net(width = {full}){annotation} {{
    grow width = {widths}{nested}
    input(1)
    linear(width)
    tanh
    linear(1)
    train = recipe
}}
"""
# WRN-16-2 in the end: specs/wrn.arch. 16 is no phase, for then its first block has no shortcut.
WRN = """
network net(width = {full}){annotation} {{
    grow width = {widths}{nested}
    input(3, 32, 32)
    stem                    {{ conv3x3(16) }}
    stage conv2             = 2 * wide(width)
    stage conv3(stride = 2) = 2 * wide(2 * width)
    stage conv4(stride = 2) = 2 * wide(4 * width)
    head                    {{ bn relu avgpool linear(10) with trainable }}
    train = recipe
}}
block wide(width) {{
    preactivation {{ bn relu }}
    residual      {{ conv3x3(width, stride = stride) bn relu conv3x3(width) }}
    shortcut      {{ conv1x1(width, stride = stride) }}
}}
"""
ADAM = {
    "data": "mnist",
    "loss": "cross_entropy",
    "batch": "64",
    "optimizer": "adam(lr = 1e-3)",
}
POINTS = {
    "data": "sine(train = 4_096, test = 2_001)",
    "loss": "squared_error",
    "batch": "256",
    "optimizer": "adam(lr = 1e-3)",
}
SGD = {
    "data": "cifar10",
    "loss": "cross_entropy",
    "batch": "32",
    "optimizer": "sgd(lr = 0.1, momentum = 0.9, nesterov = true)",
}


class Subject(NamedTuple):
    """A network, its widths phase by phase, and how it is trained."""

    name: str
    spec: str
    widths: tuple[int, ...]
    recipe: Mapping[str, str]
    repeats: int  # steps per time taken on a CPU


SUBJECTS = (
    Subject("500 hidden units", HIDDEN, (125, 250, 375, 500), POINTS, 20),
    Subject("convolutions up to 64", CONVOLUTIONS, (4, 8, 12, 16), ADAM, 5),
    Subject("convolutions up to 256", CONVOLUTIONS, (16, 32, 48, 64), ADAM, 1),
    Subject("WRN-16-2", WRN, (8, 12, 24, 32), SGD, 1),
)


class Way(NamedTuple):
    """What is trained: a member of the family that does not grow, or a phase."""

    width: int = -1  # index of the width of a member; -1: a network that grows
    phase: int = 0
    annotation: str = ""
    nested: str = ""
    first: str = ""  # said of the first two of three convolutions
    cached: bool = False  # what is fixed was computed before, for all images


FIXED = " with freeze(grown)"
WAYS = {
    STATIC: Way(width=3),
    "static, again": Way(width=3),
    GROWN: Way(phase=3),
    "grown, 3/4 fixed": Way(phase=3, annotation=FIXED),
    "nested, 3/4 fixed": Way(phase=3, annotation=FIXED, nested=" nested"),
    "nested, cached": Way(phase=3, annotation=FIXED, nested=" nested", cached=True),
    "first two fixed": Way(width=3, first=" with freeze"),
    "first two fixed, cached": Way(width=3, first=" with freeze", cached=True),
    "first phase": Way(phase=0),
    "static, a quarter": Way(width=0),
}


def tables(
    progress: Progress, rounds: int = ROUNDS, device: str = "auto", threads: int = 1
) -> list[Table]:
    """Time steps of each network in each way, and its last growth."""
    on_cuda = is_on_cuda(device)
    import torch

    torch.set_num_threads(threads)
    name = "cuda" if on_cuda else "cpu"
    rows: list[tuple[str, ...]] = []
    for subject in SUBJECTS:
        with tempfile.TemporaryDirectory() as folder:
            found = _measured(subject, name, Path(folder), rounds, progress)
        rows += [(name, *_row(subject, way, found), _holds(subject, way, found)) for way in found]
    return [_table(name, rounds, threads, rows)]


def _measured(
    subject: Subject, device: str, folder: Path, rounds: int, progress: Progress
) -> dict[str, list[Sample]]:
    """Return the times of a subject's steps and growths, of the same rounds."""
    progress(f"{subject.name}: building")
    repeats = 5 if device == "cuda" else subject.repeats
    steps = {
        name: _step(training_of(subject, way, device, folder / str(number)), repeats)
        for number, (name, way) in enumerate(WAYS.items())
        if not way.first or "{first}" in subject.spec
    }
    growth = _growth(training_of(subject, Way(phase=2), device, folder / "growth"))
    say: Progress = lambda at: progress(f"{subject.name}: {at}")  # noqa: E731 - with its name
    return interleaved({**steps, GROWTH: growth}, rounds, say)


class Training(NamedTuple):
    """A generated train.py with a model, its optimizer, and a step on a batch that it repeats."""

    script: ModuleType
    config: Any
    model: Any
    optimizer: Any
    growing: Any  # None of a network that does not grow
    step: Callable[[], None]


def training_of(subject: Subject, way: Way, device: str, folder: Path) -> Training:
    """Compile a network into a folder, and return a training of it that has begun."""
    import torch

    on = torch.device(device)
    with _script(subject, way, folder) as script:
        config = script.Config(synthetic=True, device=device, out=str(folder / "run"))
        torch.manual_seed(0)
        growing = None
        if way.width < 0:
            growing = script.Growing()
            growing.phase, growing.began = way.phase, way.phase + 1
            model = script.build(config, on, way.phase)
            optimizer = script.optimize(model, config, growing, growing.began)
        else:
            model, optimizer = script.build(config, on)
        for group in optimizer.param_groups:
            group["lr"] = torch.zeros((), device=on)
        batches = script.ready_batches(config, on)[0]
        x, y = next(iter(batches))
        if way.cached:
            script.keep(model, batches, config).hold(batches.chosen)
    take = script.make_step(model.train(), optimizer, torch.zeros(2, device=on), config)
    for _ in range(WARM_STEPS):
        take(x, y)
    return Training(script, config, model, optimizer, growing, lambda: take(x, y))


@contextmanager
def _script(subject: Subject, way: Way, folder: Path) -> Iterator[ModuleType]:
    """Compile a network and import its train.py with its neighbours; leave no trace."""
    from archdsl.pipeline import compile_text

    full = subject.widths[-1]
    text = (subject.spec + RECIPE).format(
        full=full,
        widths=[*subject.widths],
        annotation=way.annotation,
        nested=way.nested,
        first=way.first,
        **subject.recipe,
    )
    arguments = {"width": str(subject.widths[way.width])} if way.width >= 0 else {}
    files = compile_text(text, arguments=arguments).files("net")
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module("train")
    finally:
        sys.path.remove(str(folder))
        for name in files:
            sys.modules.pop(name.removesuffix(".py"), None)


def _step(training: Training, repeats: int) -> Callable[[], Sample]:
    def steps() -> None:
        for _ in range(repeats):
            training.step()

    return lambda: Sample(timed(steps) / repeats, 0)


def _growth(training: Training) -> Callable[[], Sample]:
    """Return what times the step from the phase before the last: build, embed, a new optimizer."""
    script, config, old = training.script, training.config, training.model
    device = next(old.parameters()).device
    growing = script.Growing()
    growing.phase = growing.began = training.growing.phase + 1

    def grow() -> None:
        larger = script.build(config, device, growing.phase)
        script.embed(old, larger, growing.phase)
        states = training.optimizer.state_dict()["state"]
        script.optimize(larger, config, growing, growing.began, states)

    return lambda: Sample(timed(grow), 0)


# ---------------------------------------------------------------- tables


def _ratios(found: Mapping[str, list[Sample]], way: str) -> tuple[float, float, float]:
    """Return the quartiles of the times over those of the static network in the same round."""
    pairs = zip(found[way], found[STATIC], strict=True)
    ratios = [one.seconds / other.seconds for one, other in pairs]
    enough = ratios if len(ratios) > 1 else ratios * 2
    low, middle, high = statistics.quantiles(enough, n=4, method="inclusive")
    return low, middle, high


def _row(subject: Subject, way: str, found: Mapping[str, list[Sample]]) -> tuple[str, ...]:
    low, middle, high = (f"{ratio:.3f}" for ratio in _ratios(found, way))
    taken = milliseconds(statistics.median(sample.seconds for sample in found[way]))
    spread = ("", "") if way == STATIC else (low, high)
    return (subject.name, way, taken, middle, *spread)


def _holds(subject: Subject, way: str, found: Mapping[str, list[Sample]]) -> str:
    if subject.spec is not WRN or way != GROWN:
        return ""
    return "yes" if _ratios(found, way)[1] <= REQUIRED else "**no**"


def _table(device: str, rounds: int, threads: int, rows: list[tuple[str, ...]]) -> Table:
    clock = "Time" if device == "cuda" or threads > 1 else "CPU time of one thread"
    note = (
        f"Steps of generated train.py files on a batch that lies in memory: {clock}, {rounds} "
        "interleaved rounds. Hidden units: the sine regressor of the thesis, 256 points, Adam. "
        "Convolutions: three with batch normalization and ReLU, 64 images of 28 x 28, Adam. "
        "WRN-16-2: 32 images of 32 x 32, SGD. They grow in four phases by quarters, WRN-16-2 from "
        "8, 12, 24 to 32 channels. Static: the last phase as `--set` gives it, with the ordinary "
        "optimizer; the network against itself shows the noise. First two fixed: `freeze` of two "
        "of three convolutions. Cached: what fixed layers give lies in memory. A growth, from the "
        "third phase to the last: the larger network built, what was learned put into it, and an "
        "optimizer of its parts. Ratio: over the static one in the same round, the median, and "
        f"the middle half of the rounds; at most {REQUIRED} required of WRN-16-2 at full capacity."
    )
    header = ("on", "network", "what is timed", "ms", "ratio", "25 %", "75 %", "holds")
    return Table("Steps of growing networks", note, header, tuple(rows))
