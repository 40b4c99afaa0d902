"""The JSON object of a network: what other programs build on.

The records' fields are the object's keys, in this order. `SCHEMA` grows when a key changes its
meaning or goes; new keys may come at any time.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec

from archdsl.analyses.counts import Counts, Row
from archdsl.diagnostics import Diagnostic
from archdsl.ir.network import ArgumentValue, Network
from archdsl.record import Record
from archdsl.report.findings import DiagnosticReport, findings

SCHEMA = 1


class Parameters(Record, kw_only=True):
    """Elements of parameters, each counted once."""

    total: int  # learned + frozen
    learned: int
    frozen: int
    unshared: int  # the total if nothing were shared


class Convolutions(Record, kw_only=True):
    """Convolutions, projections and transposed ones included."""

    layers: int  # uses
    tensors: int  # distinct weights


class PartReport(Record, kw_only=True):
    """A direct part of the network; `shared` is what the network itself owns."""

    name: str
    output: tuple[int, ...] | None  # None where nothing flows
    parameters: int
    macs: int
    blocks: int


class PhaseReport(Record, kw_only=True):
    """A phase of a network that grows."""

    phase: int
    arguments: dict[str, ArgumentValue]  # those that grow
    parameters: int  # learned + fixed
    learned: int
    fixed: int
    macs: int


class GrowthReport(Record, kw_only=True):
    """What a training costs that grows the network at epochs that are known."""

    at: tuple[int, ...]  # the epochs that begin a phase, but for the first phase
    epochs: int
    macs: int  # multiply-accumulates for one image, once in each epoch
    static_macs: int  # the same of the last phase, trained for all of the epochs


class EndReport(Record, kw_only=True):
    """An input or an output that has a name."""

    name: str
    shape: tuple[int, ...]
    in_training: bool = False  # of an output: it is there in training only


class Report(Record, kw_only=True):
    """A network's numbers."""

    schema: int = SCHEMA
    network: str
    arguments: dict[str, ArgumentValue]
    input: tuple[int, ...]
    output: tuple[int, ...]
    inputs: tuple[EndReport, ...] = ()  # none where there is one without a name
    outputs: tuple[EndReport, ...] = ()  # none where there is one without a name
    parameters: Parameters
    buffers: int  # elements of `state_dict` that are no parameters
    convolutions: Convolutions
    macs: int  # multiply-accumulates for one input, outside of training
    training_macs: int = 0  # those that there are in training only
    deployed_bits: int
    parts: tuple[PartReport, ...]
    phases: tuple[PhaseReport, ...] = ()  # none of a network that does not grow
    growth: GrowthReport | None = None
    diagnostics: tuple[DiagnosticReport, ...] = ()  # warnings, since there is a network


def report(
    network: Network,
    counts: Counts,
    warnings: Iterable[Diagnostic] = (),
    phases: tuple[PhaseReport, ...] = (),
    growth: GrowthReport | None = None,
) -> Report:
    """Return the numbers of a network and of its phases, and what its spec was warned of."""
    sums = counts.sums
    return Report(
        network=network.name,
        arguments=dict(network.arguments),
        input=network.input.shape,
        output=network.output.shape,
        inputs=tuple(EndReport(name=i.label, shape=i.shape.shape) for i in network.inputs),
        outputs=tuple(
            EndReport(name=o.label, shape=o.shape.shape, in_training=o.in_training)
            for o in network.outputs
        ),
        parameters=Parameters(
            total=sums.total, learned=sums.learned, frozen=sums.frozen, unshared=sums.unshared
        ),
        buffers=sums.buffers,
        convolutions=Convolutions(layers=sums.conv_layers, tensors=sums.conv_tensors),
        macs=sums.macs,
        training_macs=sums.training_macs,
        deployed_bits=sums.deployed_bits,
        parts=parts(counts.parts),
        phases=phases,
        growth=growth,
        diagnostics=findings(warnings),
    )


def parts(rows: Iterable[Row]) -> tuple[PartReport, ...]:
    """Return rows of a table as they stand in the object."""
    return tuple(
        PartReport(
            name=row.name,
            output=row.output,
            parameters=row.sums.total,
            macs=row.sums.macs,
            blocks=row.blocks,
        )
        for row in rows
    )


def to_json(document: Record | dict[str, object]) -> str:
    """Return an object as JSON: a line for each key, and for each item of a list of objects."""
    members = msgspec.to_builtins(document)
    lines = (f"  {_json(key)}: {_lines(value)}" for key, value in members.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(value: object) -> str:
    items = list(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else []
    if items and isinstance(items[0], dict):
        return "[\n" + ",\n".join(f"    {_json(item)}" for item in items) + "\n  ]"
    return _json(value)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
