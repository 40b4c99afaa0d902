"""How much the layers of runs respond: what `train.py --responses` has logged."""

import math
import statistics
from collections.abc import Iterator

from archdsl.record import Record
from archdsl.results.errors import RunError
from archdsl.results.log import Epoch, Log
from archdsl.results.rows import RunRow


class Layer(Record, kw_only=True):
    """A layer in the last epoch; standard deviations of its response, one of each run.

    They are empty where one of them is not finite.
    """

    name: str
    depth: int  # its place in the order of execution, from 1
    since: int  # the first epoch of the first run that has it: a network may grow
    first: tuple[float, ...]  # in the first epochs that have it
    last: tuple[float, ...]

    @property
    def size(self) -> float | None:
        """The mean of the last epochs."""
        return statistics.fmean(self.last) if self.last else None

    @property
    def change(self) -> float | None:
        """How much larger the mean is than in the first epochs, in percent."""
        if not self.first or self.size is None or not any(self.first):
            return None
        return 100 * (self.size / statistics.fmean(self.first) - 1)


def layers_of(row: RunRow) -> tuple[Layer, ...]:
    """Return the layers of a row in the order of execution, none where no run has logged them.

    They are those of the runs that the row's figures are of, or else of its first run, and of
    each in the last epoch that has responses.
    """
    runs = [found for run in row.counted or row.runs[:1] if (found := _logged(run))]
    return tuple(_layers(runs)) if runs else ()


def ranked(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Return layers from the largest response to the smallest; what is not finite comes last."""
    return tuple(sorted(layers, key=lambda each: math.inf if each.size is None else -each.size))


def check_logged(row: RunRow) -> None:
    """Raise RunError where no run of a row has logged responses."""
    if not layers_of(row):
        folder = row.runs[0].folder
        raise RunError(f"{folder} logs no responses of layers: `train.py --responses` does")


def _logged(run: Log) -> list[Epoch]:
    return [epoch for epoch in run.epochs if epoch.responses]


def _layers(runs: list[list[Epoch]]) -> Iterator[Layer]:
    names = [
        name for name in _responses(runs[0][-1]) if all(name in _responses(r[-1]) for r in runs)
    ]
    for depth, name in enumerate(names, start=1):
        firsts = [next(epoch for epoch in run if name in _responses(epoch)) for run in runs]
        yield Layer(
            name=name,
            depth=depth,
            since=firsts[0].epoch,
            first=_finite([_responses(epoch)[name] for epoch in firsts]),
            last=_finite([_responses(run[-1])[name] for run in runs]),
        )


def _responses(epoch: Epoch) -> dict[str, float | None]:
    return epoch.responses or {}


def _finite(values: list[float | None]) -> tuple[float, ...]:
    finite = tuple(value for value in values if value is not None)
    return finite if len(finite) == len(values) else ()
