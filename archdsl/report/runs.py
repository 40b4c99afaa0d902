"""What `archdsl report` says of runs: a table and a JSON object."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias, assert_never

from archdsl.ir.task import Task
from archdsl.record import Record
from archdsl.report.document import SCHEMA
from archdsl.report.responses import responses_object
from archdsl.report.table import Cell, Column, Table, harmless
from archdsl.results.log import Flag, Log
from archdsl.results.published import Figure
from archdsl.results.rows import RunRow, Spread, test_error, test_loss, top5_error, train_accuracy

MAX_SETTINGS = 60  # characters of a row's settings in a table
_DECIMALS = 4  # of percentages that programs read


class Result(Record):
    """A row and what its paper printed."""

    row: RunRow
    published: Figure | None

    @property
    def difference(self) -> float | None:
        """Our error less the paper's, where the two are of the same thing."""
        error = self.row.error
        if error is None or self.published is None or not self.row.is_comparable:
            return None
        return error.mean - self.published.error


_Field: TypeAlias = tuple[str, bool, Callable[[Result], Cell]]

_FIELDS: tuple[_Field, ...] = (  # title, whether it is a number
    ("network", False, lambda result: result.row.network),
    ("settings", False, lambda result: _cut(settings(result.row))),
    ("data", False, lambda result: result.row.runs[0].start.data),
    ("task", False, lambda result: result.row.task),
    ("seeds", True, lambda result: _of(len(result.row.counted), len(result.row.runs))),
    ("epochs", True, lambda result: _epochs(result.row)),
    ("test error %", True, lambda result: _spread(result.row.error)),
    ("test loss", True, lambda result: _compared_loss(result.row)),
    ("paper %", True, lambda result: result.published and f"{result.published.error:.2f}"),
    ("difference", True, lambda result: _signed(result.difference)),
    ("top-5 error %", True, lambda result: _spread(result.row.last(top5_error))),
    ("train accuracy %", True, lambda result: _spread(result.row.last(train_accuracy))),
    ("parameters", True, lambda result: result.row.runs[0].start.parameters),
    ("seconds", True, lambda result: _rounded(result.row.seconds)),
    ("images/s", True, lambda result: _rounded(result.row.images_per_second)),
    ("points/s", True, lambda result: _rounded(result.row.points_per_second)),
    ("device", False, lambda result: ", ".join(result.row.devices)),
)
_PLAIN_FIELDS: tuple[_Field, ...] = (  # as programs read them
    ("network", False, lambda result: harmless(result.row.network)),
    ("recipe", False, lambda result: harmless(result.row.runs[0].start.recipe)),
    ("data", False, lambda result: harmless(result.row.runs[0].start.data)),
    ("settings", False, lambda result: harmless(settings(result.row))),
    ("seeds", True, lambda result: len(result.row.counted)),
    ("runs", True, lambda result: len(result.row.runs)),
    ("epochs", True, lambda result: min(len(run.epochs) for run in result.row.runs)),
    ("planned epochs", True, lambda result: result.row.runs[0].planned),
    ("test error", True, lambda result: _mean(result.row.error)),
    ("deviation", True, lambda result: _deviation(result.row.error)),
    ("published", True, lambda result: result.published and f"{result.published.error:g}"),
    ("difference", True, lambda result: _number(result.difference)),
    ("top-5 error", True, lambda result: _mean(result.row.last(top5_error))),
    ("train accuracy", True, lambda result: _mean(result.row.last(train_accuracy))),
    ("parameters", True, lambda result: result.row.runs[0].start.parameters),
    ("seconds", True, lambda result: _number(result.row.seconds)),
    ("images per second", True, lambda result: _number(result.row.images_per_second)),
    ("device", False, lambda result: harmless(", ".join(result.row.devices))),
    ("task", False, lambda result: result.row.task),
    ("test loss", True, lambda result: result.row.loss and f"{result.row.loss.mean:.6g}"),
    ("loss deviation", True, lambda result: _loss_deviation(result.row.loss)),
    ("points per second", True, lambda result: _number(result.row.points_per_second)),
)


def results_table(results: Iterable[Result]) -> Table:
    """Return a row for each result; columns that say nothing about any are left out.

    What a row is trained for is said where not all are trained for the same.
    """
    results = tuple(results)
    tasks = _tasks(results)
    needed = ("network", "seeds", "epochs", *map(_tested, tasks))
    fields = [f for f in _FIELDS if f[0] in needed or any(f[2](r) for r in results)]
    return _table([f for f in fields if f[0] != "task" or len(tasks) > 1], results)


def complete_table(results: Iterable[Result]) -> Table:
    """Return the table for programs: all columns, always, percentages to four decimals."""
    return _table(_PLAIN_FIELDS, tuple(results))


def notes(results: Iterable[Result]) -> str:
    """Return what a reader of the table must know, one sentence a line."""
    results = tuple(results)
    several = any(len(result.row.counted) > 1 for result in results)
    spread = ", mean and standard deviation of the sample over the seeds" if several else ""
    tested = " and ".join(_tested(task).removesuffix(" %") for task in _tasks(results))
    lines = [f"{tested} of the last epoch{spread}"]
    for result in results:
        if result.published is not None and result.published.source:
            lines.append(f"{result.row.network}: {result.published.source}")
        lines += unfinished(result.row)
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def unfinished(row: RunRow) -> Iterator[str]:
    """Yield a sentence for each run that has not all its epochs."""
    for run in row.runs:
        if not run.is_finished:
            yield f"{run.folder}: unfinished, {len(run.epochs)} of {run.planned} epochs"


