"""Each diagnostic has its page in docs/errors/: its example gives it, its way out compiles."""

import ast
import re
from pathlib import Path

import pytest

from tests.markdown import check_example, examples, marks

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs/errors").glob("[EW]*.md"))
HEADINGS = ["What it does", "Why", "Example", "Use instead"]


def codes_in(path):
    strings = (
        n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)
    )
    return {s for s in strings if isinstance(s, str) and re.fullmatch(r"[EW]\d{3}", s)}


def test_each_diagnostic_has_a_page_and_each_page_a_diagnostic():
    raised = set().union(*map(codes_in, (ROOT / "archdsl").rglob("*.py")))
    assert {page.stem for page in PAGES} == raised


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_have_the_same_headings(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    title, *headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert title.startswith(f"{page.stem}: ")
    assert headings == HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_example_gives_this_diagnostic_and_no_other(page, tmp_path):
    wrong = [example for example in examples(page) if example.title == "Example"]
    assert wrong
    for i, example in enumerate(wrong):
        codes = [mark.code for mark in marks(example) if mark.severity != "help"]
        assert codes == [page.stem]
        check_example(example, tmp_path / str(i))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_to_use_instead_compiles(page, tmp_path):
    right = [example for example in examples(page) if example.title == "Use instead"]
    assert right
    for i, example in enumerate(right):
        assert not marks(example)
        check_example(example, tmp_path / str(i))


@pytest.mark.parametrize(
    ("code", "file", "reported"),
    [("E322", "semantics/kinds/*.py", '"E322"'), ("E330", "ir/shapes.py", "raise ShapeError(")],
)
def test_the_page_has_an_example_of_each_mistake(code, file, reported):
    page = ROOT / f"docs/errors/{code}.md"
    wrong = [example for example in examples(page) if example.title == "Example"]
    source = "".join(path.read_text() for path in (ROOT / "archdsl").glob(file))
    assert len(wrong) == source.count(reported)
