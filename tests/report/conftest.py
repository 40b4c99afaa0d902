"""Folders of runs, and what the command says of them."""

import json

import pytest

from archdsl.cli import main
from tests.report.logs import run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def report(here, capsys):
    """Return a function that gives the rows of the object that the command prints."""

    def rows(*words):
        assert main(["report", *words, "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)["rows"]

    return rows


@pytest.fixture
def seeds(here):
    """A folder `net` of three runs, whose last epochs have 5, 6 and 7 % error."""
    for seed, accuracy in enumerate((0.95, 0.94, 0.93)):
        run(f"net/seed{seed}", (0.5, 0.99, accuracy), seed)
    return "net"
