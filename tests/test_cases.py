"""The language, case by case: tests/cases/*.md say what compiles and what is an error where."""

from pathlib import Path

import pytest

from archdsl.analyses.tensors import entries, num_tensors
from tests.markdown import check_example, examples, unfolded

DOCUMENTS = sorted((Path(__file__).parent / "cases").glob("*.md"))
CASES = [
    pytest.param(example, id=f"{document.stem}-{example.line}-{example.title.replace(' ', '_')}")
    for document in DOCUMENTS
    for example in examples(document)
]


@pytest.mark.parametrize("case", CASES)
def test_case(case, tmp_path):
    found = check_example(case, tmp_path)
    for compilation in found.compilations:
        if num_tensors(compilation.network) < 5_000 and not case.all("set"):
            flat = unfolded(compilation)
            for one, folded in zip(
                (flat, *flat.phases), (compilation, *compilation.phases), strict=True
            ):
                assert one.counts.sums == folded.counts.sums
                assert [*entries(one.network)] == [*entries(folded.network)]
