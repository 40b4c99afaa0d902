"""What a network takes of memory and time: sentences, and a section of the JSON object."""

from collections.abc import Iterable, Iterator, Sequence

from archdsl.analyses.counts import Row
from archdsl.analyses.memory.budget import TrainingMemory
from archdsl.analyses.memory.devices import DeviceFigures
from archdsl.analyses.memory.figures import RowFigures
from archdsl.record import Record
from archdsl.report.quantities import sides, total_of


class RowMemory(Record, kw_only=True):
    """A row of a table as it stands in the JSON object."""

    name: str
    activations: int
    memory: int
    reads: int
    writes: int
    operations: int
    moved: int
    seconds: float | None
    receptive: list[float] | None
    stride: list[float] | None
    offset: list[float] | None


class DeviceMemory(Record, kw_only=True):
    """What a device has, and the largest batch whose training fits."""

    name: str
    memory: float | None
    bandwidth: float | None
    operations: float | None
    largest_batch: int | None


class MemoryReport(Record, kw_only=True):
    """Bytes of training and of inference, and the time of a forward pass at least."""

    batch: int
    precision: str
    weights: int
    gradients: int
    optimizer: int
    average: int
    buffers: int
    input: int
    activations: int
    peak: int
    inference_peak: int
    reads: int
    writes: int
    operations: int
    moved: int
    seconds: float | None
    device: DeviceMemory | None
    rows: tuple[RowMemory, ...]


def memory_report(
    memory: TrainingMemory,
    rows: Iterable[Row],
    figures: Sequence[RowFigures],
    device: DeviceMemory | None,
) -> MemoryReport:
    """Return all that is known of a network's memory."""
    total = total_of(figures)
    return MemoryReport(
        batch=memory.batch,
        precision=memory.precision,
        weights=memory.weights,
        gradients=memory.gradients,
        optimizer=memory.optimizer,
        average=memory.average,
        buffers=memory.buffers,
        input=memory.input,
        activations=memory.activations,
        peak=memory.peak,
        inference_peak=memory.inference_peak,
        reads=total.reads,
        writes=total.writes,
        operations=total.operations,
        moved=total.moved,
        seconds=total.seconds,
        device=device,
        rows=tuple(_row(row, found) for row, found in zip(rows, figures, strict=True)),
    )


def _row(row: Row, found: RowFigures) -> RowMemory:
    return RowMemory(
        name=row.name,
        activations=found.activations,
        memory=found.held,
        reads=found.reads,
        writes=found.writes,
        operations=found.operations,
        moved=found.moved,
        seconds=found.seconds,
        receptive=sides(found.field, lambda axis: axis.size),
        stride=sides(found.field, lambda axis: axis.stride),
        offset=sides(found.field, lambda axis: axis.offset),
    )


def memory_text(report: MemoryReport, optimizer: str | None, device: DeviceFigures | None) -> str:
    """Return the sentences, one a line; `optimizer` is that of the recipe."""
    return "".join(f"{line}\n" for line in _lines(report, optimizer, device))


def _lines(
    report: MemoryReport, optimizer: str | None, device: DeviceFigures | None
) -> Iterator[str]:
    yield f"training with a batch of {report.batch:,} in {report.precision}:"
    state = f"state of {optimizer}" if optimizer else "state of the optimizer: no recipe names one"
    parts = (
        ("weights", report.weights),
        ("gradients", report.gradients),
        (state, report.optimizer),
        ("average of the weights", report.average),
        ("buffers", report.buffers),
        ("input", report.input),
        ("activations that autograd keeps", report.activations),
        ("the most at once", report.peak),
    )
    for what, size in parts:
        if size or what == state:
            yield f"{_size(size):>12}  {what}"
    yield f"{_size(report.inference_peak):>12}  the most at once in inference, with the weights"
    if device is None or report.device is None:
        return
    if device.memory is not None and report.device.largest_batch is not None:
        largest = report.device.largest_batch
        fits = f"{largest:,} is the largest batch" if largest else "no batch"
        yield f"{fits} that fits in the {_size(device.memory)} of {device.name}"
    if report.seconds is not None:
        bound = f"{report.seconds * 1e3:,.3f} ms"
        yield f"a forward pass takes at least {bound} on {device.name}, by its roofline"


def _size(bytes_: float) -> str:
    """Return bytes as people read them, in powers of ten."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if bytes_ >= unit:
            return f"{bytes_ / unit:,.2f} {name}"
    return f"{bytes_:,.0f} B"
