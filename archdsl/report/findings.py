"""Diagnostics as other programs read them: docs/machine-readable.md says what the keys mean."""

from collections.abc import Iterable

from archdsl.diagnostics import Diagnostic, Note, render
from archdsl.record import Record
from archdsl.source import Span


class Region(Record):
    """Where a text stands: lines and columns count from 1, the end is the first column behind."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


class NoteReport(Record, kw_only=True):
    """A second place that explains a diagnostic; without a place all of its keys are None."""

    message: str
    file: str | None
    line: int | None
    column: int | None
    end_line: int | None
    end_column: int | None


class DiagnosticReport(Record, kw_only=True):
    """A diagnostic; one about no place, such as a file that is not there, has None for it."""

    severity: str
    code: str
    message: str
    file: str | None
    line: int | None
    column: int | None
    end_line: int | None
    end_column: int | None
    notes: tuple[NoteReport, ...]
    help: str | None
    rendered: str  # the text that people are shown, with its excerpts


def findings(diagnostics: Iterable[Diagnostic]) -> tuple[DiagnosticReport, ...]:
    """Return diagnostics as they stand in a JSON object."""
    return tuple(map(_finding, diagnostics))


def place(span: Span) -> Region:
    """Return where a span begins and ends."""
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return Region(span.source.name, line, column, end_line, end_column)


def _finding(diagnostic: Diagnostic) -> DiagnosticReport:
    file, line, column, end_line, end_column = _place(diagnostic.span)
    return DiagnosticReport(
        severity=diagnostic.severity.value,
        code=diagnostic.code,
        message=diagnostic.message,
        file=file,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        notes=tuple(map(_note, diagnostic.notes)),
        help=diagnostic.help,
        rendered=render(diagnostic),
    )


def _note(note: Note) -> NoteReport:
    file, line, column, end_line, end_column = _place(note.span)
    return NoteReport(
        message=note.message,
        file=file,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
    )


def _place(
    span: Span | None,
) -> tuple[str | None, int | None, int | None, int | None, int | None]:
    if span is None:
        return None, None, None, None, None
    here = place(span)
    return here.file, here.line, here.column, here.end_line, here.end_column
