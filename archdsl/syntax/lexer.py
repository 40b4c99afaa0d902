"""Text to words."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.source import SourceFile, Span
from archdsl.syntax.tables import PATTERN

END = "$END"  # the kind of the word after the last
_BLANK = ("BLANK", "COMMENT")
_WORDS = re.compile(PATTERN)


class Token(NamedTuple):
    """A word; keywords come as names, the parser knows where they are more."""

    kind: str  # a terminal of the grammar
    text: str
    start: int
    end: int


def words(source: SourceFile, *, comments: bool = False) -> Iterator[Token]:
    """Yield the words of a text, then one of kind END; raise SpecError at what is none."""
    skipped = ("BLANK",) if comments else _BLANK
    text, position, length = source.text, 0, len(source.text)
    while position < length:
        match = _WORDS.match(text, position)
        if match is None:
            raise SpecError([_not_a_word(source, position)])
        kind, end = match.lastgroup or "", match.end()
        if kind not in skipped:
            yield Token(kind, match.group(), position, end)
        position = end
    yield Token(END, "", length, length)


def _not_a_word(source: SourceFile, offset: int) -> Diagnostic:
    rest = source.text[offset : offset + 40].split("\n")[0]
    span = Span(source, offset, offset + 1)
    if rest[:1].isdigit():
        word = rest.split()[0]
        return Diagnostic(
            code="E103",
            message=f"`{word}` is neither a number nor a name",
            span=Span(source, offset, offset + len(word)),
            help="put a space between a number and a word; names start with a letter",
        )
    if rest[:1] == '"':
        return Diagnostic(
            code="E104", message="a string must end on its line", span=span, help='add `"`'
        )
    shown = rest[:1] if rest[:1].isprintable() else f"U+{ord(rest[:1] or ' '):04X}"
    return Diagnostic(code="E105", message=f"`{shown}` has no meaning here", span=span)
