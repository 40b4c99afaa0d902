import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import main

ROOT = Path(__file__).parent.parent

# Figures by hand. stem: 3*w*9 weights and 2w of batch norm; with w = 4: 108 + 8, at 8*8 positions
# 6912 MACs. unit: 4*4*9 + 8 = 152 and 9216 MACs, of which 144 are one weight in all. head: 4*c + c.
SPEC = """\
network tiny(depth = 3, width = 4, classes = 10) {
    input(3, 8, 8)
    stem        { conv3x3(width) bn relu }
    stage conv2 = depth * unit(width) with share(conv3x3)
    head        { avgpool linear(classes) }
    expect parameters == 334
    expect parameters(depth = 5) == 350
}
block unit(width) {
    residual { conv3x3(width) bn }
    relu
}
"""
WRONG = SPEC.replace("bn relu }", "bm relu }")


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A folder of its own to be in, with `tiny.arch` in it."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.arch").write_text(SPEC)
    return "tiny.arch"


def test_params_prints_the_table_and_what_sharing_saves(spec, capsys):
    assert main(["params", spec]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "tiny(depth = 3, width = 4, classes = 10): [3, 8, 8] -> [10]\n"
        "\n"
        "part   kind   output     blocks  parameters  shared away    MACs\n"
        "-----  -----  ---------  ------  ----------  -----------  ------\n"
        "stem   stem   [4, 8, 8]       0         116            0   6,912\n"
        "conv2  stage  [4, 8, 8]       3         168          288  27,648\n"
        "head   head   [10]            0          50            0      40\n"
        "-----  -----  ---------  ------  ----------  -----------  ------\n"
        "total                         3         334          288  34,600\n"
        "\n"
        "334 parameters (622 without sharing, 46.3 % saved)\n"
        "4 convolutions with 2 weights\n"
        "34,600 multiply-accumulates for one input\n"
    )
    assert err == ""


