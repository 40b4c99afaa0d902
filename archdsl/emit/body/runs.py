"""Runs of blocks: what is equal in a row, and what grows by equal steps."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from archdsl.emit.body.numbers import Written
from archdsl.emit.body.rows import Run
from archdsl.emit.classes.instances import Instance, Place, given
from archdsl.emit.python.nodes import Python
from archdsl.ir.network import Site
from archdsl.ir.numbers import Number

MANY = 3  # so many blocks that grow evenly are a loop

Cell: TypeAlias = tuple[Instance, Site, int]  # a block of a run, its site, how often it stands there
Cells: TypeAlias = Sequence[Cell | None]  # in each instance of the class around the run


def normal_form(run: Run) -> tuple[list[Cells], Cells | None]:
    """Return the blocks that stand first, one by one, and the equal ones at the end.

    Where an instance has fewer different blocks than another, some of its equal ones stand first.
    """
    lists = [_cells(cells) for cells in run.lists]
    heads = max(map(len, lists)) - 1
    firsts: list[list[Cell | None]] = []
    for _ in range(heads):
        firsts.append([_first(cells) for cells in lists])
    tails = [cells[0] if cells else None for cells in lists]
    return list(firsts), None if all(tail is None for tail in tails) else tails


def _cells(cells: Sequence[tuple[Instance, object]]) -> list[Cell]:
    return [(instance, item.site, item.count) for instance, item in cells]  # pyright: ignore


def _first(cells: list[Cell]) -> Cell | None:
    """Take a block from the start of a list."""
    if not cells:
        return None
    instance, site, count = cells[0]
    if count == 1:
        cells.pop(0)
    else:
        (index,) = site
        cells[0] = instance, (index + 1,), count - 1
    return instance, site, 1


Even: TypeAlias = Callable[
    [
        Sequence[tuple[Instance | None, Place]],
        Mapping[str, Sequence[int | None]],
        Sequence[Written | None],
    ],
    Python | None,
]


def loop_over(
    run: Run,
    owners: Sequence[Instance],
    repeats: Sequence[Number | None],
    place: Place,
    write: Even,
) -> Python | None:
    """Return a run as a loop if its blocks are many and differ by equal steps."""
    if any(item.count > 1 for cells in run.lists for _, item in cells):
        return None
    if max(map(len, run.lists)) < MANY or any(0 < len(cells) < MANY for cells in run.lists):
        return None
    steps = [
        None if not cells else _steps(cells, owner, place)
        for cells, owner in zip(run.lists, owners, strict=True)
    ]
    known = [each for each in steps if each is not None]
    if len(known) < sum(1 for cells in run.lists if cells):
        return None
    names = dict.fromkeys(name for each in known for name in each)
    columns = {
        name: [None if each is None else each.get(name, 0) for each in steps] for name in names
    }
    firsts = [
        (None, ()) if not cells else (cells[0][0], (*place, cells[0][1].site)) for cells in run.lists
    ]
    counts = [
        None if not cells else Written(len(cells), None if number is None else number.expr)
        for cells, number in zip(run.lists, repeats, strict=True)
    ]
    return write(firsts, columns, counts)


def _steps(
    cells: Sequence[tuple[Instance, object]], owner: Instance, place: Place
) -> dict[str, int] | None:
    """Return by how much each number grows from block to block, None if not evenly."""
    rows = [given(owner, instance, (*place, item.site)) for instance, item in cells]  # pyright: ignore
    found: dict[str, int] = {}
    for name in rows[0]:
        gaps = {_gap(a[name], b[name]) for a, b in pairwise(rows)}
        if len(gaps) > 1 or None in gaps:
            return None
        gap = gaps.pop()
        if gap:
            found[name] = gap
    return found


def _gap(one: object, other: object) -> int | None:
    if isinstance(one, Number) and isinstance(other, Number):
        gap = other.value - one.value
        return gap if isinstance(gap, int) else None
    return 0 if getattr(one, "value", 0) == getattr(other, "value", 1) else None
