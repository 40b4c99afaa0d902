"""`archdsl report`: which runs are a row, and what stands in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import main
from tests.report.logs import epoch, run, start, write

ROOT = Path(__file__).parents[2]


# ---------------------------------------------------------------- rows


def test_runs_that_differ_in_their_seed_are_a_row_of_last_epochs(seeds, capsys):
    # 5, 6, 7: mean 6, standard deviation of the sample 1; 99 % in the second epoch do not count
    assert main(["report", seeds]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "network  seeds  epochs  test error %  train accuracy %  "
        "parameters  seconds  images/s  device\n"
        "-------  -----  ------  ------------  ----------------  "
        "----------  -------  --------  ------\n"
        "net          3       3   6.00 ± 1.00      75.00 ± 0.00  "
        "     1,234       22       200  x86_64\n"
        "\n"
        "test error of the last epoch, mean and standard deviation of the sample over the seeds\n"
    )
    assert err == ""


def test_folders_of_seeds_and_single_ones_are_the_same_runs(seeds, report):
    (together,) = report(seeds)
    (apart,) = report("net/seed2", "net/seed0", "net/seed1")
    (twice,) = report(seeds, "net/seed1/", f"{Path.cwd()}/net")
    assert together == apart == twice
    assert together["seeds"] == [0, 1, 2]


def test_a_folder_of_seeds_counts_by_their_numbers(here, report):
    for seed in (10, 9):
        run(f"net/seed{seed}", (0.5, 0.5, 0.5), seed)
    (here / "net/seed11").mkdir()  # not begun
    (here / "net/seedling").mkdir()
    (row,) = report("net")
    assert [each["folder"] for each in row["runs"]] == ["net/seed9", "net/seed10"]


def test_a_run_has_no_deviation(here, report):
    run("a", (0.5, 0.5, 0.875))
    (row,) = report("a")
    assert row["error"] == {"mean": 12.5, "deviation": None}


def test_flags_of_how_a_run_is_computed_make_no_row(here, report):
    run("a", (0.5, 0.5, 0.9), 0, workers=-1)
    flags = {"device": "cuda", "minutes": 55.0, "out": "b", "workers": 8}
    run("b", (0.5, 0.5, 0.8), 1, [("device", "H100")], **flags)
    for name in ("a", "b"):  # logs that name the network, in folders of other names
        lines = (
            Path(name, "log.jsonl").read_text().replace('{"config"', '{"network": "n", "config"')
        )
        Path(name, "log.jsonl").write_text(lines)
    (row,) = report("a", "b")
    assert (row["network"], row["seeds"]) == ("n", [0, 1])
    assert row["devices"] == ["x86_64", "H100"]


def test_rows_of_a_network_are_told_apart_by_what_differs(here, report):
    about = [("network", "net")]
    run("a", (0.5, 0.5, 0.9), 0, about, lr=0.1, milestones=[60, 120])
    run("b", (0.5, 0.5, 0.9), 0, about, lr=0.2, milestones=[60, 120])
    run("c", (0.5, 0.5, 0.9), 0, about, lr=0.1, milestones=[60, 160])
    run("other", (0.5, 0.5, 0.9), 0, lr=0.7)
    rows = report("c", "b", "a", "other")
    assert [(row["network"], row["settings"]) for row in rows] == [
        ("net", {"lr": 0.1, "milestones": [60, 160]}),
        ("net", {"lr": 0.2, "milestones": [60, 120]}),
        ("net", {"lr": 0.1, "milestones": [60, 120]}),
        ("other", {}),
    ]


def test_a_second_run_of_a_seed_is_no_further_sample(here, report):
    about = [("network", "net")]
    run("a", (0.5, 0.5, 0.9), 0, about)
    run("b", (0.5, 0.5, 0.9), 0, about)
    run("c", (0.5, 0.5, 0.9), 1, about)
    assert [(row["settings"], row["seeds"]) for row in report("a", "b", "c")] == [
        ({"in": "a"}, [0, 1]),
        ({"in": "b"}, [0]),
    ]


def test_other_recipes_and_data_sets_are_other_rows(here, report):
    for number, (recipe, data) in enumerate((("r", "d"), ("s", "d"), ("r", "e"))):
        about = [("network", "net"), ("recipe", recipe), ("data", data)]
        run(f"{number}", (0.5, 0.5, 0.9), number, about)
    settings = [row["settings"] for row in report("0", "1", "2")]
    assert settings == [
        {"recipe": "r", "data": "d"},
        {"recipe": "s", "data": "d"},
        {"recipe": "r", "data": "e"},
    ]


def test_unfinished_runs_are_said_to_be_so(here, capsys):
    run("a/seed0", (0.5, 0.5, 0.9), 0)
    run("a/seed1", (0.5, 0.5), 1)
    run("b/seed0", (0.5, 0.6), 0)
    run("b/seed1", (0.5, 0.8), 1)
    run("c/seed0", (0.5, 0.6), 0)
    run("c/seed1", (), 1)
    assert main(["report", "a", "b", "c", "--published", "a=9", "--published", "b=9"]) == 0
    table, notes = capsys.readouterr().out.split("\n\n")
    cells = [line.split("  ") for line in table.splitlines()[2:]]
    rows = [[cell.strip() for cell in line if cell.strip()][:6] for line in cells]
    assert rows[0] == ["a", "1 of 2", "3", "10.00", "9.00", "+1.00"]
    assert rows[1] == ["b", "2", "2 of 3", "30.00 ± 14.14", "9.00", "75.00 ± 0.00"]
    assert rows[2][:4] == ["c", "0 of 2", "0-2 of 3", "1,234"]
    assert notes.splitlines()[1:] == [
        "a/seed1: unfinished, 2 of 3 epochs",
        "b/seed0: unfinished, 2 of 3 epochs",
        "b/seed1: unfinished, 2 of 3 epochs",
        "c/seed0: unfinished, 2 of 3 epochs",
        "c/seed1: unfinished, 0 of 3 epochs",
    ]


def test_of_an_epoch_that_was_done_again_the_last_line_counts(here, report):
    lines = [start(), epoch(1, 0.1), epoch(2, 0.2), {"resumed_after": 1, "device": "H100"}]
    write("a", *lines)
    (row,) = report("a")
    assert row["runs"][0]["test_error"] == [90.0]
    write("a", *lines, epoch(2, 0.3), epoch(3, 0.4), epoch(3, 0.5))
    (row,) = report("a")
    assert row["runs"][0]["test_error"] == [90.0, 70.0, 50.0]
    assert row["devices"] == ["x86_64", "H100"]
    assert row["finished"]


def test_a_run_that_went_on_for_more_epochs_is_as_long_as_it_says(here, report):
    epochs = [epoch(number, 0.5) for number in (1, 2, 3, 4)]
    write("a", start(), *epochs[:3], {"resumed_after": 3, "config": {"epochs": 5}}, epochs[3])
    (row,) = report("a")
    assert (row["runs"][0]["epochs"], row["runs"][0]["planned_epochs"]) == (4, 5)


def test_a_line_that_is_being_written_does_not_count(here, report):
    run("a", (0.5, 0.5))
    with Path("a/log.jsonl").open("a") as log:
        log.write('{"epoch": 3, "train_')
    (row,) = report("a")
    assert (row["runs"][0]["epochs"], row["finished"]) == (2, False)


def test_the_log_of_a_generated_script_is_read(here, report):
    assert main(["compile", f"{ROOT}/specs/digits.arch", "--format", "json"]) == 0
    words = ("--limit", "128", "--epochs", "2", "--device", "cpu")
    for seed in ("0", "1"):
        command = [sys.executable, "generated/digits/train.py", "--seed", seed, *words]
        subprocess.run([*command, "--out", f"net/seed{seed}"], check=True, capture_output=True)
    sys.stdout.flush()
    rows = run_rows("net")
    assert [row["settings"] for row in rows] == [{"limit": 128}]
    assert (rows[0]["seeds"], rows[0]["finished"], rows[0]["parameters"]) == ([0, 1], True, 17530)


def run_rows(*words):
    command = [sys.executable, "-m", "archdsl", "report", *words, "--format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["rows"]


# ---------------------------------------------------------------- published figures


def test_a_published_figure_stands_beside_its_row(seeds, report):
    (row,) = report(seeds, "--published", "5.37")
    assert row["published"] == {"error": 5.37, "source": None}
    assert row["difference"] == 0.63
    (row,) = report(seeds, "--published", "net=6.25")
    assert row["difference"] == -0.25


@pytest.mark.parametrize(
    "flags", [{"limit": 512}, {"held_out": 5000}, {"synthetic": True}, {"verify": False}]
)
def test_a_run_on_something_else_is_compared_with_no_paper(here, report, flags):
    run("a", (0.5, 0.5, 0.9), **flags)
    (row,) = report("a", "--published", "5")
    assert (row["settings"], row["difference"]) == (flags, None)


def test_a_file_of_figures_says_what_they_are_about(here, report, capsys):
    for name, recipe in (("a", "plain"), ("b", "whitened"), ("c", "plain")):
        run(name, (0.5, 0.5, 0.9), 0, [("network", "wrn"), ("recipe", recipe)][name == "c" :])
    figures = [
        {"network": "wrn", "error": 4.0, "source": "repository"},
        {"network": "wrn", "recipe": "whitened", "error": 4.17, "source": "Table 4"},
        {"network": "wrn", "epochs": 200, "error": 1.0},
        {"network": "c", "epochs": 3, "error": 7},
    ]
    Path("f.json").write_text(json.dumps(figures))
    titles = ("network", "recipe", "epochs", "error", "source")
    lines = [",".join(str(each.get(title, "")) for title in titles) for each in figures]
    Path("f.csv").write_text("\n".join((",".join(titles), *lines)) + "\n")
    for file in ("f.json", "f.csv"):
        rows = report("a", "b", "c", "--published", file)
        assert [row["published"] for row in rows] == [
            {"error": 4.0, "source": "repository"},
            {"error": 4.17, "source": "Table 4"},
            {"error": 7.0, "source": None},
        ]
    assert main(["report", "b", "--published", "f.csv"]) == 0
    assert "\nwrn: Table 4\n" in capsys.readouterr().out


WRONG_FIGURES = {
    "5": "--published 5 is about one row and there are 2: write a=5",
    "x=5": "--published x=5: no row is named so; ",
    "abc": "--published abc is no error in percent, nor NAME=ERROR, nor a .json or .csv file",
    "a=101": "--published a=101: no published figure: Expected `float` <= 100.0",
    "absent.csv": "absent.csv: No such file or directory",
    "bad.json": "bad.json is no list of published figures: ",
    "typo.json": "typo.json is no list of published figures: Object contains unknown field `eror`",
    "bad.csv": "bad.csv:3: no published figure: ",
    "two.csv": "several published figures are about a: 5 and 6",
    "nan.csv": "nan.csv:2: no published figure: Expected `float` >= 0.0",
    "more.csv": "more.csv:2: more cells than columns",
    "bytes.csv": "bytes.csv is no CSV file: ",
}


@pytest.mark.parametrize(("figure", "message"), WRONG_FIGURES.items())
def test_a_wrong_figure_is_one_sentence(here, capsys, figure, message):
    run("a", (0.5, 0.5, 0.9))
    run("b", (0.5, 0.5, 0.9))
    Path("bad.json").write_text("[{]")
    Path("typo.json").write_text('[{"network": "a", "error": 5, "eror": 6}]')
    Path("bad.csv").write_text("network,error\na,5\nb,five\n")
    Path("two.csv").write_text("network,error\na,5\na,6\n")
    Path("nan.csv").write_text("network,error\na,nan\n")
    Path("more.csv").write_text("network,error\na,5,6\n")
    Path("bytes.csv").write_bytes(b"network,error\n\xff,5\n")
    assert main(["report", "a", "b", "--published", figure, "--plot", "x.svg"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"archdsl: {message}")
    assert err.count("\n") == 1
    assert not Path("x.svg").exists()
