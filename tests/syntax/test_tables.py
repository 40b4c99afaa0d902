"""The tables that the parser runs are lark's, and the driver reads them as lark does."""

import random
import re
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from lark import Lark
from lark.exceptions import UnexpectedInput

from archdsl.diagnostics import SpecError
from archdsl.source import SourceFile
from archdsl.syntax.driver import UnexpectedWordError, run
from archdsl.syntax.lexer import words
from archdsl.syntax.tables import KEYWORDS
from scripts.tables import TARGET, tables
from tests.markdown import examples
from tests.strategies import specs
from tests.test_mutations import TEXTS, mutated
from tests.test_proof import STEADY

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.arch"))
CASES = [
    text
    for document in sorted((ROOT / "tests" / "cases").glob("*.md"))
    for example in examples(document)
    for text in (example.text, *(text for _, text in example.files))
]


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
        as_lark(text[: match.start()] + " " + text[match.end() :])


def _in_comment(text, offset):
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return "#" in line


def as_lark(text):
    """Hold what is read of a text, or that it is refused, against lark; return which it is."""
    try:
        expected = lark_shape(lark().parse(text, start="spec"))
    except UnexpectedInput:
        expected = None
    try:
        found = read(text)
    except (UnexpectedWordError, SpecError):
        found = None
    assert found == expected, text
    return "refused" if found is None else "taken"


def test_every_case_is_read_or_refused_as_lark_does():
    found = Counter(map(as_lark, CASES))
    assert found["taken"] >= 400
    assert found["refused"] >= 50


def test_mutated_cases_are_read_or_refused_as_lark_does():
    found = Counter()
    for seed in range(1_000):
        draw = random.Random(seed)
        text = draw.choice(TEXTS)
        for _ in range(draw.randint(1, 3)):
            text = mutated(text, draw)
        found[as_lark(text)] += 1
    assert found["taken"] >= 200
    assert found["refused"] >= 200


def test_drawn_specs_are_read_as_lark_does_and_mutated_ones_read_or_refused():
    found = Counter()

    @settings(STEADY, max_examples=100)
    @given(specs())
    def hold(spec):
        assert as_lark(spec.text) == "taken"
        draw = random.Random(zlib.crc32(spec.text.encode()))
        text = spec.text
        for _ in range(4):  # one change leaves most texts readable
            text = mutated(text, draw)
        found[as_lark(text)] += 1

    hold()
    assert found["taken"] >= 20
    assert found["refused"] >= 20


def test_a_keyword_is_a_name_where_the_grammar_has_no_keyword():
    assert "from" in KEYWORDS
    text = "network n { stage s = 2 * b with share(conv3x3, from = 2) }"
    assert read(text) == lark_shape(lark().parse(text, start="spec"))
