"""Text to tree."""

import re
from collections.abc import Sequence
from itertools import islice, pairwise

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.limits import MAX_DIAGNOSTICS, MAX_NESTING, MAX_WORDS
from archdsl.source import SourceFile, Span
from archdsl.syntax import tree
from archdsl.syntax.builder import Builder
from archdsl.syntax.driver import UnexpectedWordError, run
from archdsl.syntax.layout import check_layout
from archdsl.syntax.lexer import END, WRONG, Token, not_a_word, words
from archdsl.syntax.wording import expected_words

_DECLARES = ("import", "network", "block", "sequence", "train")


# Controls, and what changes the order in which text is shown: a comment could hide a line.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def parse(source: SourceFile) -> tree.Spec:
    """Return the tree of a spec; raise SpecError with a mistake of each declaration."""
    _check_characters(source)
    _check_nesting(source)
    tokens = _all_words(source)
    mistakes: list[Diagnostic] = []
    declarations: tuple[tree.Declaration, ...] = ()
    while tokens and len(mistakes) <= MAX_DIAGNOSTICS:
        try:
            spec: tree.Spec = run("spec", tokens, Builder(source))
            declarations, tokens = spec.declarations, ()
        except UnexpectedWordError as error:
            mistakes.append(_does_not_fit(error, tokens, source))
            tokens = _after(error.token.start, tokens, source)
        except SpecError as error:
            mistakes += [_explained(found, tokens, source) for found in error.diagnostics]
            tokens = _after(max(map(_offset, error.diagnostics)), tokens, source)
    if mistakes:
        raise SpecError(mistakes)
    spec = tree.Spec(source, declarations)
    check_layout(spec)
    return spec


def _offset(diagnostic: Diagnostic) -> int:
    return diagnostic.span.start if diagnostic.span is not None else 0


def _check_characters(source: SourceFile) -> None:
    """Raise SpecError for a character, be it in a comment, that nobody sees but a terminal."""
    found = _HIDDEN.search(source.text)
    if found is not None:
        message = f"`U+{ord(found[0]):04X}` hides how the text reads"
        span = Span(source, found.start(), found.end())
        raise SpecError([Diagnostic(code="E105", message=message, span=span, help="remove it")])


def _all_words(source: SourceFile) -> tuple[Token, ...]:
    tokens = tuple(islice(words(source), MAX_WORDS + 1))
    if len(tokens) > MAX_WORDS:
        last = tokens[-1]
        message = f"`{source.name}` has more than {MAX_WORDS:,} words"
        span = Span(source, last.start, max(last.end, 1))
        raise SpecError([Diagnostic(code="E201", message=message, span=span)])
    return tokens


def parse_expression(source: SourceFile) -> tree.Expression:
    """Return the tree of a single expression, as `--set NAME=VALUE` gives it."""
    _check_characters(source)
    _check_nesting(source)
    tokens = _all_words(source)
    try:
        expression: tree.Expression = run("expression", tokens, Builder(source))
    except UnexpectedWordError as error:
        raise SpecError([_does_not_fit(error, tokens, source)]) from None
    return expression


# ---------------------------------------------------------------- mistakes


def _after(offset: int, tokens: Sequence[Token], source: SourceFile) -> tuple[Token, ...]:
    """Return the words from the next declaration on: they can be read on their own."""
    for i, (word, following) in enumerate(pairwise(tokens)):
        declares = word.text in _DECLARES and following.kind == "NAME"
        if word.start > offset and declares and _begins_line(word, source):
            return tuple(tokens[i:])
    return ()


def _begins_line(word: Token, source: SourceFile) -> bool:
    line_start = source.text.rfind("\n", 0, word.start) + 1
    return not source.text[line_start : word.start].strip()


def _does_not_fit(
    error: UnexpectedWordError, tokens: Sequence[Token], source: SourceFile
) -> Diagnostic:
    from archdsl.syntax.hints import advice

    token = error.token
    if token.kind == WRONG:
        return not_a_word(source, token)
    i = next(i for i, each in enumerate(tokens) if each.start == token.start)
    advised = advice(source, tokens, i, error.expected)
    if advised is not None:
        return advised
    expected = expected_words(error.expected)
    if token.kind == END:
        end = _end_of_words(source.text)
        return Diagnostic(
            code="E102",
            message=f"the file ends in the middle of something; expected {expected}",
            span=Span(source, max(end - 1, 0), max(end, 1)),
        )
    return Diagnostic(
        code="E101",
        message=f"`{token.text}` does not fit here; expected {expected}",
        span=Span(source, token.start, token.end),
    )


def _explained(found: Diagnostic, tokens: Sequence[Token], source: SourceFile) -> Diagnostic:
    """Return the diagnostic of a keyword in the place of a layer, with advice if there is some."""
    from archdsl.syntax.hints import advice

    if found.code != "E101" or found.span is None:
        return found
    places = (i for i, each in enumerate(tokens) if each.start == _offset(found))
    i = next(places, None)
    if i is None:  # in a string
        return found
    return advice(source, tokens, i, frozenset(("LET",))) or found


def _end_of_words(text: str) -> int:
    """Return where the last line that is not only a comment ends, the comment on it left out."""
    end = 0
    offset = 0
    for line in text.splitlines(keepends=True):
        quotes = 0
        kept = len(line)
        for i, character in enumerate(line):
            quotes += character == '"'
            if character == "#" and quotes % 2 == 0:
                kept = i
                break
        if line[:kept].strip():
            end = offset + len(line[:kept].rstrip())
        offset += len(line)
    return end


def _check_nesting(source: SourceFile) -> None:
    """Raise SpecError where brackets stand too deep: everything after may then recurse."""
    depth = 0
    closed = True  # outside comments and strings
    comment = False
    for offset, character in enumerate(source.text):
        if character == "\n":
            comment, closed = False, True
        elif comment:
            continue
        elif character == '"':
            closed = not closed
        elif not closed:
            continue
        elif character == "#":
            comment = True
        elif character in "([{":
            depth += 1
            if depth > MAX_NESTING:
                span = Span(source, offset, offset + 1)
                message = f"brackets are nested deeper than {MAX_NESTING}"
                raise SpecError([Diagnostic(code="E106", message=message, span=span)])
        elif character in ")]}":
            depth -= 1
