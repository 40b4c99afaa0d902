"""The arguments of the command line."""

import argparse
import os
import re
from collections.abc import Callable

from archdsl import __version__
from archdsl.cli import commands


def parser() -> argparse.ArgumentParser:
    """Return the parser; `run` of what it returns is the command."""
    top = argparse.ArgumentParser(
        prog="archdsl",
        description="Compile convolutional network architectures to tables and PyTorch code.",
        formatter_class=_HelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"archdsl {__version__}")
    add = top.add_subparsers(required=True, metavar="COMMAND").add_parser

    compile_ = _command(add, "compile", "write model.py and train.py", _COMPILE_EXAMPLES)
    _add_spec(compile_)
    compile_.add_argument("--out", metavar="DIR", default="generated", help="default: generated")
    compile_.add_argument(
        "--name", type=_name, help="folder in DIR; default: the network and what is set"
    )
    compile_.add_argument("--check", action="store_true", help="write nothing, show what differs")
    _add_format(compile_, "text", "json")
    compile_.set_defaults(run=commands.compile_)

    params = _command(add, "params", "print parameters and MACs", _PARAMS_EXAMPLES)
    _add_spec(params)
    params.add_argument("--by", choices=("part", "block", "layer"), default="part")
    params.add_argument("--tensors", action="store_true", help="list the entries of state_dict")
    _add_format(params, "text", "json", "markdown", "latex", "csv")
    params.set_defaults(run=commands.params)

    check = _command(add, "check", "build every network that an expect is about", _CHECK_EXAMPLES)
    check.add_argument("specs", nargs="+", metavar="SPEC", help=_SPEC_HELP)
    _add_format(check, "text", "json", "github", "sarif")
    check.set_defaults(run=commands.check)

    fmt = _command(add, "fmt", "bring specs into canonical form", _FMT_EXAMPLES)
    fmt.add_argument(
        "specs", nargs="+", metavar="SPEC", help="path of a spec; - is stdin to stdout"
    )
    fmt.add_argument("--check", action="store_true", help="write nothing, show what differs")
    fmt.set_defaults(run=commands.fmt)

    explain = _command(add, "explain", "say what a diagnostic means", _EXPLAIN_EXAMPLES)
    explain.add_argument(
        "code", metavar="CODE", nargs="?", help="as in error[E201]; without it, all are listed"
    )
    explain.set_defaults(run=commands.explain)

    completion = _command(add, "completion", "print the completion of a shell", _SHELL_EXAMPLES)
    either = completion.add_mutually_exclusive_group(required=True)
    either.add_argument(
        "shell",
        nargs="?",
        choices=("bash", "zsh", "fish"),
        metavar="SHELL",
        help="bash, zsh or fish",
    )
    either.add_argument("--arguments", metavar="SPEC", help="list what --set can set")
    completion.set_defaults(run=commands.completion)
    return top


_SPEC_HELP = "path of a spec, or PATH:NETWORK where it has several networks"
_COMPILE_EXAMPLES = """\
example:
  archdsl compile specs/wrn.arch --set depth=40 --set k=4
  writes generated/wrn_depth40_k4/model.py and train.py"""
_PARAMS_EXAMPLES = """\
examples:
  archdsl params specs/resnet.arch --set depth=18
  archdsl params specs/resnet.arch --by layer --format csv
  archdsl params specs/resnet.arch --tensors --format json"""
_CHECK_EXAMPLES = """\
examples:
  archdsl check specs/*.arch
  archdsl check specs/*.arch --format github     in a workflow of GitHub Actions
  archdsl check specs/*.arch --format sarif > archdsl.sarif"""
_FMT_EXAMPLES = """\
examples:
  archdsl fmt specs/*.arch
  archdsl fmt --check specs/*.arch"""
_EXPLAIN_EXAMPLES = """\
examples:
  archdsl explain E201
  archdsl explain        lists all"""
_SHELL_EXAMPLES = """\
examples:
  eval "$(archdsl completion bash)"     in ~/.bashrc
  eval "$(archdsl completion zsh)"      in ~/.zshrc, behind compinit
  archdsl completion fish | source      in ~/.config/fish/config.fish"""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Knows its width: argparse makes one per argument added, and each would import shutil."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _command(
    add_parser: Callable[..., argparse.ArgumentParser],
    name: str,
    summary: str,
    examples: str,
) -> argparse.ArgumentParser:
    return add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=examples,
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
    )


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns) or 80
    except (OSError, ValueError):
        return 80


def _add_spec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help=_SPEC_HELP)
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="an argument of the network, any literal of the language; may be repeated",
    )


def _add_format(parser: argparse.ArgumentParser, *formats: str) -> None:
    parser.add_argument("--format", choices=formats, default="text")


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=VALUE")
    return name.strip(), value.strip()


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text):
        raise argparse.ArgumentTypeError(
            f"`{text}` is not a name: letters, digits and `_`, a letter first"
        )
    return text
