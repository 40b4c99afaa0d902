"""What the formats of a paper's table have in common: cells of a row, sums, what is said below."""

from collections.abc import Callable, Mapping, Sequence

from archdsl.analyses.outline.entries import LayerMark, OutlineRow
from archdsl.ir.network import Operator
from archdsl.report.paper.table import PaperTable, strided
from archdsl.report.paper.wording import MEANINGS, Wording, output_text

HEADS = ("layer", "output")
OPERATORS = {Operator.SUM: "+", Operator.CONCAT: "|", Operator.PRODUCT: "*"}


def notes(
    table: PaperTable, signs: Mapping[LayerMark, str], said: Callable[[str], str]
) -> list[str]:
    """Return what is said below the table."""
    found = [f"{signs[mark]} {said(MEANINGS[mark])}" for mark in table.marks]
    if table.holds:
        found.append(said(f"for {' or '.join(table.holds)}"))
    if rows := strided(table):
        names = _listed([said(name) for name in rows])
        found.append(f"{said('The first block of')} {names} {said('has the stride.')}")
    if table.hides or table.shortcuts:
        what = ["normalization", "activations"] if table.hides else []
        what += ["shortcuts"] if table.shortcuts else []
        text = _listed(what)
        found.append(said(f"{text[0].upper()}{text[1:]} are not shown."))
    return found


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def found_rows(table: PaperTable, name: str) -> list[OutlineRow | None]:
    """Return a row in each column."""
    return [next((r for r in c.rows if r.name == name), None) for c in table.columns]


def outputs(rows: Sequence[OutlineRow | None], wording: Wording) -> str:
    """Return the size of what a row gives; of members that differ all, in their order."""
    found = dict.fromkeys(output_text(row.output, wording) for row in rows if row is not None)
    return " / ".join(found)


def sums(table: PaperTable, wording: Wording) -> list[tuple[str, list[str]]]:
    """Return the rows below the others."""
    return [
        (title, [_sum(value, wording) for value in values])
        for title, values in (
            ("parameters", [column.parameters for column in table.columns]),
            ("multiply-adds", [column.macs for column in table.columns]),
        )
    ]


def _sum(value: object, wording: Wording) -> str:
    return f"{value:,}" if type(value) is int else wording.formula(wording.number(value))
