"""PaperTable -> HTML, or Markdown with line breaks of HTML."""

from collections.abc import Sequence
from html import escape
from typing import assert_never

from archdsl.analyses.outline.entries import Branches, Entry, Line, RunBracket
from archdsl.report.paper.layout import HEADS, OPERATORS, found_rows, notes, outputs, sums
from archdsl.report.paper.table import PaperTable
from archdsl.report.paper.wording import SIGNS, Wording, line_text, plain

_MARKUP = Wording(
    number=plain,
    times="\N{MULTIPLICATION SIGN}",
    space=" ",
    counted=" \N{MULTIPLICATION SIGN} ",
    text=escape,
    formula=escape,
    signs={mark: f"<sup>{sign}</sup>" for mark, sign in SIGNS.items()},
)
_STYLE = """\
<style>
table.architecture { border-collapse: collapse; }
table.architecture th, table.architecture td { padding: 0.3em 0.8em; text-align: left;
  border-bottom: 1px solid #888; vertical-align: middle; }
table.architecture .bracket { display: inline-block; padding: 0 0.4em; vertical-align: middle;
  border: solid currentColor; border-width: 0 1px; border-radius: 0.3em; }
table.architecture .branch { display: inline-block; padding: 0 0.5em; vertical-align: middle; }
</style>
"""


def as_markdown(table: PaperTable) -> str:
    """Return the table as Markdown, its last line ended."""
    titles = [escape(column.title) for column in table.columns]
    lines = [[*HEADS, *titles], ["---"] * (2 + len(titles))]
    for name in table.names:
        rows = found_rows(table, name)
        cells = [_marked_down(row.entries) if row is not None else "" for row in rows]
        lines.append([escape(name), outputs(rows, _MARKUP), *cells])
    lines += [[title, "", *cells] for title, cells in sums(table, _MARKUP)]
    page = [f"| {' | '.join(line)} |" for line in lines]
    said = notes(table, _MARKUP.signs, escape)
    return "\n".join((*page, "", *(f"{note}  " for note in said))) + "\n"


def _marked_down(entries: Sequence[Entry]) -> str:
    return "<br>".join(map(_down, entries))


def _down(entry: Entry) -> str:
    match entry:
        case Line():
            return line_text(entry, _MARKUP).replace("*", r"\*")
        case RunBracket(entries=inner, count=count):
            return rf"\[ {_marked_down(inner)} \]{_MARKUP.counted}{_MARKUP.number(count)}"
        case Branches(operator=operator, branches=branches):
            sign = rf" \{OPERATORS[operator]} "
            return sign.join(f"( {_marked_down(branch)} )" for branch in branches)
        case _:
            assert_never(entry)


def as_html(table: PaperTable) -> str:
    """Return the table as a piece of HTML, its last line ended."""
    titles = [*HEADS, *(column.title for column in table.columns)]
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    lines = [f"<tr>{head}</tr>"]
    for name in table.names:
        rows = found_rows(table, name)
        cells = [_markup(row.entries) if row is not None else "" for row in rows]
        inside = "".join(f"<td>{cell}</td>" for cell in (outputs(rows, _MARKUP), *cells))
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{inside}</tr>')
    for title, cells in sums(table, _MARKUP):
        inside = "".join(f"<td>{each}</td>" for each in ("", *cells))
        lines.append(f'<tr><th scope="row">{title}</th>{inside}</tr>')
    said = "".join(f"<p>{note}</p>\n" for note in notes(table, _MARKUP.signs, escape))
    rows_ = "\n".join(lines)
    return f'{_STYLE}<table class="architecture">\n{rows_}\n</table>\n{said}'


def _markup(entries: Sequence[Entry]) -> str:
    return "<br>".join(map(_marked, entries))


def _marked(entry: Entry) -> str:
    match entry:
        case Line():
            return line_text(entry, _MARKUP)
        case RunBracket(entries=inner, count=count):
            bracket = f'<span class="bracket">{_markup(inner)}</span>'
            return f"{bracket}{_MARKUP.counted}{_MARKUP.number(count)}"
        case Branches(operator=operator, branches=branches):
            sign = escape(OPERATORS[operator])
            return sign.join(f'<span class="branch">{_markup(b)}</span>' for b in branches)
        case _:
            assert_never(entry)
