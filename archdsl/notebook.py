"""The cell magic `%%arch`, there after `%load_ext archdsl`: a spec in a cell, its table below."""

import argparse
import keyword
import shlex
import sys
from functools import partial
from typing import Any, NoReturn, Protocol

from IPython.core.error import UsageError

from archdsl.api import CompiledNetwork
from archdsl.diagnostics import render
from archdsl.pipeline import compile_text


class Shell(Protocol):
    """What is asked of IPython's shell, which has no types for it."""

    user_ns: dict[str, Any]

    def register_magic_function(self, func: object, magic_kind: str, magic_name: str) -> None:
        """Offer a magic."""
        ...


def load_ipython_extension(shell: Shell) -> None:
    """Offer the magic in this shell."""
    shell.register_magic_function(partial(arch, shell), "cell", "arch")


def arch(shell: Shell, line: str, cell: str) -> CompiledNetwork:
    """Compile the spec in a cell and return it, also under the name on the first line.

    The spec may import from the current folder. Raises SpecError, and UsageError on wrong usage.
    """
    options = _options(line)
    compilation = compile_text(
        f"\n{cell}",  # lines are numbered as the cell's are, and `%%arch ..` is the first
        options.network,
        _settings(options.set),
        name="<cell>",
        folder="",
    )
    for warning in compilation.warnings:
        sys.stderr.write(render(warning) + "\n\n")
    network = CompiledNetwork(compilation)
    if options.variable is not None:
        shell.user_ns[options.variable] = network
    return network


class _MagicParser(argparse.ArgumentParser):
    """A parser that does not end the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().strip()}")


def _options(line: str) -> argparse.Namespace:
    parser = _MagicParser(prog="%%arch", add_help=False, allow_abbrev=False)
    parser.add_argument("variable", nargs="?", metavar="VARIABLE", type=_variable)
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[])
    parser.add_argument("--network", metavar="NAME")
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return parser.parse_args(words)


def _variable(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"`{text}` is no name of a variable")
    return text


def _settings(texts: list[str]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise UsageError(f"`{text}` is not NAME=VALUE")
        if name in settings:
            raise UsageError(f"argument `{name}` is set twice")
        settings[name] = value
    return settings
