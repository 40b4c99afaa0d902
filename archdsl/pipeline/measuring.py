"""What a compiled network needs of memory and time."""

from archdsl.analyses.counts import Row
from archdsl.analyses.memory.budget import default_batch, largest_batch, training_memory
from archdsl.analyses.memory.devices import DeviceFigures
from archdsl.analyses.memory.figures import RowFigures, row_figures
from archdsl.analyses.memory.tape import Precision, Setting
from archdsl.ir.rebuild import replace
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
    setting = Setting(
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
        optimizer=None if recipe is None else type(recipe.optimizer).__name__,
    )


def _device(compilation: Compilation, setting: Setting, device: DeviceFigures) -> DeviceMemory:
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
