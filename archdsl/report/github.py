"""Diagnostics as workflow commands, which GitHub Actions shows beside the lines of a change.

A command is a line `::error file=..,line=..::message`; only `%` and line ends are escaped in its
message, `:` and `,` too in what stands before.
"""

from archdsl.diagnostics import Diagnostic, Note
from archdsl.report.findings import place


def command(diagnostic: Diagnostic, spec: str) -> str:
    """Return a diagnostic as a command, its line ended; one about no place is about the spec."""
    properties: dict[str, object] = {"file": spec}
    if diagnostic.span is not None:
        here = place(diagnostic.span)
        properties = {
            "file": here.file,
            "line": here.line,
            "col": here.column,
            "endLine": here.end_line,
            "endColumn": here.end_column,
        }
    properties["title"] = f"archdsl {diagnostic.code}"
    head = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{diagnostic.severity.value} {head}::{_data(_message(diagnostic))}\n"


def _message(diagnostic: Diagnostic) -> str:
    lines = [diagnostic.message, *map(_note, diagnostic.notes)]
    if diagnostic.help is not None:
        lines.append(f"help: {diagnostic.help}")
    return "\n".join(lines)


def _note(note: Note) -> str:
    return f"note: {note.message}" + ("" if note.span is None else f" ({note.span!r})")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
