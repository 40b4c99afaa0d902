"""PaperTable -> text."""

from collections.abc import Sequence
from typing import assert_never

from archdsl.analyses.outline.entries import Branches, Entry, Line, RunBracket
from archdsl.report.paper.boxes import Box, below, beside, box, in_brackets
from archdsl.report.paper.layout import HEADS, OPERATORS, found_rows, notes, outputs, sums
from archdsl.report.paper.table import PaperTable
from archdsl.report.paper.wording import SIGNS, TEXT, line_text


def as_text(table: PaperTable) -> str:
    """Return the table as text, its last line ended."""
    titles = [column.title for column in table.columns]
    lines: list[list[Box]] = [[box(title) for title in (*HEADS, *titles)]]
    for name in table.names:
        rows = found_rows(table, name)
        cells = [_box(row.entries) if row is not None else box("") for row in rows]
        lines.append([box(name), box(outputs(rows, TEXT)), *cells])
    for title, cells in sums(table, TEXT):
        lines.append([box(title), box(""), *(box(each) for each in cells)])
    widths = [max(len(line[i][0]) for line in lines) for i in range(len(lines[0]))]
    rule = "  ".join("-" * width for width in widths)
    printed: list[str] = []
    for number, line in enumerate(lines):
        height = max(map(len, line))
        for row in range(height):
            cells = [each[row] if row < len(each) else "" for each in line]
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            printed.append("  ".join(padded).rstrip())
        if number in (0, len(lines) - 3):
            printed.append(rule)
        elif number < len(lines) - 3:
            printed.append("")
    said = notes(table, SIGNS, str)
    return "\n".join((*printed, "", *said)) + "\n"


def _box(entries: Sequence[Entry]) -> Box:
    found: list[Box] = []
    for number, entry in enumerate(entries):
        if number and isinstance(entry, RunBracket) and isinstance(entries[number - 1], RunBracket):
            found.append(box(""))
        found.append(_entry_box(entry))
    return below(found) if found else box("")


def _entry_box(entry: Entry) -> Box:
    match entry:
        case Line():
            return box(line_text(entry, TEXT))
        case RunBracket(entries=inner, count=count):
            return in_brackets(_box(inner), f"{TEXT.counted}{TEXT.number(count)}")
        case Branches(operator=operator, branches=branches):
            boxes = [_box(branch) for branch in branches]
            sign = f" {OPERATORS[operator]} "
            return beside(boxes if len(boxes) > 1 else [box(""), *boxes], sign)
        case _:
            assert_never(entry)
