"""Functions of polynomials that are none: floors and others, as simple as they get."""

from collections.abc import Callable
from fractions import Fraction

from archdsl.analyses.closed.polynomial import (
    AppliedAtom,
    ArgumentAtom,
    Atom,
    Monomial,
    Polynomial,
    names_of,
    number,
    of_atom,
)
from archdsl.ir.numbers import Value, apply, normal


class Wholes:
    """What is known to be a whole number.

    Arguments in `names` are taken to be, and `used` says of which that was needed.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._facts: list[Polynomial] = []
        self.used: set[str] = set()

    def add(self, polynomial: Polynomial) -> bool:
        """Take a polynomial as whole; return whether that was not known without its arguments."""
        is_new = not self._follows(polynomial, frozenset())
        if is_new:
            self._facts.append(polynomial)
        return is_new

    def is_whole(self, polynomial: Polynomial) -> bool:
        """Say whether a polynomial is known to be whole."""
        if self._follows(polynomial, frozenset()):
            return True
        follows = self._follows(polynomial, self._names)
        if follows:
            self.used |= polynomial.names
        return follows

    def _follows(self, polynomial: Polynomial, names: frozenset[str]) -> bool:
        for fact in self._facts:
            polynomial = _reduced(polynomial, fact, names)
        return all(self._is_term_whole(term, names) for term in polynomial.terms.items())

    def split(self, polynomial: Polynomial) -> tuple[Polynomial, Polynomial]:
        """Return the whole part of a sum, and the rest; the sum of the two is the polynomial."""
        whole, rest = dict[Monomial, Value](), dict[Monomial, Value]()
        for monomial, coefficient in polynomial.terms.items():
            if not monomial:
                floor = coefficient.__floor__()
                found, left = floor, normal(coefficient - floor)
            elif self._is_term_whole((monomial, coefficient), self._names):
                self.used |= {name for atom, _ in monomial for name in names_of(atom)}
                found, left = coefficient, 0
            else:
                found, left = 0, coefficient
            if found:
                whole[monomial] = found
            if left:
                rest[monomial] = left
        return Polynomial(whole), Polynomial(rest)

    def _is_term_whole(self, term: tuple[Monomial, Value], names: frozenset[str]) -> bool:
        monomial, coefficient = term
        return isinstance(coefficient, int) and all(
            self._is_atom_whole(atom, names) for atom, _ in monomial
        )

    def _is_atom_whole(self, atom: Atom, names: frozenset[str]) -> bool:
        match atom:
            case ArgumentAtom(name):
                return name in names
            case AppliedAtom("floor" | "ceil" | "round"):
                return True
            case AppliedAtom("round_to", (_, step)):
                return self.is_whole(step)
            case AppliedAtom():
                return False


def _reduced(polynomial: Polynomial, fact: Polynomial, names: frozenset[str]) -> Polynomial:
    """Return the polynomial less a whole multiple of a fact, so that a term goes.

    With `names`, which are whole, only a fraction has to go.
    """
    for monomial, coefficient in polynomial.terms.items():
        if not monomial or monomial not in fact.terms or (names and isinstance(coefficient, int)):
            continue
        factor = normal(Fraction(coefficient) / Fraction(fact.terms[monomial]))
        if isinstance(factor, int):
            return polynomial.plus(fact, -factor)
    return polynomial


def floor(polynomial: Polynomial, wholes: Wholes) -> Polynomial:
    """Return the floor of a polynomial."""
    if wholes.is_whole(polynomial):
        return polynomial
    whole, rest = wholes.split(polynomial)
    if rest.constant is not None:
        return whole.plus(number(rest.constant.__floor__()))
    return _floor_of(rest, whole)


def _floor_of(rest: Polynomial, whole: Polynomial) -> Polynomial:
    """Return the floor of what is not whole; floor((floor(x) + a) / m) is floor((x + a) / m).

    Source: Graham, Knuth & Patashnik, Concrete Mathematics, equation 3.10.
    """
    inner = [(m, c) for m, c in rest.terms.items() if m]
    match inner:
        case [(((AppliedAtom("floor", (below,)), 1),), Fraction(numerator=1, denominator=parts))]:
            start = rest.terms.get((), 0)
            # the whole part of a start beyond the floor's own steps changes nothing
            start = normal(Fraction((start * parts).__floor__(), parts))
            rest = below.scaled(Fraction(1, parts)).plus(number(start))
        case _:
            pass
    outside = rest.terms.get((), 0).__floor__()
    rest, whole = rest.plus(number(outside), -1), whole.plus(number(outside))
    return whole.plus(of_atom(AppliedAtom("floor", (rest,))))


def applied(function: str, arguments: tuple[Polynomial, ...], wholes: Wholes) -> Polynomial:
    """Return floor, ceil, round, round_to or log of polynomials; raise ArithmeticError."""
    constants = [each.constant for each in arguments]
    known = [each for each in constants if each is not None]
    if len(known) == len(arguments):
        return number(apply(function, known))
    simpler: dict[str, Callable[[Polynomial], Polynomial]] = {
        "floor": lambda x: floor(x, wholes),
        "ceil": lambda x: floor(x.scaled(-1), wholes).scaled(-1),
        "round": lambda x: floor(x.plus(number(Fraction(1, 2))), wholes),
    }
    if function in simpler:
        return simpler[function](*arguments)
    return of_atom(AppliedAtom(function, arguments))


def reciprocal(polynomial: Polynomial) -> Polynomial:
    """Return one over a polynomial, which is never 0 where this is used."""
    return of_atom(AppliedAtom("reciprocal", (polynomial,)))
