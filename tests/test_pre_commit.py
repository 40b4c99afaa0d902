"""The hooks that users' repositories take from `.pre-commit-hooks.yaml`."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from archdsl.cli import main

ROOT = Path(__file__).parents[1]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
RIGHT = "network a { input(1, 2, 2) conv3x3(1) }\n"


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """A folder of its own to be in, with specs and other files in it."""
    monkeypatch.chdir(tmp_path)
    Path("nets").mkdir()
    Path("nets/right.arch").write_text(RIGHT)
    Path("nets/blocks.arch").write_text("block b(width) { conv3x3(width) }\n")
    Path("README.md").write_text("network a {\n")


def hook(name, *args):
    """Run a hook as pre-commit does: its entry, the user's args, the files that it is about."""
    chosen = HOOKS[name]
    files = [path.as_posix() for path in sorted(Path().rglob("*.*")) if path.is_file()]
    files = [path for path in files if re.search(chosen["files"], path)]
    command, *words = [*shlex.split(chosen["entry"]), *args]
    assert command == "archdsl"
    return main([*words, *(files if chosen.get("pass_filenames", True) else [])])


def test_hooks_are_the_commands_that_check_specs():
    assert list(HOOKS) == ["archdsl-fmt", "archdsl-check", "archdsl-compile"]
    for chosen in HOOKS.values():
        assert chosen["language"] == "python"  # pre-commit installs archdsl by itself
        assert {"id", "name", "description", "entry", "files", "types"} <= set(chosen)


def test_fmt_changes_what_is_not_canonical_and_nothing_else(capsys):
    assert hook("archdsl-fmt") == 0
    assert capsys.readouterr().out == ""
    Path("nets/blocks.arch").write_text("block b(width){conv3x3(width)}\n")
    assert hook("archdsl-fmt") == 0  # pre-commit fails since a file changed
    assert capsys.readouterr().out == "nets/blocks.arch\n"
    assert Path("README.md").read_text() == "network a {\n"


def test_check_fails_for_a_wrong_spec(capsys):
    assert hook("archdsl-check") == 0
    Path("nets/wrong.arch").write_text(RIGHT.replace("conv3x3", "conv3x33x"))
    assert hook("archdsl-check") == 1
    assert " --> nets/wrong.arch:1:" in capsys.readouterr().err


def test_compile_fails_where_generated_files_are_not_current(capsys):
    assert hook("archdsl-compile", "nets/right.arch") == 1
    assert main(["compile", "nets/right.arch"]) == 0
    assert hook("archdsl-compile", "nets/right.arch") == 0
    Path("nets/right.arch").write_text(RIGHT.replace("conv3x3(1)", "conv3x3(2)"))
    assert hook("archdsl-compile", "nets/right.arch") == 1
    assert "archdsl compile nets/right.arch" in capsys.readouterr().err


CONFIG = """\
repos:
  - repo: {root}
    rev: {revision}
    hooks:
      - id: archdsl-fmt
      - id: archdsl-check
      - id: archdsl-compile
        args: [nets/right.arch]
"""


@pytest.mark.slow
def test_pre_commit_installs_and_runs_the_hooks(monkeypatch):
    """With pre-commit itself, from a clone of this repository; it installs from the registry."""
    if shutil.which("pre-commit", path=Path(sys.executable).parent) is None:
        pytest.skip("there is no pre-commit")

    def run(*command):
        return subprocess.run(command, capture_output=True, text=True, check=False)

    run("git", "clone", "--quiet", str(ROOT), "archdsl")
    revision = run("git", "-C", "archdsl", "rev-parse", "HEAD").stdout.strip()
    monkeypatch.setenv("PRE_COMMIT_HOME", str(Path("cache").resolve()))
    root = Path("archdsl").resolve()
    Path("repository").mkdir()
    shutil.move("nets", "repository/nets")
    monkeypatch.chdir("repository")
    Path(".pre-commit-config.yaml").write_text(CONFIG.format(root=root, revision=revision))
    assert main(["compile", "nets/right.arch"]) == 0
    run("git", "init", "--quiet")
    run("git", "add", ".")
    pre_commit = (sys.executable, "-m", "pre_commit", "run", "--all-files")
    done = run(*pre_commit)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^archdsl .*Passed$", done.stdout, re.MULTILINE)) == 3
    Path("nets/right.arch").write_text("network a { input(1,2,2) conv3x3(2) }\n")
    done = run(*pre_commit)
    assert re.findall(r"^archdsl (.*?)\.+(\w+)$", done.stdout, re.MULTILINE) == [
        ("fmt", "Failed"),
        ("check", "Passed"),
        ("compile --check", "Failed"),
    ]
