"""The arguments of the command line."""

import argparse
import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from archdsl import __version__
from archdsl.cli import commands, examples
from archdsl.limits import MAX_INTEGER

if TYPE_CHECKING:
    from fractions import Fraction


def parser(words: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return the parser; `run` of what it returns is the command.

    Where `words` name commands, the others are known without their arguments, which saves time.
    """
    top = argparse.ArgumentParser(
        prog="archdsl",
        description="Compile convolutional network architectures to tables and PyTorch code.",
        formatter_class=_HelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"archdsl {__version__}")
    # with `prog` argparse need not write the usage line of `top` for it
    add = top.add_subparsers(required=True, metavar="COMMAND", prog="archdsl").add_parser
    wanted = {name for name, *_ in _COMMANDS}.intersection(words)
    for name, summary, shown, fill in _COMMANDS:
        if not wanted or name in wanted:
            fill(_command(add, name, summary, shown))
        else:
            add(name, help=summary, add_help=False)
    return top


def _compile(parser: argparse.ArgumentParser) -> None:
    _add_spec(parser)
    parser.add_argument("--out", metavar="DIR", default="generated", help="default: generated")
    parser.add_argument(
        "--name", type=_name, help="folder in DIR; default: the network and what is set"
    )
    parser.add_argument("--check", action="store_true", help="write nothing, show what differs")
    _add_format(parser, "text", "json")
    parser.set_defaults(run=commands.compile_)


def _params(parser: argparse.ArgumentParser) -> None:
    _add_spec(parser)
    parser.add_argument("--by", choices=("part", "block", "layer", "phase"))
    parser.add_argument(
        "--symbolic",
        metavar="NAMES",
        type=_names,
        help="print closed forms in these arguments, as `depth,k`",
    )
    _add_phase(parser)
    parser.add_argument("--tensors", action="store_true", help="list the entries of state_dict")
    parser.add_argument(
        "--columns", metavar="NAMES", help="what to say of each row: activations,memory,receptive"
    )
    parser.add_argument("--batch", metavar="N", type=int, help="inputs of a training step")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="of training")
    parser.add_argument(
        "--device", metavar="DEVICE", help="a100, h100, h200, l4, or numbers: memory=16e9"
    )
    _add_format(parser, "text", "json", "markdown", "latex", "csv")
    parser.set_defaults(run=commands.params)


def _sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help=_SPEC_HELP)
    parser.add_argument(
        "--set",
        metavar="NAME=VALUES",
        type=_setting,
        action="append",
        default=[],
        help="an argument and what it is: 16..100:6, [1, 2, 4] or one value; may be repeated",
    )
    parser.add_argument("--where", metavar="CONDITION", help="keep members that it holds for")
    parser.add_argument("--columns", metavar="NAMES", type=_names, help="default: parameters,macs")
    _add_batch(parser)
    parser.add_argument("--sort", metavar="COLUMN", help="a column, or an argument")
    parser.add_argument("--reverse", action="store_true", help="the largest first")
    parser.add_argument("--top", metavar="N", type=_count, help="print the first N members")
    parser.add_argument(
        "--front",
        action="store_true",
        help="mark the Pareto front: the most of the first column for the least of the second",
    )
    parser.add_argument(
        "--plot", metavar="FILE", type=_plot, help="draw it to a .svg, .png or .pdf file"
    )
    _add_format(parser, "text", "json", "markdown", "latex", "csv")
    parser.set_defaults(run=commands.sweep)


def _fit(parser: argparse.ArgumentParser) -> None:
    _add_spec(parser)
    parser.add_argument(
        "--vary",
        metavar="NAME",
        type=_vary,
        action="extend",
        required=True,
        help="arguments to choose: depth,k, or depth=16..100:6; may be repeated",
    )
    parser.add_argument("--match", metavar="OTHER", help="a spec whose network is to be matched")
    parser.add_argument(
        "--match-set",
        metavar="NAME=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="an argument of the other network",
    )
    parser.add_argument(
        "--columns", metavar="NAMES", type=_names, help="what is matched; default: parameters"
    )
    for name in ("parameters", "macs", "memory", "deployed-bits"):
        parser.add_argument(f"--{name}", metavar="N", type=_budget, help="as 5.85e6")
    _add_batch(parser)
    parser.add_argument(
        "--within", metavar="PERCENT", type=_percent, help="fail where no member is so near"
    )
    parser.add_argument("--top", metavar="N", type=_count, help="members to print; default: 5")
    _add_format(parser, "text", "json", "markdown", "latex", "csv")
    parser.set_defaults(run=commands.fit)


def _table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help=_SPEC_HELP)
    parser.add_argument(
        "--set",
        metavar="NAME=VALUES",
        type=_setting,
        action="append",
        default=[],
        help="an argument of the network; of several values, `18,34,50`, each is a column",
    )
    parser.add_argument(
        "--symbolic",
        metavar="NAMES",
        type=_names,
        help="numbers as formulas in these arguments, as `depth,k`",
    )
    _add_format(parser, "text", "markdown", "latex", "html")
    parser.set_defaults(run=commands.table)


def _deploy(parser: argparse.ArgumentParser) -> None:
    _add_spec(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=_CHECKPOINT_HELP)
    _add_phase(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="folder to write in")
    parser.add_argument(
        "--name", type=_name, help="folder in DIR; default: the network and what is set"
    )
    _add_format(parser, "text", "json")
    parser.set_defaults(run=commands.deploy)


def _inspect(parser: argparse.ArgumentParser) -> None:
    _add_spec(parser)
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help=_CHECKPOINT_HELP)
    _add_phase(parser)
    parser.add_argument("--layer", metavar="PATTERN", help="layers of this name, as `conv2.*`")
    parser.add_argument("--plot", metavar="FILE", type=_svg, help="write an SVG of histograms")
    _add_format(parser, "text", "json", "markdown", "latex", "csv")
    parser.set_defaults(run=commands.inspect)


def _match(parser: argparse.ArgumentParser) -> None:
    _add_spec(parser)
    parser.add_argument(
        "file",
        metavar="CHECKPOINT",
        help=f"{_CHECKPOINT_HELP}; or a list of names and shapes, as text or JSON",
    )
    _add_phase(parser)
    parser.add_argument(
        "--map", metavar="FILE", help="write the names that make the rest fit, as JSON"
    )
    _add_format(parser, "text", "json")
    parser.set_defaults(run=commands.match)


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("specs", nargs="+", metavar="SPEC", help=f"{_SPEC_HELP}; or REVISION:PATH")
    _add_set(parser, "--set", "an argument of both networks, any literal of the language")
    _add_set(parser, "--set-old", "one of the first network alone")
    _add_set(parser, "--set-new", "one of the second network alone")
    parser.add_argument("--by", choices=("part", "block", "layer"), default="part")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 if something differs")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--git", action="store_true", help="as git calls an external diff")
    either.add_argument("--textconv", action="store_true", help="print a line for each layer")
    _add_format(parser, "text", "json", "markdown", "latex", "csv")
    parser.set_defaults(run=commands.diff)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("specs", nargs="+", metavar="SPEC", help=_SPEC_HELP)
    _add_format(parser, "text", "json", "github", "sarif")
    parser.set_defaults(run=commands.check)


def _fmt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "specs", nargs="+", metavar="SPEC", help="path of a spec; - is stdin to stdout"
    )
    parser.add_argument("--check", action="store_true", help="write nothing, show what differs")
    parser.set_defaults(run=commands.fmt)


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="folder that train.py wrote, or that holds seed0, .."
    )
    parser.add_argument(
        "--published",
        metavar="FIGURE",
        action="append",
        default=[],
        help="the paper's error in percent: 5.37, NETWORK=5.37, or a .json or .csv file of them; "
        "may be repeated",
    )
    parser.add_argument(
        "--plot", metavar="FILE", type=_plot, help="write curves to a .svg, .png or .pdf file"
    )
    parser.add_argument(
        "--responses",
        action="store_true",
        help="rank the layers by how much they respond, as train.py --responses has logged",
    )
    _add_format(parser, "text", "json", "markdown", "latex", "csv")
    parser.set_defaults(run=commands.report)


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "code", metavar="CODE", nargs="?", help="as in error[E201]; without it, all are listed"
    )
    parser.set_defaults(run=commands.explain)


def _completion(parser: argparse.ArgumentParser) -> None:
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument(
        "shell",
        nargs="?",
        choices=("bash", "zsh", "fish"),
        metavar="SHELL",
        help="bash, zsh or fish",
    )
    either.add_argument("--arguments", metavar="SPEC", help="list what --set can set")
    parser.set_defaults(run=commands.completion)


_SPEC_HELP = "path of a spec, or PATH:NETWORK where it has several networks"
_CHECKPOINT_HELP = "what train.py or torch.save wrote, or .safetensors"
_COMMANDS = (  # name, summary, examples, what adds the arguments
    (
        "compile",
        "write model.py, and train.py if there is a recipe",
        examples.COMPILE_EXAMPLES,
        _compile,
    ),
    ("params", "print parameters and MACs", examples.PARAMS_EXAMPLES, _params),
    ("sweep", "print the numbers of many members", examples.SWEEP_EXAMPLES, _sweep),
    ("fit", "find the members nearest to a budget", examples.FIT_EXAMPLES, _fit),
    ("table", "print the architecture as papers do", examples.TABLE_EXAMPLES, _table),
    ("deploy", "write the deployed network of a checkpoint", examples.DEPLOY_EXAMPLES, _deploy),
    ("inspect", "print what checkpoints hold by layer", examples.INSPECT_EXAMPLES, _inspect),
    ("match", "say which entries of a checkpoint fit a network", examples.MATCH_EXAMPLES, _match),
    ("diff", "say what differs between two networks", examples.DIFF_EXAMPLES, _diff),
    ("check", "build every network that an expect is about", examples.CHECK_EXAMPLES, _check),
    ("fmt", "bring specs into canonical form", examples.FMT_EXAMPLES, _fmt),
    ("report", "put runs beside each other and beside papers", examples.REPORT_EXAMPLES, _report),
    ("explain", "say what a diagnostic means", examples.EXPLAIN_EXAMPLES, _explain),
    ("completion", "print the completion of a shell", examples.SHELL_EXAMPLES, _completion),
)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Knows its width: argparse makes one per argument added, and each would import shutil."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _command(
    add_parser: Callable[..., argparse.ArgumentParser],
    name: str,
    summary: str,
    shown: str,
) -> argparse.ArgumentParser:
    return add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=shown,
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
    _add_set(parser, "--set", "an argument of the network, any literal of the language")


def _add_set(parser: argparse.ArgumentParser, option: str, about: str) -> None:
    parser.add_argument(
        option,
        metavar="NAME=VALUE",
        type=_setting,
        action="append",
        default=[],
        help=f"{about}; may be repeated",
    )


def _add_phase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--phase", metavar="P", type=int, help="a phase of a network that grows, from 0"
    )


def _add_batch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--batch", metavar="N", type=_count, help="inputs of a training step; default: the recipe's"
    )


def _add_format(parser: argparse.ArgumentParser, *formats: str) -> None:
    parser.add_argument("--format", choices=formats, default="text")


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=VALUE")
    return name.strip(), value.strip()


def _vary(text: str) -> list[str]:
    return [text] if "=" in text else [name.strip() for name in text.split(",") if name.strip()]


def _budget(text: str) -> int:
    number = _exact(text)
    if number is None or not 1 <= number <= MAX_INTEGER:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from 1 up, such as 5.85e6")
    return round(number)


def _percent(text: str) -> "Fraction":
    number = _exact(text)
    if number is None or number < 0:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of percent, such as 0.5")
    return number


def _exact(text: str) -> "Fraction | None":
    from fractions import Fraction

    found = re.fullmatch(r"\d[\d_,]*(\.\d+)?(e\d{1,2})?", text)
    return None if found is None else Fraction(text.replace(",", ""))


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10**9:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from 1 up")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(name.isidentifier() for name in names):
        raise argparse.ArgumentTypeError(f"`{text}` is no list of names, such as `depth,k`")
    return names


def _svg(text: str) -> str:
    if not text.endswith(".svg"):
        raise argparse.ArgumentTypeError(f"`{text}` is no name of an .svg file")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text):
        raise argparse.ArgumentTypeError(
            f"`{text}` is not a name: letters, digits and `_`, a letter first"
        )
    return text


def _plot(text: str) -> str:
    if not text.endswith((".svg", ".png", ".pdf")):
        raise argparse.ArgumentTypeError(f"`{text}` does not end in .svg, .png or .pdf")
    return text
