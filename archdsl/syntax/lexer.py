"""Text to words."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from archdsl.diagnostics import Diagnostic
from archdsl.source import SourceFile, Span
from archdsl.syntax.tables import PATTERN

END = "$END"  # the kind of the word after the last
WRONG = "WRONG"  # the kind of what is no word
_BLANK = ("BLANK", "COMMENT")
_WORDS = re.compile(PATTERN)
_NO_WORD = re.compile(r"[0-9][\w.]*|\"[^\n]*|[^\n]")


class Token(NamedTuple):
    """A word; keywords come as names, the parser knows where they are more."""

    kind: str  # a terminal of the grammar
    text: str
    start: int
    end: int


def words(
    source: SourceFile, *, comments: bool = False, within: tuple[int, int] | None = None
) -> Iterator[Token]:
    """Yield the words of a text, then one of kind END; what is no word has the kind WRONG.

    `within` are the offsets of a part of the text that is read alone.
    """
    skipped = ("BLANK",) if comments else _BLANK
    text = source.text
    position, length = (0, len(text)) if within is None else within
    while position < length:
        match = _WORDS.match(text, position, length)
        if match is None:
            match = _NO_WORD.match(text, position, length)
            assert match is not None
            kind = WRONG
        else:
            kind = match.lastgroup or ""
        end = match.end()
        if kind not in skipped:
            yield Token(kind, match.group(), position, end)
        position = end
    yield Token(END, "", length, length)


def not_a_word(source: SourceFile, token: Token) -> Diagnostic:
    """Return what to say of a token of kind WRONG."""
    from archdsl.syntax.hints.no_words import wrong_number, wrong_sign

    word, span = token.text, Span(source, token.start, token.end)
    if word[0].isdigit():
        message = f"`{word[:40]}` is neither a number nor a name"
        return Diagnostic(code="E103", message=message, span=span, help=wrong_number(word[:40]))
    if word[0] == '"':
        opening = Span(source, token.start, token.start + 1)
        message = "a string must end on its line"
        return Diagnostic(code="E104", message=message, span=opening, help='add `"`')
    shown = word if word.isprintable() else f"U+{ord(word):04X}"
    help_ = wrong_sign(source, token.start)
    return Diagnostic(code="E105", message=f"`{shown}` has no meaning here", span=span, help=help_)
