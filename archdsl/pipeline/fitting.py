"""Budgets: the members of a family that come nearest to numbers that are wanted."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from heapq import nsmallest
from importlib.util import find_spec
from math import prod
from typing import Any

from archdsl.analyses.closed.cases import ClosedForms
from archdsl.analyses.fitted import Fitted, FittedMember, error_of
from archdsl.analyses.measures import are_closed, numbers_of
from archdsl.ir.numbers import Value
from archdsl.limits import MAX_BUILT
from archdsl.pipeline.closed import SymbolicError, closed_forms, is_looked_up, others_of
from archdsl.pipeline.members import Members
from archdsl.pipeline.numbering import Numbering, TooManyError
from archdsl.pipeline.sweeping import MANY
from archdsl.recursion import deep_recursion

LARGEST = {1: 4_000, 2: 700, 3: 80}  # values of each whole argument, by how many vary
FEWER = 20  # where more of them vary
STEP, REALS = Fraction(1, 20), 200  # of an argument that is no whole number


class FitError(Exception):
    """There is nothing to choose from; the message says why."""


@deep_recursion()
def fit(
    members: Members,
    vary: Mapping[str, Sequence[Value | bool]],
    wanted: Mapping[str, int],
    number: int,
    batch: int | None = None,
) -> Fitted:
    """Return the members that miss what is wanted by the least; raise FitError, SpecError.

    `batch` is that of a training step; None is the recipe's.

    Arguments that vary over no values are tried at all that are likely.
    """
    start = _start(members, vary)
    forms = _forms(start, tuple(vary)) if are_closed(wanted) else None
    axes = {
        name: tuple(values) or _likely(start, forms, name, len(vary))
        for name, values in vary.items()
    }
    cases = () if forms is None else forms.cases
    numbering = Numbering(start, tuple(wanted), cases, batch)
    try:
        near = nsmallest(number, _errors(numbering, axes, wanted, number))
    except TooManyError:
        message = f"no closed form holds, and at most {MAX_BUILT:,} members are built: say of what"
        raise FitError(f"{message} values, as in `--vary {next(iter(vary))}=16..40:6`") from None
    if not near:
        raise FitError("no member is there at any of these values")
    found = tuple(_member(start, _at(axes, place), wanted, batch) for _, place in near)
    return Fitted(
        network=members.name,
        fixed=others_of(start.network, tuple(vary)),
        varied=tuple(vary),
        wanted=wanted,
        members=tuple(sorted(found, key=lambda each: each.error)),
        looked_at=prod(map(len, axes.values())),
    )


def _start(members: Members, vary: Mapping[str, Sequence[Value | bool]]) -> Members:
    """Return the members at the first values that are given."""
    firsts = {name: members.literal(values[0]) for name, values in vary.items() if values}
    return members.changed(firsts) if firsts else members


def _forms(members: Members, names: Sequence[str]) -> ClosedForms | None:
    try:
        return closed_forms(members, names)
    except SymbolicError:
        return None


def _likely(
    members: Members, forms: ClosedForms | None, name: str, varying: int
) -> tuple[Value | bool, ...]:
    """Return the values that an argument may have; raise FitError where it is no number."""
    compiled = dict(members.network.values).get(name)
    if compiled is None:
        raise FitError(f"`{name}` is no number: say which values, as in `--vary {name}=[a, b]`")
    if isinstance(compiled, bool):
        return False, True
    if forms is not None and all(is_looked_up(case, name) for case in forms.cases):
        return tuple(dict.fromkeys(case.at[name] for case in forms.cases))
    if name not in members.wholes:
        return tuple(STEP * place for place in range(1, REALS + 1))
    most = LARGEST.get(varying, FEWER)
    return tuple(range(1, (most if forms is not None else min(most, FEWER * FEWER)) + 1))


def _errors(
    numbering: Numbering,
    axes: Mapping[str, Sequence[Value | bool]],
    wanted: Mapping[str, int],
    number: int,
) -> Iterator[tuple[Fraction | float, int]]:
    """Yield how far members are off, and their places: the nearest ones at least."""
    is_small = prod(map(len, axes.values())) < MANY
    if is_small or not numbering.is_closed or find_spec("numpy") is None:
        for place, numbers in numbering.each(axes):
            yield error_of(dict(zip(wanted, numbers, strict=True)), wanted), place
        return
    for places, columns in numbering.blocks(axes):
        far = _far(columns, wanted)
        nearest = far.argsort(kind="stable")[:number]
        yield from zip(far[nearest].tolist(), places[nearest].tolist(), strict=True)


def _far(columns: Mapping[str, Any], wanted: Mapping[str, int]) -> Any:
    """Return how far members are off as floats, which is for choosing among them alone."""
    import numpy as np

    errors = [
        np.abs((columns[name] - goal).above.astype(float)) / (columns[name].below * goal)
        for name, goal in wanted.items()
    ]
    return np.maximum.reduce(errors)


def _at(axes: Mapping[str, Sequence[Value | bool]], place: int) -> dict[str, Value | bool]:
    found: dict[str, Value | bool] = {}
    for name, values in reversed(list(axes.items())):
        place, here = divmod(place, len(values))
        found[name] = values[here]
    return {name: found[name] for name in axes}


def _member(
    members: Members,
    values: Mapping[str, Value | bool],
    wanted: Mapping[str, int],
    batch: int | None,
) -> FittedMember:
    """Return a member as counted."""
    network = members.member({name: members.literal(value) for name, value in values.items()})
    found = numbers_of(network, tuple(wanted), batch)
    numbers = dict(zip(wanted, found, strict=True))
    return FittedMember(tuple(values.values()), tuple(numbers.values()), error_of(numbers, wanted))
