"""Closed forms of a family of networks: derived from one member, then from others it is not for."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from archdsl.analyses import walk
from archdsl.analyses.closed.cases import (
    ClosedForms,
    FormCase,
    Unsaid,
    derive,
    fixed,
    merged,
    settled,
)
from archdsl.analyses.closed.conditions import Compared, names_in
from archdsl.analyses.closed.polynomial import Polynomial
from archdsl.analyses.closed.traced import NotClosedError
from archdsl.analyses.counts import count
from archdsl.analyses.measures import MEASURES
from archdsl.ir.network import ArgumentValue, Network
from archdsl.ir.numbers import Value, normal, symbols, test_symbols
from archdsl.limits import LIFTED_NODES, MAX_CASES, MAX_TRIED, TRIED_WORK
from archdsl.pipeline.members import Members
from archdsl.recursion import deep_recursion
from archdsl.suggest import did_you_mean

SMALL = 6  # arguments up to this are looked at: there blocks degenerate


class SymbolicError(Exception):
    """What is asked for has no closed form; the message says why."""


@deep_recursion()
def closed_forms(members: Members, names: Sequence[str], *, cases: int = MAX_CASES) -> ClosedForms:
    """Return the closed forms of a family in some of its arguments; raise SymbolicError.

    Further members are built where a form that is known does not hold; of them, and of the `cases`
    that are derived, only a bounded number.
    """
    start = _start(members, names)
    search = _Search(members, names, start, cases)
    search.run()
    network = members.network
    return ClosedForms(
        network=network.name,
        names=tuple(names),
        wholes=search.wholes,
        others=others_of(network, names),
        cases=tuple(map(settled, search.cases)),
        unsaid=tuple(search.unsaid),
        complete=search.complete,
    )


def others_of(network: Network, names: Sequence[str]) -> tuple[tuple[str, ArgumentValue], ...]:
    """Return the arguments that are as compiled, not those that hang on the ones asked about."""
    hanging = {let.name for let in network.formulas if symbols(let.number.expr) & set(names)}
    hanging |= {name for name, test in network.flags if test_symbols(test) & set(names)}
    return tuple(
        (name, value)
        for name, value in network.arguments
        if name not in names and name not in hanging
    )


def _start(members: Members, names: Sequence[str]) -> dict[str, Value | bool]:
    """Return the values that the arguments have in the compiled network."""
    known, values = dict(members.network.arguments), dict(members.network.values)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, members.names)
            message = f"network `{members.network.name}` has no parameter `{name}`"
            raise SymbolicError(f"{message}; {hint}" if hint else message)
        if name not in values:
            message = f"`{name}` is no number and stands in no form: choose it with --set"
            raise SymbolicError(message)
        if list(names).count(name) > 1:
            raise SymbolicError(f"`{name}` is named twice")
    if not names:
        raise SymbolicError("no argument is named")
    return {name: values[name] for name in names}


class _Search:
    """Looks for members that the known forms are not for."""

    def __init__(
        self,
        members: Members,
        names: Sequence[str],
        start: Mapping[str, Value | bool],
        most: int,
    ) -> None:
        self.members = members
        self.names = names
        self.start = start
        self.wholes = members.wholes & frozenset(names)
        self.cases: tuple[FormCase, ...] = ()
        self.unsaid: list[Unsaid] = []
        self.complete = True
        nodes = sum(1 for _ in walk.walk(walk.root(members.network)))
        self._most = max(1, min(most, LIFTED_NODES // nodes))
        self._tried = 0
        self._mentioned = members.mentioned()

    def run(self) -> None:
        first = self._derived(self.start)
        if first is None:
            raise SymbolicError(f"there is no closed form: {self.unsaid[0].reason}")
        waiting, seen = deque(self._near(first)), {tuple(self.start.items())}
        while waiting:
            values = waiting.popleft()
            if tuple(values.items()) in seen or self._is_known(values):
                continue
            seen.add(tuple(values.items()))
            if self._is_enough():
                self.complete = False
                return
            case = self._derived(values)
            if case is not None:
                waiting.extend(self._near(case))

    def _is_enough(self) -> bool:
        found = len(self.cases) + len(self.unsaid)
        return found >= self._most or self._tried >= MAX_TRIED or self.members.work >= TRIED_WORK

    def _is_known(self, values: Mapping[str, Value | bool]) -> bool:
        return any(case.covers(values) for case in self.cases)

    def _derived(self, values: Mapping[str, Value | bool]) -> FormCase | None:
        """Return the case of a member, None where it is refused or has no form."""
        self._tried += 1
        network = self.members.at(values)
        if network is None:
            return None
        wholes = frozenset(n for n in self.wholes if isinstance(values[n], int))
        try:
            case = derive(network, values, wholes)
            self._check(case)
        except NotClosedError as error:
            self.unsaid.append(Unsaid(dict(values), str(error)))
            return None
        self.cases = merged(self.cases, case)
        return case

    def _check(self, case: FormCase) -> None:
        """Raise NotClosedError where a form is wrong of a member that it is said to be for."""
        checked = 0
        for values in self._near(case):
            if checked == CHECKED:
                return
            if values == case.at or not case.covers(values) or not case.exists(values):
                continue
            network = self.members.at(values)
            self._tried += 1
            checked += 1
            if network is not None:
                _compare(case, network, values)

    def _near(self, case: FormCase) -> Iterator[dict[str, Value | bool]]:
        """Yield members that differ from a case's in one argument, where it may be another."""
        for name in self.names:
            value = case.at[name]
            if isinstance(value, bool):
                yield {**case.at, name: not value}
                continue
            for other in self._others(case, name, value):
                yield {**case.at, name: other}

    def _others(self, case: FormCase, name: str, value: Value) -> Iterator[Value]:
        is_whole = name in self.wholes
        found: dict[Value, None] = {}
        if name in fixed(case) and is_looked_up(
            case, name
        ):  # what a table or a choice knows stands in the spec
            found |= dict.fromkeys((*self._mentioned, *range(SMALL + 1)))
            yield from (other for other in found if other >= 0)
            return
        for root in _roots(case, name):
            for other in (root, root.__floor__(), root.__floor__() + 1, root - 1, root + 1):
                found.setdefault(normal(other))
        for step in (1, 2, 3, 4, 6, 8, 9, 12, 16, 24):
            found.setdefault(normal(value + step))
        found |= dict.fromkeys((normal(2 * value), *self._mentioned, *range(1, SMALL + 1)))
        if not is_whole:
            found.setdefault(normal(Fraction(value) / 2))
        for other in found:
            if other > 0 and (not is_whole or isinstance(other, int)):
                yield other


