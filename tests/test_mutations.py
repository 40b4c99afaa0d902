"""A spec with words exchanged or lines moved compiles, or is refused with diagnostics."""

import random
import re
from pathlib import Path

import pytest

from archdsl.diagnostics import SpecError, render
from archdsl.pipeline import check_file
from archdsl.syntax.files import link_text
from tests.markdown import examples

CASES = sorted((Path(__file__).parent / "cases").glob("*.md"))
TEXTS = [
    re.sub("#.*", "", example.text)
    for document in CASES
    for example in examples(document)
    if not example.files and len(example.text) < 1_500
]
PIECE = re.compile(r"\s+|[A-Za-z_]\w*|[0-9][0-9_.]*|\"[^\"\n]*\"|[=!<>/]{2}|.")
NAMES = sorted(set(re.findall(r"[A-Za-z_]\w*", " ".join(TEXTS))))
VALUES = (
    "0",
    "1",
    "2",
    "3",
    "16",
    "0.5",
    "1/3",
    "(1-2)",
    "true",
    "[1, 2]",
    "{1: 2}[1]",
    "width",
    "relu",
)


def mutated(text, draw):
    """Return the text with a name or number exchanged, or a line lost, doubled or moved."""
    kind = draw.random()
    if kind < 0.75:
        pieces = PIECE.findall(text)
        is_number = kind < 0.35
        places = [i for i, p in enumerate(pieces) if (p[0].isdigit() if is_number else p.isalpha())]
        if places:
            pieces[draw.choice(places)] = draw.choice(VALUES if is_number else NAMES)
        return "".join(pieces)
    lines = text.split("\n")
    i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
    if kind < 0.85:
        del lines[i]
    elif kind < 0.92:
        lines.insert(j, lines[i])
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


def diagnostics_of(seed):
    """Return the diagnostics of the mutated spec of a seed."""
    draw = random.Random(seed)
    text = draw.choice(TEXTS)
    for _ in range(draw.choice((1, 1, 2, 3))):
        text = mutated(text, draw)
    try:
        return check_file(link_text(text)).warnings
    except SpecError as error:
        return error.diagnostics


def check_seeds(seeds):
    refused = 0
    for found in map(diagnostics_of, seeds):
        shown = [render(diagnostic) for diagnostic in found]
        assert all(text.startswith(("error[E", "warning[W")) for text in shown)
        refused += any(text.startswith("error") for text in shown)
    assert 0.5 < refused / len(seeds) < 0.99


def test_mutated_specs_are_refused_with_diagnostics_or_compile():
    check_seeds(range(1_500))


@pytest.mark.slow
def test_many_mutated_specs_are_refused_with_diagnostics_or_compile():
    check_seeds(range(1_500, 100_000))
