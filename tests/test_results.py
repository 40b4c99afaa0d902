"""docs/results.md says what the records in docs/results hold; a command makes both."""

import json
import re
from pathlib import Path

import pytest

from archdsl.results.published import read_figures
from docs.results import __main__ as command
from docs.results import page, records
from tests.report.logs import run

COMMAND = ("--command", "python train.py", "--machine", "1 H100", "--commit", "abc123")
RECORD = {
    "network": "net",
    "data": "CIFAR-10",
    "settings": {},
    "commands": ["python train.py --seeds 0 1 2"],
    "machine": "1 H100",
    "commit": "abc123",
    "epochs": 200,
    "parameters": 2748890,
    "seconds": 361.2,
    "seeds": [0, 1, 2],
    "errors": [5, 6, 7],
    "published": {"error": 5.37, "source": "a paper, Table 6"},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of records of its own to be in, and a page without results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "results.md")
    page.PAGE.write_text("# Results\n\n<!-- results -->\n<!-- end -->\n\nend\n", encoding="utf-8")
    return tmp_path


# ---------------------------------------------------------------- what is committed


def test_the_page_is_what_the_records_give():
    assert command.main(["--check"]) == 0


def test_the_published_figures_are_read():
    figures = read_figures([str(records.FIGURES)], [])
    assert len({(each.network, each.recipe) for each in figures}) == len(figures) >= 9
    assert all(each.source for each in figures)
    # issue: WRN-16-4 5.37, WRN-40-4 4.97, one-bit 20-4 6.13 and its twin 5.02
    printed = {each.network: each.error for each in figures}
    assert (printed["wrn_depth16_k4"], printed["wrn_depth40_k4"]) == (5.37, 4.97)
    assert (printed["onebit_k4"], printed["full_precision_k4"]) == (6.13, 5.02)


# ---------------------------------------------------------------- how it is made


def test_a_record_is_a_row_and_a_paragraph(folder):
    Path("net.json").write_text(json.dumps(RECORD))
    assert command.main([]) == 0
    assert page.PAGE.read_text(encoding="utf-8") == (
        "# Results\n\n<!-- results -->\n\n"
        "| network | data     | seeds | epochs | test error % | paper % | difference "
        "| parameters | seconds | machine |\n"
        "| ------- | -------- | ----: | -----: | -----------: | ------: | ---------: "
        "| ---------: | ------: | ------- |\n"
        # 5, 6, 7: mean 6, standard deviation of the sample 1
        "| net     | CIFAR-10 |     3 |    200 |  6.00 ± 1.00 |    5.37 |      +0.63 "
        "|  2,748,890 |     361 | 1 H100  |\n"
        "\n"
        "`net`: seeds 0, 1, 2 end at 5.00, 6.00, 7.00 %; the paper's figure: a paper, Table 6; "
        "commit abc123.\n\n"
        "    python train.py --seeds 0 1 2\n\n"
        "<!-- end -->\n\nend\n"
    )
    assert command.main(["--check"]) == 0


def test_a_page_out_of_date_is_told(folder, capsys):
    Path("net.json").write_text(json.dumps(RECORD))
    assert command.main(["--check"]) == 1
    assert "results.md is out of date: run `python -m docs.results`" in capsys.readouterr().err
    assert "net" not in page.PAGE.read_text(encoding="utf-8")


def test_finished_runs_become_a_record_with_the_figure_of_their_paper(folder):
    about = [("network", "wrn_depth16_k4"), ("data", "CIFAR-10"), ("started", "2026-11-21T10:00")]
    for seed, accuracy in enumerate((0.95, 0.94)):
        run(f"runs/seed{seed}", [0.5] * 199 + [accuracy], seed, about, epochs=200)
    assert command.main(["--add", "first", "runs", *COMMAND]) == 0
    record = json.loads(Path("first.json").read_text())
    assert (record["seeds"], record["errors"]) == ([0, 1], [5.0, 6.0])
    assert record["published"]["error"] == 5.37
    assert re.search(r"Table 6$", record["published"]["source"])
    assert (record["epochs"], record["seconds"], record["commit"]) == (200, 1000.0, "abc123")
    text = page.PAGE.read_text(encoding="utf-8")
    assert "|  5.50 ± 0.71 |    5.37 |      +0.13 |" in text
    assert command.main(["--check"]) == 0


def test_what_is_no_result_becomes_no_record(folder, capsys):
    run("part", (0.5, 0.5))
    run("limited", (0.5, 0.5, 0.9), limit=512)
    run("whole", (0.5, 0.5, 0.9))
    run("other", (0.5, 0.5, 0.9), lr=0.2)
    Path("there.json").write_text(json.dumps(RECORD))
    before = page.PAGE.read_bytes()
    for words, message in (
        (["part", *COMMAND], "part is unfinished, 2 of 3 epochs: no result"),
        (["limited", *COMMAND], "limited did not see the whole data set: no result"),
        (["whole", "other", *COMMAND], "a record is one row of `archdsl report`, and these runs "),
        (["whole"], "the log names no commands: say it by --command"),
        (["whole", "--command", "x"], "the log names no commit: say it by --commit"),
        (["absent", *COMMAND], "[Errno 2] No such file or directory: 'absent'"),
        ([*COMMAND], "a record is one row of `archdsl report`, and these runs are 0"),
    ):
        assert command.main(["--add", "new", *words]) == 1
        assert capsys.readouterr().err.startswith(f"docs.results: {message}")
    assert command.main(["--add", "there", "whole", *COMMAND]) == 1
    assert "there.json is there: remove it first" in capsys.readouterr().err
    assert not Path("new.json").exists()
    assert page.PAGE.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"erors": [1]}, "net.json is no record: Object contains unknown field `erors`"),
        ({"errors": [5, 6]}, "net.json has 3 seeds for 2 errors"),
        ({"errors": [5, 6, 700]}, "net.json is no record: Expected `float` <= 100.0"),
        ({"commands": []}, "net.json is no record: Expected `array` of length >= 1"),
    ],
)
def test_a_wrong_record_is_one_sentence(folder, capsys, change, message):
    Path("net.json").write_text(json.dumps({**RECORD, **change}))
    assert command.main([]) == 1
    assert capsys.readouterr().err.startswith(f"docs.results: {message}")
