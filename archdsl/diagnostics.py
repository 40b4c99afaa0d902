"""Diagnostics: what the compiler says about a spec, as values."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from archdsl.limits import MAX_DIAGNOSTICS
from archdsl.record import Record
from archdsl.source import Span, shown


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
        self.diagnostics = limited(sorted(diagnostics, key=_place))
        super().__init__("\n\n".join(render(d) for d in self.diagnostics))

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: the mistakes are in the spec, not along a traceback."""
        return [str(self)]


def limited(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the first MAX_DIAGNOSTICS, the last of which says that there are more."""
    if len(diagnostics) <= MAX_DIAGNOSTICS:
        return tuple(diagnostics)
    *shown, last = diagnostics[:MAX_DIAGNOSTICS]
    note = Note(f"there is more: only the first {MAX_DIAGNOSTICS} are shown")
    return (*shown, msgspec.structs.replace(last, notes=(*last.notes, note)))


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    span = diagnostic.span
    return ("", -1) if span is None else (span.source.name, span.start)


class Diagnostics:
    """Collects the diagnostics of a phase, so that several mistakes are reported together."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int], Diagnostic] = {}
        self._by_severity = dict.fromkeys(Severity, 0)

    @property
    def found(self) -> tuple[Diagnostic, ...]:
        """All of them."""
        return tuple(self._found.values())

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic, once: a block that is built twice makes its mistake twice."""
        key = (diagnostic.code, *_place(diagnostic))
        severity = diagnostic.severity
        if key not in self._found and self._by_severity[severity] <= MAX_DIAGNOSTICS:
            self._by_severity[severity] += 1
            self._found[key] = diagnostic

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep several."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    @property
    def has_errors(self) -> bool:
        """Whether any of them stops the compilation."""
        return self._by_severity[Severity.ERROR] > 0

    @property
    def full(self) -> bool:
        """Whether there are more errors than are shown: nobody needs another."""
        return self._by_severity[Severity.ERROR] > MAX_DIAGNOSTICS

    def raise_if_errors(self) -> None:
        """Raise SpecError with all that was found if any of it is an error."""
        if self.has_errors:
            raise SpecError(self.found)


def render(diagnostic: Diagnostic) -> str:
    """Return the diagnostic as text: message, place, excerpt with carets, notes, help."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {_told(diagnostic.message)}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span)
    for note in diagnostic.notes:
        lines.append(f"note: {_told(note.message)}")
        if note.span is not None:
            lines += _excerpt(note.span)
    if diagnostic.help is not None:
        lines.append(f"help: {_told(diagnostic.help)}")
    return "\n".join(lines)


def _told(text: str) -> str:
    """Return what a diagnostic says without what a name in it could do to a terminal."""
    if len(text) > _MAX_TOLD:
        text = f"{text[: _MAX_TOLD - 100]} .. {text[-100:]}"
    return "\n".join(map(shown, text.split("\n")))


def _excerpt(span: Span) -> list[str]:
    """Return the place and its line, with the span underlined (on its first line)."""
    number, column = span.source.position(span.start)
    line = span.source.line(number)
    first = column - 1
    last = max(first + 1, min(first + span.end - span.start, len(line)))
    begin, dots = (0, "") if first <= _MAX_BEFORE else (first - _MAX_BEFORE + 3, ".. ")
    end = len(line) if len(line) - begin <= _MAX_LINE else begin + _MAX_LINE - 3
    text = dots + "".join(map(_visible, line[begin:end])) + (" .." if end < len(line) else "")
    before = len(dots) + _columns(line[begin:first])
    margin = f"{number} | "
    return [
        f" --> {shown(span.source.name)}:{number}:{column}",
        f"{margin}{text}".rstrip(),
        " " * (len(margin) - 2)
        + "| "
        + " " * before
        + "^" * max(1, _columns(line[first : min(last, end)])),
    ]


_MAX_TOLD = 1_000  # characters of a message
_MAX_BEFORE, _MAX_LINE = 100, 160  # characters of a line that an excerpt shows
_TAB = "    "


def _columns(text: str) -> int:
    """Return how many columns of a terminal the text takes as it is shown."""
    if text.isascii():
        return sum(map(len, map(_visible, text)))
    from unicodedata import combining, east_asian_width

    seen = "".join(map(_visible, text))
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in seen)


def _visible(character: str) -> str:
    """Return the character, or a stand-in for what would move the cursor or hide text."""
    if character == "\t":
        return _TAB
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
