"""What of a network has a number: one row for each, whoever prints, sweeps or compares it.

A row more here is a column of `archdsl sweep` and a closed form of `archdsl params --symbolic`.
The functions are about any network, one whose integers are polynomials too (analyses/closed/), so
they add, multiply and divide with `//`, and ask nothing of a number that is not theirs to decide.
"""

from collections.abc import Callable

from archdsl.analyses.counts import Sums
from archdsl.ir.network import Network
from archdsl.record import Record


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
