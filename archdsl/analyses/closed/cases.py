"""A closed form and where it holds: one of the cases that a family of networks has."""

from collections.abc import Mapping, Sequence
from typing import cast

from archdsl.analyses.closed.conditions import Compared, Condition, Values, Whole, is_met, names_in
from archdsl.analyses.closed.domain import DomainBound, limits
from archdsl.analyses.closed.lifting import lift
from archdsl.analyses.closed.polynomial import Polynomial, TooLongError, argument
from archdsl.analyses.closed.traced import Exact, NotClosedError, form_of
from archdsl.analyses.counts import Row, count
from archdsl.analyses.measures import MEASURES
from archdsl.ir.network import ArgumentValue, Network
from archdsl.ir.numbers import Value
from archdsl.ir.rebuild import replace
from archdsl.record import Record


class PartForms(Record):
    """The forms of a direct part of the network, by measure."""

    name: str
    forms: Mapping[str, Polynomial]


class FormCase(Record, kw_only=True):
    """Closed forms, and the members of the family that they are right for.

    They hold where all conditions of one of the `ways` do; such a member is there if all `facts`
    hold as well, and is refused otherwise.
    """

    at: Mapping[str, Value | bool]  # the member that they were derived from
    wholes: frozenset[str]  # arguments that are whole numbers by default
    ways: tuple[tuple[Condition, ...], ...]
    facts: tuple[Condition, ...]
    forms: Mapping[str, Polynomial]  # by measure
    parts: tuple[PartForms, ...]

    def covers(self, values: Values) -> bool:
        """Say whether it is about the member with these arguments, which may be refused."""
        return any(all(is_met(each, values) for each in way) for way in self.ways)

    def exists(self, values: Values) -> bool:
        """Say whether a member that it is about is there."""
        return all(is_met(each, values) for each in self.facts)


class Unsaid(Record):
    """A member of which no closed form is known."""

    at: Mapping[str, Value | bool]
    reason: str


class ClosedForms(Record, kw_only=True):
    """What the networks of a family cost, in some of their arguments."""

    network: str
    names: tuple[str, ...]
    wholes: frozenset[str]  # of these, those that are whole numbers by default
    others: tuple[tuple[str, ArgumentValue], ...]  # the other arguments, which are as compiled
    cases: tuple[FormCase, ...]  # that of the compiled network first
    unsaid: tuple[Unsaid, ...]
    complete: bool  # else there are more cases than were looked for

    def case(self, values: Mapping[str, Value | bool]) -> FormCase | None:
        """Return the case that a member belongs to, None where none is known."""
        return next((case for case in self.cases if case.covers(values)), None)


def derive(
    network: Network, arguments: Mapping[str, Value | bool], wholes: frozenset[str]
) -> FormCase:
    """Return the closed forms of a network in these arguments, which have these values in it.

    Raises NotClosedError.
    """
    try:
        lifted, trace = lift(network, arguments, wholes)
        with trace.silent():
            counts = count(lifted)
            forms = _forms(lifted, Row("", "", None, 1, 0, counts.sums), every=True)
            parts = tuple(PartForms(row.name, _forms(lifted, row)) for row in counts.parts)
    except TooLongError:
        raise NotClosedError("it has too many terms") from None
    except RecursionError:
        raise NotClosedError("its numbers are too deep in one another") from None
    _check(forms, network, arguments)
    whole = tuple(Whole(argument(name)) for name in sorted(trace.wholes.used))
    return FormCase(
        at=dict(arguments),
        wholes=wholes,
        # what is so wherever the network exists decides nothing
        ways=(tuple(each for each in (*trace.conditions, *whole) if each not in trace.facts),),
        facts=tuple(trace.facts),
        forms=forms,
        parts=parts,
    )


def _forms(network: Network, row: Row, *, every: bool = False) -> dict[str, Polynomial]:
    return {
        measure.name: form_of(cast("Exact", measure.of(network, row.sums)))
        for measure in MEASURES.values()
        if every or measure.by_part
    }


def _check(
    forms: Mapping[str, Polynomial], network: Network, arguments: Mapping[str, Value | bool]
) -> None:
    """Raise NotClosedError where a form is not what counting gives of the network itself."""
    sums = count(network).sums
    values = {name: value for name, value in arguments.items() if not isinstance(value, bool)}
    for name, form in forms.items():
        if form.evaluate(values) != MEASURES[name].of(network, sums):
            raise NotClosedError(f"its {name} hang on something that the compiler does not keep")


