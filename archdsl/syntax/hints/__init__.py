"""What people write who come from other languages, and what to write instead.

Looked at only where the grammar has failed: a spec that is right never comes here.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from archdsl.diagnostics import Diagnostic
from archdsl.source import SourceFile
from archdsl.syntax.hints import declarations, ends, maps, signs, statements
from archdsl.syntax.hints.place import Advice, Spot
from archdsl.syntax.lexer import Token

_Rule: TypeAlias = Callable[[Spot], Advice | None]
_RULES: tuple[_Rule, ...] = (  # the first that has something to say says it
    statements.in_network,
    signs.operators,
    signs.equals,
    statements.require,
    declarations.importing,
    statements.python_conditional,
    declarations.not_closed,
    declarations.closes_nothing,
    signs.comment,
    declarations.top_word,
    declarations.name,
    declarations.keyword_as_name,
    ends.ends,
    maps.mark,
    maps.item,
    statements.line_word,
    signs.comma,
    signs.arrow,
    signs.colon,
    statements.stage,
    statements.assignment,
    statements.dotted,
    statements.repeat,
    statements.times,
    statements.brackets,
    statements.string,
    statements.missing,
    statements.brackets_around,
)


def advice(
    source: SourceFile, words: Sequence[Token], i: int, expected: frozenset[str]
) -> Diagnostic | None:
    """Return what to say of the word that does not fit, where a habit explains it."""
    place = Spot(source, words, i, expected)
    for rule in _RULES:
        found = rule(place)
        if found is not None:
            return Diagnostic(
                code=found.code,
                message=found.message,
                span=found.span or place.span(0),
                notes=found.notes,
                help=found.help,
            )
    return None
