"""docs/questions.md prints what its commands print."""

import re
import shlex
from pathlib import Path

import pytest

from archdsl.cli import main

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/questions.md").read_text("utf-8")


def examples():
    """Return each command of the page, and what stands below it."""
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield pytest.param(shlex.split(command)[1:], printed, id=command)


@pytest.mark.parametrize(("words", "printed"), [*examples()])
def test_each_command_prints_what_the_page_says(words, printed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(words) == 0
    assert capsys.readouterr().out == printed
