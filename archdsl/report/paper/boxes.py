"""Text in two dimensions: lines of one width, put below and beside one another."""

from collections.abc import Sequence

Box = tuple[str, ...]
"""Lines of the same width."""


def box(*lines: str) -> Box:
    """Return lines as a box."""
    width = max(map(len, lines), default=0)
    return tuple(line.ljust(width) for line in lines)


def below(boxes: Sequence[Box]) -> Box:
    """Return boxes below one another, at the left."""
    return box(*(line for each in boxes for line in each))


def beside(boxes: Sequence[Box], between: str) -> Box:
    """Return boxes beside one another, each in the middle, with the same text between all lines."""
    height = max(map(len, boxes), default=0)
    columns = [_high(each, height) for each in boxes]
    return box(*(between.join(line) for line in zip(*columns, strict=True)))


def in_brackets(inner: Box, behind: str) -> Box:
    """Return a box in brackets, and a text behind its line in the middle."""
    middle = (len(inner) - 1) // 2
    return box(*(f"[ {line} ]{behind if row == middle else ''}" for row, line in enumerate(inner)))


def _high(inner: Box, height: int) -> Box:
    width = len(inner[0]) if inner else 0
    above = (height - len(inner)) // 2
    blank = " " * width
    return (*[blank] * above, *inner, *[blank] * (height - len(inner) - above))
