"""What `params` and `compile` print of a network: its tables, or one JSON object."""

import argparse
import sys

import msgspec

from archdsl.analyses.tensors import entries
from archdsl.pipeline import Compilation
from archdsl.report.document import parts, to_json
from archdsl.report.table import Format, Table, show
from archdsl.report.tables import counts_table, heading, rows, sizes, summary, tensors_table


def print_text(compilation: Compilation, by: str) -> None:
    """Print a network's table and what there is to say of it; of one that grows its phases too."""
    sys.stdout.write("\n".join((heading(compilation.network), *_pieces(compilation, by))))


def _pieces(compilation: Compilation, by: str) -> tuple[str, ...]:
    network = compilation.network
    if by == "phase":
        return _phases(compilation)
    table = counts_table(rows(network, compilation.counts, by), by)
    said = summary(compilation.counts.sums) + sizes(network)
    return (show(table, Format.TEXT), said, *_phases(compilation))


def _phases(compilation: Compilation) -> tuple[str, ...]:
    if compilation.growing is None:
        return ()
    from archdsl.report.phases import phases_text

    return phases_text(compilation.report)


def print_table(compilation: Compilation, arguments: argparse.Namespace) -> None:
    """Print the table that is asked for, alone."""
    chosen = Format(arguments.format)
    sys.stdout.write(show(_table(compilation, arguments, chosen), chosen))


def _table(compilation: Compilation, arguments: argparse.Namespace, chosen: Format) -> Table:
    network, complete = compilation.network, chosen is Format.CSV
    if arguments.tensors:
        return tensors_table(entries(network), complete=complete)
    if arguments.by == "phase":
        from archdsl.report.phases import phases_table

        return phases_table(compilation.report.phases)
    found = rows(network, compilation.counts, arguments.by)
    return counts_table(found, arguments.by, complete=complete)


def print_json(compilation: Compilation, members: dict[str, object]) -> None:
    """Print the numbers of a network, and more."""
    sys.stdout.write(to_json(msgspec.structs.asdict(compilation.report) | members))


def extra_members(compilation: Compilation, arguments: argparse.Namespace) -> dict[str, object]:
    """Return what `params` adds to the object as it is asked to."""
    members: dict[str, object] = {}
    if arguments.phase is not None:
        members["phase"] = arguments.phase
    if arguments.by in ("block", "layer"):
        found = rows(compilation.network, compilation.counts, arguments.by)
        members[f"{arguments.by}s"] = parts(found)
    if arguments.tensors:
        members["tensors"] = tuple(entries(compilation.network))
    return members
