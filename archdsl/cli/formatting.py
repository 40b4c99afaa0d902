"""The command `fmt`: specs in, their canonical form out."""

import argparse
import sys
from pathlib import Path

from archdsl.cli.terminal import fail, print_diagnostics
from archdsl.diagnostics import SpecError
from archdsl.source import SourceFile
from archdsl.syntax.files import read_text, text_of
from archdsl.syntax.format import format_spec
from archdsl.write import difference, read, write_files

STDIN = "-"


def format_specs(arguments: argparse.Namespace) -> bool:
    """Format specs, or with --check show what that would change; a wrong spec stops no other.

    Return whether all of them parse and, with --check, are canonical.
    """
    outcomes = [_format_one(spec, check=arguments.check) for spec in arguments.specs]
    changes = outcomes.count("changes")
    if changes:
        these = "this spec is" if changes == 1 else f"{changes} specs are"
        fail(f"{these} not in canonical form; `archdsl fmt` writes it", 1)
    return set(outcomes) <= {"done"}


def _format_one(spec: str, *, check: bool) -> str:
    """Return "done", "wrong", or "changes" where --check found what would change."""
    path = Path(spec).resolve()  # a link stays one
    try:
        if spec == STDIN:
            current = text = text_of(sys.stdin.buffer, "<stdin>")
        else:
            text = read_text(spec, spec, None)
            current = read(path) or ""  # with its byte order mark and line ends
        canonical = format_spec(SourceFile("<stdin>" if spec == STDIN else spec, text))
    except SpecError as error:
        print_diagnostics(error.diagnostics)
        return "wrong"
    if check and canonical != current:
        sys.stdout.write(difference("<stdin>" if spec == STDIN else spec, current, canonical))
        return "changes"
    if spec == STDIN and not check:
        sys.stdout.write(canonical)
    elif canonical != current:
        write_files({path: canonical})
        sys.stdout.write(f"{spec}\n")
    return "done"
