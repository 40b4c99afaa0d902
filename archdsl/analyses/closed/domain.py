"""Where a closed form holds, as people write it: what several conditions come to, once each.

An argument whose default is a whole number is taken to be one here; whether a form holds for some
arguments is asked of the conditions themselves.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd
from typing import TypeAlias

from archdsl.analyses.closed.conditions import (
    Alike,
    Compared,
    Condition,
    Flagged,
    Whole,
    names_in,
)
from archdsl.analyses.closed.polynomial import AppliedAtom, ArgumentAtom, Atom, Polynomial
from archdsl.ir.numbers import Value, compare, normal
from archdsl.record import Record


class Progression(Record):
    """`name = step n + offset` with a whole n."""

    name: str
    step: Value
    offset: Value


class DomainBound(Record):
    """`name operator value`, with one of `== != >= > <= <`."""

    name: str
    operator: str
    value: Value


Limit: TypeAlias = Progression | DomainBound | Condition


def limits(
    conditions: Iterable[Condition], wholes: frozenset[str], names: Sequence[str]
) -> tuple[Limit, ...]:
    """Return what conditions come to, argument by argument, then what is about several."""
    conditions = tuple(dict.fromkeys(conditions))
    ranges = {name: _Range(name in wholes) for name in names}
    left = [condition for condition in conditions if not _taken(condition, ranges)]
    found: list[Limit] = []
    for name in names:
        found += ranges[name].limits(name)
    return (*found, *(each for each in left if not _follows(each, ranges, wholes)))


def _taken(condition: Condition, ranges: dict[str, "_Range"]) -> bool:
    """Enter a condition that is about one argument, and linear in it."""
    if isinstance(condition, Flagged | Alike):
        return False
    match sorted(condition.polynomial.terms.items(), key=lambda term: len(term[0])):
        case [(((ArgumentAtom(name), 1),), slope)]:
            start = 0
        case [((), start), (((ArgumentAtom(name), 1),), slope)]:
            pass
        case _:
            return False
    if name not in ranges:
        return False
    match condition:
        case Whole():
            ranges[name].every(Fraction(slope), Fraction(start))
        case Compared(operator):
            turned = {">": "<", ">=": "<="}.get(operator, operator) if slope < 0 else operator
            ranges[name].bound(turned, normal(Fraction(-start) / Fraction(slope)))
    return True


class _Range:
    """What an argument may be."""

    def __init__(self, is_whole: bool) -> None:
        self.step, self.offset = (Fraction(1), Fraction(0)) if is_whole else (None, Fraction(0))
        self.is_whole = is_whole
        self.least: tuple[Value, bool] | None = None  # and whether it may be that
        self.most: tuple[Value, bool] | None = None
        self.equal: Value | None = None
        self.excluded: list[Value] = []

    def every(self, slope: Fraction, start: Fraction) -> None:
        """Take that slope x + start is whole: x is offset + a multiple of step."""
        step, offset = abs(1 / slope), -start / slope
        if self.step is None:
            self.step, self.offset = step, offset
            return
        size = gcd(*_over(self.step, step)[:2])
        unit = Fraction(1, _over(self.step, step)[2])
        both = self.step * step / (size * unit)
        place = self.offset
        while (place - offset) % step and place < self.offset + both:
            place += self.step
        self.step, self.offset = both, place

    def bound(self, operator: str, value: Value) -> None:
        match operator:
            case "==":
                self.equal = value
            case "!=":
                self.excluded.append(value)
            case ">" | ">=":
                may = operator == ">="
                if self.least is None or (value, not may) > (self.least[0], not self.least[1]):
                    self.least = value, may
            case _:
                may = operator == "<="
                if self.most is None or (value, may) < self.most:
                    self.most = value, may

    def limits(self, name: str) -> list[Limit]:
        """Return them as they are written."""
        self._tighten()
        if self.equal is None and self.least == self.most and self.least is not None:
            self.equal = self.least[0]
        if self.equal is not None:
            return [DomainBound(name, "==", self.equal)]
        found: list[Limit] = []
        if self.step is not None and (self.step != 1 or not self.is_whole):
            if not (self.step < 1 and not self.is_whole):
                offset = normal(self.offset % self.step)
                found.append(Progression(name, normal(self.step), offset))
            else:
                found.append(Whole(Polynomial({((ArgumentAtom(name), 1),): normal(1 / self.step)})))
        if self.least is not None:
            found.append(DomainBound(name, ">=" if self.least[1] else ">", self.least[0]))
        if self.most is not None:
            found.append(DomainBound(name, "<=" if self.most[1] else "<", self.most[0]))
        found += [DomainBound(name, "!=", value) for value in sorted(set(self.excluded))]
        return found

    def _tighten(self) -> None:
        """Move the bounds to values that the argument can have."""
        if self.step is None:
            return
        if self.least is not None:
            value = self._next(self.least[0], 1)
            if value == self.least[0] and not self.least[1]:
                value += self.step
            while value in self.excluded:
                value += self.step
            self.least = normal(value), True
        if self.most is not None:
            value = self._next(self.most[0], -1)
            if value == self.most[0] and not self.most[1]:
                value -= self.step
            self.most = normal(value), True
        self.excluded = [
            value
            for value in self.excluded
            if (self.least is None or value > self.least[0])
            and (self.most is None or value < self.most[0])
            and not (value - self.offset) % self.step
        ]

    def _next(self, value: Value, sign: int) -> Fraction:
        assert self.step is not None
        steps = (Fraction(value) - self.offset) / self.step
        whole = steps.__ceil__() if sign > 0 else steps.__floor__()
        return self.offset + whole * self.step

    @property
    def lowest(self) -> Value | None:
        """A value that the argument is never below."""
        if self.equal is not None:
            return self.equal
        return None if self.least is None else self.least[0]


def _over(one: Fraction, other: Fraction) -> tuple[int, int, int]:
    """Return two fractions over one denominator."""
    shared = one.denominator * other.denominator // gcd(one.denominator, other.denominator)
    return int(one * shared), int(other * shared), shared


def _follows(condition: Condition, ranges: dict[str, _Range], wholes: frozenset[str]) -> bool:
    """Say whether a condition follows from the ranges of the arguments."""
    match condition:
        case Whole(polynomial):
            return names_in(condition) <= wholes and all(
                isinstance(c, int) and all(isinstance(atom, ArgumentAtom) for atom, _ in monomial)
                for monomial, c in polynomial.terms.items()
            )
        case Compared(operator, polynomial):
            lowest = _lowest(polynomial, ranges)
            return (
                lowest is not None
                and compare(">" if operator == "!=" else operator, lowest, 0)
                and operator != "=="
            )
        case Alike(polynomials):
            return any(
                _follows(Compared("!=", each), ranges, wholes) for each in polynomials
            ) or any(
                _follows(Compared("!=", each.scaled(-1)), ranges, wholes) for each in polynomials
            )
        case Flagged():
            return False


def _lowest(polynomial: Polynomial, ranges: dict[str, _Range]) -> Value | None:
    """Return a number that a polynomial is never below, where one is easily seen."""
    total: Value = 0
    for monomial, coefficient in polynomial.terms.items():
        product: Value = coefficient
        for atom, exponent in monomial:
            lowest = _lowest_of(atom, ranges)
            if lowest is None or lowest < 0 or coefficient < 0:
                return None
            product *= lowest**exponent
        total += product
    return total


def _lowest_of(atom: Atom, ranges: dict[str, _Range]) -> Value | None:
    match atom:
        case ArgumentAtom(name):
            return ranges[name].lowest if name in ranges else None
        case AppliedAtom("round_to", (_, step)):
            return step.constant
        case AppliedAtom("floor", (inner,)):
            lowest = _lowest(inner, ranges)
            return None if lowest is None else lowest.__floor__()
        case AppliedAtom():
            return None
