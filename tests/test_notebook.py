"""What a notebook shows: tables, diagnostics, and the cell magic `%%arch`."""

import atexit
import html.parser
import re
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import archdsl
from archdsl.report.table import Column, Format, Table, show

ROOT = Path(__file__).parents[1]
SPEC = """\
network tiny(depth = 3, width = 4) {
    input(3, 8, 8)
    stem { conv3x3(width) bn relu }
    stage conv2 = depth * unit(width)
}
block unit(width) { residual { conv3x3(width) bn } relu }
"""


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell without a history, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    monkeypatch.setitem(
        sys.modules, "__main__", sys.modules["__main__"]
    )  # the shell takes its place
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "archdsl")
    yield shell
    shell.atexit_operations()
    atexit.unregister(shell.atexit_operations)


def run(shell, capsys, cell):
    capsys.readouterr()
    result = shell.run_cell(cell, store_history=False)
    return result, capsys.readouterr()


# ---------------------------------------------------------------- HTML


class Reader(html.parser.HTMLParser):
    """Holds that elements nest, and keeps the rows of tables."""

    def __init__(self):
        super().__init__()
        self.open, self.rows, self.tags = [], [], set()

    def handle_starttag(self, tag, _attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_a_network_shows_its_table(tmp_path):
    (tmp_path / "tiny.arch").write_text(SPEC)
    network = archdsl.compile(tmp_path / "tiny.arch")
    page = network._repr_html_()
    reader = read(page)
    text = [re.split(r"  +", line) for line in str(network).splitlines()]
    assert reader.rows[0] == text[2]
    assert reader.rows[1] == text[4]
    assert reader.rows[-1][-2:] == text[7][-2:]
    assert "<code>tiny(depth = 3, width = 4): [3, 8, 8] -&gt; [4, 8, 8]</code>" in page
    cells = {"table", "thead", "tbody", "tfoot", "tr", "th", "td"}
    assert reader.tags == {"div", "p", "br", "code", *cells}


def test_a_page_says_no_colors():
    page = show(Table((Column("a", is_number=True),), ((1,),)), Format.HTML)
    assert page == (
        "<table>\n"
        '<thead>\n<tr><th style="text-align: right">a</th></tr>\n</thead>\n'
        '<tbody>\n<tr><td style="text-align: right">1</td></tr>\n</tbody>\n'
        "</table>\n"
    )


def test_what_a_table_holds_is_text_to_a_browser():
    hostile = "<script>alert('&amp;')</script>"
    reader = read(show(Table((Column(hostile),), ((hostile,),)), Format.HTML))
    assert reader.rows == [[hostile], [hostile]]
    assert "script" not in reader.tags


def test_an_argument_that_is_text_is_text_to_a_browser(tmp_path):
    spec = 'network a(name = "<b>$x$</b>") { input(1, 2, 2) relu }\n'
    (tmp_path / "a.arch").write_text(spec)
    page = archdsl.compile(tmp_path / "a.arch")._repr_html_()
    assert "b" not in read(page).tags
    assert '<div class="tex2jax_ignore mathjax_ignore">' in page  # `$x$` is no formula


# ---------------------------------------------------------------- diagnostics


def test_an_error_shows_its_diagnostics_and_no_traceback(shell, capsys):
    Path("wrong.arch").write_text(SPEC.replace("bn relu", "bm relu"))
    result, (out, err) = run(shell, capsys, "import archdsl\narchdsl.compile('wrong.arch')")
    assert isinstance(result.error_in_exec, archdsl.SpecError)
    shown = out + err
    assert shown.startswith("error[E")
    assert " --> wrong.arch:3:27\n" in shown
    assert "Traceback" not in shown
    assert "archdsl.compile(" not in shown


# ---------------------------------------------------------------- %%arch


def test_a_cell_is_compiled_and_shown(shell, capsys):
    result, (out, err) = run(shell, capsys, "%%arch --set depth=5 --set 'width = 8'\n" + SPEC)
    assert result.success
    assert isinstance(result.result, archdsl.CompiledNetwork)
    assert result.result.arguments == {"depth": 5, "width": 8}
    data, _ = shell.display_formatter.format(result.result)
    assert data["text/html"].count("<tr>") == 4  # titles, stem, conv2, total
    assert data["text/plain"] == str(result.result)
    assert str(result.result).strip() in out  # a terminal has no use for HTML
    assert err == ""


def test_a_cell_gives_its_network_a_name(shell, capsys):
    result, _ = run(shell, capsys, "%%arch net\n" + SPEC)
    assert shell.user_ns["net"] is result.result
    assert "tiny" not in shell.user_ns
    result, _ = run(shell, capsys, "net.build()(__import__('torch').zeros(1, 3, 8, 8)).shape")
    assert list(result.result) == [1, 4, 8, 8]


def test_a_cell_is_read_with_its_own_lines(shell, capsys):
    result, (out, err) = run(shell, capsys, "%%arch\n" + SPEC.replace("bn relu", "bm relu"))
    assert isinstance(result.error_in_exec, archdsl.SpecError)
    assert " --> <cell>:4:27\n" in out + err
    assert "Traceback" not in out + err


def test_a_cell_imports_from_the_folder_it_is_in(shell, capsys):
    network, block = SPEC.split("block unit")
    Path("blocks").mkdir()
    Path("blocks/unit.arch").write_text("block unit" + block)
    cell = '%%arch\nimport unit from "blocks/unit.arch"\n' + network
    assert run(shell, capsys, cell)[0].success
    result, (out, err) = run(shell, capsys, '%%arch\nimport a from "../a.arch"\n')
    assert not result.success
    assert "error[E205]" in out + err


def test_a_cell_shows_what_its_spec_is_warned_of(shell, capsys):
    cell = (
        "%%arch\nnetwork a {\n  input(1, 2, 2)\n"
        "  stage s = 2 * unit(1) with share(conv3x3, from = 2)\n}\n"
        "block unit(width) { conv3x3(width) }\n"
    )
    result, (_, err) = run(shell, capsys, cell)
    assert result.success
    assert err.startswith("warning[W")


def test_one_of_several_networks_of_a_cell_is_chosen(shell, capsys):
    both = SPEC + "network other { input(1, 2, 2) relu }\n"
    result, _ = run(shell, capsys, "%%arch --network other\n" + both)
    assert result.result.name == "other"
    assert not run(shell, capsys, "%%arch\n" + both)[0].success


@pytest.mark.parametrize(
    "line", ["class", "a-b", "a b", "--set depth", "--set a=1 --set a=2", "--sett a=1", "'"]
)
def test_wrong_usage_is_one_message(shell, capsys, line):
    result, (out, err) = run(shell, capsys, f"%%arch {line}\n{SPEC}")
    assert not result.success
    assert (out + err).startswith("UsageError: ")
    assert len((out + err).splitlines()) <= 3


def test_ipython_is_imported_for_the_magic_alone():
    code = "import sys, archdsl, archdsl.api; print('IPython' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
