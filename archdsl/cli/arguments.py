"""The arguments of the command line."""

import argparse
import os
import re
from collections.abc import Callable, Iterable

from archdsl import __version__
from archdsl.cli import commands


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
    for name, summary, examples, fill in _COMMANDS:
        if not wanted or name in wanted:
            fill(_command(add, name, summary, examples))
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
    parser.add_argument("--by", choices=("part", "block", "layer", "phase"), default="part")
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
_COMPILE_EXAMPLES = """\
example:
  archdsl compile specs/wrn.arch --set depth=40 --set k=4
  writes generated/wrn_depth40_k4/model.py, train.py, data.py and checkpoint.py"""
_PARAMS_EXAMPLES = """\
examples:
  archdsl params specs/resnet.arch --set depth=18
  archdsl params specs/resnet.arch --by layer --format csv
  archdsl params specs/resnet.arch --tensors --format json
  archdsl params specs/mnist_grown.arch --phase 1 --by layer
  archdsl params specs/resnet.arch --columns activations,memory,receptive --batch 64
  archdsl params specs/resnet.arch --precision bfloat16 --device h100"""
_DEPLOY_EXAMPLES = """\
examples:
  archdsl deploy specs/digits.arch runs/digits/checkpoint.pt --out deployed
  writes deployed/digits/model.py and weights.safetensors
  archdsl deploy specs/mnist_grown.arch phase1.pt --phase 1 --out deployed
  writes deployed/mnist_grown_width8/"""
_INSPECT_EXAMPLES = """\
examples:
  archdsl inspect specs/digits.arch runs/digits/checkpoint.pt
  archdsl inspect specs/digits.arch before.pt after.pt --layer 'stem.*' --plot stem.svg"""
_MATCH_EXAMPLES = """\
examples:
  archdsl match specs/resnet.arch resnet50.pth
  archdsl match specs/densenet.arch densenet121.safetensors --map names.json
  archdsl match specs/vgg.arch keys.txt --set depth=19"""
_CHECK_EXAMPLES = """\
examples:
  archdsl check specs/*.arch
  archdsl check specs/*.arch --format github     in a workflow of GitHub Actions
  archdsl check specs/*.arch --format sarif > archdsl.sarif"""
_FMT_EXAMPLES = """\
examples:
  archdsl fmt specs/*.arch
  archdsl fmt --check specs/*.arch"""
_REPORT_EXAMPLES = """\
examples:
  archdsl report runs/wrn_depth16_k4 --published 5.37 --plot curves.svg
  archdsl report runs/* --published published.csv --format markdown
  archdsl report runs/wrn_depth16_k4 --responses --plot layers.svg"""
_EXPLAIN_EXAMPLES = """\
examples:
  archdsl explain E201
  archdsl explain        lists all"""
_SHELL_EXAMPLES = """\
examples:
  eval "$(archdsl completion bash)"     in ~/.bashrc
  eval "$(archdsl completion zsh)"      in ~/.zshrc, behind compinit
  archdsl completion fish | source      in ~/.config/fish/config.fish"""


_COMMANDS = (  # name, summary, examples, what adds the arguments
    (
        "compile",
        "write model.py, and train.py if there is a recipe",
        _COMPILE_EXAMPLES,
        _compile,
    ),
    ("params", "print parameters and MACs", _PARAMS_EXAMPLES, _params),
    ("deploy", "write the deployed network of a checkpoint", _DEPLOY_EXAMPLES, _deploy),
    ("inspect", "print what checkpoints hold by layer", _INSPECT_EXAMPLES, _inspect),
    ("match", "say which entries of a checkpoint fit a network", _MATCH_EXAMPLES, _match),
    ("check", "build every network that an expect is about", _CHECK_EXAMPLES, _check),
    ("fmt", "bring specs into canonical form", _FMT_EXAMPLES, _fmt),
    ("report", "put runs beside each other and beside papers", _REPORT_EXAMPLES, _report),
    ("explain", "say what a diagnostic means", _EXPLAIN_EXAMPLES, _explain),
    ("completion", "print the completion of a shell", _SHELL_EXAMPLES, _completion),
)


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


def _add_phase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--phase", metavar="P", type=int, help="a phase of a network that grows, from 0"
    )


def _add_format(parser: argparse.ArgumentParser, *formats: str) -> None:
    parser.add_argument("--format", choices=formats, default="text")


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=VALUE")
    return name.strip(), value.strip()


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
