"""A growing network -> the plan of its growth.py: every value decided."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import assert_never

from archdsl.analyses.growth.growing import FixableLayer, GrowingNetwork, GrownTensor
from archdsl.analyses.walk import leaves
from archdsl.ir.layers import ConvTranspose
from archdsl.ir.network import FixedOld
from archdsl.ir.recipe import GrowAt, Growth, NewChannels, Plateau
from archdsl.ir.showing import show_value
from archdsl.record import Record


class GrowthPlan(Record, kw_only=True):
    """What growth.py says; "" (or an empty tuple) leaves a passage out."""

    about: tuple[str, ...]  # lines of the docstring
    phases: int
    said: str  # what grows
    pieces: tuple[str, ...]  # lines of a table
    ends: tuple[str, ...]  # names of tensors
    fixes: tuple[tuple[str, str], ...]  # names of modules, and epochs
    for_good: bool  # some of it
    has_patterns: bool  # some names have `*` in place of a number
    metric: str  # that a plateau looks at
    zero: bool  # the larger network computes the same
    restarts: bool  # of the schedule, in each phase
    wakes: str  # what compares the epochs of a phase with those after which something learns again
    nested: bool  # old channels take no input from new ones
    transposed: bool  # there are convolutions whose weight has inputs first


def plan_growth(network: GrowingNetwork, growth: Growth) -> GrowthPlan:
    """Decide every value of growth.py."""
    zero = growth.new is NewChannels.ZERO
    ends = [f"{end.layer}.{name}" for end in network.zeros for name in end.tensors] if zero else []
    pieces = tuple(_pieces(network.tensors))
    fixes = tuple(_fixes(network.layers))
    names = (*ends, *(name for name, _ in fixes), *(tensor.name for tensor in network.tensors))
    learned_again = sorted({int(e) for _, e in fixes if e.isdecimal()})
    return GrowthPlan(
        about=tuple(_about(zero=zero, ends=bool(ends), fixes=bool(fixes))),
        phases=len(network.phases.values),
        said=_said(network),
        pieces=pieces,
        ends=tuple(ends),
        fixes=fixes,
        for_good=any(epochs == "inf" for _, epochs in fixes),
        has_patterns=any("*" in name for name in names),
        metric=_metric(growth),
        zero=zero,
        restarts=growth.restarts,
        wakes=_wakes(learned_again),
        nested=network.phases.nested,
        transposed=any(isinstance(leaf.layer, ConvTranspose) for leaf in leaves(network.plain[-1])),
    )


def _wakes(epochs: Sequence[int]) -> str:
    if len(epochs) < 2:
        return "".join(f"== {each}" for each in epochs)
    return f"in {tuple(epochs)}"


def _metric(growth: Growth) -> str:
    match growth:
        case GrowAt():
            return ""
        case Plateau(metric=metric):
            return metric
        case _:
            assert_never(growth)


def _said(network: GrowingNetwork) -> str:
    columns = zip(*network.phases.values, strict=True)
    rows = zip(network.phases.names, columns, strict=True)
    return "; ".join(f"{name} = {', '.join(map(show_value, column))}" for name, column in rows)


def _about(*, zero: bool, ends: bool, fixes: bool) -> Iterator[str]:
    if zero:
        yield "A larger network computes the same as the one before it: old outputs take nothing"
        yield f"from new inputs at first{', and new blocks end in zeros' if ends else ''}."
    else:
        yield "The whole capacity is drawn before any training, and a phase begins with its part:"
        yield "what is computed changes at a growth."
    if fixes:
        yield "What is fixed is handed to no optimizer, and batch normalization keeps its moments."


# ---------------------------------------------------------------- tables


def _pieces(tensors: Sequence[GrownTensor]) -> Iterator[str]:
    """Yield the lines of the table of pieces."""
    for tensor in tensors:
        dims = (
            f"{dim}: [{', '.join(_runs(pieces))}]"
            for dim, pieces in enumerate(tensor.pieces)
            if pieces is not None
        )
        yield f'"{tensor.name}": {{{", ".join(dims)}}},'


def _runs(pieces: Iterable[tuple[int, ...]]) -> Iterator[str]:
    for lengths, run in groupby(pieces):
        yield f"({lengths}, {len(list(run))})"


def _fixes(layers: Sequence[FixableLayer]) -> Iterator[tuple[str, str]]:
    """Yield the fewest names that cover what is fixed, with `*` for all that is in a module."""
    found = {layer.name: _epochs(layer) for layer in layers}
    if any(found.values()):
        yield from _covered(found, "")


def _epochs(layer: FixableLayer) -> str:
    """Return for how many epochs the old part of a layer is fixed, "" where it is not."""
    if not isinstance(layer.fixed, FixedOld):
        return ""
    return "inf" if layer.fixed.epochs is None else str(layer.fixed.epochs)


def _covered(found: Mapping[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield what is fixed below a module; `found` are layers by their names below it."""
    if len({*found.values()}) == 1:
        (epochs,) = {*found.values()}
        if epochs:
            yield (prefix.removesuffix(".") if "" in found else f"{prefix}*"), epochs
        return
    members: dict[str, dict[str, str]] = {}
    for name, epochs in found.items():
        first, _, rest = name.partition(".")
        members.setdefault(first, {})[rest] = epochs
    for first, inside in members.items():
        yield from _covered(inside, f"{prefix}{first}.")
