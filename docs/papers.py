"""Writes docs/papers.md: the papers' printed figures beside the compiler's.

python -m docs.papers            writes it
python -m docs.papers --check    says whether it is current, by its exit status
"""

import json
import sys
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from shlex import quote

from archdsl.analyses.counts import Sums
from archdsl.pipeline import compile_spec
from docs.figures import PAPERS, Figure, Quantity, Size, Table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "papers.md"

HEAD = """\
# The papers' figures

Each figure that a paper prints, what the compiler counts for the network it is about, and whether
ours, rounded half up to the printed decimals, is the same (or less, where the paper says less than
so much). Where it is not, the last column says what the paper did. `archdsl params` followed by the
text under *spec* prints our figure. `python -m docs.papers` writes this page; a test holds it
against the compiler.
"""


def main() -> int:
    """Write the page, or with `--check` compare it; return the exit status."""
    text = render()
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text(encoding="utf-8") == text:
            return 0
        print("docs/papers.md is out of date: run `python -m docs.papers`", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


def render() -> str:
    """Return the text of docs/papers.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield HEAD
    yield _summary()
    for paper in PAPERS:
        yield f"\n## {paper.title}"
        for table in paper.tables:
            yield from _table(table)


def _summary() -> str:
    figures = [f for p in PAPERS for t in p.tables for f in t.figures if f.paper_says_so]
    matching = sum(map(matches, figures))
    others = len(figures) - matching
    return f"Of {len(figures)} figures {matching} match; the other {others} are explained."


def _table(table: Table) -> Iterator[str]:
    yield f"\n### {table.title}\n\n{table.note}\n"
    yield from _figures(table) if table.figures else _sizes(table)


def _sizes(table: Table) -> Iterator[str]:
    yield "| row | parameters | bits | bytes | MB | MiB | spec |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for size in table.sizes:
        sums = counted(size)
        bits = sums.deployed_bits
        shown = f"{bits:,} | {bits / 8:,.0f} | {bits / 8e6:.3f} | {bits / 8 / 2**20:.3f}"
        yield f"| {size.row} | {sums.total:,} | {shown} | `{command(size)}` |"


def _figures(table: Table) -> Iterator[str]:
    yield "| row | printed | ours | prints | match | spec | why |"
    yield "|---|---:|---:|---:|---|---|---|"
    for figure in table.figures:
        cells = (
            figure.row,
            figure.printed,
            shown(figure),
            rounded(figure),
            "yes" if matches(figure) else "**no**",
            f"`{command(figure)}`",
            figure.why,
        )
        yield f"| {' | '.join(cells)} |".replace("  |", " |")


def matches(figure: Figure) -> bool:
    """Say whether our figure prints as the paper's."""
    bound = figure.printed.removeprefix("< ")
    if bound != figure.printed:
        return exact(figure) < Decimal(bound)
    return rounded(figure) == figure.printed.removeprefix("~ ")


def rounded(figure: Figure) -> str:
    """Return our figure as it prints with the paper's decimals."""
    decimals = 1 if figure.printed.startswith("<") else len(figure.printed.partition(".")[2])
    places = Decimal(1).scaleb(-decimals)
    return str(exact(figure).quantize(places, ROUND_HALF_UP))


def exact(figure: Figure) -> Decimal:
    """Return our figure in the unit of the paper's."""
    sums = counted(figure)
    match figure.quantity:
        case Quantity.PARAMETERS:
            return Decimal(sums.total) / 1_000_000
        case Quantity.ELEMENTS:
            return Decimal(sums.total)
        case Quantity.DECREASE:
            return Decimal(100 * sums.shared_away) / sums.unshared
        case Quantity.CONVOLUTIONS:
            projections = figure.projections
            return Decimal(sums.conv_tensors - projections + (1 if projections else 0))
        case Quantity.RATIO:
            return Decimal(sums.total) / _compared(figure).total
        case Quantity.MB:
            return Decimal(sums.deployed_bits) / 8 / 1_000_000
        case Quantity.MIB:
            return Decimal(sums.deployed_bits) / 8 / 2**20


def _compared(figure: Figure) -> Sums:
    """Return the sums of the network that a ratio is in."""
    assert figure.other is not None, figure
    return counted(Size("", *figure.other))


def shown(figure: Figure) -> str:
    """Return our figure, unrounded where that is an integer."""
    sums = counted(figure)
    match figure.quantity:
        case Quantity.PARAMETERS | Quantity.ELEMENTS:
            return f"{sums.total:,}"
        case Quantity.RATIO:
            return f"{exact(figure):.3f}"
        case Quantity.MB | Quantity.MIB:
            return f"{sums.deployed_bits // 8:,} bytes"
        case Quantity.DECREASE:
            return f"{exact(figure):.2f}"
        case Quantity.CONVOLUTIONS:
            change = f" - {figure.projections} + 1" if figure.projections else ""
            return f"{sums.conv_tensors}{change}"


def command(figure: Figure | Size) -> str:
    """Return what to type after `archdsl params` to see the network."""
    settings = (f"--set {quote(f'{name}={value}')}" for name, value in _arguments(figure))
    return " ".join((figure.spec, *settings))


def counted(figure: Figure | Size) -> Sums:
    """Return the sums of the network that a figure is about."""
    return _counted(figure.spec, _arguments(figure))


def _arguments(figure: Figure | Size) -> tuple[tuple[str, str], ...]:
    """Return the arguments as the language writes them, without spaces."""
    return tuple((name, _written(value)) for name, value in figure.arguments.items())


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@cache
def _counted(spec: str, arguments: tuple[tuple[str, str], ...]) -> Sums:
    return compile_spec(f"{ROOT}/{spec}", None, dict(arguments)).counts.sums


if __name__ == "__main__":
    raise SystemExit(main())
