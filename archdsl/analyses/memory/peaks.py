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


class LearnedStorage(Record):
    """A parameter whose gradient an operation gives."""

    storage: int
    bytes: int
    is_first: bool  # nothing behind the operation gives some of it


class OperationCourse(Record):
    """The course of one operation, and what of it hangs on whether copies of it follow."""

    course: Course
    learned: tuple[LearnedStorage, ...] = ()

    def within(self, earlier: TapeRun | None) -> Course:
        """Return the course; `earlier` is the innermost run whose last copy this is not."""
        if not self.learned:
            return self.course
        new = again = 0
        for each in self.learned:
            if each.is_first and (earlier is None or each.storage >= earlier.storage):
                new += each.bytes
            else:
                again += each.bytes  # until it is added to what is there
        course = self.course
        return Course(course.change + new, course.most + new + again)


def forward_course(found: Forward) -> Course:
    """Return the course of a forward pass, beginning with what it is given."""
    return _Courses(found.tape.runs, _forward_steps(found), reverse=False).whole()


def backward_course(found: Forward) -> Course:
    """Return the course of the backward pass that follows, gradients of parameters included."""
    return _Courses(found.tape.runs, _backward_steps(found), reverse=True).whole()


class _Courses:
    """Puts the courses of operations together; runs may stand in runs."""

    def __init__(
        self, runs: Sequence[TapeRun], steps: Sequence[OperationCourse], *, reverse: bool
    ) -> None:
        self.starts = _by_start(runs)
        self.steps = steps
        self.reverse = reverse
        self.known: dict[tuple[TapeRun, TapeRun | None], Course] = {}

    def whole(self) -> Course:
        """Return the course of all operations."""
        return self._between(0, len(self.steps), 0, None)

    def _between(self, start: int, stop: int, skip: int, earlier: TapeRun | None) -> Course:
        """Return the course of operations; the first runs that begin with them are left out."""
        parts: list[Course] = []
        place = start
        while place < stop:
            runs = self.starts.get(place, ())[skip:]
            inner = next((run for run in runs if run.stop <= stop), None)
            if inner is None:
                parts.append(self.steps[place].within(earlier))
                place += 1
            else:
                parts += [self._copy(inner, inner).times(inner.times - 1)] * (inner.times > 1)
                parts.append(self._copy(inner, earlier))
                place = inner.stop
            skip = 0
        total = Course()
        for part in reversed(parts) if self.reverse else parts:
            total = total.then(part)
        return total

    def _copy(self, run: TapeRun, earlier: TapeRun | None) -> Course:
        """Return the course of one copy of a run."""
        key = run, earlier
        if key not in self.known:
            skip = self.starts[run.start].index(run) + 1
            self.known[key] = self._between(run.start, run.stop, skip, earlier)
        return self.known[key]


def _by_start(runs: Sequence[TapeRun]) -> Mapping[int, Sequence[TapeRun]]:
    """Return runs by where they start, the longest first: a shorter one stands in it."""
    found: dict[int, list[TapeRun]] = {}
    for run in sorted(runs, key=lambda run: -run.stop):
        found.setdefault(run.start, []).append(run)
    return found


def _forward_steps(found: Forward) -> list[OperationCourse]:
    tape = found.tape
    last = {each.storage: -1 for each in found.given}
    for number, entry in enumerate(tape.entries):
        last |= dict.fromkeys((each.storage for each in (*entry.reads, entry.makes)), number)
    last |= dict.fromkeys((each.storage for each in found.returned), len(tape.entries))
    steps: list[OperationCourse] = []
    for number, entry in enumerate(tape.entries):
        made = entry.beside + (tape.sizes[entry.makes.storage] if entry.makes_storage else 0)
        done = {e.storage for e in (*entry.reads, entry.makes) if last[e.storage] == number}
        freed = sum(tape.sizes[each] for each in done if not tape.stays(each))
        steps.append(OperationCourse(Course(made - freed, made)))
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


def _backward_steps(found: Forward) -> list[OperationCourse]:
    """Return what the backward pass of each operation does, in the order of the forward pass."""
    tape, gradients = found.tape, _Gradients()
    start = sum(gradients.add(each.value, each.bytes) for each in found.returned if each.learns)
    before, steps = Course(start, start), list[OperationCourse]()
    made: set[int] = set()  # gradients of parameters
    for entry in reversed(tape.entries):
        learned = tuple(
            LearnedStorage(storage, tape.sizes[storage], storage not in made)
            for storage in entry.learned
        )
        made.update(entry.learned)
        course = before.then(_backward_step(entry, gradients))
        steps.append(OperationCourse(course, learned))
        before = Course()
    return steps[::-1]


def _backward_step(entry: TapeEntry, gradients: _Gradients) -> Course:
    if entry.makes.value not in gradients:
        return Course(-entry.kept, 0)  # a view of a parameter, or of no use
    given = gradients.take(entry.makes.value)
    change = 0
    for each in (each for each in entry.reads if each.learns):
        if entry.passes:
            change += gradients.pass_on(given, each.value)
        else:
            change += gradients.add(each.value, each.bytes)
    most = change
    change -= gradients.release(given) + entry.kept
    return Course(change, most)
