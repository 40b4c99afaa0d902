"""`archdsl report`: logs that are damaged or hostile."""

import csv
import io
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.cli import main
from archdsl.limits import MAX_LOG_BYTES
from archdsl.report.document import to_json
from archdsl.report.runs import Result, results_document, results_table
from archdsl.report.table import Format, show
from archdsl.results.errors import RunError
from archdsl.results.log import read_log
from archdsl.results.rows import rows_of
from tests.report.logs import ABOUT, epoch, run, start

ROOT = Path(__file__).parents[2]

START = json.dumps(start())
GOOD = json.dumps(epoch(1, 0.5))
BAD_LOGS = {  # what is written, line, what is said of it
    "empty": ("", 1, "the log is empty"),
    "cut in the first line": (START[:50], 1, "the log is empty"),
    "binary": ("\0\1\2\n", 1, "no line of a training log: JSON is malformed"),
    "not UTF-8": (START.replace("x86_64", "\udcff") + "\n", 1, "no line of a training log: "),
    "another log": ('{"loss": 1}\n', 1, "no line of a training log: Object missing required field"),
    "a list": ("[1]\n", 1, "no line of a training log: Expected `object`, got `array`"),
    "no seed": ('{"config": {"epochs": 1}}\n', 1, "the configuration has no seed"),
    "half an epoch": ('{"config": {"epochs": 0.5, "seed": 0}}\n', 1, "the configuration has no ep"),
    "NaN": (f"{START}\n{GOOD.replace('0.5', 'NaN')}\n", 2, "test_loss is NaN"),
    "infinity": (f"{START}\n{GOOD.replace('1.0', 'Infinity')}\n", 2, "train_loss is Infinity"),
    "too large": (f"{START}\n{GOOD.replace('1.0', '1e999')}\n", 2, "no line of a training log: "),
    "accuracy": (f"{START}\n{GOOD.replace('0.75', '1.5')}\n", 2, "no line of a training log: "),
    "damaged": (f"{START}\n{GOOD[:40]}\n", 2, "no line of a training log: "),
    "a gap": (f"{START}\n{GOOD}\n{GOOD.replace(': 1,', ': 3,', 1)}\n", 3, "epoch 3 comes"),
    "epoch 0": (f"{START}\n{GOOD.replace(': 1,', ': 0,', 1)}\n", 2, "epoch 0 comes after epoch 0"),
    "resumed": (f'{START}\n{{"resumed_after": 2}}\n', 2, "resumed after epoch 2, of which"),
    "something": (f'{START}\n{{"a": 2}}\n', 2, "neither an epoch nor `resumed_after`"),
    "blank": (f"{START}\n\n{GOOD}\n", 2, "no line of a training log: "),
    "deep": (f"{START}\n" + '{"a":' * 100_000 + "\n", 2, "no line of a training log: "),
    "long name": ('{"network": "' + "a" * 300 + '", "config": {}}\n', 1, "no line of a training"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), BAD_LOGS.values(), ids=BAD_LOGS)
def test_a_damaged_log_is_one_sentence_with_its_place(here, capsys, text, line, message):
    run("good", (0.5, 0.5, 0.9))
    Path("bad").mkdir()
    Path("bad/log.jsonl").write_text(text, "utf-8", errors="surrogateescape")
    Path("x.svg").write_text("what was there")
    for chosen in ("text", "json"):
        words = ["report", "good", "bad", "--plot", "x.svg", "--format", chosen]
        assert main(words) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"archdsl: bad/log.jsonl:{line}: {message}")
        assert err.count("\n") == 1
    assert Path("x.svg").read_text() == "what was there"


def test_what_is_no_run_is_one_sentence(here, capsys):
    Path("empty").mkdir()
    Path("file").write_text("")
    Path("folder/log.jsonl").mkdir(parents=True)
    Path("pipe").mkdir()
    os.mkfifo("pipe/log.jsonl")
    Path("large").mkdir()
    with Path("large/log.jsonl").open("wb") as log:
        log.truncate(MAX_LOG_BYTES + 1)
    for folder, message in (
        ("empty", "empty holds no log.jsonl, nor have folders seed0, seed1, .. in it one"),
        ("absent", "absent: No such file or directory"),
        ("file", "file: Not a directory"),
        ("folder", "folder/log.jsonl is no file"),
        ("pipe", "pipe/log.jsonl is no file"),
        ("large", "large/log.jsonl is larger than 16 MiB"),
    ):
        assert main(["report", folder]) == 1
        assert capsys.readouterr() == ("", f"archdsl: {message}\n")


@settings(max_examples=300)
@given(st.data())
def test_whatever_stands_in_a_log_it_is_read_or_refused(tmp_path_factory, data):
    log = tmp_path_factory.mktemp("any") / "log.jsonl"
    content = f"{START}\n{GOOD}\n".encode()
    cut = data.draw(st.integers(0, len(content)))
    piece = data.draw(st.sampled_from(PIECES) | st.binary(max_size=4).map(bytes))
    log.write_bytes(content[:cut] + piece + content[cut + data.draw(st.integers(0, 9)) :])
    row = None
    with suppress(RunError):
        row = rows_of([read_log(log)])[0]
    if row is not None:
        assert to_json(results_document([Result(row, None)])).count("\n") == 6
        assert show(results_table([Result(row, None)]), Format.TEXT).count("\n") == 3


PIECES = (b"NaN", b"1e999", b"9" * 400, b"9" * 30, b"-1", b"null", b"[", b'"', b"{}", b"\n")
EVIL = "\x1b[31m\x9b\u202e\n=cmd()|</text>$x_{$<script>"


@pytest.mark.parametrize("format", ["text", "json", "markdown", "latex", "csv"])
def test_nothing_in_a_log_reaches_the_terminal_as_a_command(here, capsys, format):
    about = [("network", EVIL), ("recipe", EVIL), ("data", EVIL), ("device", EVIL)]
    run("a", (0.5, 0.5, 0.9), 0, about, out=EVIL, mode=EVIL, limit=7)
    run("b", (0.5, 0.5, 0.9), 0, about, out=EVIL, mode="=1+1", limit=7)
    Path("c\x1b[31m").mkdir()
    run("c\x1b[31m", (0.5, 0.5), 0)
    assert main(["report", "a", "b", "c\x1b[31m", "--format", format]) == 0
    out, err = capsys.readouterr()
    assert (out + err).replace("\n", "").isprintable()
    assert main(["report", "c\x1b[31m/x"]) == 1
    assert capsys.readouterr().err.replace("\n", "").isprintable()


def test_no_spreadsheet_takes_a_text_of_a_log_for_a_formula(here, capsys):
    about = [(name, "=1+1") for name in ("network", "recipe", "data", "device")]
    run("a", (0.5, 0.5, 0.9), 0, about)
    assert main(["report", "a", "--format", "csv"]) == 0
    _, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert [cell for cell in row if cell.startswith("=")] == []
    assert row.count("'=1+1") == 4


def test_a_report_has_a_bound(here, capsys, monkeypatch):
    monkeypatch.setattr("archdsl.results.folders.MAX_RUNS", 2)
    for seed in range(3):
        run(f"net/seed{seed}", (0.5, 0.5, 0.9), seed)
    assert main(["report", "net"]) == 1
    assert capsys.readouterr().err == "archdsl: a report is about 2 runs at most\n"


def test_what_the_fixture_says_is_what_train_py_says():
    script = (ROOT / "generated/digits/train.py").read_text("utf-8")
    for name in (*ABOUT, *epoch(1, 0.5)):
        assert f'"{name}"' in script
