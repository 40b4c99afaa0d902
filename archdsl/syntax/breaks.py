"""Where the canonical form of a spec has its line ends and blank lines."""

from archdsl.syntax.marks import BracketPair, Inside, Marks, Phrase


class Breaks:
    """The words that begin a line, and those with a blank line before them.

    They begin as the author's, as far as these may stay; `add` adds what too long lines need.
    """

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.lines = {i for i in range(len(marks.tokens)) if self._begins_line(i)}
        self.broken: set[int] = set()  # `open` of the brackets with line ends of their own
        self._settle()

    def add(self, places: set[int]) -> None:
        """Begin lines at these words, and where that makes it necessary."""
        self.lines |= places
        self._settle()

    def blanks(self) -> set[int]:
        """Return the words with a blank line before them."""
        marks = self.marks
        found = {i for i in self.lines if i and self._may_have_blank(i) and marks.line_ends(i) > 1}
        return found | self._between_declarations()

    def _begins_line(self, i: int) -> bool:
        marks = self.marks
        if i == 0 or marks.is_comment(i - 1):
            return True
        if marks.is_comment(i):
            return marks.line_ends(i) > 0
        is_declaration = marks.inside[i] == -1 and i in marks.starts
        return is_declaration or (i in marks.breakable and marks.line_ends(i) > 0)

    # ------------------------------------------------------------ what entails what

    def _settle(self) -> None:
        """Break what hangs together: both brackets, `then` and `else`, a body around a body."""
        marks = self.marks
        for _, then, else_ in marks.conditionals:
            if not self.lines.isdisjoint((then, else_)):
                self.lines |= {then, else_}
        starts = self.lines - marks.closes
        own = {marks.inside[i] for i in starts}  # brackets with a line start directly inside
        self.broken = set()
        for bracket in marks.brackets:  # inner ones first
            closes_line = bracket.close in self.lines and bracket.close > bracket.open + 1
            if closes_line or bracket.open in own:
                self._break(bracket)
                own.add(self._body_around(bracket.open))

    def _break(self, bracket: BracketPair) -> None:
        """Begin lines behind the first bracket and at the last; an item with a body has its own."""
        marks = self.marks
        self.broken.add(bracket.open)
        self.lines.add(bracket.close)
        if not marks.is_comment(bracket.open + 1):
            self.lines.add(bracket.open + 1)
        if bracket.kind is Inside.BODY:
            items = marks.bodies[bracket.open]
            self.lines |= {item.first for item in items if item.rule == "setting"}
            self.lines.add(bracket.anchor)
            if (after := marks.following.get(bracket.anchor)) is not None:
                self.lines.add(after)

    def _body_around(self, i: int) -> int:
        around = self.marks.inside[i]
        while around != -1 and around not in self.marks.bodies:
            around = self.marks.inside[around]
        return around

    # ------------------------------------------------------------ blank lines

    def _may_have_blank(self, i: int) -> bool:
        """Whether a blank line of the author's stays: not at brackets, not within an item."""
        marks = self.marks
        is_first = marks.inside[i] == i - 1
        return not is_first and (i in marks.starts or marks.is_comment(i))

    def _between_declarations(self) -> set[int]:
        """Return the words behind each declaration that have a blank line whatever was written."""
        marks = self.marks
        found: set[int] = set()
        for place, part in enumerate(marks.declarations):
            i = part.last + 1
            i += i < len(marks.tokens) and marks.ends_line(i)
            after = marks.declarations[place + 1 : place + 2]
            if i < len(marks.tokens) and not (after and self._are_kin(part, after[0])):
                found.add(i)
        return found

    def _are_kin(self, part: Phrase, after: Phrase) -> bool:
        """Whether two declarations may follow one another closely: imports, or lines of blocks."""
        are_imports = [p.rule == "import_" for p in (part, after)]
        return all(are_imports) or (not any(are_imports) and all(map(self._is_line, (part, after))))

    def _is_line(self, part: Phrase) -> bool:
        return self.lines.isdisjoint(range(part.first + 1, part.last + 1))
