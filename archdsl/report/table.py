"""A table, and the formats it prints in."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from archdsl.record import Record

Cell: TypeAlias = int | str | tuple[int, ...] | None


class Format(StrEnum):
    """How a table is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    HTML = "html"


class Column(Record):
    """A column's head, and whether its cells are numbers, which align at the right."""

    title: str
    is_number: bool = False


class Table(Record):
    """Rows of cells, one for each column, and a row of their sums."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    footer: tuple[Cell, ...] | None = None


def show(table: Table, format: Format) -> str:
    """Return the table as text, its last line ended."""
    printers: dict[Format, Callable[[Table], str]] = {
        Format.TEXT: _text,
        Format.MARKDOWN: _markdown,
        Format.LATEX: _latex,
        Format.CSV: _csv,
        Format.HTML: _html,
    }
    return printers[format](table)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case tuple():
            return str(list(cell))
        case str():
            return cell


def _aligned(table: Table, cells: list[list[str]]) -> list[list[str]]:
    """Pad the cells of all lines to the width of their column."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        [
            cell.rjust(width) if column.is_number else cell.ljust(width)
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        ]
        for line in cells
    ]


def _lines(table: Table, write: Callable[[Cell], str] = _written) -> list[list[str]]:
    """Return head, rows and footer as text."""
    footer = [] if table.footer is None else [table.footer]
    titles = [write(column.title) for column in table.columns]
    return [titles, *([write(cell) for cell in row] for row in (*table.rows, *footer))]


def _text(table: Table) -> str:
    lines = _aligned(table, _lines(table))
    rule = ["-" * len(cell) for cell in lines[0]]
    lines.insert(1, rule)
    if table.footer is not None:
        lines.insert(-1, rule)
    return "".join("  ".join(line).rstrip() + "\n" for line in lines)


def _markdown(table: Table) -> str:
    lines = _aligned(table, _lines(table, _marked_down))
    rule = [
        "-" * (len(cell) - 1) + ":" if column.is_number else "-" * len(cell)
        for cell, column in zip(lines[0], table.columns, strict=True)
    ]
    lines.insert(1, rule)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _marked_down(cell: Cell) -> str:
    """Escape what Markdown reads as more than text; `_` is so only where a word begins."""
    if not isinstance(cell, str):
        return _written(cell)
    text = "".join(f"\\{c}" if c in r"\`*<[|&~" else c for c in cell)
    return f"\\{text}" if text.startswith("_") else text


def _latex(table: Table) -> str:
    r"""Return a `tabular` with booktabs' rules; docs/command-line.md has a document for it."""
    lines = [
        " & ".join(line).rstrip() + r" \\"
        for line in _aligned(table, _lines(table, lambda cell: _escaped(_written(cell))))
    ]
    if table.footer is not None:
        lines.insert(-1, r"\midrule")
    layout = "".join("r" if column.is_number else "l" for column in table.columns)
    page = [
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        lines[0],
        r"\midrule",
        *lines[1:],
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "".join(line + "\n" for line in page)


_LATEX = str.maketrans(
    {character: rf"\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''"}
)


def _escaped(text: str) -> str:
    r"""Escape what LaTeX reads as a command, and a `[`, which after `\\` would be its argument."""
    text = text.translate(_LATEX)
    return f"{{{text}}}" if text.startswith("[") else text


def _csv(table: Table) -> str:
    """Return comma-separated values, numbers without separators, no sums: they are for reading."""
    import csv
    import io

    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(column.title for column in table.columns)
    writer.writerows(map(_plain, row) for row in table.rows)
    return file.getvalue()


def _plain(cell: Cell) -> str | int | None:
    match cell:
        case bool():
            return str(cell).lower()
        case tuple():
            return "x".join(map(str, cell))
        case _:
            return cell


def _html(table: Table) -> str:
    """Return a `table` that takes its colors from the page it stands in."""
    head, *body = _lines(table)
    foot = [body.pop()] if table.footer is not None else []
    sections = (("thead", "th", [head]), ("tbody", "td", body), ("tfoot", "th", foot))
    lines = [
        f"<{section}>\n{''.join(_html_row(table, cell, row) for row in rows)}</{section}>\n"
        for section, cell, rows in sections
        if rows
    ]
    return f"<table>\n{''.join(lines)}</table>\n"


def _html_row(table: Table, cell: str, row: list[str]) -> str:
    from html import escape

    sides = ("right" if column.is_number else "left" for column in table.columns)
    cells = (
        f'<{cell} style="text-align: {side}">{escape(text)}</{cell}>'
        for side, text in zip(sides, row, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>\n"
