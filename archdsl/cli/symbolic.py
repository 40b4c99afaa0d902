"""The part of `params` that prints closed forms."""

import argparse
import sys

from archdsl.pipeline import Compilation
from archdsl.report.closed_forms import (
    closed_document,
    closed_latex,
    closed_table,
    closed_text,
)
from archdsl.report.document import to_json
from archdsl.report.formulas import TEXT
from archdsl.report.table import Format, show


def print_closed(compilation: Compilation, arguments: argparse.Namespace) -> None:
    """Print the closed forms in the arguments that are asked about; raise SymbolicError."""
    forms = compilation.symbolic(arguments.symbolic)
    by_part = arguments.by == "part"
    match arguments.format:
        case "text":
            text = closed_text(forms, by_part=by_part)
        case "json":
            text = to_json(closed_document(forms))
        case "latex":
            text = closed_latex(forms, by_part=by_part)
        case _:
            table = closed_table(forms, TEXT, by_part=by_part)
            text = show(table, Format(arguments.format))
    sys.stdout.write(text)