def merged(cases: Sequence[FormCase], new: FormCase) -> tuple[FormCase, ...]:
    """Return the cases with a further one: a way more of one whose forms are right for it, too."""
    for i, case in enumerate(cases):
        for one, other in ((case, new), (new, case)):
            if _is_special(one, other):
                ways = _joined((*one.ways, *(way for way in other.ways if way not in one.ways)))
                return (*cases[:i], replace(one, ways=ways), *cases[i + 1 :])
    return (*cases, new)


def _is_special(general: FormCase, special: FormCase) -> bool:
    """Say whether the forms of one case give those of another, where arguments are fixed in it."""
    known = fixed(special)
    if not all(_is_settled(each, known) for each in set(general.facts) ^ set(special.facts)):
        return False
    pairs = [
        *((general.forms[name], form) for name, form in special.forms.items()),
    ]
    if [part.name for part in general.parts] != [part.name for part in special.parts]:
        return False
    for one, other in zip(general.parts, special.parts, strict=True):
        pairs += [(one.forms[name], form) for name, form in other.forms.items()]
    try:
        return all(_at(one, known) == _at(other, known) for one, other in pairs)
    except ArithmeticError:
        return False


def settled(case: FormCase) -> FormCase:
    """Return a case with the values of arguments that have one only in its forms."""
    known = fixed(case)
    return replace(
        case,
        forms={name: _at(form, known) for name, form in case.forms.items()},
        parts=tuple(
            replace(part, forms={name: _at(form, known) for name, form in part.forms.items()})
            for part in case.parts
        ),
    )


def fixed(case: FormCase) -> dict[str, Value]:
    """Return the arguments that have one value in a case, which hangs on them."""
    found: dict[str, Value] = {}
    for name, value in case.at.items():
        if isinstance(value, bool):
            continue
        is_fixed = all(
            DomainBound(name, "==", value) in limits((*way, *case.facts), case.wholes, (name,))
            for way in case.ways
        )
        if is_fixed:
            found[name] = value
    return found


def _is_settled(fact: Condition, known: Mapping[str, Value]) -> bool:
    """Say whether a fact holds wherever some arguments have these values."""
    return names_in(fact) <= set(known) and is_met(fact, known)


def _at(form: Polynomial, known: Mapping[str, Value]) -> Polynomial:
    """Return a form with values in the place of some arguments."""
    return form.replaced(known) if form.names & set(known) else form


def _joined(ways: tuple[tuple[Condition, ...], ...]) -> tuple[tuple[Condition, ...], ...]:
    """Return fewer ways: `x > 0` or `x == 0` is `x >= 0`, what else holds being the same."""
    for i, one in enumerate(ways):
        for j, other in enumerate(ways):
            joined = _either(one, other) if i != j else None
            if joined is not None:
                rest = [way for k, way in enumerate(ways) if k not in (i, j)]
                return _joined((*rest, joined))
    return ways


def _either(
    one: tuple[Condition, ...], other: tuple[Condition, ...]
) -> tuple[Condition, ...] | None:
    """Return a way that is one of these or the other, None where none is seen."""
    if set(one) <= set(other):
        return one  # the other says more
    at = _pinned(other)
    for strict in one:
        wider = _widened(strict, at)
        if wider is None:
            continue
        joined = tuple(each for c in one for each in (wider if c is strict else (c,)))
        if all(c in other or _is_settled(c, at) for c in joined) and all(
            c in joined or _is_settled(c, at) for c in other
        ):
            return joined
    match [c for c in one if c not in other], [c for c in other if c not in one]:
        case [Compared("!=", left)], [Compared("==", right)] if left == right:
            return tuple(each for each in one if each in other)
        case _:
            return None


def _widened(condition: Condition, at: Mapping[str, Value]) -> tuple[Condition, ...] | None:
    """Return what a condition becomes where its border is let in, which lies at some arguments."""
    match condition:
        case Compared(">" | "!=" as operator, polynomial) if polynomial.names <= set(at):
            if polynomial.evaluate(at) == 0:
                return (Compared(">=", polynomial),) if operator == ">" else ()
            return None
        case _:
            return None


def _pinned(way: tuple[Condition, ...]) -> dict[str, Value]:
    names = sorted(frozenset[str]().union(*map(names_in, way)))
    bounds = limits(way, frozenset(), names)
    return {b.name: b.value for b in bounds if isinstance(b, DomainBound) and b.operator == "=="}
