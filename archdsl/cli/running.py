"""The command line: arguments in, text and an exit status out.

Status 0: done. 1: a spec has errors, or something could not be written or is not current. 2: wrong
usage. Tables go to stdout, diagnostics to stderr.
"""

import argparse
import gc
import sys
from collections.abc import Sequence

from archdsl.cli.arguments import parser
from archdsl.cli.commands import FAILED, USAGE, UsageError, report_failure
from archdsl.cli.terminal import abandon_broken_streams, fail, prepare_streams
from archdsl.diagnostics import SpecError

FEW_COLLECTIONS = 1_000_000  # objects between two: records are trees, a collection finds nothing


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; argparse exits by itself on wrong usage."""
    gc.set_threshold(FEW_COLLECTIONS)
    if not prepare_streams():
        return fail("stdout is closed", FAILED)
    try:
        arguments = parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
        status = _run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        return fail(str(error), USAGE)
    except BrokenPipeError:
        abandon_broken_streams()
        return FAILED
    except OSError as error:
        abandon_broken_streams()
        named = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return fail(named or str(error), FAILED)
    return status


def _run(arguments: argparse.Namespace) -> int:
    try:
        status: int = arguments.run(arguments)
    except SpecError as error:
        return report_failure(arguments, error.diagnostics)
    return status
