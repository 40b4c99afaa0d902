"""The most memory that a pass over a network needs at once.

A storage lives from the operation that makes it to the last one that reads it, or, where autograd
keeps it, to the backward pass of the first operation that it is kept for. What flows back lives
from the operation that makes it to that whose output it is the gradient of. Runs of equal blocks
are taken once: over them memory rises or falls by the same at each block, so that the most is in
the first block or in the last one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from archdsl.analyses.memory.forward import Forward
from archdsl.analyses.memory.tape import TapeEntry, TapeRun
from archdsl.record import Record


class Course(Record):
    """How memory changes over some operations: in all, and at most on the way, in bytes."""

    change: int = 0
    most: int = 0

    def then(self, other: "Course") -> "Course":
        """Return the course of both."""
        return Course(self.change + other.change, max(self.most, self.change + other.most))

    def times(self, number: int) -> "Course":
        """Return the course of so many of them."""
        last = (number - 1) * self.change
        return Course(number * self.change, max(self.most, last + self.most))


def forward_course(found: Forward) -> Course:
    """Return the course of a forward pass, beginning with what it is given."""
    return _course(found, _forward_steps(found), {}, reverse=False)


def backward_course(found: Forward) -> Course:
    """Return the course of the backward pass that follows, gradients of parameters included."""
    steps, behind = _backward_steps(found)
    return _course(found, steps, behind, reverse=True)


def _course(
    found: Forward, steps: Sequence[Course], behind: Mapping[TapeRun, int], *, reverse: bool
) -> Course:
    """Put the courses of single operations together; runs may stand in runs.

    `behind` are bytes that are taken once, when a run is entered from behind.
    """
    starts = _by_start(found.tape.runs)

    def between(start: int, stop: int, skip: int) -> Course:
        total, place = Course(), start
        parts: list[Course] = []
        while place < stop:
            inner = next((r for r in starts.get(place, ())[skip:] if r.stop <= stop), None)
            if inner is None:
                parts.append(steps[place])
                place += 1
            else:
                index = starts[place].index(inner)
                once = between(inner.start, inner.stop, index + 1)
                extra = behind.get(inner, 0)
                parts += [once.times(inner.times), Course(extra, extra)]
                place = inner.stop
            skip = 0
        for part in reversed(parts) if reverse else parts:
            total = total.then(part)
        return total

    return between(0, len(steps), 0)


def _by_start(runs: Sequence[TapeRun]) -> Mapping[int, Sequence[TapeRun]]:
    """Return runs by where they start, the longest first: a shorter one stands in it."""
    found: dict[int, list[TapeRun]] = {}
    for run in sorted(runs, key=lambda run: -run.stop):
        found.setdefault(run.start, []).append(run)
    return found


def _forward_steps(found: Forward) -> list[Course]:
    tape = found.tape
    last = {each.storage: -1 for each in found.given}
    for number, entry in enumerate(tape.entries):
        last |= dict.fromkeys((each.storage for each in (*entry.reads, entry.makes)), number)
    last |= dict.fromkeys((each.storage for each in found.returned), len(tape.entries))
    steps: list[Course] = []
    for number, entry in enumerate(tape.entries):
        made = entry.beside + (tape.sizes[entry.makes.storage] if entry.makes_storage else 0)
        done = {e.storage for e in (*entry.reads, entry.makes) if last[e.storage] == number}
        freed = sum(tape.sizes[each] for each in done if not tape.stays(each))
        steps.append(Course(made - freed, made))
    return steps


class _Gradients:
    """The gradients that are there, by the value that they are of; one may be of several."""

    def __init__(self) -> None:
        self._storages: dict[int, int] = {}  # by value
        self._users: Counter[int] = Counter()  # of a storage
        self._sizes: dict[int, int] = {}

    def __contains__(self, value: int) -> bool:
        return value in self._storages

    def take(self, value: int) -> int:
        """Forget a gradient; return its storage, which `release` gives back."""
        return self._storages.pop(value)

    def add(self, value: int, size: int) -> int:
        """Enter a gradient of some bytes, or add it to the one that is there; return its bytes."""
        freed = self.release(self.take(value)) if value in self else 0
        storage = len(self._sizes)
        self._sizes[storage] = size
        self._enter(value, storage)
        return size - freed

    def pass_on(self, storage: int, value: int) -> int:
        """Enter a gradient that another one is; return the change in bytes."""
        if value in self:
            return self.add(value, self._sizes[storage])
        self._enter(value, storage)
        return 0

    def release(self, storage: int) -> int:
        """Forget a use of a storage; return the bytes that this frees."""
        self._users[storage] -= 1
        return 0 if self._users[storage] else self._sizes[storage]

    def _enter(self, value: int, storage: int) -> None:
        self._storages[value] = storage
        self._users[storage] += 1


def _backward_steps(found: Forward) -> tuple[list[Course], Mapping[TapeRun, int]]:
    """Return what the backward pass of each operation does, in the order of the forward pass.

    The gradient of a weight that the copies of a run share is made once: it is returned by the
    run.
    """
    tape, gradients = found.tape, _Gradients()
    start = sum(gradients.add(each.value, each.bytes) for each in found.returned if each.learns)
    steps: list[Course] = []
    behind: Counter[TapeRun] = Counter()
    made: set[int] = set()  # gradients of parameters
    for number in range(len(tape.entries) - 1, -1, -1):
        entry, new, again = tape.entries[number], 0, 0
        for storage in entry.learned:
            size = tape.sizes[storage]
            run = _shared_in(tape.runs, number, tape.born[storage])
            if storage in made or run is not None:
                again += size  # it is added to what is there
            else:
                new += size
            if storage not in made and run is not None:
                behind[run] += size
            made.add(storage)
        steps.append(_backward_step(entry, gradients, new, again))
    if steps:
        steps[0] = Course(start, start).then(steps[0])
    return steps[::-1], behind


def _shared_in(runs: Sequence[TapeRun], number: int, born: int) -> TapeRun | None:
    """Return the largest run around an operation that a parameter was there before."""
    around = (run for run in runs if born <= run.start <= number < run.stop)
    return max(around, key=lambda run: run.stop - run.start, default=None)


def _backward_step(entry: TapeEntry, gradients: _Gradients, new: int, again: int) -> Course:
    if entry.makes.value not in gradients:
        return Course(new - entry.kept, new + again)  # a view of a parameter, too
    given = gradients.take(entry.makes.value)
    change = new
    for each in (each for each in entry.reads if each.learns):
        if entry.passes:
            change += gradients.pass_on(given, each.value)
        else:
            change += gradients.add(each.value, each.bytes)
    most = change + again
    change -= gradients.release(given) + entry.kept
    return Course(change, most)
