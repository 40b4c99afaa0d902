"""The command `sweep`: a spec and ranges of arguments in, a table of its members out."""

import argparse
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from archdsl.analyses import measures
from archdsl.analyses.swept import Swept, SweptMember
from archdsl.cli.commands import UsageError
from archdsl.cli.ranges import axis
from archdsl.cli.terminal import progress
from archdsl.pipeline.compiling import family
from archdsl.pipeline.sweeping import SweepError, sweep
from archdsl.report.document import to_json
from archdsl.report.sweeps import (
    ShownSweep,
    shown_sweep,
    sweep_document,
    sweep_table,
    sweep_text,
)
from archdsl.report.table import Format, show
from archdsl.suggest import closest
from archdsl.write import write_files

COLUMNS = ("parameters", "macs")


def sweep_members(arguments: argparse.Namespace) -> None:
    """Print the members of a sweep, and plot them; raise UsageError, SpecError, OSError."""
    columns = tuple(column_of(name) for name in arguments.columns or COLUMNS)
    asked = tuple(dict.fromkeys((*columns, *_mentioned(arguments.where))))
    members = family(arguments.spec, keeps_recipe=not measures.are_closed(asked))
    axes = [axis(name, text, members) for name, text in settings(arguments.set)]
    if not axes:
        raise UsageError("nothing is swept: write `--set depth=16..100:6`")
    by = sorting(arguments.sort, columns, [each.name for each in axes])
    if arguments.plot is not None and find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib: pip install 'archdsl[plots]'")
    try:
        with progress() as say:
            swept = sweep(members, axes, asked, arguments.where, say, arguments.batch)
    except SweepError as error:
        raise UsageError(str(error)) from None
    rows = _sorted(swept, by, reverse=arguments.reverse)
    with_front = len(columns) > 1 and (arguments.front or arguments.plot is not None)
    shown = shown_sweep(swept, rows[: arguments.top], columns, with_front=with_front)
    if arguments.plot is not None:
        from archdsl.report.sweep_plot import plot

        write_files({Path(arguments.plot): plot(shown, Path(arguments.plot).suffix[1:])})
    _print(shown, arguments.format)


def settings(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return arguments that are set, each once; raise UsageError."""
    given = list(given)
    names = [name for name, _ in given]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"argument `{name}` is set twice")
    return given


def column_of(name: str) -> str:
    """Return the name of a measure; raise UsageError where there is none of this name."""
    if name in measures.COLUMNS:
        return name
    near = closest(name, measures.COLUMNS)
    hint = f"did you mean `{near}`?" if near else f"there is {', '.join(measures.COLUMNS)}"
    raise UsageError(f"there is no column `{name}`; {hint}")


def _mentioned(where: str | None) -> Iterable[str]:
    """Return the measures that a condition may be about."""
    return (name for name in measures.COLUMNS if where is not None and name in where)


def sorting(name: str | None, columns: tuple[str, ...], names: list[str]) -> int | None:
    """Return what to sort by: the place of a column, or that of an argument, from -1 down."""
    if name is None:
        return None
    if name in columns:
        return columns.index(name)
    if name in names:
        return -1 - names.index(name)
    near = closest(name, (*columns, *names))
    hint = f"did you mean `{near}`?" if near else f"there is {', '.join((*names, *columns))}"
    raise UsageError(f"`{name}` is no column of this table; {hint}")


def _sorted(swept: Swept, by: int | None, *, reverse: bool) -> list[SweptMember]:
    members = list(swept.members)
    if by is not None and by >= 0:
        members.sort(key=lambda member: member.numbers[by], reverse=reverse)
    elif by is not None:
        members.sort(key=lambda member: member.place[-1 - by], reverse=reverse)
    elif reverse:
        members.reverse()
    return members


def _print(shown: ShownSweep, format: str) -> None:
    match format:
        case "json":
            text = to_json(sweep_document(shown))
        case "text":
            text = sweep_text(shown)
        case _:
            text = show(sweep_table(shown), Format(format))
    sys.stdout.write(text)
