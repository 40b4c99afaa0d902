"""The forward of a stage that is a class: its blocks in a step, each handed what it uses."""

from collections.abc import Sequence
from itertools import groupby

from archdsl.emit.body.merged import Instances, Members, Run
from archdsl.emit.body.shared import SharedWeights
from archdsl.emit.classes.instances import Instance, StepPath
from archdsl.emit.expressions.presence import presence
from archdsl.emit.expressions.slots import WrittenNumber
from archdsl.emit.python.nodes import Assign, For, Invocation, Python, Return, Statement, Text

Slice = tuple[int, int, tuple[Python, ...]]  # from, to, and what the blocks in between are handed


def stage_forward(members: Members, texts: Instances, uses: SharedWeights) -> tuple[Statement, ...]:
    """Return the statements of the forward."""
    slices = [_slices(_handed(members, index, uses)) for index in range(len(texts.instances))]
    widest = max(slices, key=len)
    statements: list[Statement] = []
    if all(each == slices[0] for each in slices) or len(widest) == 1:
        ends = [None if n == len(widest) - 1 else part[1] for n, part in enumerate(widest)]
        statements += (
            _loop(_bounds(part[0], end), part[2]) for part, end in zip(widest, ends, strict=True)
        )
    else:
        statements += _from_start(slices, texts, uses)
    return (*uses.start, *statements, Return(Text("x")))


def _from_start(
    slices: Sequence[list[Slice]], texts: Instances, uses: SharedWeights
) -> list[Statement]:
    """Return two loops: blocks with weights of their own first, as many as the instance has."""
    widest = max(slices, key=len)
    counts = tuple(each[0][1] if len(each) > 1 else 0 for each in slices)
    name = uses.members.unique("num_own")
    if set(counts) == {0, 1}:
        flags = [count == 1 for count in counts]
        test = presence(texts.scope, flags, (), "has_own")
        uses.constants[name] = Text(f"int({test})")
    else:
        uses.constants[name] = texts.scope.number(tuple(map(WrittenNumber, counts)), name)
    return [
        _loop(f"[: self.{name}]", widest[0][2]),
        _loop(f"[self.{name} :]", widest[-1][2]),
    ]


def _loop(where: str, handed: tuple[Python, ...]) -> Statement:
    call = Assign("x", Invocation("block", (Text("x"), *handed)))
    return For("block", Text(f"self.blocks{where}"), (call,))


def _bounds(begin: int, end: int | None) -> str:
    if begin == 0 and end is None:
        return ""
    return f"[{begin or ''}:{'' if end is None else end}]"


def _slices(handed: Sequence[tuple[int, tuple[Python, ...]]]) -> list[Slice]:
    """Return neighbours that are handed the same as one."""
    found: list[Slice] = []
    start = 0
    for what, group in groupby(handed, key=lambda pair: pair[1]):
        stop = start + sum(count for count, _ in group)
        found.append((start, stop, what))
        start = stop
    return found


def _handed(
    members: Members, index: int, uses: SharedWeights
) -> list[tuple[int, tuple[Python, ...]]]:
    """Return what the blocks of an instance are handed, and how many in a step are."""
    found: list[tuple[int, tuple[Python, ...]]] = []
    for member in members:
        if isinstance(member, Run):
            found += (
                (item.count, _of(instance, (item.site,), uses))
                for instance, item in member.lists[index]
            )
        else:
            cell = member.column[index]
            if cell is not None:
                is_instance = isinstance(cell, Instance)
                found.append((1, _of(cell, member.stand.place, uses) if is_instance else ()))
    return found


def _of(instance: Instance, place: StepPath, uses: SharedWeights) -> tuple[Python, ...]:
    return uses.hand(uses.inner[instance.number], place, [instance])