CHECKED = 2  # members that a case is checked at


def _compare(case: FormCase, network: Network, values: Mapping[str, Value | bool]) -> None:
    sums = count(network).sums
    numbers = {name: value for name, value in values.items() if not isinstance(value, bool)}
    for name, form in case.forms.items():
        if form.evaluate(numbers) != MEASURES[name].of(network, sums):
            raise NotClosedError(f"its {name} hang on something that the compiler does not keep")


def is_looked_up(case: FormCase, name: str) -> bool:
    """Say whether a case is about one value of an argument alone, as where a table has it."""
    return any(
        isinstance(each, Compared)
        and each.operator == "=="
        and names_in(each) == frozenset((name,))
        for way in case.ways
        for each in way
    )


def _roots(case: FormCase, name: str) -> Iterator[Value]:
    """Yield where a condition that is linear in an argument begins not to hold."""
    others = {n: v for n, v in case.at.items() if n != name and not isinstance(v, bool)}
    for condition in dict.fromkeys((*(c for way in case.ways for c in way), *case.facts)):
        if isinstance(condition, Compared) and name in names_in(condition):
            yield from _root(condition.polynomial.replaced(others))


def _root(polynomial: Polynomial) -> Iterator[Value]:
    slope: Value = 0
    for monomial, coefficient in polynomial.terms.items():
        if not monomial:
            continue
        if slope or sum(exponent for _, exponent in monomial) > 1:
            return
        slope = coefficient
    if slope:
        yield normal(Fraction(-polynomial.terms.get((), 0)) / Fraction(slope))
