"""What README.md says is what happens."""

import re
import shlex
from pathlib import Path

import pytest

import archdsl
from archdsl.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def block(language, number=0):
    """Return one of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)[number]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.arch").write_text(block("arch"))
    return "tiny.arch"


def test_the_module_is_what_the_spec_becomes(tiny):
    assert main(["compile", tiny]) == 0
    assert Path("generated/tiny/model.py").read_text() == block("python")


def test_the_table_is_what_is_printed(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["params", "specs/sharesnet50.arch"]) == 0
    assert capsys.readouterr().out == block("text")


def test_the_error_is_what_is_printed(tiny, capsys):
    Path(tiny).write_text(block("arch").replace("share(conv3x3)", "share(conv5x5)"))
    assert main(["check", tiny]) == 1
    assert capsys.readouterr().err.strip() == block("text", 1).strip()


def test_the_specs_have_the_parameters_of_their_rows():
    rows = re.findall(
        r"^\| `(\w+\.arch)`(?: `--set (.*?)`)? \|.*?\| ([\d,]+) \| ([\d,]*) \|",
        README,
        re.MULTILINE,
    )
    listed = {spec for spec, *_ in rows}
    specs = {path.name for path in (ROOT / "specs").glob("*.arch")}
    assert listed == specs - {"dilated.arch", "imagenet.arch", "recipes.arch"}
    for spec, setting, total, unshared in rows:
        arguments = {}
        if setting:
            name, value = setting.split("=")
            arguments[name] = int(value)
        parameters = archdsl.compile(ROOT / "specs" / spec, **arguments).parameters
        assert f"{parameters.total:,}" == total
        assert f"{parameters.unshared:,}" == (unshared or total)


def test_the_commands_work(tmp_path, monkeypatch):
    for name in ("specs", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    for line in block("sh", 1).splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "archdsl"
        if "*" not in line:  # every spec is checked elsewhere
            assert main(words[1:]) == 0


def test_the_python_example_works(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    exec(block("python", 1), names)
    assert names["wrn"].parameters.total == 8_949_210
    assert sum(p.numel() for p in names["module"].parameters()) == 8_949_210
