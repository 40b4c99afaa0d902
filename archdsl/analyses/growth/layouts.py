"""Layouts: where the channels of each phase lie among those of the next one.

A layout is a row of pieces. A piece has a length in each phase, and the channels that it has in one
phase are the first ones that it has in the next: (4, 8, 16) is 4 channels that become the first 4
of 8. A map of a single piece has its old channels in front; after `concat` there is a piece for
each branch, after `ncrelu` one for each half.

What a convolution gives could lie anywhere: so it gives a *free* piece, which what follows may make
a row of others. Where nothing does, its old channels are in front.
"""

from collections.abc import Iterator
from itertools import islice, pairwise
from math import gcd
from typing import TypeAlias

from archdsl.limits import MAX_PIECES
from archdsl.record import Record

Lengths: TypeAlias = tuple[int, ...]
"""Numbers of channels, phase by phase."""


class LayoutError(Exception):
    """Two layouts cannot be one."""


class PiecesError(Exception):
    """A layout has more pieces than are followed."""


class Free:
    """Channels that may be laid out as it suits what uses them; `since` a phase."""

    def __init__(self, lengths: Lengths, since: int) -> None:
        self.lengths = lengths
        self.since = since
        self.row: Layout | None = None  # what it has been made


class Piece(Record):
    """A piece whose every channel is `times` channels in a row."""

    source: Free | Lengths
    times: int = 1

    @property
    def lengths(self) -> Lengths:
        """Its length in each phase."""
        own = self.source.lengths if isinstance(self.source, Free) else self.source
        return own if self.times == 1 else tuple(self.times * length for length in own)


Layout: TypeAlias = tuple[Piece, ...]


def fixed(lengths: Lengths) -> Layout:
    """Return the layout of channels whose old ones are in front."""
    return (Piece(lengths),)


def free(lengths: Lengths, since: int) -> Layout:
    """Return a layout that may still become another one."""
    return (Piece(Free(lengths, since)),)


def spread(layout: Layout, times: int) -> Layout:
    """Return the layout in which each channel has become `times` in a row."""
    return tuple(Piece(piece.source, times * piece.times) for piece in layout)


def repeated(layout: Layout, times: int) -> Layout:
    """Return a layout that stands so many times in a row; raise PiecesError."""
    if len(layout) * times > MAX_PIECES:
        raise PiecesError
    return layout * times


def lengths_of(layout: Layout) -> Lengths:
    """Return the number of channels in each phase."""
    return tuple(map(sum, zip(*(piece.lengths for piece in layout), strict=True)))


def settled(layout: Layout) -> tuple[Lengths, ...]:
    """Return the lengths of the pieces; as few as there can be.

    What free pieces have become must be for good.
    """
    rows: list[Lengths] = []
    _shorten(layout)
    for piece in expanded(layout):
        lengths = piece.lengths
        if not any(lengths):
            continue
        if rows and _joins(rows[-1], lengths):
            rows[-1] = tuple(a + b for a, b in zip(rows[-1], lengths, strict=True))
        else:
            rows.append(lengths)
    return tuple(rows)


def _joins(left: Lengths, right: Lengths) -> bool:
    """Say whether two pieces are one: once there is a right one the left one does not grow."""
    return all(
        not length or before == after
        for length, (before, after) in zip(right, pairwise(left), strict=False)
    )


def _shorten(layout: Layout) -> None:
    """Let free pieces be at once what they have become by way of others.

    In a row of sums each map has become the next one: to go all the way for each takes a square.
    """
    stack = _made(layout)
    while stack:
        source = stack[-1]
        row = source.row or ()
        further = [inner for inner in _made(row) if _made(inner.row or ())]
        if further:
            stack += further
        else:
            source.row = expanded(row)
            stack.pop()


def _made(layout: Layout) -> list["Free"]:
    """Return the free pieces that have become others."""
    sources = (piece.source for piece in layout)
    return [s for s in sources if isinstance(s, Free) and s.row is not None]