def _tasks(results: Sequence[Result]) -> list[Task]:
    found = {result.row.task for result in results}
    return [task for task in Task if task in found]


def _tested(task: Task) -> str:
    """Return the column of what a test of this task is about."""
    match task:
        case Task.CLASSIFICATION:
            return "test error %"
        case Task.REGRESSION:
            return "test loss"
        case _:
            assert_never(task)


def settings(row: RunRow) -> str:
    """Return what tells a row from others of its network: `lr = 0.05, dropout = 0.3`."""
    return ", ".join(f"{name} = {_written(value)}" for name, value in row.settings)


def results_document(results: Iterable[Result]) -> dict[str, object]:
    """Return the object that `--format json` prints: docs/machine-readable.md has its keys."""
    return {"schema": SCHEMA, "rows": [_row_object(result) for result in results]}


def _row_object(result: Result) -> dict[str, object]:
    row = result.row
    start = row.runs[0].start
    return {
        "network": row.network,
        "recipe": start.recipe or None,
        "data": start.data or None,
        "task": row.task,
        "spec": start.spec or None,
        "settings": dict(row.settings),
        "finished": all(run.is_finished for run in row.runs),
        "seeds": [run.seed for run in row.counted],
        "error": _spread_object(row.error),
        "loss": row.loss and {"mean": row.loss.mean, "deviation": row.loss.deviation},
        "published": _figure_object(result.published),
        "difference": _rounded_to(result.difference),
        "top5_error": _spread_object(row.last(top5_error)),
        "train_accuracy": _spread_object(row.last(train_accuracy)),
        "parameters": start.parameters,
        "seconds": _rounded_to(row.seconds),
        "images_per_second": row.images_per_second,
        "points_per_second": row.points_per_second,
        "devices": row.devices,
        "responses": responses_object(row),
        "runs": [_run_object(run) for run in row.runs],
    }


def _run_object(run: Log) -> dict[str, object]:
    start = run.start
    return {
        "folder": run.folder,
        "seed": run.seed,
        "epochs": len(run.epochs),
        "planned_epochs": run.planned,
        "started": start.started or None,
        "commit": start.commit or None,
        "torch": start.torch or None,
        "config": start.config,
        "test_error": [_rounded_to(test_error(epoch)) for epoch in run.epochs],
        "test_loss": [test_loss(epoch) for epoch in run.epochs],
        "train_loss": [epoch.train_loss for epoch in run.epochs],
    }


def _spread_object(spread: Spread | None) -> dict[str, float | None] | None:
    if spread is None:
        return None
    return {"mean": _rounded_to(spread.mean), "deviation": _rounded_to(spread.deviation)}


def _figure_object(figure: Figure | None) -> dict[str, object] | None:
    return None if figure is None else {"error": figure.error, "source": figure.source or None}


# ---------------------------------------------------------------- cells


def _table(fields: Sequence[_Field], results: Sequence[Result]) -> Table:
    return Table(
        tuple(Column(title, is_number=is_number) for title, is_number, _ in fields),
        tuple(tuple(cell(result) for *_, cell in fields) for result in results),
    )


def _epochs(row: RunRow) -> Cell:
    done = [len(run.epochs) for run in row.counted or row.runs]
    least, most = min(done), max(done)
    shown = f"{least}" if least == most else f"{least}-{most}"
    return least if row.is_finished else f"{shown} of {row.runs[0].planned}"


def _of(part: int, whole: int) -> Cell:
    return whole if part == whole else f"{part} of {whole}"


def _spread(spread: Spread | None) -> Cell:
    match spread:
        case None:
            return None
        case Spread(deviation=None):
            return f"{spread.mean:.2f}"
        case Spread(deviation=float(deviation)):
            return f"{spread.mean:.2f} ± {deviation:.2f}"
        case _:
            raise AssertionError(spread)


def _compared_loss(row: RunRow) -> Cell:
    """Return the test loss of a regression; a classification is compared by its error."""
    if row.task is not Task.REGRESSION or row.loss is None:
        return None
    deviation = row.loss.deviation
    spread = "" if deviation is None else f" ± {deviation:.2g}"
    return f"{row.loss.mean:.3g}{spread}"


def _loss_deviation(spread: Spread | None) -> Cell:
    return None if spread is None or spread.deviation is None else f"{spread.deviation:.6g}"


def _signed(value: float | None) -> Cell:
    return None if value is None else f"{value:+.2f}"


def _rounded(value: float | None) -> Cell:
    return None if value is None else round(value)


def _rounded_to(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)


def _number(value: float | None) -> Cell:
    return None if value is None else f"{round(value, _DECIMALS):g}"


def _mean(spread: Spread | None) -> Cell:
    return None if spread is None else f"{spread.mean:.{_DECIMALS}f}"


def _deviation(spread: Spread | None) -> Cell:
    if spread is None or spread.deviation is None:
        return None
    return f"{spread.deviation:.{_DECIMALS}f}"


def _written(value: Flag) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SETTINGS else f"{text[: MAX_SETTINGS - 2]}.."
