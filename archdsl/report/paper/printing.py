"""PaperTable -> text, Markdown, LaTeX or HTML."""

from collections.abc import Callable

from archdsl.report.paper.latex import as_latex
from archdsl.report.paper.markup import as_html, as_markdown
from archdsl.report.paper.table import PaperTable
from archdsl.report.paper.text import as_text
from archdsl.report.table import Format

PAPER_FORMATS: dict[Format, Callable[[PaperTable], str]] = {
    Format.TEXT: as_text,
    Format.MARKDOWN: as_markdown,
    Format.LATEX: as_latex,
    Format.HTML: as_html,
}


def show_paper(table: PaperTable, format: Format) -> str:
    """Return the table in one of PAPER_FORMATS, its last line ended."""
    return PAPER_FORMATS[format](table)
