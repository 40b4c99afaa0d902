"""What archdsl costs, beside what others do: all benchmarks, or the parts that are named.

counting  CPU time, memory and counts of archdsl, torchinfo and fvcore on four networks
growth    CPU time and memory of archdsl against different blocks, and against depth
parser    reading a spec with the parser's tables, and with lark
steps     a training step of the generated ResNet-50 against a hand-written one, on CUDA where it is
reading   images a second and core from a folder, against a data set of the usual kind
growing   a training step of a growing network, phase by phase, against a static one
schemes   a training step with Dirac and with one-bit weights against the same network without
training  epochs of generated scripts against the same recipe with per-sample transforms
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from functools import partial

from benchmarks import counting, growing, growth, parser, reading, schemes, steps, training
from benchmarks.page import Section, write
from benchmarks.processes import CommandError, Progress
from benchmarks.table import Table, Unavailable, rendered

PARTS = ("counting", "growth", "parser", "steps", "schemes", "growing", "reading", "training")
TITLES = {
    "counting": "Counting a network",
    "growth": "Growth",
    "parser": "Parser",
    "steps": "Generated code",
    "cuda": "Generated code on CUDA",
    "schemes": "Dirac and one-bit weights",
    "schemes on cuda": "Dirac and one-bit weights on CUDA",
    "growing": "Growing networks",
    "growing on cuda": "Growing networks on CUDA",
    "reading": "Reading images",
    "training": "Training",
    "training on cuda": "Training on CUDA",
}


def main(argv: list[str] | None = None) -> int:
    """Run the parts; return 1 where one could not."""
    arguments = _parser().parse_args(argv)
    words = sys.argv[1:] if argv is None else argv
    command = shlex.join(("python", "-m", "benchmarks", *words))
    status, sections = 0, dict[str, str]()
    for part in arguments.parts or PARTS:
        try:
            found = _run(part, arguments, partial(_say, part))
        except (Unavailable, CommandError) as missing:
            _say(part, f"{missing}\n")
            status = 1
            continue
        _say(part, "")
        print("\n\n".join(map(rendered, found)), end="\n\n", flush=True)
        title = TITLES[_cuda_title(part) if _is_on_cuda(found) else part]
        sections[title] = Section(title, tuple(found), command).text()
    if arguments.write:
        write(sections, list(TITLES.values()))
    return status


def _run(part: str, arguments: argparse.Namespace, progress: Progress) -> list[Table]:
    rounds = {} if arguments.rounds is None else {"rounds": arguments.rounds}
    ways: dict[str, Callable[..., list[Table]]] = {
        "counting": partial(counting.tables, in_place=arguments.in_place),
        "growth": partial(growth.tables, in_place=arguments.in_place),
        "parser": parser.tables,
        "reading": reading.tables,
        "steps": partial(
            steps.tables,
            device=arguments.device,
            batch=arguments.batch,
            image=arguments.image,
            threads=arguments.threads,
            compiled=arguments.compile,
        ),
        "schemes": partial(
            schemes.tables,
            device=arguments.device,
            batch=arguments.batch,
            image=arguments.image,
            threads=arguments.threads,
            compiled=arguments.compile,
        ),
        "growing": partial(growing.tables, device=arguments.device, threads=arguments.threads),
        "training": partial(
            training.tables,
            device=arguments.device,
            batch=arguments.batch,
            threads=arguments.threads,
        ),
    }
    return ways[part](progress, **rounds)


def _cuda_title(part: str) -> str:
    return "cuda" if part == "steps" else f"{part} on cuda"


def _is_on_cuda(tables: list[Table]) -> bool:
    return any(row[0].startswith("cuda") for table in tables for row in table.rows)


def _say(part: str, text: str) -> None:
    """Show what is being done: on one line of a terminal, else a line each."""
    if sys.stderr.isatty():
        print(
            f"\r\x1b[K{part}: {text}" if text else "\r\x1b[K", end="", file=sys.stderr, flush=True
        )
    elif text:
        print(f"{part}: {text.rstrip()}", file=sys.stderr, flush=True)


def _part(text: str) -> str:
    if text not in PARTS:  # `choices` of argparse takes no empty list in Python 3.11
        raise argparse.ArgumentTypeError(f"`{text}` is none of {', '.join(PARTS)}")
    return text


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "parts", nargs="*", type=_part, metavar="PART", help="what to run; all unless named"
    )
    made.add_argument(
        "--rounds",
        type=_positive,
        metavar="N",
        help="rounds of measuring (counting 5, growth 3, parser 7, reading 10, others 20)",
    )
    made.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    made.add_argument(
        "--in-place", action="store_true", help="measure the checkout instead of an installed wheel"
    )
    made.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="of steps and schemes"
    )
    made.add_argument(
        "--batch",
        type=_positive,
        metavar="N",
        help="images of a step (cpu 4, schemes 32; cuda 128)",
    )
    made.add_argument(
        "--image",
        type=_positive,
        metavar="N",
        help="their pixels each way (cpu 96, cuda 224; schemes 32)",
    )
    made.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="of a step on a CPU (1)"
    )
    made.add_argument("--compile", action="store_true", help="on a CPU time torch.compile too")
    return made


if __name__ == "__main__":
    sys.exit(main())
