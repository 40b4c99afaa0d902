"""`archdsl report --responses`: layers ranked by how much they respond."""

import csv
import io
import json
from pathlib import Path

import pytest

from archdsl.cli import main
from tests.report.logs import epoch, run, start, write


def logged(folder, *responses, seed=0, epochs=None, **flags):
    """Write the log of a run with these responses in each epoch; None where none were logged."""
    lines = (
        epoch(number, 0.5, **({} if each is None else {"responses": each}))
        for number, each in enumerate(responses, start=1)
    )
    write(folder, start(seed, epochs=epochs or len(responses), **flags), *lines)


def printed(capsys, *words):
    assert main(["report", *words, "--responses"]) == 0
    return capsys.readouterr().out


def layers_of(capsys, *words):
    """Return the objects of the layers of a row, by name."""
    assert main(["report", *words, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    return {layer["layer"]: layer for layer in row["responses"]}


def test_layers_are_ranked_by_the_last_epoch_and_compared_with_the_first(here, capsys):
    first = {"stem.0": 1.0, "conv2.0.conv1": 0.5, "head.1": 2.0}
    logged("net", first, {"stem.0": 1.25, "conv2.0.conv1": 3.0, "head.1": 1.5})
    assert printed(capsys, "net") == (
        "layer          depth   std  at first  change %\n"
        "-------------  -----  ----  --------  --------\n"
        "conv2.0.conv1      2     3       0.5    +500.0\n"
        "head.1             3   1.5         2     -25.0\n"
        "stem.0             1  1.25         1     +25.0\n"
        "\n"
        "standard deviation of each layer's response to a fixed batch, in the last epoch\n"
    )


def test_seeds_are_a_mean_with_its_deviation(here, capsys):
    for seed, size in enumerate((1.0, 2.0, 3.0)):
        logged(f"net/seed{seed}", {"a": 1.0}, {"a": size}, seed=seed)
    (layer,) = layers_of(capsys, "net").values()
    assert layer == {
        "layer": "a",
        "depth": 1,
        "rank": 1,
        "std": {"mean": 2.0, "deviation": 1.0},
        "first_std": {"mean": 1.0, "deviation": 0.0},
        "since_epoch": 1,
        "change": 100.0,
    }
    assert "\na          1  2 ± 1     1 ± 0    +100.0\n" in printed(capsys, "net")


def test_a_network_may_have_grown(here, capsys):
    logged(
        "net", {"a": 1.0, "c": 1.0}, {"a": 1.0, "b": 2.0, "c": 1.0}, {"a": 4.0, "b": 3.0, "c": 2.0}
    )
    layers = layers_of(capsys, "net")
    assert [(name, each["depth"], each["since_epoch"]) for name, each in layers.items()] == [
        ("a", 1, 1),
        ("b", 2, 2),
        ("c", 3, 1),
    ]
    assert (layers["b"]["first_std"]["mean"], layers["b"]["change"]) == (2.0, 50.0)
    titles, _, first, second, *_ = printed(capsys, "net").splitlines()
    assert titles.endswith("since epoch")
    assert (first.split()[-1], second.split()[-1]) == ("1", "2")


def test_responses_may_be_logged_in_some_epochs_alone(here, capsys):
    logged("net", None, {"a": 2.0}, {"a": 3.0}, None)
    (layer,) = layers_of(capsys, "net").values()
    assert (layer["first_std"]["mean"], layer["std"]["mean"]) == (2.0, 3.0)
    assert layer["since_epoch"] == 2


def test_what_is_not_finite_comes_last_and_what_began_at_zero_has_no_change(here, capsys):
    logged("net", {"a": 1.0, "b": 0.0, "c": None}, {"a": None, "b": 1.0, "c": 2.0})
    layers = layers_of(capsys, "net")
    assert [(each["rank"], each["change"]) for each in layers.values()] == [
        (3, None),
        (2, None),
        (1, None),
    ]
    assert layers["a"]["std"] is None
    assert printed(capsys, "net").splitlines()[4].split()[:4] == ["a", "1", "not", "finite"]


def test_several_rows_have_a_column_for_the_network(here, capsys):
    logged("a", {"x": 1.0})
    logged("b", {"x": 2.0}, lr=0.2)
    lines = printed(capsys, "a", "b").splitlines()
    assert [line.split()[0] for line in (lines[0], *lines[2:4])] == ["network", "a", "b"]


def test_an_unfinished_run_is_said_to_be_so(here, capsys):
    logged("net", {"a": 1.0}, epochs=3)
    assert printed(capsys, "net").endswith("net: unfinished, 1 of 3 epochs\n")


def test_csv_has_all_columns_and_numbers_as_they_are(here, capsys):
    logged("net", {"=a": 0.3}, {"=a": 0.1})
    titles, row = csv.reader(io.StringIO(printed(capsys, "net", "--format", "csv")), strict=True)
    assert dict(zip(titles, row, strict=True)) == {
        "network": "net",
        "layer": "'=a",
        "depth": "1",
        "rank": "1",
        "std": "0.1",
        "deviation": "",
        "first std": "0.3",
        "change": "-66.6667",
        "since epoch": "1",
    }


@pytest.mark.parametrize("format", ["markdown", "latex"])
def test_other_formats_have_the_layers_alone(here, capsys, format):
    logged("net", {"stem.0": 0.25})
    out = printed(capsys, "net", "--format", format)
    assert "stem.0" in out
    assert "test error" not in out


def test_a_run_without_responses_is_one_sentence_and_no_plot(here, capsys):
    logged("a", {"x": 1.0})
    run("b", (0.5, 0.5, 0.5))
    assert main(["report", "a", "b", "--responses", "--plot", "x.svg"]) == 1
    message = "archdsl: b logs no responses of layers: `train.py --responses` does\n"
    assert capsys.readouterr() == ("", message)
    assert not Path("x.svg").exists()
    assert main(["report", "b", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["responses"] is None


@pytest.mark.parametrize(
    "responses", [{"a": -1.0}, {"a": "1"}, [1.0], {"a" * 201: 1.0}, {"a": 1e19}]
)
def test_responses_that_are_none_are_refused_with_their_line(here, capsys, responses):
    logged("net", {"a": 1.0}, responses)
    assert main(["report", "net"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("archdsl: net/log.jsonl:3: no line of a training log: ")


def test_names_obey_no_terminal(here, capsys):
    logged("net", {"\x1b[2Ja": 1.0})
    assert "\x1b" not in printed(capsys, "net")


# ---------------------------------------------------------------- the plot


def plotted(*words):
    pytest.importorskip("matplotlib")
    assert main(["report", *words, "--responses", "--plot", "x.svg"]) == 0
    return Path("x.svg").read_text("utf-8")


def test_the_plot_is_by_depth_and_by_rank(here):
    logged("a", {"x": 1.0, "y": 2.0}, {"x": 2.0, "y": 1.0, "z": 0.5})
    logged("$b$", {"x": 1.0})
    text = plotted("a", "$b$")
    for said in ("layer, by depth", "layer, by rank", "standard deviation of the response"):
        assert said in text
    assert ">a<" in text
    assert ">$b$<" in text
    assert plotted("a", "$b$") == text
    assert plotted("a") != text


def test_a_plot_leaves_out_what_is_not_finite(here):
    logged("a", {"x": None}, {"x": None})
    logged("b", {"x": 1.0, "y": None}, {"x": 0.0, "y": 2.0})
    assert plotted("a")
    assert plotted("a", "b")
