"""What compiles in tests/cases/, docs/language.md and docs/errors/ is also built and run."""

from pathlib import Path

import pytest

from tests.generated import (
    build,
    check_copies,
    check_forward,
    check_macs,
    check_state,
    load,
    train_step,
)
from tests.markdown import check_example, examples, marks

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *sorted((ROOT / "tests/cases").glob("*.md")),
    ROOT / "docs/language.md",
    ROOT / "docs/growing.md",
    ROOT / "docs/recipe-settings.md",
    *sorted((ROOT / "docs/errors").glob("[EW]*.md")),
]
MOST = 2**60  # parameters that PyTorch can count the bytes of
LARGE = 1_000_000  # parameters; larger networks are built without memory, and not run


def _compiles(example):
    return all(mark.severity == "warning" for mark in marks(example))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_the_networks_of_a_document_are_what_they_say(document, tmp_path):
    for i, example in enumerate(filter(_compiles, examples(document))):
        for compilation in check_example(example, tmp_path / str(i)).compilations:
            sums = compilation.counts.sums
            if sums.conv_layers < 10_000 and sums.total < MOST:
                _prove(compilation)


def _prove(compilation):
    network = load(compilation)
    on_meta = build(network, "meta")
    check_state(on_meta, compilation)
    check_macs(on_meta, compilation)
    if compilation.counts.sums.total < LARGE:
        module = build(network)
        check_copies(module)
        check_forward(module, compilation)
        train_step(build(network), compilation)
