"""docs/questions.md: each command prints what stands below it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/questions.md"
BLOCKS = re.compile(r"^```sh\n(.*?)^```\n\n```\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANSWERS = BLOCKS.findall(PAGE.read_text("utf-8"))


def printed(commands, folder):
    """Return what a shell prints for the commands of a block."""
    command = folder / "archdsl"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m archdsl "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join((str(folder), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "LC_ALL": "C"}
    found = subprocess.run(
        ["sh", "-c", commands],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stderr == ""
    return found.stdout


@pytest.mark.parametrize(("commands", "answer"), ANSWERS, ids=[c.strip() for c, _ in ANSWERS])
def test_an_answer_is_what_is_printed(commands, answer, tmp_path):
    assert printed(commands, tmp_path) == answer


def test_every_question_has_an_answer():
    assert len(ANSWERS) >= 5
    assert PAGE.read_text("utf-8").count("```sh") == len(ANSWERS)
