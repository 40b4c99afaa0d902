"""Which `=`, `{`, `with` and comparisons of neighbouring lines stand below one another."""

from collections.abc import Iterator
from typing import NamedTuple

from archdsl.syntax.breaks import Breaks
from archdsl.syntax.marks import Marks, Phrase


class WordColumn(NamedTuple):
    """Words that begin at one column, each with the first word of its line; `gap` before them."""

    cells: tuple[tuple[int, int], ...]
    gap: int


def columns(marks: Marks, breaks: Breaks, blanks: set[int]) -> Iterator[WordColumn]:
    """Yield the columns of a spec; those of `with` behind others of the same lines."""
    for open_, items in marks.bodies.items():
        if open_ in breaks.broken:
            cells = [_cell(marks, breaks, item) for item in items]
            for group in _groups(cells, blanks):
                yield WordColumn(tuple((cell.first, cell.place) for cell in group), 1)
                withs = tuple((c.first, c.with_) for c in group if c.with_ is not None)
                if len(withs) > 1:
                    yield WordColumn(withs, 2)


class _ListItem(NamedTuple):
    """A word that others may stand below; only those of one family do."""

    family: str
    place: int
    with_: int | None  # of a stage
    first: int
    last: int


def _groups(cells: list[_ListItem | None], blanks: set[int]) -> Iterator[list[_ListItem]]:
    """Yield runs of neighbours of one family; a blank line ends a run."""
    group: list[_ListItem] = []
    for cell in cells:
        if group and (cell is None or not _goes_on(group[-1], cell, blanks)):
            yield group
            group = []
        if cell is not None:
            group.append(cell)
    if group:
        yield group


def _goes_on(before: _ListItem, cell: _ListItem, blanks: set[int]) -> bool:
    gap = range(before.last + 1, cell.first + 1)
    return cell.family == before.family and blanks.isdisjoint(gap)


def _cell(marks: Marks, breaks: Breaks, item: Phrase) -> _ListItem | None:
    """Return what is aligned of an item that has its line to itself."""
    after = marks.following.get(item.first)
    if item.first not in breaks.lines or (after is not None and after not in breaks.lines):
        return None
    found = _place(marks, breaks, item)
    if found is None or not _on_line(breaks, item.first, found[1]):
        return None
    family, place = found
    withs = (p.first for p in item.parts if p.rule == "annotations")
    with_ = next(withs, None) if item.rule == "stage_of_repeats" else None
    if with_ is not None and not _on_line(breaks, item.first, with_):
        with_ = None
    return _ListItem(family, place, with_, item.first, item.last)


def _on_line(breaks: Breaks, first: int, place: int) -> bool:
    return breaks.lines.isdisjoint(range(first + 1, place + 1))


def _place(marks: Marks, breaks: Breaks, item: Phrase) -> tuple[str, int] | None:
    """Return the family and the word of an item that others may stand below."""
    match item.rule:
        case "setting" | "stage_of_repeats":
            return "=" if item.rule == "setting" else "{", item.words[-1]
        case "element" | "named_body" | "stage_of_items":
            bodies = [p.first for p in item.parts if p.rule == "body"]
            return ("{", bodies[0]) if bodies and bodies[0] not in breaks.broken else None
        case "expect":
            return _comparison(marks, item.parts[0])
        case _:
            return None


def _comparison(marks: Marks, condition: Phrase) -> tuple[str, int] | None:
    """Return the quantity that is compared, and where: `macs(depth = 18) == ..` with its like."""
    if condition.rule != "binary" or marks.tokens[condition.words[0]].kind != "COMPARISON":
        return None
    left, _, _ = condition.children
    assert isinstance(left, Phrase)
    match left.rule:
        case "variable_or_call":
            return f"expect {marks.tokens[left.first].text}", condition.words[0]
        case "member":
            return f"expect .{marks.tokens[left.last].text}", condition.words[0]
        case _:
            return None
