"""The command `report`: folders of runs in, a table and curves out."""

import argparse
import os
import sys
from pathlib import Path

from archdsl.report.bands import show_within
from archdsl.report.document import to_json
from archdsl.report.runs import Result, complete_table, notes, results_document, results_table
from archdsl.report.runs import settings as settings_of
from archdsl.report.table import Format, show
from archdsl.results.folders import read_runs
from archdsl.results.published import figure_for, read_figures
from archdsl.results.rows import rows_of


def report_runs(arguments: argparse.Namespace) -> None:
    """Print what runs came to, and write a plot; raise OSError, RunError before either."""
    rows = rows_of(read_runs(arguments.runs))
    figures = read_figures(arguments.published, [row.network for row in rows])
    results = tuple(Result(row, figure_for(row, figures)) for row in rows)
    text = _text(results, arguments.format)
    if arguments.plot is not None:
        _plot(results, Path(arguments.plot))
    sys.stdout.write(text)


def _text(results: tuple[Result, ...], format: str) -> str:
    match format:
        case "json":
            return to_json(results_document(results))
        case "csv":
            return show(complete_table(results), Format.CSV)
        case "text":
            return f"{show_within(results_table(results), _width())}\n{notes(results)}"
        case _:
            return show(results_table(results), Format(format))


def _plot(results: tuple[Result, ...], path: Path) -> None:
    from archdsl.results.curves import Curves, draw
    from archdsl.write import write_files

    curves = tuple(
        Curves(
            _label(result),
            result.row.counted or result.row.runs,
            result.published and result.published.error,
        )
        for result in results
    )
    write_files({path: draw(curves, path.suffix[1:])})


def _label(result: Result) -> str:
    said = settings_of(result.row)
    return f"{result.row.network}, {said}" if said else result.row.network


def _width() -> int:
    """Return the columns of the terminal; without one, a table is as wide as it is."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return sys.maxsize
