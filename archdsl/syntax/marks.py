"""What the formatter knows of each word: where the grammar puts it, and what may break there."""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import partial
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from archdsl.source import SourceFile
from archdsl.syntax.driver import run
from archdsl.syntax.lexer import Token, words


class Inside(Enum):
    """What stands between two brackets."""

    BODY = auto()  # items or settings
    LIST = auto()  # entries with commas between them, and maybe one at the end
    PLAIN = auto()  # one expression


class BracketPair(NamedTuple):
    """Two brackets, by the places of their words."""

    open: int
    close: int
    kind: Inside
    anchor: int  # the word whose line the inside is indented from


class Phrase(NamedTuple):
    """A rule of the grammar as it was met; words stand as their places in the text."""

    rule: str
    first: int
    last: int
    children: "tuple[PhraseChild, ...]"

    @property
    def words(self) -> tuple[int, ...]:
        """The words that are the rule's own."""
        return tuple(child for child in self.children if isinstance(child, int))

    @property
    def parts(self) -> "tuple[Phrase, ...]":
        """The rules inside."""
        return tuple(child for child in self.children if isinstance(child, Phrase))


PhraseChild: TypeAlias = int | Phrase


class Marks:
    """The words and comments of a text that parses, and what is known of them.

    Sets and tables are of places of words; a break, a space or an indentation is one before a word.
    """

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.tokens = tuple(words(source, comments=True))[:-1]
        self.brackets: list[BracketPair] = []  # inner ones before outer ones
        self.bodies: dict[int, tuple[Phrase, ...]] = {}  # items by the place of the `{`
        self.following: dict[int, int] = {}  # the start of the next item, by that of an item
        self.declarations: tuple[Phrase, ...] = ()
        self.starts: set[int] = set()  # of items, entries and declarations
        self.flush: set[int] = set()  # no continuation, though inside an item: `else`, `{`
        self.no_space: set[int] = set()
        self.no_space_after: set[int] = set()
        self.breakable: set[int] = set()  # where a line break of the author's is kept
        self.conditionals: list[tuple[int, int, int]] = []  # `if`, `then`, `else`
        self.stage_withs: set[int] = set()
        self.after_commas: set[int] = set()  # in `with`, `import` and `require`
        self.between_lists: set[int] = set()  # of `grow`
        self.operators: dict[int, int] = {}  # with the binding strength
        self._read()
        self.choices = {  # by `then`: a rank that grows outward and onward, and its `else`
            then: (rank, else_) for rank, (_, then, else_) in enumerate(self.conditionals)
        }
        self.follows = frozenset(self.following.values())
        self.bracket_at = {bracket.open: bracket for bracket in self.brackets}
        self.closes = frozenset(bracket.close for bracket in self.brackets)
        self.inside = self._innermost()

    def is_comment(self, i: int) -> bool:
        """Whether this is a comment, no word."""
        return self.tokens[i].kind == "COMMENT"

    def line_ends(self, i: int) -> int:
        """Return how many line ends stand in the text before word i."""
        start = self.tokens[i - 1].end if i else 0
        return self.source.text.count("\n", start, self.tokens[i].start)

    def ends_line(self, i: int) -> bool:
        """Whether this is a comment behind words."""
        return self.is_comment(i) and i > 0 and not self.line_ends(i)

    def next_word(self, i: int) -> int:
        """Return the place of the first word behind word i."""
        i += 1
        while self.is_comment(i):
            i += 1
        return i

    def depth(self, i: int) -> int:
        """Return how many brackets a word stands in."""
        depth, around = 0, self.inside[i]
        while around != -1:
            depth, around = depth + 1, self.inside[around]
        return depth

    # ------------------------------------------------------------ reading

    def _read(self) -> None:
        places = {token.start: i for i, token in enumerate(self.tokens)}
        spec: Phrase | None = run("spec", words(self.source), _Parts(places))
        if spec is None:
            return
        self.declarations = spec.parts
        self.starts.update(part.first for part in spec.parts)
        open_parts = [(part, part.first) for part in spec.parts]
        while open_parts:  # not by recursion: `else if` may go on for long
            part, anchor = open_parts.pop()
            self._mark(part, anchor)
            is_body = part.rule == "body"
            open_parts += [(p, p.first if is_body else anchor) for p in part.parts]
        self.brackets.sort(key=lambda bracket: bracket.close)
        for bracket in self.brackets:
            if bracket.close > bracket.open + 1:
                self.breakable |= {self.next_word(bracket.open), bracket.close}
        self.breakable |= self.starts | self.after_commas | self.between_lists | self.stage_withs
        self.breakable |= {i for three in self.conditionals for i in three[1:]}

    def _mark(self, part: Phrase, anchor: int) -> None:
        match part.rule:
            case "body":
                self._body(part.first, part.last, part.parts, anchor)
            case "recipe":
                settings = tuple(p for p in part.parts if p.rule == "setting")
                self._body(part.words[-2], part.last, settings, anchor)
            case "parameters" | "arguments" | "list_literal" | "dict_literal":
                self._list(part)
            case "parenthesized":
                self._plain(*part.words)
            case "index":
                self._plain(*part.words)
                self.no_space.add(part.words[0])
            case "accessor" if self.tokens[part.first].kind == "LSQB":
                self._plain(part.first, part.last)
                self.no_space.add(part.first)
            case "mark" | "output":
                for i in part.words[2:]:
                    if self.tokens[i].kind == "LSQB":
                        close = next(j for j in part.words if j > i)
                        self._plain(i, close)
                        self.no_space.add(i)
            case "binary" | "repeat":
                self._operators(part)
            case "unary_operation":
                if self.tokens[part.first].kind == "SIGN":
                    self.no_space_after.add(part.first)
            case "conditional":
                _if, then, else_ = part.words
                self.conditionals.append((_if, then, else_))
            case "annotations" | "import_" | "require":
                self.after_commas |= {self.next_word(i) for i in self._commas(part)}
                self.breakable |= {part.first} if part.rule == "annotations" else set()
            case "grow":
                self.between_lists |= {p.first for p in part.parts[1:]}
            case "stage_of_repeats":
                self.stage_withs |= {p.first for p in part.parts if p.rule == "annotations"}
            case "condition":
                self.flush |= set(part.words[1:])
            case _:
                pass

    def _body(self, open_: int, close: int, items: tuple[Phrase, ...], anchor: int) -> None:
        self.brackets.append(BracketPair(open_, close, Inside.BODY, anchor))
        self.bodies[open_] = items
        self.following |= {item.first: after.first for item, after in pairwise(items)}
        self.flush.add(open_)
        self.starts |= {item.first for item in items}
        if close == open_ + 1:
            self.no_space.add(close)

    def _list(self, part: Phrase) -> None:
        self.brackets.append(BracketPair(part.first, part.last, Inside.LIST, part.first))
        entries = (self.next_word(i) for i in (part.first, *self._commas(part)))
        self.starts |= {entry for entry in entries if entry < part.last}
        if part.rule in ("parameters", "arguments"):
            self.no_space.add(part.first)
        elif part.rule == "dict_literal":
            self.no_space_after.add(part.first)
            self.no_space.add(part.last)

    def _plain(self, open_: int, close: int) -> None:
        self.brackets.append(BracketPair(open_, close, Inside.PLAIN, open_))
        self.starts.add(self.next_word(open_))

    def _operators(self, part: Phrase) -> None:
        for i in part.words:
            token = self.tokens[i]
            self.operators[i] = _STRENGTHS.get(token.kind, _STRENGTHS.get(token.text, 0))
            self.breakable |= {i, self.next_word(i)}

    def _commas(self, part: Phrase) -> tuple[int, ...]:
        return tuple(i for i in part.words if self.tokens[i].kind == "COMMA")

    def _innermost(self) -> tuple[int, ...]:
        """Return, for each word, the `open` of the bracket it stands in, -1 outside of all."""

        def places() -> Iterator[int]:
            stack = [-1]
            for i in range(len(self.tokens)):
                if i in self.closes:
                    stack.pop()
                yield stack[-1]
                if i in self.bracket_at:
                    stack.append(i)

        return tuple(places())


_STRENGTHS = {"or": 0, "and": 1, "COMPARISON": 2, "SIGN": 3, "STAR": 4, "DIVISION": 4}


class _Parts:
    """A builder for the driver that makes a Phrase of every rule."""

    def __init__(self, places: dict[int, int]) -> None:
        self.places = places

    def __getattr__(self, rule: str) -> "Callable[[list[Token | Phrase]], Phrase | None]":
        return partial(self._part, rule)

    def _part(self, rule: str, found: list[Token | Phrase]) -> Phrase | None:
        if not found:
            return None  # a file without declarations
        children = tuple(self.places[c.start] if isinstance(c, Token) else c for c in found)
        first, last = children[0], children[-1]
        return Phrase(
            rule,
            first.first if isinstance(first, Phrase) else first,
            last.last if isinstance(last, Phrase) else last,
            children,
        )
