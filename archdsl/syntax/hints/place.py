"""A word that does not fit where it stands, and what there is to say of it."""

from collections.abc import Sequence

from archdsl.diagnostics import Note
from archdsl.record import Record
from archdsl.source import SourceFile, Span
from archdsl.syntax.brackets import unclosed
from archdsl.syntax.lexer import END, Token

DECLARATIONS = ("network", "block", "train", "import")
ITEM_WORDS = ("let", "require", "expect", "stage", "for", "if")
_SIGNS = ("+", "-", "*", "**", "/", "//", "%")
TAKES_VALUE = ("==", "!=", "<", "<=", ">", ">=", "=", *_SIGNS, "and", "or")
_VALUE = frozenset(("NUMBER", "STRING"))


class Advice(Record, kw_only=True):
    """What to say in place of "does not fit here"."""

    message: str
    help: str | None = None
    span: Span | None = None  # the word that does not fit, unless another is to blame
    notes: tuple[Note, ...] = ()
    code: str = "E101"


class Spot:
    """A word that does not fit, and the words around it."""

    def __init__(
        self, source: SourceFile, words: Sequence[Token], i: int, expected: frozenset[str]
    ) -> None:
        self.source = source
        self.words = words
        self.i = i
        self.expected = expected
        self.word = words[i]
        self.opened, self.suspect = unclosed(source, words[:i])

    def text(self, ahead: int) -> str:
        """Return the text of a word before (-1) or behind (1) the one that does not fit."""
        i = self.i + ahead
        return self.words[i].text if 0 <= i < len(self.words) else ""

    def kind(self, ahead: int) -> str:
        """Return the kind of such a word."""
        i = self.i + ahead
        return self.words[i].kind if 0 <= i < len(self.words) else END

    def span(self, first: int, last: int | None = None) -> Span:
        """Return the span of words, counted from the one that does not fit."""
        start, end = (
            self.words[self.i + first],
            self.words[self.i + (first if last is None else last)],
        )
        return Span(self.source, start.start, end.end)

    @property
    def begins_line(self) -> bool:
        """Whether only blanks stand before it on its line."""
        start = self.source.text.rfind("\n", 0, self.word.start) + 1
        return not self.source.text[start : self.word.start].strip()

    @property
    def at_margin(self) -> bool:
        """Whether it is the first character of its line."""
        return self.word.start == 0 or self.source.text[self.word.start - 1] == "\n"

    @property
    def rest(self) -> str:
        """Return its line from the word on, without a comment, an opening brace or a `;`."""
        line = self.source.text[self.word.start :].partition("\n")[0]
        return line.partition("#")[0].partition(";")[0].rstrip(" {\t")

    @property
    def line_before(self) -> str:
        """Return its line up to the word."""
        start = self.source.text.rfind("\n", 0, self.word.start) + 1
        return self.source.text[start : self.word.start]

    @property
    def before(self) -> list[str]:
        """Return the words before it on its line."""
        start = self.source.text.rfind("\n", 0, self.word.start) + 1
        i = self.i
        while i > 0 and self.words[i - 1].start >= start:
            i -= 1
        return [word.text for word in self.words[i : self.i]]

    def expects_only(self, *kinds: str) -> bool:
        """Whether these kinds of words, and no others, could stand here."""
        return self.expected == frozenset(kinds)

    @property
    def in_body(self) -> bool:
        """Whether an item of a body could stand here."""
        return "LET" in self.expected

    @property
    def at_top(self) -> bool:
        """Whether a declaration could stand here."""
        return "NETWORK" in self.expected

    @property
    def wants_value(self) -> bool:
        """Whether an expression must begin here."""
        return self.expected >= _VALUE
