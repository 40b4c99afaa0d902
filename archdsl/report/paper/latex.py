"""PaperTable -> LaTeX, with rules of booktabs and formulas of amsmath."""

from collections.abc import Sequence
from typing import assert_never

from archdsl.analyses.outline.entries import Branches, Entry, LayerMark, Line, RunBracket
from archdsl.ir.network import Operator
from archdsl.report.paper.layout import HEADS, found_rows, notes, outputs, sums
from archdsl.report.paper.table import PaperTable
from archdsl.report.paper.wording import Wording, in_latex, line_text

_LATEX = Wording(
    number=in_latex,
    times=r"\times",
    space=r"\ ",
    counted=r"\times",
    text=lambda text: rf"\text{{{text}}}",
    formula=str,
    signs={
        LayerMark.SHARED: r"{}^{\dagger}",
        LayerMark.DIRAC: r"{}^{\delta}",
        LayerMark.BINARY: r"{}^{\pm}",
        LayerMark.STANDARDIZED: r"{}^{\ddagger}",
        LayerMark.FROZEN: r"{}^{\ast}",
    },
)
_BREAK = r" \\ "
_OPERATORS = {Operator.SUM: "+", Operator.CONCAT: r"\mid", Operator.PRODUCT: r"\odot"}


def as_latex(table: PaperTable) -> str:
    """Return the table as a tabular and paragraphs below it, its last line ended."""
    titles = [*HEADS, *(column.title for column in table.columns)]
    layout = "l" * 2 + "c" * len(table.columns)
    page = [rf"\begin{{tabular}}{{{layout}}}", r"\toprule"]
    page += [f"{' & '.join(map(_escaped, titles))} \\\\", r"\midrule"]
    for name in table.names:
        rows = found_rows(table, name)
        cells = [f"${_formula(row.entries)}$" if row is not None else "" for row in rows]
        line = (_escaped(name), f"${outputs(rows, _LATEX)}$", *cells)
        page.append(f"{' & '.join(line)} \\\\[0.6ex]")
    page.append(r"\midrule")
    for title, cells in sums(table, _LATEX):
        page.append(f"{' & '.join((title, '', *(f'${_grouped(each)}$' for each in cells)))} \\\\")
    page += [r"\bottomrule", r"\end{tabular}"]
    signs = {mark: f"${sign}$" for mark, sign in _LATEX.signs.items()}
    said = notes(table, signs, _escaped)
    return "\n".join((*page, *(rf"\par\smallskip {note}" for note in said))) + "\n"


def _grouped(text: str) -> str:
    """Return digits with thin spaces that commas of LaTeX's formulas do not have."""
    return text.replace(",", "{,}")


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "&%$#_{}" else c for c in text).replace("\\_", r"\_")


def _formula(entries: Sequence[Entry]) -> str:
    found = [_of_latex(entry) for entry in entries]
    if len(found) < 2:
        return "".join(found)
    lines = _BREAK.join(found)
    return rf"\begin{{array}}{{c}}{lines}\end{{array}}"


def _of_latex(entry: Entry) -> str:
    match entry:
        case Line():
            return line_text(entry, _LATEX)
        case RunBracket(entries=inner, count=count):
            lines = _BREAK.join(map(_of_latex, inner))
            number = _LATEX.number(count)
            return rf"\begin{{bmatrix}}{lines}\end{{bmatrix}}{_LATEX.counted}{number}"
        case Branches(operator=operator, branches=branches):
            return f" {_OPERATORS[operator]} ".join(map(_formula, branches))
        case _:
            assert_never(entry)
