import csv
import io

import pytest

from archdsl.report.table import Column, Format, Table, show

TABLE = Table(
    (Column("part"), Column("output"), Column("MACs", is_number=True)),
    (("a_b", (4, 8, 8), 1234567), ("shared", None, 0)),
    ("total", "", 1234567),
)


def test_text_is_aligned_with_separators_and_a_sum_line():
    assert show(TABLE, Format.TEXT) == (
        "part    output          MACs\n"
        "------  ---------  ---------\n"
        "a_b     [4, 8, 8]  1,234,567\n"
        "shared                     0\n"
        "------  ---------  ---------\n"
        "total              1,234,567\n"
    )


def test_markdown_aligns_numbers_at_the_right():
    assert show(TABLE, Format.MARKDOWN) == (
        "| part   | output    |      MACs |\n"
        "| ------ | --------- | --------: |\n"
        "| a_b    | [4, 8, 8] | 1,234,567 |\n"
        "| shared |           |         0 |\n"
        "| total  |           | 1,234,567 |\n"
    )


def test_latex_has_the_rules_of_booktabs_and_escapes_names():
    assert show(TABLE, Format.LATEX) == (
        "\\begin{tabular}{llr}\n"
        "\\toprule\n"
        "part   & output      &      MACs \\\\\n"
        "\\midrule\n"
        "a\\_b   & {[4, 8, 8]} & 1,234,567 \\\\\n"
        "shared &             &         0 \\\\\n"
        "\\midrule\n"
        "total  &             & 1,234,567 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )


def test_csv_has_plain_numbers_and_no_sums():
    assert list(csv.reader(io.StringIO(show(TABLE, Format.CSV)))) == [
        ["part", "output", "MACs"],
        ["a_b", "4x8x8", "1234567"],
        ["shared", "", "0"],
    ]


def test_truth_is_written_as_a_word():
    table = Table((Column("learned"),), ((True,), (False,)))
    assert show(table, Format.TEXT) == "learned\n-------\nyes\nno\n"
    assert show(table, Format.CSV) == "learned\ntrue\nfalse\n"


@pytest.mark.parametrize("format", Format)
def test_a_table_may_have_no_rows(format):
    assert "part" in show(Table((Column("part"),), ()), format)
