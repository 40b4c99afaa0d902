"""What `params` prints where it is asked for columns, or for memory and time."""

import argparse
import sys

import msgspec

from archdsl.analyses.memory.devices import DeviceFigures, UnknownDeviceError, device_of
from archdsl.analyses.memory.tape import Precision
from archdsl.cli.commands import UsageError
from archdsl.limits import MAX_BATCH
from archdsl.pipeline import Compilation
from archdsl.pipeline.measuring import Measurement, measured
from archdsl.report.document import to_json
from archdsl.report.memory import memory_text
from archdsl.report.quantities import QUANTITIES, quantities_table
from archdsl.report.table import Format, Table, show
from archdsl.report.tables import heading, summary
from archdsl.suggest import did_you_mean

DEFAULT_COLUMNS = ("output", "parameters", "macs", "activations", "memory")


def print_measured(
    compilation: Compilation, arguments: argparse.Namespace, members: dict[str, object]
) -> None:
    """Print the table of a network's memory and time, or the JSON object with a section of it."""
    columns, device = _columns(arguments), _device(arguments)
    found = measured(
        compilation,
        batch=_batch(arguments),
        precision=Precision(arguments.precision or Precision.FLOAT32),
        device=device,
        by=arguments.by,
    )
    if arguments.format == "json":
        about = msgspec.structs.asdict(compilation.report) | members
        sys.stdout.write(to_json(about | {"memory": found.report}))
        return
    chosen = Format(arguments.format)
    table = show(_table(found, arguments, columns), chosen)
    if chosen is Format.TEXT:
        said = summary(compilation.counts.sums)
        memory = memory_text(found.report, found.optimizer, device)
        table = "\n".join((heading(compilation.network), table, said, memory))
    sys.stdout.write(table)


def _table(found: Measurement, arguments: argparse.Namespace, columns: tuple[str, ...]) -> Table:
    peak = found.report.peak
    return quantities_table(found.rows, found.figures, arguments.by, columns, peak)


def _columns(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.tensors or arguments.by == "phase":
        wrong = "--tensors" if arguments.tensors else "--by phase"
        raise UsageError(f"{wrong} has columns of its own: memory is by part, block or layer")
    if arguments.columns is None:
        return DEFAULT_COLUMNS + (("time",) if arguments.device is not None else ())
    columns = tuple(each.strip() for each in arguments.columns.split(","))
    for column in columns:
        if column not in QUANTITIES:
            hint = did_you_mean(column, tuple(QUANTITIES))
            message = f"there is no column `{column}`"
            raise UsageError(f"{message}; {hint or 'there is ' + ', '.join(QUANTITIES)}")
    if len(set(columns)) < len(columns):
        raise UsageError("--columns names a column twice")
    return columns


def _batch(arguments: argparse.Namespace) -> int | None:
    batch: int | None = arguments.batch
    if batch is not None and not 1 <= batch <= MAX_BATCH:
        raise UsageError(f"--batch must be 1 to {MAX_BATCH:,}, not {batch:,}")
    return batch


def _device(arguments: argparse.Namespace) -> DeviceFigures | None:
    if arguments.device is None:
        return None
    try:
        return device_of(arguments.device)
    except UnknownDeviceError as error:
        raise UsageError(str(error)) from None
