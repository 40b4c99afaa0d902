"""Which runs are one result: those that differ in the seed alone, and in how they are computed."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from archdsl.ir.task import Task
from archdsl.record import Record
from archdsl.results.log import Epoch, Flag, Log

# Flags that say where a run lies and how it is computed, not what is.
INCIDENTAL = frozenset(
    (
        *("seed", "seeds", "data", "out", "resume", "minutes", "save_minutes"),
        *("reschedule", "device", "amp", "channels_last", "compile", "workers", "responses"),
    )
)
# Flags that are said even where all rows have them, with the value that goes without saying: a run
# with another one did not learn the data set.
_DATA_FLAGS: tuple[tuple[str, Flag], ...] = (
    ("limit", 0),
    ("held_out", 0),
    ("synthetic", False),
    ("verify", True),
)


class Spread(Record):
    """What some runs have of a number."""

    mean: float
    deviation: float | None  # of the sample; None of a single run


class RunRow(Record):
    """Runs of one network and recipe, with a seed each."""

    runs: tuple[Log, ...]
    settings: tuple[tuple[str, Flag], ...] = ()  # that tell it from other rows

    @property
    def network(self) -> str:
        """The network's name."""
        return self.runs[0].network

    @property
    def task(self) -> Task:
        """What it is trained for."""
        return self.runs[0].start.task

    @property
    def counted(self) -> tuple[Log, ...]:
        """The runs that figures are of: the finished ones, or all that are equally far."""
        finished = tuple(run for run in self.runs if run.is_finished)
        if finished:
            return finished
        done = {len(run.epochs) for run in self.runs}
        return self.runs if len(done) == 1 and done != {0} else ()

    @property
    def is_finished(self) -> bool:
        """Whether the figures are of finished runs."""
        return any(run.is_finished for run in self.runs)

    @property
    def is_comparable(self) -> bool:
        """Whether its error may stand beside a paper's: the whole data set, to the last epoch."""
        config = self.runs[0].start.config
        return self.is_finished and all(config.get(name, v) == v for name, v in _DATA_FLAGS)

    def last(self, number: Callable[[Epoch], float | None]) -> Spread | None:
        """Return what the counted runs have of a number in their last epochs."""
        found = [number(run.epochs[-1]) for run in self.counted]
        values = [value for value in found if value is not None]
        if not values or len(values) < len(found):
            return None
        return spread_of(values)

    @property
    def error(self) -> Spread | None:
        """The test error of the last epoch, in percent; None of a regression."""
        return self.last(test_error)

    @property
    def loss(self) -> Spread | None:
        """The test loss of the last epoch."""
        return self.last(test_loss)

    @property
    def seconds(self) -> float | None:
        """What the epochs of all runs took, training and test."""
        found = [epoch.seconds for run in self.runs for epoch in run.epochs]
        values = [value for value in found if value is not None]
        return sum(values) if values else None

    @property
    def images_per_second(self) -> float | None:
        """The median of all epochs: the first ones are slower."""
        return self._median(lambda epoch: epoch.images_per_second)

    @property
    def points_per_second(self) -> float | None:
        """The same of a regression."""
        return self._median(lambda epoch: epoch.points_per_second)

    def _median(self, number: Callable[[Epoch], float | None]) -> float | None:
        found = [number(epoch) for run in self.runs for epoch in run.epochs]
        values = [value for value in found if value is not None]
        return statistics.median(values) if values else None

    @property
    def devices(self) -> tuple[str, ...]:
        """What its runs were computed on."""
        return tuple(dict.fromkeys(device for run in self.runs for device in run.devices))


def spread_of(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation of the sample; there is a value."""
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), deviation)


def test_error(epoch: Epoch) -> float | None:
    """Return the test error in percent."""
    return None if epoch.test_accuracy is None else 100 * (1 - epoch.test_accuracy)


def test_loss(epoch: Epoch) -> float | None:
    """Return the test loss: of a regression, the mean squared error."""
    return epoch.test_loss


def top5_error(epoch: Epoch) -> float | None:
    """Return how often the label is not among five guesses, in percent."""
    return None if epoch.test_top5 is None else 100 * (1 - epoch.test_top5)


def train_accuracy(epoch: Epoch) -> float | None:
    """Return the training accuracy in percent."""
    return None if epoch.train_accuracy is None else 100 * epoch.train_accuracy


def rows_of(runs: Iterable[Log]) -> tuple[RunRow, ...]:
    """Return the rows of a report in the order of their first runs.

    A second run with a seed that a row has begins another row: it is no further sample.
    """
    groups: list[list[Log]] = []
    places: dict[object, list[list[Log]]] = {}
    for run in runs:
        alike = places.setdefault(_identity(run), [])
        free = next((g for g in alike if all(run.seed != other.seed for other in g)), None)
        if free is None:
            alike.append(free := [])
            groups.append(free)
        free.append(run)
    found = [sorted(group, key=lambda run: run.seed) for group in groups]
    return _told_apart([RunRow(tuple(group)) for group in found])


def _identity(run: Log) -> object:
    start = run.start
    flags = frozenset(item for item in start.config.items() if item[0] not in INCIDENTAL)
    return run.network, start.recipe, start.data, start.spec, start.parameters, flags


def _told_apart(rows: list[RunRow]) -> tuple[RunRow, ...]:
    """Give each row the settings in which rows of its network differ, or else its folder."""
    varying = {name: _varying(row for row in rows if row.network == name) for name in _names(rows)}
    settled = [RunRow(row.runs, _settings(row, varying[row.network])) for row in rows]
    labels = Counter((row.network, row.settings) for row in settled)
    return tuple(
        RunRow(row.runs, (*row.settings, ("in", row.runs[0].folder)))
        if labels[row.network, row.settings] > 1
        else row
        for row in settled
    )


def _names(rows: Iterable[RunRow]) -> Iterable[str]:
    return dict.fromkeys(row.network for row in rows)


def _varying(rows: Iterable[RunRow]) -> dict[str, None]:
    """Return the names of what is not the same in all rows, in the order of the log."""
    facts = [_facts(row) for row in rows]
    names = dict.fromkeys(name for each in facts for name in each)
    return {name: None for name in names if len({each.get(name) for each in facts}) > 1}


def _settings(row: RunRow, varying: dict[str, None]) -> tuple[tuple[str, Flag], ...]:
    facts = _facts(row)
    unusual = (name for name, usual in _DATA_FLAGS if facts.get(name, usual) != usual)
    return tuple((name, facts.get(name)) for name in dict.fromkeys((*varying, *unusual)))


def _facts(row: RunRow) -> dict[str, Flag]:
    start = row.runs[0].start
    flags = {name: value for name, value in start.config.items() if name not in INCIDENTAL}
    return {"recipe": start.recipe, "data": start.data, "spec": start.spec, **flags}
