"""Every format says the same, whatever stands in the cells, and is read back by other code."""

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.cli import main
from archdsl.report.table import Column, Format, Table, show
from tests.report.table_readers import latex, markdown

ROOT = Path(__file__).parents[2]
SPECS = ("sharesnet50", "wrn", "digits", "efficientnet", "unet")
BY = ("part", "block", "layer")

# ---------------------------------------------------------------- whatever stands in the cells

words = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12).map(str.strip)
cells = st.one_of(words, st.lists(st.integers(1, 999), max_size=3).map(tuple), st.none())
numbers = st.integers(0, 10**30)


@st.composite
def tables(draw):
    width = draw(st.integers(1, 3))
    columns = (*(Column(draw(words)) for _ in range(width)), Column("n", is_number=True))
    rows = st.tuples(*[cells] * width, numbers)
    footer = draw(st.none() | rows)
    return Table(columns, tuple(draw(st.lists(rows, max_size=4))), footer)


def written(cell):
    """Return a cell as a person reads it."""
    match cell:
        case None:
            return ""
        case int():
            return f"{cell:,}"
        case tuple():
            return str(list(cell))
        case _:
            return cell


def lines(table):
    rows = table.rows if table.footer is None else (*table.rows, table.footer)
    titles = tuple(column.title for column in table.columns)
    return [titles, *(tuple(map(written, row)) for row in rows)]


@settings(deadline=None, max_examples=200)
@given(tables())
def test_latex_is_read_back(table):
    columns, rows, rules = latex(show(table, Format.LATEX))
    assert columns == "l" * (len(table.columns) - 1) + "r"
    assert rows == [tuple(c.replace('"', "''") for c in row) for row in lines(table)]
    assert rules == [1] if table.footer is None else [1, len(rows) - 1]


@settings(deadline=None, max_examples=200)
@given(tables())
def test_markdown_is_read_back(table):
    rule, rows = markdown(show(table, Format.MARKDOWN))
    assert rows == lines(table)
    assert re.fullmatch("-*", "".join(rule[:-1]))
    assert re.fullmatch("-*:", rule[-1])


@settings(deadline=None, max_examples=200)
@given(tables())
def test_csv_is_read_back(table):
    def plain(cell):
        match cell:
            case None:
                return ""
            case tuple():
                return "x".join(map(str, cell))
            case _:
                return str(cell)

    titles, *rows = csv.reader(io.StringIO(show(table, Format.CSV), newline=""), strict=True)
    assert titles == [column.title for column in table.columns]
    assert rows == [[plain(cell) for cell in row] for row in table.rows]


@pytest.mark.parametrize(
    "page", ["a", "a & b & c", "a & _", "a & 1%", "{ & ", " & }", r"\foo & ", r"\_x & \^"]
)
def test_the_reader_of_latex_refuses_what_is_no_table(page):
    with pytest.raises((AssertionError, IndexError)):
        latex(f"\\begin{{tabular}}{{ll}}\n\\toprule\n{page} \\\\\n\\bottomrule\n\\end{{tabular}}\n")


# ---------------------------------------------------------------- what the command prints


def printed(capsys, *arguments):
    assert main(["params", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("spec", SPECS)
def test_all_formats_have_the_numbers_of_the_json_object(capsys, spec, by):
    def table(format):
        return printed(capsys, f"{ROOT}/specs/{spec}.arch", "--by", by, "--format", format)

    document = json.loads(table("json"))
    rows = document[f"{by}s"]
    titles, *values = csv.reader(io.StringIO(table("csv")), strict=True)
    records = [dict(zip(titles, row, strict=True)) for row in values]
    assert [
        {
            "name": record[by],
            "output": [int(n) for n in record["output"].split("x")] if record["output"] else None,
            "parameters": int(record["parameters"]),
            "macs": int(record["MACs"]),
            "blocks": int(record["blocks"]),
        }
        for record in records
    ] == rows
    assert sum(int(record["deployed bits"]) for record in records) == document["deployed_bits"]

    _, latex_rows, rules = latex(table("latex"))
    _, markdown_rows = markdown(table("markdown"))
    text = table("text").split("\n\n")[1].splitlines()
    text_rows = [tuple(re.split(r"  +", line)) for line in text]
    assert latex_rows == markdown_rows
    assert rules == [1, len(latex_rows) - 1]
    assert [row[0] for row in markdown_rows] == [by, *(row["name"] for row in rows), "total"]
    # the text has nothing between blanks where a cell is empty
    assert [tuple(filter(None, row)) for row in latex_rows[:-1]] == [
        tuple(filter(None, row)) for row in (*text_rows[:1], *text_rows[2:-2])
    ]
    position = latex_rows[0].index("parameters")
    assert latex_rows[-1][position] == f"{document['parameters']['total']:,}"


def test_no_spreadsheet_takes_a_cell_for_a_formula(capsys):
    for spec in SPECS:
        out = printed(capsys, f"{ROOT}/specs/{spec}.arch", "--tensors", "--format", "csv")
        for row in csv.reader(io.StringIO(out)):
            assert all(re.fullmatch(r"[A-Za-z_0-9][\w. ]*|", cell) for cell in row), row


# ---------------------------------------------------------------- LaTeX itself

DOCUMENT = re.compile(r"^```latex\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOSTILE = r"& % $ # _ { } ~ ^ \ [ ] < > | \begin{x} $$ \\ --"


def test_latex_compiles(capsys, tmp_path):
    """The document that docs/command-line.md shows, with every table that there is."""
    engine = shutil.which("pdflatex") or shutil.which("tectonic")
    if engine is None:
        pytest.skip("there is neither pdflatex nor tectonic")
    spec = f"{ROOT}/specs/sharesnet50.arch"
    pages = [printed(capsys, spec, "--by", by, "--format", "latex") for by in BY]
    pages.append(printed(capsys, spec, "--tensors", "--format", "latex"))
    pages.append(show(Table((Column(HOSTILE),) * 2, (("[1]", HOSTILE),)), Format.LATEX))
    (document,) = DOCUMENT.findall((ROOT / "docs/command-line.md").read_text("utf-8"))
    assert document.count(r"\input{table.tex}") == 1
    inputs = "\n\\clearpage\n".join(rf"\input{{table{i}.tex}}" for i in range(len(pages)))
    (tmp_path / "page.tex").write_text(document.replace(r"\input{table.tex}", inputs))
    for i, page in enumerate(pages):
        (tmp_path / f"table{i}.tex").write_text(page)
    options = ["-halt-on-error", "-interaction=nonstopmode"] if "pdflatex" in engine else []
    done = subprocess.run(
        [engine, *options, "page.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, [x for x in done.stdout.splitlines() if x.startswith("!")]) == (0, [])
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")
