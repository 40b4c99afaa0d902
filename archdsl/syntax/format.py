"""The canonical form of a spec: its words and comments, with other blanks between them.

docs/language.md says what the form is, docs/decisions/0007-format.md why.
"""

from itertools import accumulate, pairwise
from typing import NoReturn

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.limits import MAX_LAYOUT
from archdsl.source import SourceFile, Span
from archdsl.syntax.breaks import Breaks
from archdsl.syntax.columns import WordColumn, columns
from archdsl.syntax.lexer import Token
from archdsl.syntax.marks import Inside, Marks
from archdsl.syntax.parse import parse

WIDTH = 100  # columns of a line, a comment behind it not counted
_INDENT = 4
_BEFORE_COMMENT = 2


def format_spec(source: SourceFile) -> str:
    """Return the text in canonical form, with the same tree.

    Raises SpecError as `parse` does, and where lines would have to be broken again and again.
    """
    parse(source)
    marks = Marks(source)
    breaks = Breaks(marks)
    breaks.add(_too_wide(marks, breaks))
    page, laid_out = _Page(marks, breaks), len(marks.tokens)
    while places := page.wanted_breaks():
        laid_out += len(marks.tokens)
        if laid_out > MAX_LAYOUT:
            _refuse(source, marks.tokens[min(places)])
        breaks.add(places)
        page = _Page(marks, breaks)
    return page.text()


def _refuse(source: SourceFile, token: Token) -> NoReturn:
    message = "breaking this into lines takes too many steps: it is too long, or nested too deep"
    span = Span(source, token.start, token.end)
    help_ = "give parts of it a name with `let`, or divide the file"
    raise SpecError([Diagnostic(code="E106", message=message, span=span, help=help_)])


class _Page:
    """The words of a spec with given breaks: what stands where."""

    def __init__(self, marks: Marks, breaks: Breaks) -> None:
        self.marks = marks
        self.breaks = breaks
        self.blanks = breaks.blanks()
        self.texts = _texts(marks, breaks.broken)
        self.spaces = [_space(marks, i) for i in range(len(marks.tokens))]
        for i, text in enumerate(self.texts):
            if not text:
                self.spaces[i] = 0  # a comma that is left out
        starts = [*sorted(breaks.lines), len(marks.tokens)]
        self.lines = [range(start, end) for start, end in pairwise(starts)]
        for column in columns(marks, breaks, self.blanks):
            self._align(column)
        self.indents = self._indents()

    def text(self) -> str:
        """Return the whole."""
        self._align_comments()
        return "".join(self._line(line) for line in self.lines)

    def _line(self, line: range) -> str:
        pieces = [" " * self.spaces[i] + self.texts[i] for i in line[1:]]
        blank = "\n" if line.start in self.blanks else ""
        return f"{blank}{' ' * self.indents[line.start]}{self.texts[line.start]}{''.join(pieces)}\n"

    # ------------------------------------------------------------ columns

    def _width(self, first: int, end: int) -> int:
        """Return how wide the words from `first` on are, up to `end` and without its space."""
        if first >= end:
            return 0
        gaps = sum(self.spaces[i] for i in range(first + 1, end))
        return gaps + sum(len(self.texts[i]) for i in range(first, end))

    def _align(self, column: WordColumn) -> None:
        """Let the words of a column stand below one another, unless a line gets too long by it."""
        widths = [self._width(first, place) for first, place in column.cells]
        before = [self.spaces[place] for _, place in column.cells]
        room = WIDTH - _INDENT * self.marks.depth(column.cells[0][0])
        for (first, place), width, space in zip(column.cells, widths, before, strict=True):
            self.spaces[place] = max(widths) + column.gap - width
            whole = self._width(first, self._end_of_line(place))
            if whole > room >= whole - self.spaces[place] + space:
                for (_, other), old in zip(column.cells, before, strict=True):
                    self.spaces[other] = old
                return

    def _end_of_line(self, place: int) -> int:
        """Return the end of the words of a line, a comment behind them left out."""
        end = place + 1
        while end < len(self.texts) and end not in self.breaks.lines:
            end += 1
        return end - self.marks.is_comment(end - 1)

    def _align_comments(self) -> None:
        """Let comments behind neighbouring lines of one indentation begin at one column."""
        group: list[tuple[int, int]] = []  # comment, width of what is before it
        indent = -1
        for line in self.lines:
            own = self.indents[line.start]
            last = line[-1]
            has_comment = len(line) > 1 and self.marks.is_comment(last)
            if group and (not has_comment or own != indent or line.start in self.blanks):
                self._align_group(group)
                group = []
            if has_comment:
                group.append((last, self._width(line.start, last)))
                indent = own
        self._align_group(group)

    def _align_group(self, group: list[tuple[int, int]]) -> None:
        widest = max((width for _, width in group), default=0)
        for comment, width in group:
            self.spaces[comment] = widest + _BEFORE_COMMENT - width

    # ------------------------------------------------------------ indentation

    def _indents(self) -> dict[int, int]:
        """Return the indentation of each line, by its first word."""
        marks = self.marks
        closed = {bracket.close: bracket.anchor for bracket in marks.brackets}
        choices = {i: if_ for if_, then, else_ in marks.conditionals for i in (then, else_)}
        indents: dict[int, int] = {}
        start_of: dict[int, int] = {}  # the start of the line that a word stands on
        for line in self.lines:
            start_of |= dict.fromkeys(line, line.start)
            i, around = line.start, marks.inside[line.start]
            base = (
                0 if around == -1 else indents[start_of[marks.bracket_at[around].anchor]] + _INDENT
            )
            if i in closed:
                indents[i] = indents[start_of[closed[i]]]
            elif i in choices:
                if_ = choices[i]
                before = start_of[if_]
                space = self.spaces[if_] if if_ > before else 0
                indents[i] = indents[before] + self._width(before, if_) + space
            elif i in marks.starts or i in marks.flush or marks.is_comment(i):
                indents[i] = base
            else:
                indents[i] = base + _INDENT
        return indents

    # ------------------------------------------------------------ lines that are too long

    def wanted_breaks(self) -> set[int]:
        """Return where too long lines are best broken; nothing if they cannot be."""
        wanted: set[int] = set()
        for line in self.lines:
            words = line[:-1] if self.marks.is_comment(line[-1]) else line
            if words and self.indents[line.start] + self._width(words.start, words.stop) > WIDTH:
                wanted |= self._break_line(words)
        return wanted - self.breaks.lines  # so that there is an end to it

    def _break_line(self, line: range) -> set[int]:
        """Return breaks of a line: between layers, in a body, .., whichever it has first."""
        marks, inner = self.marks, line[1:]
        around = marks.inside[line.start]
        level = [i for i in inner if marks.inside[i] == around]
        return (
            self._fill(line, [i for i in level if i in marks.starts])
            or {i + 1 for i in level if marks.bodies.get(i) and i not in self.breaks.broken}
            or {i for i in level if i in marks.stage_withs}
            or self._fill(line, [i for i in level if i in marks.between_lists])
            or self._outermost_choice(level)
            or self._widest(line, Inside.LIST)
            or self._fill(line, [i for i in level if i in marks.after_commas])
            or self._fill(line, self._weakest(level))
            or self._widest(line, Inside.PLAIN)
        )

    def _outermost_choice(self, level: list[int]) -> set[int]:
        """Return the `then` and `else` of the outermost conditional that is whole here."""
        here, choices = set(level), self.marks.choices
        whole = [(*choices[i], i) for i in level if i in choices and choices[i][1] in here]
        return set(max(whole)[1:]) if whole else set()

    def _weakest(self, level: list[int]) -> list[int]:
        strengths = {i: self.marks.operators[i] for i in level if i in self.marks.operators}
        return [i for i, strength in strengths.items() if strength == min(strengths.values())]

    def _widest(self, line: range, kind: Inside) -> set[int]:
        """Return the break that opens the widest pair of brackets of the line."""
        found = [
            (self._width(b.open, b.close), b.open)
            for b in map(self.marks.bracket_at.get, line)
            if b is not None and b.kind is kind and b.open + 1 < b.close < line.stop
        ]
        return {max(found)[1] + 1} if found else set()

    def _fill(self, line: range, places: list[int]) -> set[int]:
        """Return the last of the places that keep each line within its width.

        Where the author grouped layers by two spaces, a line ends between groups if it can.
        """
        found: set[int] = set()
        start, indent = line.start, self.indents[line.start]
        fitting: list[int] = []
        ends = [*places, line.stop]
        for place, end in zip([line.start, *places], ends, strict=True):
            if place > start:
                fitting.append(place)
            while fitting and indent + self._width(start, end) > WIDTH:
                groups = [i for i in fitting if self.spaces[i] > 1]
                start = (groups or fitting)[-1]
                found.add(start)
                fitting = [i for i in fitting if i > start]
        return found


