"""The command line."""

from archdsl.cli.main import main

__all__ = ["main"]
