"""What of a network has a number: one row for each, whoever prints, sweeps or compares it.

A row more in MEASURES is a column of `archdsl sweep` and a closed form of `archdsl params
--symbolic`. The functions are about any network, one whose integers are polynomials too
(analyses/closed/), so they add, multiply and divide with `//`, and ask nothing of a number that is
not theirs to decide. What a training step takes has maxima in it: BATCH_MEASURES are columns of a
sweep alone, for which each member is built.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from archdsl.analyses.counts import Sums, count
from archdsl.ir.network import Network
from archdsl.record import Record

if TYPE_CHECKING:
    from archdsl.analyses.memory.budget import TrainingMemory


class Measure(Record, kw_only=True):
    """A number of a network."""

    name: str  # as a spec's `expect` and the command line have it
    title: str  # the head of its column
    unit: str  # in words
    of: Callable[[Network, Sums], int]
    by_part: bool = True  # of a part, too, whose sums say it


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="parameters",
            title="parameters",
            unit="elements of parameters, each once",
            of=lambda _, sums: sums.total,
        ),
        Measure(
            name="learned",
            title="learned",
            unit="elements that training changes",
            of=lambda _, sums: sums.learned,
        ),
        Measure(
            name="frozen",
            title="frozen",
            unit="elements of the other parameters",
            of=lambda _, sums: sums.frozen,
        ),
        Measure(
            name="unshared",
            title="unshared",
            unit="elements if nothing were shared",
            of=lambda _, sums: sums.unshared,
        ),
        Measure(
            name="buffers",
            title="buffers",
            unit="elements of `state_dict` that are no parameters",
            of=lambda _, sums: sums.buffers,
        ),
        Measure(
            name="convolutions",
            title="convolutions",
            unit="distinct weights of convolutions",
            of=lambda _, sums: sums.conv_tensors,
        ),
        Measure(
            name="macs",
            title="MACs",
            unit="multiply-accumulates for one input",
            of=lambda _, sums: sums.macs,
        ),
        Measure(
            name="training_macs",
            title="training MACs",
            unit="multiply-accumulates that there are in training only",
            of=lambda _, sums: sums.training_macs,
        ),
        Measure(
            name="deployed_bits",
            title="deployed bits",
            unit="bits of all parameters in the deployed form",
            of=lambda _, sums: sums.deployed_bits,
        ),
    )
}


class BatchMeasure(Record, kw_only=True):
    """A number of a training step."""

    name: str
    title: str
    unit: str
    of: "Callable[[TrainingMemory], int]"


BATCH_MEASURES: dict[str, BatchMeasure] = {
    measure.name: measure
    for measure in (
        BatchMeasure(
            name="activations",
            title="activations (bytes)",
            unit="bytes that autograd keeps for the backward pass",
            of=lambda memory: memory.activations,
        ),
        BatchMeasure(
            name="memory",
            title="memory (bytes)",
            unit="the most bytes at once in a training step",
            of=lambda memory: memory.peak,
        ),
    )
}

COLUMNS = (*MEASURES, *BATCH_MEASURES)  # of sweeps and budgets


def title_of(name: str) -> str:
    """Return the head of the column of a measure."""
    return MEASURES[name].title if name in MEASURES else BATCH_MEASURES[name].title


def are_closed(names: Iterable[str]) -> bool:
    """Say whether all measures have closed forms."""
    return all(name in MEASURES for name in names)


def numbers_of(network: Network, names: Sequence[str], batch: int | None) -> tuple[int, ...]:
    """Return the numbers of a network; None is the batch of its recipe, or 1."""
    sums = count(network).sums
    memory = None if are_closed(names) else _memory(network, batch)
    return tuple(
        MEASURES[name].of(network, sums)
        if memory is None or name in MEASURES
        else BATCH_MEASURES[name].of(memory)
        for name in names
    )


def _memory(network: Network, batch: int | None) -> "TrainingMemory":
    from archdsl.analyses.memory.budget import default_batch, training_memory
    from archdsl.analyses.memory.tape import PassSetting

    found = default_batch(network) if batch is None else batch
    return training_memory(network, PassSetting(batch=found))
