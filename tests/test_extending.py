"""docs/extending.md: each recipe names the places of the compiler that what it adds stands in."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/extending.md"

# What was added as each recipe has it, and the names that it has in the compiler.
ADDED = {
    "A layer": r"GlobalResponseNorm|\bgrn\b",
    "A measure": r'name="deployed_bits"',
    "A weight scheme": r"Standardized|STANDARDIZED|\bstandardized\b",
    "An annotation": r"STOCHASTIC_DEPTH|class DropBranches|class DropScope",
    "A statement": r"\bSetInit\b|\bset_init\b",
    "A data set": r"\bsvhn\b",
    "Data of another kind": r'\bSine\b|\bSINE\b|_SINE\b|"sine"|def sine\b',
    "A diagnostic": r"E513",
}


def section(heading):
    flags = re.MULTILINE | re.DOTALL
    found = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), flags)
    assert found, heading
    return found[1]


def places(heading):
    """Return the files of the first column of a recipe's table."""
    rows = re.findall(r"^\| `(.+?)` \|", section(heading), re.MULTILINE)
    return {row for row in rows if (ROOT / row).exists() or row.startswith(("archdsl", "docs"))}


def files_with(pattern):
    """Return the files of the compiler that name something, in their text or as their own name."""
    sources = [*(ROOT / "archdsl").rglob("*"), *(ROOT / "grammars").iterdir()]
    texts = {p: p.read_text("utf-8") for p in sources if p.suffix in (".py", ".jinja", ".lark")}
    return {
        path.relative_to(ROOT).as_posix()
        for path, text in texts.items()
        if re.search(pattern, text) or re.search(pattern, path.name)
    }


@pytest.mark.parametrize("heading", [each for each in ADDED if each != "A diagnostic"])
def test_the_recipe_names_every_place(heading):
    assert places(heading) == files_with(ADDED[heading])


def test_a_diagnostic_stands_where_its_mistake_is_seen_and_has_a_page():
    assert places("A diagnostic") == {"docs/errors/E513.md"}
    assert files_with(ADDED["A diagnostic"]) == {"archdsl/semantics/kinds/fitting.py"}


def test_no_recipe_is_left_out():
    assert re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE) == list(ADDED)


def test_the_page_names_files_that_are_there():
    for path in re.findall(
        r"`((?:archdsl|tests|docs|grammars)/[\w/.]+?)`", PAGE.read_text("utf-8")
    ):
        assert (ROOT / path).exists(), path
