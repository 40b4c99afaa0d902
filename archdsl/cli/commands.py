"""The commands: parsed arguments in, text on stdout, exit status out.

Imports stand inside the functions, so that each command loads only what it needs.
"""

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from archdsl.cli.terminal import fail, print_diagnostics
from archdsl.diagnostics import Diagnostic

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.pipeline import Compilation

OK, FAILED, USAGE = 0, 1, 2


class UsageError(Exception):
    """The command was not given as it should be."""


def compile_(arguments: argparse.Namespace) -> int:
    """Write the files of a network and print its table."""
    from pathlib import Path

    from archdsl.cli.tables import print_json, print_text
    from archdsl.write import check_files, write_files

    compilation = _compilation(arguments)
    name = arguments.name or compilation.name
    folder = Path(arguments.out) / name
    written = compilation.written(name)
    files = {folder / file: text for file, text in written.texts.items()}
    paths = {kind: _path_in(files, folder / f"{kind}.py") for kind in ("model", "train")}
    members: dict[str, object] = {
        "files": paths,
        "class": compilation.class_name(name),
        "open": written.open,
    }
    if arguments.check:
        return _check_current(compilation, check_files(files), members, arguments)
    write_files(files)
    if arguments.format == "json":
        print_json(compilation, members)
    else:
        print_text(compilation, "part")
        sys.stdout.write("".join(f"{path.as_posix()}\n" for path in files))
        if paths["train"] is None:
            sys.stdout.write("no train.py: the network names no recipe (`train = ..`)\n")
    return OK


def deploy(arguments: argparse.Namespace) -> int:
    """Write the deployed network of a checkpoint and print what its file holds."""
    from archdsl.cli.deploying import deploy_checkpoint
    from archdsl.deploy.errors import DeployError

    try:
        return deploy_checkpoint(_phase(_compilation(arguments), arguments), arguments)
    except DeployError as error:
        return fail(str(error), FAILED)


def inspect(arguments: argparse.Namespace) -> int:
    """Print, and plot, what checkpoints of a network hold by layer."""
    from archdsl.cli.inspecting import inspect_checkpoints
    from archdsl.deploy.errors import DeployError

    try:
        inspect_checkpoints(_phase(_compilation(arguments), arguments), arguments)
    except DeployError as error:
        return fail(str(error), FAILED)
    return OK


def match(arguments: argparse.Namespace) -> int:
    """Print which entries of a file of weights fit a network."""
    from archdsl.cli.matching import match_names
    from archdsl.deploy.errors import DeployError

    try:
        return OK if match_names(_phase(_compilation(arguments), arguments), arguments) else FAILED
    except DeployError as error:
        return fail(str(error), FAILED)


def params(arguments: argparse.Namespace) -> int:
    """Print the table of a network."""
    from archdsl.cli.tables import extra_members, print_json, print_table, print_text

    if arguments.symbolic is not None:
        return _symbolic(arguments)
    arguments.by = arguments.by or "part"
    compilation = _phase(_compilation(arguments), arguments)
    if arguments.tensors:
        _refuse_too_many_tensors(compilation)
    elif arguments.by == "phase":
        compilation.phase(0)  # there are some
    measures = (arguments.columns, arguments.batch, arguments.precision, arguments.device)
    if any(each is not None for each in measures):
        from archdsl.cli.measuring import print_measured

        print_measured(compilation, arguments, extra_members(compilation, arguments))
        return OK
    if arguments.format == "json":
        print_json(compilation, extra_members(compilation, arguments))
    elif arguments.format == "text" and not arguments.tensors:
        print_text(compilation, arguments.by)
    else:
        print_table(compilation, arguments)
    return OK


def table(arguments: argparse.Namespace) -> int:
    """Print the architecture as papers do."""
    from archdsl.cli.paper import print_paper
    from archdsl.pipeline.closed import SymbolicError

    try:
        print_paper(arguments)
    except SymbolicError as error:
        return fail(str(error), FAILED)
    return OK


def diff(arguments: argparse.Namespace) -> int:
    """Print what differs between two networks."""
    from archdsl.cli.differing import diff as differ

    return differ(arguments)


def _symbolic(arguments: argparse.Namespace) -> int:
    """Print the closed forms of a network."""
    from archdsl.cli.symbolic import print_closed
    from archdsl.pipeline.closed import SymbolicError

    if arguments.tensors or arguments.phase is not None or arguments.by not in (None, "part"):
        raise UsageError("--symbolic goes with --by part alone, and with no --phase or --tensors")
    names = {name for name, _ in arguments.set}.intersection(arguments.symbolic)
    if names:
        raise UsageError(f"`{min(names)}` is set, and asked about by --symbolic: take one off")
    try:
        print_closed(_compilation(arguments), arguments)
    except SymbolicError as error:
        return fail(str(error), FAILED)
    return OK


