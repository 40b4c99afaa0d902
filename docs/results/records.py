"""The records in docs/results: one JSON file a row, written by a command, read by anybody."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from archdsl.record import Record
from archdsl.results.errors import RunError
from archdsl.results.folders import read_runs
from archdsl.results.log import Flag
from archdsl.results.published import Figure, figure_for, read_figures
from archdsl.results.rows import RunRow, rows_of, test_error

FIGURES = Path(__file__).with_name("published.csv")

Percent = Annotated[float, Meta(ge=0, le=100)]
Word = Annotated[str, Meta(min_length=1, max_length=500)]


class Published(Record, kw_only=True, forbid_unknown_fields=True):
    """A paper's test error in percent, and where it stands."""

    error: Percent
    source: Word


class Entry(Record, kw_only=True, forbid_unknown_fields=True):
    """A row of the page."""

    network: Word
    data: str = ""
    recipe: str = ""
    settings: dict[str, Flag]  # flags that set it apart from the recipe
    commands: Annotated[tuple[Word, ...], Meta(min_length=1)]
    machine: Word
    torch: str = ""
    started: str = ""  # UTC
    commit: Word
    epochs: Annotated[int, Meta(ge=1)]
    parameters: int | None = None
    seconds: float | None = None  # of all epochs of all seeds
    seeds: Annotated[tuple[int, ...], Meta(min_length=1)]
    errors: Annotated[tuple[Percent, ...], Meta(min_length=1)]  # of the last epochs, by seed
    published: Published | None = None
    note: str = ""


def load(folder: Path) -> tuple[Entry, ...]:
    """Return the records of a folder, by name of file; raise RunError where one is none."""
    return tuple(_read(path) for path in sorted(folder.glob("*.json")))


def save(entry: Entry, path: Path) -> None:
    """Write a record, a line for each of its members; one that is there is not replaced."""
    if path.exists():
        raise RunError(f"{path} is there: remove it first, or choose another name")
    content = msgspec.json.format(msgspec.json.encode(entry), indent=2)
    path.write_bytes(content + b"\n")


def made(
    runs: Sequence[str], commands: tuple[str, ...], given: Mapping[str, str], published: str | None
) -> Entry:
    """Return the record of finished runs that are one row; raise RunError, OSError.

    What is not `given`, of `machine`, `commit` and `note`, comes from the logs.
    """
    rows = rows_of(read_runs(runs))
    if len(rows) != 1:
        raise RunError(f"a record is one row of `archdsl report`, and these runs are {len(rows)}")
    (row,) = rows
    _check_whole(row)
    figures = read_figures([published or str(FIGURES)], [row.network])
    return _entry(row, commands, given, figure_for(row, figures))


def name(text: str) -> str:
    """Return the name of a record, if it is one."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", text):
        raise argparse.ArgumentTypeError(f"`{text}` is no name of a file")
    return text


def _read(path: Path) -> Entry:
    try:
        entry = msgspec.json.decode(path.read_bytes(), type=Entry)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RunError(f"{path.name} is no record: {error}") from None
    if len(entry.seeds) != len(entry.errors) or len(set(entry.seeds)) < len(entry.seeds):
        raise RunError(f"{path.name} has {len(entry.seeds)} seeds for {len(entry.errors)} errors")
    return entry


def _check_whole(row: RunRow) -> None:
    for run in row.runs:
        if not run.is_finished:
            done = f"{len(run.epochs)} of {run.planned} epochs"
            raise RunError(f"{run.folder} is unfinished, {done}: no result")
    if not row.is_comparable:
        raise RunError(f"{row.runs[0].folder} did not see the whole data set: no result")
    if row.error is None:
        raise RunError(f"{row.runs[0].folder} has no test accuracy in its last epoch: no result")


def _entry(
    row: RunRow, commands: tuple[str, ...], given: Mapping[str, str], figure: Figure | None
) -> Entry:
    run = row.runs[0]
    start = run.start
    said = {
        "commands": commands or tuple({r.start.command: None for r in row.runs if r.start.command}),
        "machine": given["machine"] or ", ".join(row.devices),
        "commit": given["commit"] or start.commit,
    }
    for member, value in said.items():
        if not value:
            raise RunError(f"the log names no {member}: say it by --{member.removesuffix('s')}")
    return Entry(
        network=row.network,
        data=start.data,
        recipe=start.recipe,
        settings=dict(row.settings),
        **said,
        torch=start.torch,
        started=start.started,
        epochs=run.planned,
        parameters=start.parameters,
        seconds=None if row.seconds is None else round(row.seconds, 1),
        seeds=tuple(run.seed for run in row.runs),
        errors=tuple(round(test_error(run.epochs[-1]) or 0.0, 4) for run in row.runs),
        published=figure and Published(error=figure.error, source=figure.source or "not said"),
        note=given["note"],
    )
