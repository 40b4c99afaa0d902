"""The language and the pages that go on from it: examples compile, and tables are what is known."""

import re
from pathlib import Path

import pytest

from archdsl import limits
from archdsl.ir.datasets import DATA_SETS
from archdsl.ir.numbers import Number
from archdsl.ir.showing import show_value
from archdsl.semantics import functions
from archdsl.semantics.annotations import ANNOTATIONS
from archdsl.semantics.catalogue import ROWS
from archdsl.semantics.expects import NETWORK_QUANTITIES, PART_QUANTITIES
from archdsl.words import AnnotationWord
from tests.markdown import check_example, examples

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs" / name for name in ("language.md", "growing.md", "recipe-settings.md")]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{example.line}-{example.title.replace(' ', '_')}")
    for page in PAGES
    for example in examples(page)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_compiles(example, tmp_path):
    assert not check_example(example, tmp_path).diagnostics


def test_no_example_is_left_out():
    specs = re.findall(r"^```arch(?!.*\bfile=)", TEXT, re.MULTILINE)
    assert len(EXAMPLES) == len(specs) >= 15


def _signature(kind):
    parameters = ", ".join(map(_parameter, ROWS[kind].parameters))
    return f"{kind}({parameters})" if parameters else kind


def _parameter(parameter):
    match parameter.default:
        case None:
            return parameter.name if parameter.required else f"{parameter.name} = .."
        case bool(value):
            default = str(value).lower()
        case Number(value=value):
            default = show_value(value).replace("e-0", "e-")
        case word:
            default = word
    return f"{parameter.name} = {default}"


def _table(heading):
    """Return the words in code of the first column of the first table below a heading."""
    section = re.split(rf"^#+ {heading}$", TEXT, flags=re.MULTILINE)[1]
    first = next(re.finditer(r"^\|-.*\n((?:\|.*\n)+)", section, re.MULTILINE))
    return [
        word for row in first[1].splitlines() for word in re.findall(r"`(.+?)`", row.split("|")[1])
    ]


def test_each_layer_has_its_row_with_all_arguments_and_defaults():
    assert _table("Layers") == [_signature(kind) for kind in ROWS]


def test_each_annotation_has_its_row_with_all_its_forms():
    assert list(ANNOTATIONS) == list(AnnotationWord)
    assert _table("Annotations") == [form for row in ANNOTATIONS.values() for form in row.forms]


def test_each_quantity_has_its_row():
    parts = [f"part.{quantity}" for quantity in PART_QUANTITIES]
    assert sorted(_table("Expectations")) == sorted([*NETWORK_QUANTITIES, *parts])


def test_each_data_set_function_and_word_is_there():
    for name in (*DATA_SETS, *functions.FUNCTIONS):
        assert re.search(rf"`{name}\b", TEXT), name
    grammar = (ROOT / "grammars/arch.lark").read_text("utf-8")
    for word in re.findall(r'"([a-z]+)"', grammar):
        assert re.search(rf"\b{word}\b", TEXT), word


def test_the_limits_are_those_of_the_compiler():
    section = " ".join(PAGES[0].read_text("utf-8").partition("## Limits")[2].split())
    for said in (
        f"files of {limits.MAX_FILE_BYTES // 1024} KiB",
        f"{limits.MAX_IMPORTS} imports",
        f"brackets and blocks {limits.MAX_NESTING} deep",
        f"operators {limits.MAX_EXPRESSION_DEPTH} deep",
        f"numbers to 10^{len(str(limits.MAX_INTEGER)) - 1} and of {limits.MAX_DIGITS} digits",
        f"loops of {limits.MAX_VALUES:,} turns",
        f"lists of {limits.MAX_VALUES:,} values",
        f"files of {limits.MAX_WORDS:,} words",
        f"{limits.MAX_STEPS:,} different layers",
    ):
        assert said in section
