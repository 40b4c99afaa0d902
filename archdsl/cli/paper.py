"""The command `table`: a spec in, the architecture as papers print it out."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product

from archdsl.cli.commands import UsageError
from archdsl.cli.terminal import print_diagnostics
from archdsl.pipeline import Compilation, compile_spec
from archdsl.report.paper.printing import show_paper
from archdsl.report.paper.table import PaperTable, paper_column, paper_table
from archdsl.report.table import Format

MOST = 12  # columns of a table


def print_paper(arguments: argparse.Namespace) -> None:
    """Print the table; raise UsageError, SpecError, SymbolicError."""
    axes = list(_axes(arguments.set))
    if arguments.symbolic is not None:
        table = _symbolic(arguments, axes)
    else:
        table = _of_members(arguments, axes)
    sys.stdout.write(show_paper(table, Format(arguments.format)))


_Axes = Sequence[tuple[str, Sequence[str]]]


def _of_members(arguments: argparse.Namespace, axes: _Axes) -> PaperTable:
    number = 1
    for _, values in axes:
        number *= len(values)
    if number > MOST:
        raise UsageError(f"a table has at most {MOST} columns, not {number}")
    varied = [name for name, values in axes if len(values) > 1]
    found = [
        _compiled(arguments, dict(zip((name for name, _ in axes), values, strict=True)))
        for values in product(*(values for _, values in axes))
    ]
    columns = [paper_column(each.network, each.counts, varied) for each in found]
    return paper_table(columns, [each.network for each in found])


def _symbolic(arguments: argparse.Namespace, axes: _Axes) -> PaperTable:
    from archdsl.report.paper.symbolic import symbolic_table

    for name, values in axes:
        if len(values) > 1:
            raise UsageError(f"`{name}` has several values: leave them out with --symbolic")
        if name in arguments.symbolic:
            raise UsageError(f"`{name}` is set, and asked about by --symbolic: take one off")
    compilation = _compiled(arguments, {name: values[0] for name, values in axes})
    return symbolic_table(compilation.network, compilation.symbolic(arguments.symbolic))


def _compiled(arguments: argparse.Namespace, given: dict[str, str]) -> Compilation:
    compilation = compile_spec(arguments.spec, None, given)
    print_diagnostics(compilation.warnings)
    return compilation


def _axes(given: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield arguments and their values: `18,34,50` are three."""
    names = [name for name, _ in given]
    for name, text in given:
        if names.count(name) > 1:
            raise UsageError(f"argument `{name}` is set twice")
        values = [value.strip() for value in _split(text)]
        if not all(values):
            raise UsageError(f"`{text}` has a comma without a value: write `--set {name}=18,34`")
        yield name, values


def _split(text: str) -> list[str]:
    """Return the parts of a text between commas that stand in no brackets or quotes."""
    found, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == '"'
        depth += 0 if quoted else (character in "([{") - (character in ")]}")
        if character == "," and not depth and not quoted:
            found.append("")
        else:
            found[-1] += character
    return found