def expanded(layout: Layout) -> Layout:
    """Return the pieces with each free one replaced by what it has become; raise PiecesError."""
    found = tuple(islice(_expanded(layout), MAX_PIECES + 1))
    if len(found) > MAX_PIECES:
        raise PiecesError
    return found


def _expanded(layout: Layout) -> Iterator[Piece]:
    for piece in layout:
        if isinstance(piece.source, Free) and piece.source.row is not None:
            yield from _expanded(spread(piece.source.row, piece.times))
        else:
            yield piece


class Layouts:
    """Makes layouts equal; what it made of free pieces can be undone."""

    def __init__(self) -> None:
        self._made: list[Free] = []

    def equal(self, left: Layout, right: Layout, since: int) -> Layout:
        """Make two layouts one from a phase on, and return the one that is there the longest.

        Raises LayoutError; then nothing has changed.
        """
        mark = len(self._made)
        try:
            self._equal(list(expanded(left)), list(expanded(right)), since)
        except LayoutError:
            for undone in self._made[mark:]:
                undone.row = None
            del self._made[mark:]
            raise
        return expanded(left if _since(left) <= _since(right) else right)

    def cut(self, layout: Layout, places: list[Lengths], since: int) -> list[Layout]:
        """Return a layout in parts, each with these lengths; raise LayoutError."""
        parts: list[Layout] = []
        rest = list(expanded(layout))
        for lengths in places:
            part = free(lengths, since)
            taken = self._take(rest, lengths, since)
            self._equal(list(part), taken, since)
            parts.append(part)
        return parts

    def _equal(self, left: list[Piece], right: list[Piece], since: int) -> None:
        while left and right:
            _expand_first(left)
            _expand_first(right)
            if left[0] == right[0]:
                del left[0], right[0]
            elif not _is_free(left[0]) and not _is_free(right[0]):
                self._fixed(left, right, since)
            elif _is_made(left[0], right[0], since):
                self._make(left.pop(0), right, since)
            else:
                self._make(right.pop(0), left, since)
        if any(any(piece.lengths[since:]) for piece in (*left, *right)):
            raise LayoutError

    def _make(self, piece: Piece, others: list[Piece], since: int) -> None:
        """Make a free piece what stands at the front of others, as long as it is."""
        source = piece.source
        assert isinstance(source, Free)
        row = self._take(others, piece.lengths, since)
        if since > source.since:
            row = self._as_before(piece, row, since)
        if any(part.source is source for part in row):
            raise LayoutError
        if piece.times != 1:
            row = [self._divided(part, piece.times, source.since) for part in row]
        self._become(source, tuple(row))

    def _as_before(self, piece: Piece, row: list[Piece], since: int) -> list[Piece]:
        """Return a row with the lengths that a piece has in the phases before it is compared.

        What is new beside it has none in these; its own channels are then in front.
        """
        left = piece.lengths[:since]
        if lengths_of(tuple(row))[:since] == left:
            return row
        found: list[Piece] = []
        for part in row:
            own = tuple(min(n, part.lengths[since]) for n in left)
            left = tuple(n - m for n, m in zip(left, own, strict=True))
            found.append(self._older(part, (*own, *part.lengths[since:]), piece.source))
        return found

    def _older(self, part: Piece, lengths: Lengths, than: Free | Lengths) -> Piece:
        """Return a piece that has lengths as early as another one; raise LayoutError."""
        source = part.source
        if not isinstance(source, Free) or not isinstance(than, Free):
            return Piece(lengths)
        if source.since <= than.since or any(n % part.times for n in lengths):
            raise LayoutError
        older = Free(tuple(n // part.times for n in lengths), than.since)
        self._become(source, (Piece(older),))
        return Piece(older, part.times)

    def _divided(self, piece: Piece, times: int, since: int) -> Piece:
        """Return the piece of which this one has `times` channels for each, from a phase on.

        Raises LayoutError.
        """
        if piece.times % times == 0:
            return Piece(piece.source, piece.times // times)
        source, lengths = piece.source, piece.lengths
        if not isinstance(source, Free):
            lengths = (*(0,) * since, *lengths[since:])
        if any(length % times for length in lengths):
            raise LayoutError
        if not isinstance(source, Free):
            return Piece(tuple(length // times for length in lengths))
        fewer = times // gcd(piece.times, times)
        each = Free(tuple(length // fewer for length in source.lengths), source.since)
        self._become(source, (Piece(each, fewer),))
        return Piece(each, fewer * piece.times // times)

    def _become(self, source: Free, row: Layout) -> None:
        source.row = row
        self._made.append(source)

    def _take(self, pieces: list[Piece], lengths: Lengths, since: int) -> list[Piece]:
        """Take pieces of together these lengths from the front; the last one may be cut."""
        row: list[Piece] = []
        left = lengths[since:]
        while any(left):
            if not pieces:
                raise LayoutError
            _expand_first(pieces)
            piece = pieces.pop(0)
            own = piece.lengths[since:]
            if all(a <= b for a, b in zip(own, left, strict=True)):
                row.append(piece)
                left = tuple(b - a for a, b in zip(own, left, strict=True))
                continue
            first, second = self._cut(piece, (*piece.lengths[:since], *left), since)
            row.append(first)
            pieces.insert(0, second)
            break
        return row

    def _cut(self, piece: Piece, lengths: Lengths, since: int) -> tuple[Piece, Piece]:
        """Cut a piece in two, the first one this long; raise LayoutError where that tears it."""
        rest = tuple(a - b for a, b in zip(piece.lengths, lengths, strict=True))
        if any(length < 0 for length in rest):
            raise LayoutError
        source = piece.source
        if isinstance(source, Free):
            if since > source.since or any(n % piece.times for n in (*lengths, *rest)):
                raise LayoutError
            parts = tuple(
                Piece(Free(tuple(n // piece.times for n in part), source.since))
                for part in (lengths, rest)
            )
            self._become(source, parts)
            one, other = spread(parts, piece.times)
            return one, other
        if _joins(lengths[since:], rest[since:]):
            return Piece(lengths), Piece(rest)
        raise LayoutError

    def _fixed(self, left: list[Piece], right: list[Piece], since: int) -> None:
        """Take from two rows what begins both; no piece in front is free."""
        one, other = left.pop(0), right.pop(0)
        if one.lengths[since:] == other.lengths[since:]:
            return
        shorter, longer, rest = (
            (one, other, right)
            if sum(one.lengths[since:]) < sum(other.lengths[since:])
            else (other, one, left)
        )
        lengths = (*longer.lengths[:since], *shorter.lengths[since:])
        _, remaining = self._cut(longer, lengths, since)
        rest.insert(0, remaining)


def _expand_first(pieces: list[Piece]) -> None:
    """Replace the first piece by what it has become."""
    pieces[:1] = expanded((pieces[0],))


def _is_free(piece: Piece) -> bool:
    return isinstance(piece.source, Free)


def _is_made(left: Piece, right: Piece, since: int) -> bool:
    """Say whether the left piece is to become what the right one is, or begins with.

    One of them is free. If both are, that is the one that is there from a later phase on; else the
    longer one, which has no need to be cut.
    """
    if not isinstance(left.source, Free) or not isinstance(right.source, Free):
        return isinstance(left.source, Free)
    if left.source.since != right.source.since:
        return left.source.since > right.source.since
    if left.lengths[since:] == right.lengths[since:]:
        return left.times <= right.times
    return sum(left.lengths[since:]) > sum(right.lengths[since:])


def _since(layout: Layout) -> int:
    """Return the first phase that has channels of a layout."""
    return next((phase for phase, n in enumerate(lengths_of(layout)) if n), 0)
