"""Diagnostics as a SARIF log, version 2.1.0 (OASIS Standard, 27 March 2020)."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from archdsl import __version__
from archdsl.diagnostics import Diagnostic, Note
from archdsl.report.findings import place
from archdsl.source import Span

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

Members = dict[str, Any]


def sarif(found: Iterable[tuple[str, Diagnostic]], page: Callable[[str], str]) -> str:
    """Return a log of diagnostics, each with the spec that was checked; `page` explains a code."""
    found = tuple(found)
    codes = sorted({diagnostic.code for _, diagnostic in found})
    results: list[Members] = []
    for spec, diagnostic in found:
        result = _result(diagnostic, spec, codes.index(diagnostic.code))
        if result not in results:  # several specs import one that is wrong
            results.append(result)
    run = {
        "tool": {
            "driver": {
                "name": "archdsl",
                "version": __version__,
                "rules": [_rule(code, page(code)) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _rule(code: str, page: str) -> Members:
    """Return a code with its page, which begins `# E507: title`, `## What it does`, a paragraph."""
    title, _, after = page.removeprefix(f"# {code}: ").partition("\n")
    paragraph = after.strip().removeprefix("## What it does").strip().partition("\n\n")[0]
    return {
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": " ".join(paragraph.split())},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": "error" if code.startswith("E") else "warning"},
    }


def _result(diagnostic: Diagnostic, spec: str, rule: int) -> Members:
    help_ = "" if diagnostic.help is None else f"\nhelp: {diagnostic.help}"
    result: Members = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity.value,
        "message": {"text": diagnostic.message + help_},
        "locations": [_location(diagnostic.span, spec)],
    }
    if diagnostic.notes:
        result["relatedLocations"] = [
            _related(number, note, spec) for number, note in enumerate(diagnostic.notes, 1)
        ]
    return result


def _related(number: int, note: Note, spec: str) -> Members:
    return {"id": number, **_location(note.span, spec), "message": {"text": note.message}}


def _location(span: Span | None, spec: str) -> Members:
    """Return a place; what has none is about the spec as a whole."""
    if span is None:
        return {"physicalLocation": {"artifactLocation": _artifact(spec)}}
    here = place(span)
    region = {
        "startLine": here.line,
        "startColumn": here.column,
        "endLine": here.end_line,
        "endColumn": here.end_column,
    }
    return {"physicalLocation": {"artifactLocation": _artifact(here.file), "region": region}}


def _artifact(file: str) -> Members:
    path = Path(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}
