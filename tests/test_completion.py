"""What shells complete, asked of the shells themselves where they are at hand."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import main
from archdsl.cli.arguments import parser
from archdsl.cli.completing import script

ROOT = Path(__file__).parents[1]
SHELLS = ("bash", "zsh", "fish")
SPEC = "network tiny(depth = 3, width = 4) { input(3, 8, 8) conv3x3(width) }\n"

COMMANDS = (
    *("check", "compile", "completion", "deploy", "diff", "explain", "fit", "fmt", "inspect"),
    *("match", "params", "report", "sweep", "table"),
)
# the words of a command, the last of them to be completed, and what it may become
CASES = {
    ("",): " ".join(COMMANDS),
    ("table", "tiny.arch", "--format", "h"): "html",
    ("par",): "params",
    ("params", "ti"): "tiny.arch",
    ("params", "sub/"): "sub/other.arch",
    ("params", "tiny.arch", "--by", ""): "block layer part phase",
    ("params", "tiny.arch", "--format", "l"): "latex",
    ("params", "tiny.arch", "--set", ""): "depth= width=",
    ("params", "tiny.arch", "--precision", "b"): "bfloat16",
    ("params", "tiny.arch", "--device", "h"): "h100 h200",
    ("params", "tiny.arch", "--columns", "rec"): "receptive",
    ("params", "tiny.arch", "--symbolic", ""): "depth width",
    ("sweep", "tiny.arch", "--set", "wi"): "width=",
    ("sweep", "tiny.arch", "--columns", "ma"): "macs",
    ("sweep", "--format", "m"): "markdown",
    ("fit", "tiny.arch", "--vary", "w"): "width",
    ("fit", "tiny.arch", "--match-"): "--match-set",
    ("compile", "tiny.arch", "--set", "wi"): "width=",
    ("compile", "tiny.arch", "--che"): "--check",
    ("compile", "--out", "s"): "sub/",
    ("inspect", "tiny.arch", "--form"): "--format",
    ("inspect", "tiny.arch", "ti"): "tiny.arch tiny.txt",
    ("inspect", "--format", "m"): "markdown",
    ("match", "tiny.arch", "ti"): "tiny.arch tiny.txt",
    ("match", "tiny.arch", "--ma"): "--map",
    ("match", "--format", ""): "json text",
    ("diff", "tiny.arch", "--by", ""): "block layer part",
    ("diff", "tiny.arch", "--set-new", "wi"): "width=",
    ("check", "--format", ""): "github json sarif text",
    ("report", "--format", "m"): "markdown",
    ("report", "s"): "sub/",
    ("report", "--plot", "tiny.t"): "tiny.txt",
    ("explain", "E20"): " ".join(page.stem for page in (ROOT / "docs/errors").glob("E20*.md")),
    ("completion", ""): "bash fish zsh",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two specs and something else in it."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "tiny.arch").write_text(SPEC)
    (folder / "tiny.txt").write_text("")
    (folder / "sub").mkdir()
    (folder / "sub/other.arch").write_text(SPEC)
    (folder / "bin").mkdir()
    command = folder / "bin/archdsl"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m archdsl "$@"\n')
    command.chmod(0o755)
    return folder


def run(folder, *command):
    """Run a shell in the folder and return what it prints."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout


def commands():
    (found,) = (
        action.choices
        for action in parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return found


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_command_option_and_choice(capsys, shell):
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    words = set(re.findall(r"[\w-]+", text))
    for name, command in commands().items():
        assert name in words
        for action in command._actions:
            options = [option for option in action.option_strings if option.startswith("--")]
            # fish writes `-l format`
            assert {option.lstrip("-") if shell == "fish" else option for option in options} <= {
                word.lstrip("-") if shell == "fish" else word for word in words
            }
            assert set(map(str, action.choices or ())) <= words


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_every_command_option_and_choice_of_a_case_exists(words):
    assert words[0] in commands() or len(words) == 1


def test_what_set_can_set_is_listed_once_for_all_networks_or_for_one(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "sub/two.arch").write_text(SPEC + SPEC.replace("tiny(depth", "other(size"))
    for spec, names in (
        ("sub/two.arch", ["depth=", "width=", "size="]),
        ("sub/two.arch:other", ["size=", "width="]),
    ):
        assert main(["completion", "--arguments", spec]) == 0
        assert capsys.readouterr().out.split() == names
    (folder / "sub/two.arch").unlink()
    assert main(["completion", "--arguments", "absent.arch"]) == 1
    assert capsys.readouterr().out == ""


def test_explain_lists_every_code_with_its_title(capsys):
    assert main(["explain"]) == 0
    lines = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert sorted(lines) == sorted(page.stem for page in (ROOT / "docs/errors").glob("[EW]*.md"))
    assert lines["E202"] == "declared twice"


# ---------------------------------------------------------------- bash

BASH = """\
eval "$(archdsl completion bash)"
complete -p archdsl
ask() {
    COMP_WORDS=(archdsl "$@") COMP_CWORD=$#
    _archdsl
    printf '%s\\n' "${COMPREPLY[*]}"
}
"""


def bash(folder, cases):
    lines = [f"ask {' '.join(repr(word) for word in words)}" for words in cases]
    first, *answers = run(folder, "bash", "--norc", "-c", BASH + "\n".join(lines)).splitlines()
    assert first == "complete -F _archdsl archdsl"
    return dict(zip(cases, answers, strict=True))


def test_bash_completes(folder):
    answers = bash(folder, CASES)
    for words, answer in answers.items():
        got = {word for word in answer.split() if words != ("",) or not word.startswith("--")}
        # bash itself adds the `/` of a folder
        wanted = {word.removesuffix("/") for word in CASES[words].split()}
        assert (words, got) == (words, wanted)


def test_bash_has_a_word_for_an_equals_sign(folder):
    answers = bash(
        folder,
        {
            ("params", "--format", "=", "l"): "latex",
            ("params", "--by", "="): "part block layer phase",
            ("params", "tiny.arch", "--set", "depth", "="): "",
            ("params", "tiny.arch", "--set", "depth", "=", "t"): "",
        },
    )
    assert list(answers.values()) == ["latex", "part block layer phase", "", ""]


def test_bash_keeps_names_with_blanks_whole(folder):
    (folder / "two words.arch").write_text(SPEC)
    (answer,) = bash(folder, [("params", "two")]).values()
    (folder / "two words.arch").unlink()
    assert answer == "two words.arch"


# ---------------------------------------------------------------- fish


def test_fish_completes(folder):
    file = folder / "archdsl.fish"
    file.write_text(script("fish"))
    lines = [f"complete -C 'archdsl {' '.join(words)}'; echo next" for words in CASES]
    out = run(folder, "fish", "--no-config", "-c", f"source {file}\n" + "\n".join(lines))
    answers = out.split("next\n")[:-1]
    for words, answer in zip(CASES, answers, strict=True):
        got = {line.split("\t")[0] for line in answer.splitlines()}
        assert (words, got) == (words, set(CASES[words].split()))


# ---------------------------------------------------------------- zsh

# A zsh on a terminal of its own, whose `compadd` shows what matches between two marks.
ZSH = r"""
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'source setup.zsh'
zpty -r -m inner line $'*\0ready*'
zpty -w -n inner "archdsl $*"$'\t'
zpty -r -m inner line $'*\0begin*\0end*'
print -r -- ${${line##*$'\0'begin}%%$'\0'end*}
"""
SETUP = r"""
PROMPT=
autoload -U compinit
compinit -u -D
eval "$(archdsl completion zsh)"
compadd () {
    builtin compadd "$@"
    [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && return
    local -a hits
    builtin compadd -A hits "$@"
    (( $#hits )) && print -rl -- '' $hits
}
before () { print -n '\0begin' }
after () { print -n '\0end' }
compprefuncs=(before)
comppostfuncs=(after)
print '\0''ready'
"""


def test_zsh_reads_its_script(folder):
    file = folder / "_archdsl"
    file.write_text(script("zsh"))
    assert run(folder, "zsh", "-f", "-n", str(file)) == ""
    out = run(
        folder,
        "zsh",
        "-f",
        "-c",
        f"autoload -U compinit; compinit -u -D; source {file}; print $_comps[archdsl]",
    )
    assert out == "_archdsl\n"


@pytest.mark.parametrize("words", list(CASES)[::2], ids=" ".join)
def test_zsh_completes(folder, words):
    (folder / "setup.zsh").write_text(SETUP)
    out = run(folder, "zsh", "-f", "-c", ZSH, "zsh", *words)
    got = {word for word in out.split() if words != ("",) or not word.startswith("-")}
    assert got == {Path(word).name for word in CASES[words].split()}  # as zsh lists files