def sweep(arguments: argparse.Namespace) -> int:
    """Print, and plot, the numbers of the members of a family."""
    from archdsl.cli.sweeping import sweep_members

    sweep_members(arguments)
    return OK


def fit(arguments: argparse.Namespace) -> int:
    """Print the members of a family that come nearest to a budget."""
    from archdsl.cli.fitting import fit_members

    return fit_members(arguments)


def check(arguments: argparse.Namespace) -> int:
    """Build every network that the expects of some specs are about; a wrong spec stops no other."""
    from archdsl.cli.checking import check_specs

    return OK if check_specs(arguments) else FAILED


def fmt(arguments: argparse.Namespace) -> int:
    """Bring specs into canonical form."""
    from archdsl.cli.formatting import STDIN, format_specs

    if STDIN in arguments.specs and len(arguments.specs) > 1:
        raise UsageError("`-` stands alone: its canonical form goes to stdout")
    return OK if format_specs(arguments) else FAILED


def report(arguments: argparse.Namespace) -> int:
    """Print the table of some runs, and plot their curves."""
    from archdsl.cli.reporting import report_runs
    from archdsl.results.errors import RunError

    try:
        report_runs(arguments)
    except RunError as error:
        return fail(str(error), FAILED)
    return OK


def explain(arguments: argparse.Namespace) -> int:
    """Print the page of a diagnostic, or a line for each."""
    from archdsl.cli.pages import codes, page, title

    known = codes()
    if arguments.code is None:
        sys.stdout.write("".join(f"{code}\t{title(code)}\n" for code in known))
        return OK
    code = arguments.code.upper()
    if code not in known:
        from archdsl.suggest import did_you_mean

        hint = did_you_mean(code, known)
        raise UsageError(
            f"there is no diagnostic `{arguments.code}`" + (f"; {hint}" if hint else "")
        )
    sys.stdout.write(page(code))
    return OK


def completion(arguments: argparse.Namespace) -> int:
    """Print what a shell reads to complete commands, or what it asks for."""
    from archdsl.cli.completing import script, settable

    if arguments.shell is not None:
        sys.stdout.write(script(arguments.shell))
    else:
        sys.stdout.write("".join(f"{name}\n" for name in settable(arguments.arguments)))
    return OK


def report_failure(arguments: argparse.Namespace, diagnostics: Iterable[Diagnostic]) -> int:
    """Print what is wrong with a spec, on stdout too where a program asked for JSON."""
    diagnostics = tuple(diagnostics)
    print_diagnostics(diagnostics)
    if "format" in arguments and arguments.format == "json":
        from archdsl.report.document import SCHEMA, to_json
        from archdsl.report.findings import findings

        sys.stdout.write(to_json({"schema": SCHEMA, "diagnostics": findings(diagnostics)}))
    return FAILED


# ---------------------------------------------------------------- what they share


def _compilation(arguments: argparse.Namespace) -> "Compilation":
    from archdsl.pipeline import compile_spec

    names = [name for name, _ in arguments.set]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"argument `{name}` is set twice")
    compilation = compile_spec(arguments.spec, arguments=dict(arguments.set))
    print_diagnostics(compilation.warnings)
    return compilation


def _phase(compilation: "Compilation", arguments: argparse.Namespace) -> "Compilation":
    """Return the phase that is asked for; the network itself where none is."""
    return compilation if arguments.phase is None else compilation.phase(arguments.phase)


def _path_in(files: "dict[Path, str]", path: "Path") -> str | None:
    return path.as_posix() if path in files else None


def _check_current(
    compilation: "Compilation",
    difference: str,
    members: dict[str, object],
    arguments: argparse.Namespace,
) -> int:
    from archdsl.cli.tables import print_json

    if arguments.format == "json":
        members |= {"current": not difference, "difference": difference}
        print_json(compilation, members)
    else:
        sys.stdout.write(difference)
    if not difference:
        return OK
    folder = f"{arguments.out}/{arguments.name or compilation.name}"
    settings = "".join(f" --set {name}={value}" for name, value in arguments.set)
    return fail(
        f"{folder} is not what `archdsl compile {arguments.spec}{settings}` writes",
        FAILED,
    )


def _refuse_too_many_tensors(compilation: "Compilation") -> None:
    from archdsl.analyses.tensors import num_tensors
    from archdsl.limits import MAX_TENSOR_ROWS

    number = num_tensors(compilation.network)
    if number > MAX_TENSOR_ROWS:
        raise UsageError(
            f"the network has {number:,} tensors and --tensors lists at most {MAX_TENSOR_ROWS:,}; "
            "try --by layer"
        )
