"""The tables that the parser runs are lark's, and the driver reads them as lark does."""

import re
from functools import cache
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import UnexpectedInput

from archdsl.diagnostics import SpecError
from archdsl.source import SourceFile
from archdsl.syntax.driver import UnexpectedWordError, run
from archdsl.syntax.lexer import words
from archdsl.syntax.tables import KEYWORDS
from scripts.tables import TARGET, tables

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.arch"))


class Shape:
    """A builder that keeps the parse as nested tuples: the rule, then its children."""

    def __getattr__(self, rule):
        return lambda children: (rule, *children)


@cache
def lark() -> Lark:
    return Lark.open(
        str(ROOT / "grammars" / "arch.lark"),
        start=["spec", "expression"],
        parser="lalr",
        keep_all_tokens=True,
        maybe_placeholders=False,
    )


def lark_shape(node):
    if isinstance(node, str):
        return str(node)
    return (str(node.data), *map(lark_shape, node.children))


def own_shape(node):
    return node.text if hasattr(node, "text") else (node[0], *map(own_shape, node[1:]))


def read(text):
    return own_shape(run("spec", words(SourceFile("spec", text)), Shape()))


def test_committed_tables_are_current():
    assert tables() == TARGET.read_text(), "run `python -m scripts.tables`"


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_is_read_as_lark_reads_it(path):
    text = path.read_text()
    assert read(text) == lark_shape(lark().parse(text, start="spec"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_without_one_word_a_spec_is_taken_or_refused_as_lark_does(path):
    text = path.read_text()
    found = [m for m in re.finditer(r"\w+|[^\w\s]", text) if not _in_comment(text, m.start())]
    for match in found[:: max(1, len(found) // 40)]:
        broken = text[: match.start()] + " " + text[match.end() :]
        assert _own_takes(broken) == _lark_takes(broken), broken


def _in_comment(text, offset):
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return "#" in line


def _own_takes(text):
    try:
        read(text)
    except (UnexpectedWordError, SpecError):
        return False
    return True


def _lark_takes(text):
    try:
        lark().parse(text, start="spec")
    except UnexpectedInput:
        return False
    return True


def test_a_keyword_is_a_name_where_the_grammar_has_no_keyword():
    assert "from" in KEYWORDS
    text = "network n { stage s = 2 * b with share(conv3x3, from = 2) }"
    assert read(text) == lark_shape(lark().parse(text, start="spec"))
