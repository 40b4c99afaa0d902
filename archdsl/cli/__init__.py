"""The command line."""

import sys
from collections.abc import Sequence

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; argparse exits by itself on wrong usage."""
    try:
        from archdsl.cli.running import run

        return run(argv)
    except KeyboardInterrupt:  # while modules are loaded, too
        sys.stderr.write("archdsl: interrupted\n")
        return INTERRUPTED
