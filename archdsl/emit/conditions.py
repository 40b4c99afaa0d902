"""The conditions on a class's arguments that tell which of its instances have something."""

from collections.abc import Iterator, Sequence

from archdsl.emit.expressions import Scope
from archdsl.emit.units import CombineSite, LayerSite, ResidualSite, Unit
from archdsl.record import Record


class _Condition(Record):
    symbols: tuple[str, ...]  # that it needs
    text: str
    holds: list[bool]  # in each instance


def condition(
    scope: Scope,
    units: list[Unit],
    sites: "Sequence[LayerSite | ResidualSite | CombineSite]",
    flags: tuple[bool, ...],
    *,
    out: str | None,
) -> str | None:
    """Return a condition that is true in exactly the flagged instances, None if none is known.

    What it needs are arguments of the class then. `out` is how the class expresses the channels
    that leave the sites.
    """
    found = [c for c in _candidates(units, sites, out) if c.holds == list(flags)]
    known = (c for c in found if all(scope.knows(symbol) for symbol in c.symbols))
    chosen = next(known, found[0] if found else None)
    if chosen is None:
        return None
    for symbol in chosen.symbols:
        scope.use(symbol)
    return chosen.text


def _candidates(
    units: list[Unit], sites: "Sequence[LayerSite | ResidualSite | CombineSite]", out: str | None
) -> Iterator[_Condition]:
    """Yield that the stride is 1, that the channels stay, both, and the opposite of each."""
    inputs = [site.node.input.channels for site in sites]
    outputs = [site.node.output.channels for site in sites]
    stays = [a == b for a, b in zip(inputs, outputs, strict=True)]
    strides = [unit.values.get("stride", 1) == 1 for unit in units]
    both = [a and b for a, b in zip(stays, strides, strict=True)]
    if out is not None and inputs == [unit.values.get("in_channels") for unit in units]:
        if not all(strides):
            needed = ("stride", "in_channels")
            yield _Condition(needed, f"stride == 1 and in_channels == {out}", both)
            yield _Condition(needed, f"stride != 1 or in_channels != {out}", _opposite(both))
        yield _Condition(("in_channels",), f"in_channels == {out}", stays)
        yield _Condition(("in_channels",), f"in_channels != {out}", _opposite(stays))
    if not all(strides):
        yield _Condition(("stride",), "stride == 1", strides)
        yield _Condition(("stride",), "stride != 1", _opposite(strides))


def _opposite(flags: list[bool]) -> list[bool]:
    return [not flag for flag in flags]