def test_set_gives_arguments_in_the_language(spec, capsys):
    assert main(["params", spec, "--set", "depth=5", "--set", "width = 8", "--format=json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["arguments"] == {"depth": 5, "width": 8, "classes": 10}
    assert numbers["parameters"]["total"] == 3 * 8 * 9 + 16 + 8 * 8 * 9 + 5 * 16 + 90


def test_params_prints_the_object_that_others_build_on(spec, capsys):
    assert main(["params", spec, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "network": "tiny",
        "arguments": {"depth": 3, "width": 4, "classes": 10},
        "input": [3, 8, 8],
        "output": [10],
        "inputs": [],
        "outputs": [],
        "parameters": {"total": 334, "learned": 334, "frozen": 0, "unshared": 622},
        "buffers": 36,
        "convolutions": {"layers": 4, "tensors": 2},
        "macs": 34600,
        "training_macs": 0,
        "deployed_bits": 10688,
        "parts": [
            {
                "name": "stem",
                "output": [4, 8, 8],
                "parameters": 116,
                "macs": 6912,
                "blocks": 0,
            },
            {
                "name": "conv2",
                "output": [4, 8, 8],
                "parameters": 168,
                "macs": 27648,
                "blocks": 3,
            },
            {"name": "head", "output": [10], "parameters": 50, "macs": 40, "blocks": 0},
        ],
        "phases": [],
        "growth": None,
        "diagnostics": [],
    }


def test_tensors_are_the_entries_of_state_dict(spec, capsys):
    assert main(["params", spec, "--tensors", "--format", "json"]) == 0
    tensors = json.loads(capsys.readouterr().out)["tensors"]
    assert tensors[0] == {
        "name": "stem.0.weight",
        "shape": [4, 3, 3, 3],
        "kind": "parameter",
        "learned": True,
        "uses": 1,
        "bits": 32,
        "fixed": 0,
    }
    assert [tensor["uses"] for tensor in tensors if "shared" in tensor["name"]] == [3]
    assert main(["params", spec, "--tensors", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(tensors)


def test_tensors_are_refused_where_there_are_too_many(spec, capsys):
    assert main(["params", spec, "--tensors", "--set", "depth=50000"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "archdsl: the network has 250,009 tensors and --tensors lists at most 100,000; "
        "try --by layer\n"
    )


@pytest.mark.parametrize("by", ["block", "layer"])
def test_rows_may_be_blocks_or_layers(spec, capsys, by):
    assert main(["params", spec, "--by", by, "--format", "json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert sum(row["parameters"] for row in numbers[f"{by}s"]) == 334


@pytest.mark.parametrize(
    ("format", "first"),
    [
        ("markdown", "| part  | kind  |"),
        ("latex", r"\begin{tabular}{lllrrrr}"),
        ("csv", "part,kind,output,blocks,parameters,learned,frozen,shared away,MACs,"),
    ],
)
def test_tables_come_in_other_formats(spec, capsys, format, first):
    assert main(["params", spec, "--format", format]) == 0
    assert capsys.readouterr().out.startswith(first)


def test_a_wrong_spec_is_reported_on_stderr_and_fails(spec, capsys):
    Path(spec).write_text(WRONG)
    for command in (["params", spec], ["compile", spec], ["check", spec]):
        assert main(command) == 1
        err = capsys.readouterr().err
        assert err.startswith("error[E")
        assert " --> tiny.arch:3:" in err
        assert "\x1b" not in err
    assert not Path("generated").exists()


def test_a_spec_that_is_not_there_is_reported(spec, capsys):
    assert main(["params", "absent.arch"]) == 1
    assert "absent.arch" in capsys.readouterr().err


def test_compile_writes_the_files_and_prints_the_table(spec, capsys):
    assert main(["compile", spec]) == 0
    out = capsys.readouterr().out
    assert "334 parameters" in out
    files, why = out.splitlines()[-2:]
    assert files == "generated/tiny/model.py"
    assert why == "no train.py: the network names no recipe (`train = ..`)"
    assert [path.name for path in Path("generated/tiny").iterdir()] == ["model.py"]


def test_the_folder_is_named_for_what_is_set(spec, capsys):
    command = ["compile", spec, "--set", "depth=5", "--out", "out", "--format", "json"]
    assert main(command) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["files"] == {"model": "out/tiny_depth5/model.py", "train": None}
    assert numbers["class"] == "TinyDepth5"
    assert "class TinyDepth5(" in Path("out/tiny_depth5/model.py").read_text()


def test_the_folder_may_be_named(spec, capsys):
    assert main(["compile", spec, "--name", "my_net", "--format", "json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["files"]["model"] == "generated/my_net/model.py"
    assert numbers["class"] == "MyNet"
    assert numbers["open"] == ["depth", "width", "classes"]


def test_compile_check_says_whether_files_are_current(spec, capsys):
    assert main(["compile", spec, "--check"]) == 1
    assert not Path("generated").exists()
    main(["compile", spec])
    capsys.readouterr()
    assert main(["compile", spec, "--check"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["compile", spec, "--check", "--format", "json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["current"], numbers["difference"]) == (True, "")
    model = Path("generated/tiny/model.py")
    model.write_text(model.read_text().replace("10", "11"))
    assert main(["compile", spec, "--check"]) == 1
    out, err = capsys.readouterr()
    assert "--- generated/tiny/model.py" in out
    assert "archdsl compile tiny.arch" in err
    assert main(["compile", spec, "--check", "--format", "json"]) == 1
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["current"], numbers["difference"]) == (False, out)
    assert numbers["files"] == {"model": "generated/tiny/model.py", "train": None}


def test_what_cannot_be_written_is_reported(spec, capsys):
    Path("generated").write_text("a file where a folder should be")
    assert main(["compile", spec]) == 1
    assert "generated" in capsys.readouterr().err


def test_check_evaluates_expects_and_goes_on_after_a_wrong_spec(spec, capsys):
    Path("wrong.arch").write_text(SPEC.replace("350", "351"))
    assert main(["check", spec, "wrong.arch", spec]) == 1
    out, err = capsys.readouterr()
    assert out == (
        "tiny.arch: 2 networks, 2 expectations\n"
        "wrong.arch: failed\n"
        "tiny.arch: 2 networks, 2 expectations\n"
    )
    assert " --> wrong.arch:7:" in err


def test_check_prints_an_object(spec, capsys):
    Path("wrong.arch").write_text(WRONG)
    assert main(["check", spec, "wrong.arch", "--format", "json"]) == 1
    right, wrong = json.loads(capsys.readouterr().out)["specs"]
    assert right == {
        "spec": "tiny.arch",
        "ok": True,
        "networks": 2,
        "expects": 2,
        "diagnostics": [],
    }
    assert wrong["ok"] is False
    (diagnostic,) = wrong["diagnostics"]
    assert diagnostic["severity"] == "error"
    assert (diagnostic["file"], diagnostic["line"], diagnostic["column"]) == ("wrong.arch", 3, 34)


def test_one_of_several_networks_is_chosen_by_name(spec, capsys):
    both = SPEC + SPEC[: SPEC.index("block")].replace("network tiny", "network other")
    Path(spec).write_text(both)
    assert main(["params", "tiny.arch:other", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"] == "other"
    assert main(["params", spec]) in {1, 2}


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["print"],
        ["params"],
        ["params", "tiny.arch", "--set", "depth"],
        ["params", "tiny.arch", "--set", "=3"],
        ["params", "tiny.arch", "--form", "json"],
        ["params", "tiny.arch", "--format", "html"],
        ["compile", "tiny.arch", "--name", "../tiny"],
        ["compile", "tiny.arch", "--name", "2tiny"],
    ],
)
def test_wrong_usage_exits_with_2(spec, capsys, command):
    with pytest.raises(SystemExit) as exited:
        main(command)
    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith("usage: archdsl")


def test_an_argument_that_is_set_twice_is_wrong_usage(spec, capsys):
    assert main(["params", spec, "--set", "depth=3", "--set", "depth=4"]) == 2
    assert capsys.readouterr().err == "archdsl: argument `depth` is set twice\n"


@pytest.mark.parametrize("command", ["compile", "params", "check", "fmt", "report", "explain"])
def test_the_help_of_every_command_has_an_example(capsys, command):
    with pytest.raises(SystemExit) as exited:
        main([command, "--help"])
    assert exited.value.code == 0
    assert f"\n  archdsl {command} " in capsys.readouterr().out


def test_fmt_writes_the_canonical_form(spec, capsys):
    messy = SPEC.replace("    stem ", "\tstem").replace(" == 334", "==334")
    Path(spec).write_bytes(b"\xef\xbb\xbf" + messy.replace("\n", "\r\n").encode())
    Path("link.arch").symlink_to(spec)
    assert main(["fmt", "link.arch"]) == 0
    assert capsys.readouterr().out == "link.arch\n"
    assert Path("link.arch").is_symlink()
    formed = Path(spec).read_bytes()
    assert b"    expect parameters            == 334\n" in formed
    assert main(["fmt", spec]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path(spec).read_bytes() == formed


def test_fmt_check_shows_what_differs_and_writes_nothing(spec, capsys):
    Path(spec).write_text("network n {\n  relu\n}\n")
    assert main(["fmt", "--check", spec]) == 1
    out, err = capsys.readouterr()
    assert out == (
        "--- tiny.arch\n+++ tiny.arch\n@@ -1,3 +1,3 @@\n network n {\n-  relu\n+    relu\n }\n"
    )
    assert err == "archdsl: this spec is not in canonical form; `archdsl fmt` writes it\n"
    assert Path(spec).read_text() == "network n {\n  relu\n}\n"
    assert main(["fmt", spec]) == main(["fmt", "--check", spec]) == 0


def test_fmt_is_a_filter(spec, capsys, monkeypatch):
    for check, status, shown in (([], 0, "block a { relu }\n"), (["--check"], 1, "+block a {")):
        stream = io.TextIOWrapper(io.BytesIO(b"block a{relu}"))
        monkeypatch.setattr(sys, "stdin", stream)
        assert main(["fmt", "-", *check]) == status
        assert shown in capsys.readouterr().out
    assert main(["fmt", "-", spec]) == 2
    assert "`-` stands alone" in capsys.readouterr().err


def test_fmt_goes_on_after_a_wrong_spec_and_leaves_it(spec, capsys):
    Path("wrong.arch").write_text("network n {")
    Path(spec).write_text("block a{relu}")
    assert main(["fmt", "wrong.arch", "absent.arch", spec]) == 1
    out, err = capsys.readouterr()
    assert out == "tiny.arch\n"
    assert "error[E112]" in err
    assert "error[E201]: `absent.arch` does not exist" in err
    assert Path("wrong.arch").read_text() == "network n {"
    assert Path(spec).read_text() == "block a { relu }\n"
    assert sorted(path.name for path in Path().iterdir()) == ["tiny.arch", "wrong.arch"]


def test_explain_prints_the_page_of_a_diagnostic(capsys):
    code = min(page.stem for page in (ROOT / "docs/errors").glob("[EW]*.md"))
    assert main(["explain", code.lower()]) == 0
    assert capsys.readouterr().out == (ROOT / f"docs/errors/{code}.md").read_text("utf-8")


def test_explain_knows_no_other_pages(capsys):
    assert main(["explain", "../decisions/0001-layers"]) == 2
    assert "there is no diagnostic" in capsys.readouterr().err


def archdsl(*arguments, **settings):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    return subprocess.Popen(
        [sys.executable, "-m", "archdsl", *arguments],
        env=environment | settings.pop("env", {}),
        **settings,
    )


def test_a_closed_pipe_gives_no_traceback(spec):
    reader, writer = os.pipe()
    os.close(reader)
    process = archdsl("params", spec, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert process.communicate() == (None, b"")
    assert process.returncode == 1


def test_ctrl_c_gives_no_traceback(spec):
    many = "".join(f"    expect parameters(width = {n}) > 0\n" for n in range(1, 2000))
    Path(spec).write_text(
        SPEC.replace("    expect parameters ==", many + "    expect parameters ==")
    )
    main_end, terminal = pty.openpty()
    process = archdsl("check", spec, stdout=subprocess.DEVNULL, stderr=terminal)
    shown = os.read(main_end, 1000)  # it waits for the first network that is being built
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    os.close(terminal)
    while piece := _read(main_end):
        shown += piece
    os.close(main_end)
    assert b"tiny.arch: tiny" in shown
    assert b"Traceback" not in shown


def _read(terminal):
    try:
        return os.read(terminal, 10_000)
    except OSError:  # what Linux says at the end of a terminal
        return b""


def diagnostics_on_a_terminal(spec, **env):
    main_end, terminal = pty.openpty()
    process = archdsl("params", spec, stdout=subprocess.DEVNULL, stderr=terminal, env=env)
    process.wait()
    os.close(terminal)
    text = os.read(main_end, 10_000).decode()
    os.close(main_end)
    return text


def test_diagnostics_are_colored_on_a_terminal_unless_no_color_is_set(spec):
    Path(spec).write_text(WRONG)
    assert diagnostics_on_a_terminal(spec).startswith("\x1b[1;31merror[E")
    assert diagnostics_on_a_terminal(spec, NO_COLOR="1").startswith("error[E")
