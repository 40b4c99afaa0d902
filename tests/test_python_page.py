"""docs/python.md: its examples run, and it has every name that there is."""

import doctest
import re
from pathlib import Path

import archdsl
from archdsl.diagnostics import Diagnostic

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "python.md"


def test_the_examples_give_what_they_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0


def test_every_name_is_on_the_page():
    text = PAGE.read_text("utf-8")
    network = archdsl.compile(ROOT / "specs" / "digits.arch")
    members = [name for name in dir(network) if not name.startswith("_")]
    for name in (*dir(archdsl), *members, *Diagnostic.__struct_fields__, "diagnostics"):
        assert re.search(rf"\b{name}\b", text), name


def test_dir_shows_what_can_be_had():
    for name in dir(archdsl):
        if name != "load_ipython_extension":  # which needs IPython
            assert getattr(archdsl, name) is not None
