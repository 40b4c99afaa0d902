"""Diagnostics: what the compiler says about a spec, as values."""

from collections.abc import Iterable
from enum import StrEnum

from archdsl.record import Record
from archdsl.source import Span


class Severity(StrEnum):
    """How bad it is: an error stops the compilation, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Note(Record):
    """A second place that explains a diagnostic."""

    message: str
    span: Span | None = None


class Diagnostic(Record, kw_only=True):
    """One mistake, or one doubt, about a spec.

    `code` is stable and has a page in docs/errors/; `help` is something that can be typed.
    """

    code: str  # "E201", "W101"
    message: str  # lower case, no full stop, values in backquotes
    span: Span | None = None  # the smallest text that is wrong
    notes: tuple[Note, ...] = ()
    help: str | None = None
    severity: Severity = Severity.ERROR


class SpecError(Exception):
    """A spec has errors; `diagnostics` holds all of one phase in the order of the text."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=_place))
        super().__init__("\n\n".join(render(d) for d in self.diagnostics))


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    span = diagnostic.span
    return ("", -1) if span is None else (span.source.name, span.start)


class Diagnostics:
    """Collects the diagnostics of a phase, so that several mistakes are reported together."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int], Diagnostic] = {}

    @property
    def found(self) -> tuple[Diagnostic, ...]:
        """All of them."""
        return tuple(self._found.values())

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic, once: a block that is built twice makes its mistake twice."""
        self._found.setdefault((diagnostic.code, *_place(diagnostic)), diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep several."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    @property
    def has_errors(self) -> bool:
        """Whether any of them stops the compilation."""
        return any(d.severity is Severity.ERROR for d in self.found)

    def raise_if_errors(self) -> None:
        """Raise SpecError with all that was found if any of it is an error."""
        if self.has_errors:
            raise SpecError(self.found)


def render(diagnostic: Diagnostic) -> str:
    """Return the diagnostic as text: message, place, excerpt with carets, notes, help."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span)
    for note in diagnostic.notes:
        lines.append(f"note: {note.message}")
        if note.span is not None:
            lines += _excerpt(note.span)
    if diagnostic.help is not None:
        lines.append(f"help: {diagnostic.help}")
    return "\n".join(lines)


def _excerpt(span: Span) -> list[str]:
    """Return the place and its line, with the span underlined (on its first line)."""
    line, column = span.source.position(span.start)
    text = "".join(_visible(c) for c in span.source.line(line))
    before, width = column - 1, max(1, min(span.end - span.start, len(text) - column + 1))
    if before > _MAX_BEFORE:
        text, before = f".. {text[before - _MAX_BEFORE + 3 :]}", _MAX_BEFORE
    if len(text) > _MAX_LINE:
        text, width = f"{text[: _MAX_LINE - 3]} ..", min(width, _MAX_LINE - before)
    margin = f"{line} | "
    return [
        f" --> {span.source.name}:{line}:{column}",
        f"{margin}{text}".rstrip(),
        " " * (len(margin) - 2) + "| " + " " * before + "^" * width,
    ]


_MAX_BEFORE, _MAX_LINE = 100, 160  # characters of a line that an excerpt shows


def _visible(character: str) -> str:
    """Return the character, or a stand-in for what would move the cursor or hide text."""
    if character == "\t":
        return " "
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
