"""Diagnostics for other programs: JSON, workflow commands of GitHub Actions, SARIF."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from archdsl.cli import main
from archdsl.diagnostics import Diagnostic, Note, Severity
from archdsl.report.findings import findings
from archdsl.report.github import command
from archdsl.report.sarif import sarif
from archdsl.source import SourceFile, Span

ROOT = Path(__file__).parents[1]
WRONG = """\
network tiny(depth = 3) {
    input(3, 8, 8)
    stage conv2 = depth * unit(3) with share(conv5x5)
    avgpool linear(10)
}
block unit(width) { residual { conv3x3(width) bn } relu }
"""
TWICE = WRONG + "block unit(width) { relu }\n"
TWICE_REPORT = {
    "severity": "error",
    "code": "E202",
    "message": "`unit` is declared twice",
    "file": "twice.arch",
    "line": 7,
    "column": 7,
    "end_line": 7,
    "end_column": 11,
    "notes": [
        {
            "message": "first declared here",
            "file": "twice.arch",
            "line": 6,
            "column": 7,
            "end_line": 6,
            "end_column": 11,
        }
    ],
    "help": None,
}


@pytest.fixture(autouse=True)
def specs(tmp_path, monkeypatch):
    """A folder of its own to be in, with specs in it."""
    monkeypatch.chdir(tmp_path)
    Path("wrong.arch").write_text(WRONG)
    Path("twice.arch").write_text(TWICE)
    Path("importer.arch").write_text('import unit from "twice.arch"\n')
    Path("right.arch").write_text("network a { input(1, 2, 2) conv3x3(1) }\n")


def printed(capsys, *arguments, status=1):
    assert main(list(arguments)) == status
    return capsys.readouterr()


def without_rendered(diagnostic):
    return {key: value for key, value in diagnostic.items() if key != "rendered"}


# ---------------------------------------------------------------- JSON


@pytest.mark.parametrize("command", ["params", "compile"])
def test_a_command_that_fails_gives_its_diagnostics_as_json(capsys, command):
    out, err = printed(capsys, command, "twice.arch", "--format", "json")
    document = json.loads(out)
    assert list(document) == ["schema", "diagnostics"]
    assert document["schema"] == 1
    (diagnostic,) = document["diagnostics"]
    assert without_rendered(diagnostic) == TWICE_REPORT
    assert err == diagnostic["rendered"] + "\n\n"
    assert "\n7 | block unit(width) { relu }\n" in diagnostic["rendered"]


def test_check_gives_the_diagnostics_of_each_spec(capsys):
    out, _ = printed(capsys, "check", "twice.arch", "right.arch", "--format", "json")
    twice, right = json.loads(out)["specs"]
    assert [without_rendered(found) for found in twice["diagnostics"]] == [TWICE_REPORT]
    assert (twice["ok"], right["ok"], right["diagnostics"]) == (False, True, [])


WARNED = """\
network a {
    input(1, 2, 2)
    stage s = 2 * unit(1) with share(conv3x3, from = 2)
}
block unit(width) { conv3x3(width) }
"""


@pytest.mark.parametrize("command", ["params", "compile"])
def test_a_network_carries_what_its_spec_was_warned_of(capsys, command):
    Path("warned.arch").write_text(WARNED)
    out, err = printed(capsys, command, "warned.arch", "--format", "json", status=0)
    document = json.loads(out)
    (diagnostic,) = document["diagnostics"]
    assert (diagnostic["severity"], diagnostic["line"]) == ("warning", 3)
    assert document["parameters"]["total"] == 18
    assert err == diagnostic["rendered"] + "\n\n"


def test_what_is_wrong_with_a_value_is_placed_in_it(capsys):
    Path("right.arch").write_text(WRONG.replace("conv5x5", "conv3x3"))
    out, _ = printed(capsys, "params", "right.arch", "--set", "depth=x", "--format", "json")
    (diagnostic,) = json.loads(out)["diagnostics"]
    assert (diagnostic["file"], diagnostic["line"], diagnostic["column"]) == ("--set depth", 1, 1)


def test_a_diagnostic_about_no_place_has_null_for_it(capsys):
    out, _ = printed(capsys, "params", "absent.arch", "--format", "json")
    (diagnostic,) = json.loads(out)["diagnostics"]
    place = ("file", "line", "column", "end_line", "end_column")
    assert [diagnostic[key] for key in place] == [None] * 5
    assert diagnostic["code"] == "E201"


def test_places_count_characters_and_end_behind_the_last():
    source = SourceFile("a.arch", "# \N{SNOWMAN}\t\U0001f600 x\ny\n")
    found = Diagnostic(code="E101", message="m", span=Span(source, 6, 9), notes=(Note("n"),))
    (report,) = findings([found])
    places = (report.line, report.column, report.end_line, report.end_column)
    assert places == (1, 7, 2, 2)
    assert report.notes[0].line is None


# ---------------------------------------------------------------- GitHub


def test_github_is_given_commands_and_nothing_else(capsys):
    arguments = ("check", "wrong.arch", "twice.arch", "importer.arch", "right.arch", "absent.arch")
    out, err = printed(capsys, *arguments, "--format", "github")
    assert err == ""
    wrong, twice, absent = out.splitlines()  # what two specs have in common is there once
    assert wrong.startswith(
        "::error file=wrong.arch,line=3,col=40,endLine=3,endColumn=54,title=archdsl E507::"
        "no layer here is `conv5x5`"
    )
    assert "%0Ahelp: " in wrong
    assert twice == (
        "::error file=twice.arch,line=7,col=7,endLine=7,endColumn=11,title=archdsl E202::"
        "`unit` is declared twice%0Anote: first declared here (twice.arch:6:7)"
    )
    assert absent.startswith("::error file=absent.arch,title=archdsl E201::")


def test_right_specs_give_github_nothing(capsys):
    assert printed(capsys, "check", "right.arch", "--format", "github", status=0) == ("", "")


def test_nothing_of_a_spec_ends_a_command_or_its_properties():
    # The escapes of actions/toolkit, packages/core/src/command.ts.
    source = SourceFile("50%,a:b\r\n.arch", "x")
    found = Diagnostic(
        code="W101",
        message="100 % of\r\n::add-mask::a, b: c",
        span=Span(source, 0, 1),
        severity=Severity.WARNING,
    )
    assert command(found, "unused") == (
        "::warning file=50%25%2Ca%3Ab%0D%0A.arch,line=1,col=1,endLine=1,endColumn=2,"
        "title=archdsl W101::100 %25 of%0D%0A::add-mask::a, b: c\n"
    )


# ---------------------------------------------------------------- SARIF

# The schema of the standard as schemastore has it, without its descriptions.
SCHEMA = json.loads((ROOT / "tests/fixtures/sarif-2.1.0.json").read_text("utf-8"))


def log(text):
    """Return a log's one run; what the schema has against it fails."""
    document = json.loads(text)
    Draft4Validator.check_schema(SCHEMA)
    errors = [error.message for error in Draft4Validator(SCHEMA).iter_errors(document)]
    assert errors == []
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    return run


