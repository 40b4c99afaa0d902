"""The fuzz target takes what the fuzzer gives it; fuzz/specs.py says how to run it."""

import random

import pytest

from fuzz.specs import check_text, fill
from tests.test_mutations import TEXTS


def test_the_fuzz_target_takes_any_bytes():
    draw = random.Random(0)
    for _ in range(50):
        raw = bytearray(draw.choice(TEXTS).encode())
        raw[draw.randrange(len(raw))] = draw.randrange(256)
        check_text(bytes(raw))


def test_the_fuzz_target_sees_what_is_no_diagnostic(monkeypatch):
    monkeypatch.setattr("archdsl.pipeline.check_file", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check_text(b"network n {\n    input(3)\n    relu\n}\n")


def test_the_corpus_begins_with_the_specs_of_the_repository(tmp_path):
    fill(tmp_path / "corpus")
    assert len(list((tmp_path / "corpus").iterdir())) > 300
