"""Which brackets stand open at a place, and which of them its author forgot to close."""

from collections.abc import Iterable
from typing import NamedTuple

from archdsl.source import SourceFile
from archdsl.syntax.lexer import Token

_PAIRS = {")": "(", "]": "[", "}": "{"}


class Bracket(NamedTuple):
    """A bracket that stands open."""

    text: str
    start: int
    indent: int  # of its line


def unclosed(source: SourceFile, words: Iterable[Token]) -> tuple[list[Bracket], Bracket | None]:
    """Return the open brackets, outermost first, and the one that most likely is to be closed.

    That is the first which a `}` closes that begins a line further left than the bracket's own;
    such a `}` was meant for one outside.
    """
    stack: list[Bracket] = []
    suspect: Bracket | None = None
    for word in words:
        if word.text in ("(", "[", "{"):
            stack.append(Bracket(word.text, word.start, _indent(source, word.start)))
        elif word.text in _PAIRS and stack and stack[-1].text == _PAIRS[word.text]:
            closed = stack.pop()
            further_left = _begins(source, word.start) and (
                _indent(source, word.start) < closed.indent
            )
            if further_left and suspect is None:
                suspect = closed
    return stack, suspect or (stack[-1] if stack else None)


def _indent(source: SourceFile, offset: int) -> int:
    line = source.text[source.text.rfind("\n", 0, offset) + 1 :]
    return len(line) - len(line.lstrip(" \t"))


def _begins(source: SourceFile, offset: int) -> bool:
    start = source.text.rfind("\n", 0, offset) + 1
    return not source.text[start:offset].strip()