def test_the_schema_refuses_what_is_no_log():
    wrong = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": 1}}, "result": []}]}
    assert {error.validator for error in Draft4Validator(SCHEMA).iter_errors(wrong)} == {
        "type",
        "additionalProperties",
    }


def test_sarif_has_a_result_for_each_diagnostic_and_a_rule_for_each_code(capsys):
    arguments = ("check", "wrong.arch", "twice.arch", "importer.arch", "right.arch")
    out, err = printed(capsys, *arguments, "--format", "sarif")
    assert "error[E507]" in err
    run = log(out)
    assert [(found["ruleId"], found["ruleIndex"]) for found in run["results"]] == [
        ("E507", 1),
        ("E202", 0),
    ]
    twice = run["results"][1]
    artifact = {"uri": "twice.arch", "uriBaseId": "%SRCROOT%"}
    region = {"startLine": 7, "startColumn": 7, "endLine": 7, "endColumn": 11}
    assert twice["locations"] == [
        {"physicalLocation": {"artifactLocation": artifact, "region": region}}
    ]
    first = {"startLine": 6, "startColumn": 7, "endLine": 6, "endColumn": 11}
    assert twice["relatedLocations"] == [
        {
            "id": 1,
            "physicalLocation": {"artifactLocation": artifact, "region": first},
            "message": {"text": "first declared here"},
        }
    ]
    rule = run["tool"]["driver"]["rules"][0]
    assert rule["id"] == "E202"
    assert rule["shortDescription"]["text"] == "declared twice"
    assert rule["help"]["markdown"] == (ROOT / "docs/errors/E202.md").read_text("utf-8")


def test_right_specs_give_an_empty_log(capsys):
    out, _ = printed(capsys, "check", "right.arch", "--format", "sarif", status=0)
    run = log(out)
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


def test_every_page_becomes_a_rule():
    pages = {page.stem: page.read_text("utf-8") for page in (ROOT / "docs/errors").glob("[EW]*.md")}
    found = [("a.arch", Diagnostic(code=code, message="m")) for code in sorted(pages)]
    rules = log(sarif(found, pages.__getitem__))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(pages)
    for rule in rules:
        title = pages[rule["id"]].partition("\n")[0]
        assert title == f"# {rule['id']}: {rule['shortDescription']['text']}"
        assert re.fullmatch(r"[A-Z][^#\n]+[.)]", rule["fullDescription"]["text"])


def test_sarif_has_paths_as_uris(tmp_path):
    names = ("a b/50%.arch", str(tmp_path / "é.arch"))
    found = [
        ("x", Diagnostic(code="E101", message="m", span=Span(SourceFile(name, "x"), 0, 1)))
        for name in names
    ]
    results = log(sarif(found, lambda code: f"# {code}: t\n\n## What it does\n\np\n"))["results"]
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results
    ]
    assert uris == ["a%20b/50%25.arch", f"file://{tmp_path}/%C3%A9.arch"]
