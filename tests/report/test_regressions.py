"""`archdsl report`: runs of a regression, alone and beside classifications."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import main
from archdsl.results.errors import RunError
from archdsl.results.log import read_log
from tests.report.logs import regression, run, start, write
from tests.report.test_runs import run_rows

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sines(here):
    """A folder `sine` of three runs, whose last epochs have a loss of 0.001, 0.002 and 0.003."""
    for seed, loss in enumerate((0.001, 0.002, 0.003)):
        regression(f"sine/seed{seed}", (0.5, 0.0001, loss), seed)
    return "sine"


def test_the_last_test_loss_is_shown_with_its_deviation_and_no_accuracy(sines, capsys):
    """0.001, 0.002, 0.003: mean 0.002, standard deviation of the sample 0.001."""
    assert main(["report", sines]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "network  data      seeds  epochs      test loss  parameters  seconds  points/s  device\n"
        "-------  --------  -----  ------  -------------  ----------  -------  --------  ------\n"
        "sine     the sine      3       3  0.002 ± 0.001       1,234        4     2,000  x86_64\n"
        "\n"
        "test loss of the last epoch, mean and standard deviation of the sample over the seeds\n"
    )
    assert err == ""


def test_a_table_of_both_tasks_says_which_is_which(sines, capsys):
    run("net", (0.5, 0.5, 0.9))
    assert main(["report", "net", sines]) == 0
    table, notes = capsys.readouterr().out.split("\n\n")
    titles, _, net, sine = (
        [cell for cell in line.split("  ") if cell] for line in table.split("\n")
    )
    assert [title.strip() for title in titles[:7]] == [
        *("network", "data", "task", "seeds", "epochs", "test error %", "test loss")
    ]
    assert [cell.strip() for cell in net[:5]] == ["net", "classification", "1", "3", "10.00"]
    assert [cell.strip() for cell in sine[:6]] == [
        *("sine", "the sine", "regression", "3", "3", "0.002 ± 0.001")
    ]
    assert notes.startswith("test error and test loss of the last epoch, mean and ")


def test_programs_get_the_losses_as_they_are(sines, report, capsys):
    regression("fine", (1.23456789e-7,))
    rows = report(sines, "fine")
    assert [(row["task"], row["error"], row["train_accuracy"]) for row in rows] == [
        ("regression", None, None)
    ] * 2
    assert rows[0]["loss"] == pytest.approx({"mean": 0.002, "deviation": 0.001})
    assert rows[1]["loss"] == {"mean": 1.23456789e-7, "deviation": None}
    assert (rows[0]["points_per_second"], rows[0]["images_per_second"]) == (2000, None)
    assert rows[0]["runs"][2]["test_loss"] == [0.5, 0.0001, 0.003]
    assert rows[0]["runs"][2]["test_error"] == [None, None, None]
    assert main(["report", "fine", "--format", "csv"]) == 0
    titles, row = csv.reader(io.StringIO(capsys.readouterr().out), strict=True)
    cells = dict(zip(titles, row, strict=True))
    assert (cells["task"], cells["test loss"]) == ("regression", "1.23457e-07")
    assert (cells["test error"], cells["loss deviation"]) == ("", "")


def test_a_classification_has_its_task_and_its_loss_for_programs(here, report):
    run("net", (0.5, 0.5, 0.9))
    (row,) = report("net")
    assert (row["task"], row["loss"]) == ("classification", {"mean": 0.5, "deviation": None})


def test_an_error_of_a_paper_is_not_compared_with_a_regression(sines, capsys):
    for word in ("5", "sine=5"):
        assert main(["report", sines, "--published", word]) == 1
        message = "archdsl: a published figure is an error in percent: sine is a regression\n"
        assert capsys.readouterr() == ("", message)
    run("net", (0.5, 0.5, 0.9))
    assert main(["report", sines, "net", "--published", "net=5"]) == 0


def test_curves_of_a_regression_are_of_its_losses(sines):
    pytest.importorskip("matplotlib")
    assert main(["report", sines, "--plot", "x.svg"]) == 0
    text = Path("x.svg").read_text()
    assert "test loss" in text
    assert "training loss" in text
    assert "error" not in text


def test_a_plot_is_of_one_task(sines, capsys):
    pytest.importorskip("matplotlib")
    run("net", (0.5, 0.5, 0.9))
    assert main(["report", sines, "net", "--plot", "x.svg"]) == 1
    message = "archdsl: a plot is of one task: plot classifications and regressions apart\n"
    assert capsys.readouterr() == ("", message)
    assert not Path("x.svg").exists()


def test_a_log_of_another_task_is_refused(here):
    write("a", start(about=[("task", "ranking")]))
    with pytest.raises(RunError, match=r"^a/log.jsonl:1: no line of a training log: .*'ranking'"):
        read_log(Path("a/log.jsonl"))


def test_the_log_of_a_generated_script_is_read(here):
    """Held-out points are tested after each epoch, those of the test after the last."""
    spec = (
        (ROOT / "specs/sine.arch")
        .read_text()
        .replace("\n    init ", "\n    held_out = 96\n    init ")
    )
    Path("sine.arch").write_text(spec)
    assert main(["compile", "sine.arch"]) == 0
    flags = ("--epochs", "2", "--limit", "1000", "--device", "cpu", "--out", "runs")
    command = [sys.executable, "generated/sine/train.py", *flags, "--seeds", "0", "1"]
    subprocess.run(command, check=True, capture_output=True)
    records = [json.loads(line) for line in Path("runs/seed0/log.jsonl").read_text().splitlines()]
    (row,) = run_rows("runs")
    assert (row["task"], row["seeds"], row["settings"]) == (
        "regression",
        [0, 1],
        {"limit": 1000, "held_out": 96},
    )
    assert row["runs"][0]["test_loss"] == [None, records[2]["test_loss"]]
