"""The command `check`: specs in, what is wrong with them out."""

import argparse
import sys

from archdsl.cli.terminal import print_diagnostics, progress
from archdsl.diagnostics import Diagnostic, Severity, SpecError
from archdsl.pipeline import check_spec, split_target
from archdsl.record import Record


class Checked(Record):
    """What came of checking a spec."""

    spec: str
    networks: int  # built
    expects: int  # that hold
    diagnostics: tuple[Diagnostic, ...]

    @property
    def file(self) -> str:
        """The path of the spec, without a network."""
        return split_target(self.spec)[0]

    @property
    def ok(self) -> bool:
        """Whether there are at most warnings."""
        return all(found.severity is not Severity.ERROR for found in self.diagnostics)


def check_specs(arguments: argparse.Namespace) -> bool:
    """Check specs and print what comes of it; a wrong spec stops no other.

    Return whether all are right.
    """
    results: list[Checked] = []
    for spec in arguments.specs:
        result = _check(spec)
        if arguments.format != "github":  # whose commands are the diagnostics
            print_diagnostics(result.diagnostics)
        if arguments.format == "text":
            sys.stdout.write(_line(result))
            sys.stdout.flush()
        results.append(result)
    match arguments.format:
        case "json":
            sys.stdout.write(_json(results))
        case "github":
            sys.stdout.write(_commands(results))
        case "sarif":
            sys.stdout.write(_sarif(results))
        case _:
            pass
    return all(result.ok for result in results)


def _check(spec: str) -> Checked:
    try:
        with progress() as show:
            report = check_spec(spec, progress=lambda network: show(f"{spec}: {network}"))
    except SpecError as error:
        return Checked(spec, 0, 0, error.diagnostics)
    return Checked(spec, report.networks, report.expects, report.warnings)


def _line(result: Checked) -> str:
    if not result.ok:
        return f"{result.spec}: failed\n"
    networks, expects = result.networks, result.expects
    return (
        f"{result.spec}: {networks} network{'' if networks == 1 else 's'}, "
        f"{expects} expectation{'' if expects == 1 else 's'}\n"
    )


def _json(results: list[Checked]) -> str:
    from archdsl.report.document import SCHEMA, to_json
    from archdsl.report.findings import findings

    specs = [
        {
            "spec": result.spec,
            "ok": result.ok,
            "networks": result.networks,
            "expects": result.expects,
            "diagnostics": findings(result.diagnostics),
        }
        for result in results
    ]
    return to_json({"schema": SCHEMA, "specs": specs})


def _commands(results: list[Checked]) -> str:
    """Return each diagnostic once, though several specs import what is wrong."""
    from archdsl.report.github import command

    found = ((result.file, diagnostic) for result in results for diagnostic in result.diagnostics)
    return "".join(dict.fromkeys(command(diagnostic, file) for file, diagnostic in found))


def _sarif(results: list[Checked]) -> str:
    from archdsl.cli.pages import page
    from archdsl.report.sarif import sarif

    found = ((result.file, diagnostic) for result in results for diagnostic in result.diagnostics)
    return sarif(found, page)
