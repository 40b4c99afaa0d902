"""`archdsl report`: formats and curves."""

import csv
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import main
from archdsl.report.bands import show_within
from archdsl.report.table import Column, Table
from tests.report.logs import epoch, run, start, write
from tests.report.table_readers import latex, markdown

ROOT = Path(__file__).parents[2]


# ---------------------------------------------------------------- formats


def test_all_formats_have_the_numbers_of_the_row(seeds, capsys):
    def printed(format):
        assert main(["report", seeds, "--published", "5.5", "--format", format]) == 0
        return capsys.readouterr().out

    titles, row = csv.reader(io.StringIO(printed("csv")), strict=True)
    assert dict(zip(titles, row, strict=True)) == {
        "network": "net",
        "recipe": "",
        "data": "",
        "settings": "",
        "seeds": "3",
        "runs": "3",
        "epochs": "3",
        "planned epochs": "3",
        "test error": "6.0000",
        "deviation": "1.0000",
        "published": "5.5",
        "difference": "0.5",
        "top-5 error": "",
        "train accuracy": "75.0000",
        "parameters": "1234",
        "seconds": "22.5",
        "images per second": "200",
        "device": "x86_64",
        "task": "classification",
        "test loss": "0.5",
        "loss deviation": "0",
        "points per second": "",
    }
    _, latex_rows, _ = latex(printed("latex"))
    _, markdown_rows = markdown(printed("markdown"))
    assert latex_rows == markdown_rows
    assert markdown_rows[1][:6] == ("net", "3", "3", "6.00 ± 1.00", "5.50", "+0.50")


def test_numbers_that_logs_lack_are_left_out(here, report, capsys):
    line = {"epoch": 1, "train_loss": 1.0, "test_accuracy": 0.5}
    write("a", {"config": {"seed": 0, "epochs": 1}}, line)
    assert main(["report", "a"]) == 0
    titles = capsys.readouterr().out.splitlines()[0].split("  ")
    assert [title.strip() for title in titles] == ["network", "seeds", "epochs", "test error %"]
    assert report("a")[0]["seconds"] is None


def test_top_5_has_a_column_where_it_was_logged(here, capsys):
    write("a", start(epochs=1), epoch(1, 0.5, test_top5=0.875))
    assert main(["report", "a"]) == 0
    out = capsys.readouterr().out
    assert "top-5 error %" in out
    assert "12.50" in out


def test_a_table_is_cut_into_bands_that_fit():
    columns = (Column("name"), Column("one", is_number=True), Column("two", is_number=True))
    table = Table(columns, (("a", 1, 22),))
    assert show_within(table, 80) == "name  one  two\n----  ---  ---\na       1   22\n"
    narrow = "name  one\n----  ---\na       1\n\nname  two\n----  ---\na      22\n"
    assert show_within(table, 13) == show_within(table, 1) == narrow


def test_a_terminal_gets_no_line_that_is_wider(seeds):
    main_end, terminal = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    command = [sys.executable, "-m", "archdsl", "report", seeds]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=environment, stdout=terminal, check=True)
    os.close(terminal)
    text = os.read(main_end, 10_000).decode()
    os.close(main_end)
    table = text.split("test error of")[0]
    assert max(map(len, table.splitlines())) <= 60
    assert table.count("network") == 2


# ---------------------------------------------------------------- curves


def plotted(suffix, *words):
    pytest.importorskip("matplotlib")
    assert main(["report", *words, "--plot", f"x{suffix}"]) == 0
    return Path(f"x{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("suffix", "begin"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")]
)
def test_curves_are_the_same_file_for_the_same_runs(seeds, suffix, begin):
    first = plotted(suffix, seeds, "--published", "5.37")
    assert first.startswith(begin)
    assert plotted(suffix, seeds, "--published", "5.37") == first
    run("net/seed1", (0.5, 0.99, 0.5), 1)
    assert plotted(suffix, seeds, "--published", "5.37") != first


def test_curves_have_names_axes_and_lines_that_differ_without_color(here):
    for name in ("a", "_b", "$c$ <&> 文"):
        run(name, (0.1, 0.5, 0.9))
    text = plotted(".svg", "a", "_b", "$c$ <&> 文", "--published", "a=5.37").decode()
    for said in ("test error, %", "training loss", ">a<", ">_b<", "$c$ &lt;&amp;&gt; 文", "5.37"):
        assert said in text
    assert text.count("stroke-dasharray") >= 2 * 2 + 2  # two lines in two panels and the legend
    assert "<dc:date>" not in text


def test_a_test_set_may_be_read_at_the_end_alone(here, report):
    epochs = [epoch(1, None), epoch(2, None), epoch(3, 0.875)]
    write("a", start(), *epochs)
    (row,) = report("a")
    assert (row["error"]["mean"], row["runs"][0]["test_error"]) == (12.5, [None, None, 12.5])
    assert plotted(".svg", "a")


def test_curves_may_be_short_or_at_zero(here):
    run("a", (), 0)
    run("b", (1.0,), 0)
    run("c/seed0", (0.2, 1.0, 1.0), 0)
    run("c/seed1", (0.2, 0.5), 1)
    assert plotted(".svg", "a")
    assert plotted(".svg", "a", "b", "c")


def test_a_plot_needs_matplotlib_and_a_report_does_not(seeds, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["report", seeds]) == 0
    capsys.readouterr()
    assert main(["report", seeds, "--plot", "x.svg"]) == 1
    message = "archdsl: plots need matplotlib: pip install 'archdsl[plots]'\n"
    assert capsys.readouterr() == ("", message)
    assert not Path("x.svg").exists()


def test_a_plot_of_another_kind_is_wrong_usage(seeds, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["report", seeds, "--plot", "x.jpg"])
    assert "`x.jpg` does not end in .svg, .png or .pdf" in capsys.readouterr().err


def test_a_plot_that_cannot_be_written_is_one_sentence(seeds, capsys):
    pytest.importorskip("matplotlib")
    Path("file").write_text("")
    assert main(["report", seeds, "--plot", "file/x.svg"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_a_report_loads_neither_torch_nor_matplotlib(seeds):
    code = (
        "import sys, archdsl.cli as c; c.main(['report', 'net']); "
        "print([m for m in ('torch', 'numpy', 'matplotlib', 'jinja2', 'lark') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