def _texts(marks: Marks, broken: set[int]) -> list[str]:
    """Return the words as they are shown: a list ends in a comma where its lines are its own."""
    texts = [_text(marks, i) for i in range(len(marks.tokens))]
    for bracket in marks.brackets:
        last = bracket.close - 1
        while marks.is_comment(last):
            last -= 1
        if bracket.kind is Inside.LIST and last > bracket.open:
            has_comma = marks.tokens[last].kind == "COMMA"
            if has_comma and bracket.open not in broken:
                texts[last] = ""
            elif not has_comma and bracket.open in broken:
                texts[last] += ","
    return texts


def _text(marks: Marks, i: int) -> str:
    token = marks.tokens[i]
    match token.kind:
        case "NUMBER":
            return token.text.lower()  # 1E-5
        case "COMMENT":
            return token.text.rstrip()
        case _:
            return token.text


_TIGHT_BEFORE = frozenset(("COMMA", "COLON", "RPAR", "RSQB", "DOT"))
_TIGHT_AFTER = frozenset(("LPAR", "LSQB", "DOT"))


def _space(marks: Marks, i: int) -> int:
    """Return the spaces before a word that does not begin a line and is not aligned."""
    if i == 0:
        return 0
    before, token = marks.tokens[i - 1], marks.tokens[i]
    if token.kind == "COMMENT":
        return _BEFORE_COMMENT
    if token.kind in _TIGHT_BEFORE or before.kind in _TIGHT_AFTER:
        return 0
    if i in marks.no_space or i - 1 in marks.no_space_after:
        return 0
    is_grouped = i in marks.follows and token.start - before.end > 1
    return 2 if is_grouped else 1


def _too_wide(marks: Marks, breaks: Breaks) -> set[int]:
    """Return breaks for the brackets that fit on no line, so that deep ones cost no more."""
    texts = _texts(marks, set())
    ends = list(accumulate(len(t) + _space(marks, i) for i, t in enumerate(texts)))
    found: set[int] = set()
    for bracket in marks.brackets:
        width = ends[bracket.close] - ends[bracket.open] + 1
        if width > WIDTH and bracket.kind is not Inside.PLAIN and bracket.open not in breaks.broken:
            found.add(bracket.open + 1)
    return found
