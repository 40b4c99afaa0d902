"""A training step with Dirac weights and with one-bit ones, beside the same network without."""

import statistics
from typing import TYPE_CHECKING

from benchmarks.processes import Progress
from benchmarks.steps import Sample, Setting, Step, interleaved, is_on_cuda, timed_step
from benchmarks.table import Table, mebibytes, milliseconds

if TYPE_CHECKING:
    from torch import nn

ROUNDS = 20
DEPTH_CPU, DEPTH_CUDA = 16, 34
PLAIN = "plain"
# How a row names it, and what stands behind `with`.
SCHEMES = {
    PLAIN: "plain",
    "plain, again": "plain",
    "Dirac": "dirac",
    "Dirac v2": "dirac(v2)",
    "one bit": "binary",
}

# The networks of arXiv:1706.00388, Table 1, k = 2. The stem is small; all weights have the scheme
# but the stem's and the classifier's.
SPEC = """
network schemes(depth, image, k = 2) with {scheme} {{
    let n = (depth - 4) / 6
    input(3, image, image)
    stem {{
        conv3x3(16 * k) with plain
        bn relu
    }}
    stage group1 = 2 * n * layer(16 * k)
    maxpool2x2
    stage group2 = 2 * n * layer(32 * k)
    maxpool2x2
    stage group3 = 2 * n * layer(64 * k)
    head         {{ avgpool linear(10) }}
}}
block layer(width) {{ ncrelu conv3x3(width) bn }}
"""


def tables(
    progress: Progress,
    rounds: int = ROUNDS,
    device: str = "auto",
    batch: int | None = None,
    image: int | None = None,
    threads: int = 1,
    *,
    compiled: bool = False,
    depth: int | None = None,
) -> list[Table]:
    """Time the steps; on CUDA with and without `torch.compile`."""
    on_cuda = is_on_cuda(device)
    name, depth = ("cuda", depth or DEPTH_CUDA) if on_cuda else ("cpu", depth or DEPTH_CPU)
    sizes = (batch or (128 if on_cuda else 32), image or 32)
    rows: list[tuple[str, ...]] = []
    for way in (False, True) if compiled or on_cuda else (False,):
        setting = Setting(name, *sizes, way, threads, 5 if on_cuda else 1)
        progress(f"{setting.mode}: building")
        samples = interleaved(
            steps(setting, depth), rounds, lambda at, m=setting.mode: progress(f"{m}: {at}")
        )
        rows += [_row(setting, scheme, samples) for scheme in samples]
    return [_table(setting, depth, rounds, rows)]


def steps(setting: Setting, depth: int) -> dict[str, Step]:
    """Return a step for the network with each scheme."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(setting.threads)
    torch.backends.cudnn.benchmark = True  # all have the same shapes, so the same algorithms
    images = torch.randn(setting.batch, 3, setting.image, setting.image, device=setting.device)
    labels = torch.randint(10, (setting.batch,), device=setting.device)
    return {
        name: timed_step(build(scheme, depth, setting.image), images, labels, setting)
        for name, scheme in SCHEMES.items()
    }


def build(scheme: str, depth: int, image: int) -> "nn.Module":
    """Return the network, its weights under a scheme, as archdsl generates it."""
    from archdsl.api import CompiledNetwork
    from archdsl.pipeline import compile_text

    arguments = {"depth": str(depth), "image": str(image)}
    text = SPEC.format(scheme=scheme)
    return CompiledNetwork(compile_text(text, arguments=arguments)).build()


def _table(setting: Setting, depth: int, rounds: int, rows: list[tuple[str, ...]]) -> Table:
    clock = "CPU time" if setting.device == "cpu" and setting.threads == 1 else "time"
    note = (
        f"The plain network of {depth} layers and widths 32, 64 and 128 with NCReLU "
        "(arXiv:1706.00388, Table 1). Forward, cross entropy and backward, "
        f"{setting.batch} images of {setting.image} x {setting.image}, {setting.threads} "
        f"thread{'s' if setting.threads > 1 else ''}: {clock} of {rounds} interleaved rounds. "
        "Ratio: over the plain network in the same round, the median, and the middle half of the "
        "rounds; the plain network against itself shows the noise. The weight is computed from its "
        "parameters once a step, so the more images a step has, the less it counts."
    )
    memory = ("peak MiB",) if setting.device == "cuda" else ()
    header = ("on", "weights", "ms", "ratio", "25 %", "75 %", *memory)
    return Table("Training step with Dirac and one-bit weights", note, header, tuple(rows))


def _row(setting: Setting, name: str, samples: dict[str, list[Sample]]) -> tuple[str, ...]:
    pairs = zip(samples[name], samples[PLAIN], strict=True)
    ratios = [ours.seconds / theirs.seconds for ours, theirs in pairs]
    enough = ratios if len(ratios) > 1 else ratios * 2
    low, middle, high = statistics.quantiles(enough, n=4, method="inclusive")
    taken = statistics.median(sample.seconds for sample in samples[name])
    peak = (mebibytes(max(sample.peak for sample in samples[name])),)
    return (
        setting.mode,
        name,
        milliseconds(taken),
        f"{middle:.3f}",
        *((f"{low:.3f}", f"{high:.3f}") if name != PLAIN else ("", "")),
        *(peak if setting.device == "cuda" else ()),
    )
