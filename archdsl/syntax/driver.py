"""Runs the tables that lark made of the grammar: an LALR(1) parser without lark.

Importing lark and building its parser takes longer than all else that `archdsl params` does: see
docs/decisions/0006-parser.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from archdsl.syntax.lexer import END, Token
from archdsl.syntax.tables import ENDS, KEYWORDS, RULES, STARTS, STATES

_NAMES_TOO = frozenset(
    ("INIT", "GROW", "NESTED", "MARK", "INPUT", "OUTPUT", "DURING", "SEQUENCE", "SHARED")
)  # keywords of whom a name can stand wherever they can
RESERVED = frozenset(word for word, kind in KEYWORDS.items() if kind not in _NAMES_TOO)


class UnexpectedWordError(Exception):
    """A word that the grammar does not allow where it stands."""

    def __init__(self, token: Token, expected: frozenset[str]) -> None:
        super().__init__(token)
        self.token = token
        self.expected = expected  # terminals that could have come instead


def run(start: str, tokens: Iterable[Token], builder: object) -> Any:
    """Return what the builder makes of the words; raise UnexpectedWordError.

    The builder has a method for each rule, which takes the list of its children: words and what
    other methods returned.
    """
    parser = _Parser(start, builder)
    for token in tokens:
        parser.feed(token)
    return parser.values[-1]


class _Parser:
    """A parse under way."""

    def __init__(self, start: str, builder: object) -> None:
        self.builder = builder
        self.states = [STARTS[start]]
        self.values: list[Any] = []
        self.end = ENDS[start]

    def feed(self, token: Token) -> None:
        """Take a word: reduce what it closes, then shift it."""
        kind = self._kind(token)
        while True:
            action = STATES[self.states[-1]].get(kind)
            if action is None:
                raise UnexpectedWordError(token, frozenset(self._expected()))
            if action >= 0:
                self.states.append(action)
                self.values.append(token if kind == token.kind else token._replace(kind=kind))
                return
            self._reduce(-action - 1)
            if kind == END and self.states[-1] == self.end:
                return

    def _kind(self, token: Token) -> str:
        """Return a word's terminal: a keyword is one only where the grammar has it."""
        keyword = KEYWORDS.get(token.text)
        if keyword is not None and token.kind == "NAME":
            state = STATES[self.states[-1]]
            if keyword in state or "NAME" not in state:
                return keyword
        return token.kind

    def _reduce(self, number: int) -> None:
        origin, name, size, single, inlined = RULES[number]
        children: list[Any] = []
        if size:
            found = self.values[-size:]
            del self.values[-size:]
            del self.states[-size:]
            children = _joined(found, inlined)
        if name is None:
            value: Any = children
        elif single and len(children) == 1:
            value = children[0]
        else:
            value = getattr(self.builder, name)(children)
        self.values.append(value)
        self.states.append(STATES[self.states[-1]][origin])

    def _expected(self) -> Iterator[str]:
        """Yield the terminals that could be taken here; `init` only as the name that it may be."""
        for kind in STATES[self.states[-1]]:
            is_terminal = kind == END or (kind.isupper() and kind not in _NAMES_TOO)
            if is_terminal and self._would_take(kind):
                yield kind

    def _would_take(self, kind: str) -> bool:
        states = list(self.states)
        while (action := STATES[states[-1]].get(kind)) is not None:
            if action >= 0:
                return True
            origin, _, size, _, _ = RULES[-action - 1]
            del states[len(states) - size :]
            states.append(STATES[states[-1]][origin])
            if kind == END and states[-1] == self.end:
                return True
        return False


def _joined(found: list[Any], inlined: Sequence[bool]) -> list[Any]:
    """Return children in one list; a repetition grows in place, or long ones cost their square."""
    if inlined[0]:
        joined: list[Any] = found[0]
        del found[0]
        inlined = inlined[1:]
    else:
        joined = []
    for child, is_repetition in zip(found, inlined, strict=True):
        if is_repetition:
            joined += child
        else:
            joined.append(child)
    return joined
