"""What a compiled network needs of memory and time."""

from math import ceil

from archdsl.analyses.counts import Row
from archdsl.analyses.memory.budget import default_batch, largest_batch, training_memory
from archdsl.analyses.memory.devices import DeviceFigures
from archdsl.analyses.memory.figures import RowFigures, row_figures
from archdsl.analyses.memory.tape import PassSetting, Precision
from archdsl.ir.rebuild import replace
from archdsl.ir.recipe import Optimizer, Sgd
from archdsl.pipeline.compilation import Compilation
from archdsl.record import Record
from archdsl.recursion import deep_recursion
from archdsl.report.memory import DeviceMemory, MemoryReport, memory_report
from archdsl.report.tables import rows


class Measurement(Record, kw_only=True):
    """The rows of a network's table, their figures, and what it takes in all."""

    rows: tuple[Row, ...]
    figures: tuple[RowFigures, ...]
    report: MemoryReport
    device: DeviceFigures | None
    optimizer: str | None  # of the recipe, by its class in torch.optim


@deep_recursion()
def measured(
    compilation: Compilation,
    *,
    batch: int | None = None,
    precision: Precision = Precision.FLOAT32,
    device: DeviceFigures | None = None,
    by: str = "part",
) -> Measurement:
    """Measure a network with a batch, by default that of its recipe, else 1.

    It is the module as `model.py` builds it: what a phase of growth keeps fixed is the optimizer's
    business and changes nothing here.
    """
    network = compilation.elaborated.network
    setting = PassSetting(
        batch=default_batch(network) if batch is None else batch,
        precision=precision,
        on_gpu=device is not None and device.on_gpu,
    )
    memory = training_memory(network, setting)
    figures = row_figures(network, by, setting, device)
    found = rows(compilation.network, compilation.counts, by)
    about = None if device is None else _device(compilation, setting, device)
    recipe = network.recipe
    return Measurement(
        rows=found,
        figures=figures,
        report=memory_report(memory, found, figures, about),
        device=device,
        optimizer=None if recipe is None else _name(recipe.optimizer),
    )


@deep_recursion()
def measured_quantity(
    compilation: Compilation, part: str | None, name: str, batch: int | None
) -> int | tuple[int, ...] | None:
    """Return a quantity of an `expect`: in float32 on a CPU; None where there is none.

    A receptive field is the size of the field on each axis, the input's where it is all of it.
    """
    network = compilation.elaborated.network
    setting = PassSetting(batch=default_batch(network) if batch is None else batch)
    if part is None:
        memory = training_memory(network, setting)
        return memory.activations if name == "activations" else memory.peak
    found = zip(compilation.counts.parts, row_figures(network, "part", setting), strict=True)
    figures = [each for row, each in found if row.name == part]
    if name == "activations":
        return sum(each.activations for each in figures)
    field = figures[0].field
    axes = () if field is None else field.axes
    return tuple(ceil(each.size) for each in axes) or network.input.shape[1:]


def _device(compilation: Compilation, setting: PassSetting, device: DeviceFigures) -> DeviceMemory:
    network, largest = compilation.elaborated.network, None
    if device.memory is not None:

        def peak(batch: int) -> int:
            return training_memory(network, replace(setting, batch=batch)).peak

        largest = largest_batch(peak, device.memory)
    return DeviceMemory(
        name=device.name,
        memory=device.memory,
        bandwidth=device.bandwidth,
        operations=device.operations(setting.precision),
        largest_batch=largest,
    )


def _name(optimizer: Optimizer) -> str:
    """Return the class of an optimizer in torch.optim."""
    return "SGD" if isinstance(optimizer, Sgd) else type(optimizer).__name__
