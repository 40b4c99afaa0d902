"""The command `report`: folders of runs in, a table and curves out."""

import argparse
import os
import sys
from pathlib import Path

from archdsl.report.bands import show_within
from archdsl.report.document import to_json
from archdsl.report.responses import MEANING, complete_responses_table, responses_table
from archdsl.report.runs import (
    Result,
    complete_table,
    notes,
    results_document,
    results_table,
    unfinished,
)
from archdsl.report.runs import settings as settings_of
from archdsl.report.table import Format, Table, show
from archdsl.results.folders import read_runs
from archdsl.results.published import figure_for, read_figures
from archdsl.results.responses import check_logged
from archdsl.results.rows import RunRow, rows_of


def report_runs(arguments: argparse.Namespace) -> None:
    """Print what runs came to, and write a plot; raise OSError, RunError before either."""
    rows = rows_of(read_runs(arguments.runs))
    figures = read_figures(arguments.published, [row.network for row in rows])
    results = tuple(Result(row, figure_for(row, figures)) for row in rows)
    if arguments.responses:
        for row in rows:
            check_logged(row)
        text, plot = _layers_text(results, arguments.format), _layers_plot
    else:
        text, plot = _text(results, arguments.format), _plot
    if arguments.plot is not None:
        from archdsl.write import write_files

        path = Path(arguments.plot)
        write_files({path: plot(results, path.suffix[1:])})
    sys.stdout.write(text)


def _text(results: tuple[Result, ...], format: str) -> str:
    match format:
        case "json":
            return to_json(results_document(results))
        case "csv":
            return show(complete_table(results), Format.CSV)
        case "text":
            return _within(results_table(results)) + notes(results)
        case _:
            return show(results_table(results), Format(format))


def _plot(results: tuple[Result, ...], format: str) -> bytes:
    from archdsl.results.curves import Curves, draw

    curves = (
        Curves(
            _label(result.row),
            result.row.counted or result.row.runs,
            result.published and result.published.error,
        )
        for result in results
    )
    return draw(tuple(curves), format)


# ---------------------------------------------------------------- layers


def _layers_text(results: tuple[Result, ...], format: str) -> str:
    rows = [(_label(result.row), result.row) for result in results]
    match format:
        case "json":
            return to_json(results_document(results))
        case "csv":
            return show(complete_responses_table(rows), Format.CSV)
        case "text":
            said = "".join(f"{line}\n" for _, row in rows for line in unfinished(row))
            return _within(responses_table(rows)) + MEANING + said
        case _:
            return show(responses_table(rows), Format(format))


def _layers_plot(results: tuple[Result, ...], format: str) -> bytes:
    from archdsl.results.response_curves import ResponseCurve, draw_responses
    from archdsl.results.responses import layers_of

    curves = (ResponseCurve(_label(result.row), layers_of(result.row)) for result in results)
    return draw_responses(tuple(curves), format)


def _label(row: RunRow) -> str:
    said = settings_of(row)
    return f"{row.network}, {said}" if said else row.network


def _within(table: Table) -> str:
    """Return a table as wide as the terminal, and an empty line."""
    return f"{show_within(table, _width())}\n"


def _width() -> int:
    """Return the columns of the terminal; without one, a table is as wide as it is."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return sys.maxsize
