"""Exact polynomials: sums of products of atoms, with rational coefficients.

An atom is an argument of the network, or a function of polynomials that is none itself, such as
`round_to(32 width, 8)`.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cmp_to_key, lru_cache
from math import gcd, lcm
from typing import TypeAlias, assert_never

from archdsl.ir.numbers import Value, apply, arithmetic, normal
from archdsl.record import Record

MAX_TERMS = 4_000  # of a polynomial; a longer one nobody reads
MAX_PRODUCTS = 400_000  # of terms, to multiply two polynomials
MAX_EXPONENT = 64  # a spec is untrusted, and may square a number again and again


class TooLongError(Exception):
    """A polynomial has more terms than are kept."""


class ArgumentAtom(Record):
    """An argument of the network."""

    name: str


class AppliedAtom(Record):
    """A function of polynomials: floor, ceil, round, round_to, log, power or reciprocal."""

    function: str
    arguments: "tuple[Polynomial, ...]"


Atom: TypeAlias = ArgumentAtom | AppliedAtom
Monomial: TypeAlias = tuple[tuple[Atom, int], ...]
"""Atoms in order, with their exponents."""


class Polynomial:
    """A sum of monomials with coefficients that are not 0."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, Value]) -> None:
        if len(terms) > MAX_TERMS:
            raise TooLongError
        self.terms: Mapping[Monomial, Value] = terms
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"<{key_of(self)}>"

    @property
    def constant(self) -> Value | None:
        """The number that this is, None where it hangs on an atom."""
        if not self.terms:
            return 0
        return self.terms.get(()) if len(self.terms) == 1 else None

    @property
    def lead(self) -> Value:
        """The coefficient of the first term in order; 0 of no terms."""
        return self.terms[max(self.terms, key=_order)] if self.terms else 0

    @property
    def atoms(self) -> frozenset[Atom]:
        """All atoms, not those inside others."""
        return frozenset(atom for monomial in self.terms for atom, _ in monomial)

    @property
    def names(self) -> frozenset[str]:
        """The arguments that it hangs on."""
        return frozenset(name for atom in self.atoms for name in names_of(atom))

    def plus(self, other: "Polynomial", factor: Value = 1) -> "Polynomial":
        """Return the sum with another one times a number."""
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            found = normal(terms.get(monomial, 0) + coefficient * factor)
            if found:
                terms[monomial] = found
            else:
                del terms[monomial]
        return Polynomial(terms)

    def times(self, other: "Polynomial") -> "Polynomial":
        """Return the product."""
        if len(self.terms) * len(other.terms) > MAX_PRODUCTS:
            raise TooLongError
        terms: dict[Monomial, Value] = {}
        for left, one in self.terms.items():
            for right, two in other.terms.items():
                monomial = _product(left, right)
                terms[monomial] = terms.get(monomial, 0) + one * two
        return Polynomial({m: normal(c) for m, c in terms.items() if c})

    def scaled(self, factor: Value) -> "Polynomial":
        """Return the product with a number."""
        return number(0).plus(self, factor) if factor else number(0)

    def divided(self, other: "Polynomial") -> "Polynomial | None":
        """Return the quotient where nothing is left over, else None."""
        lead = max(other.terms, key=_order)
        rest, quotient = self, number(0)
        for _ in range(len(self.terms) + len(other.terms)):
            if not rest.terms:
                return quotient
            head = max(rest.terms, key=_order)
            monomial = _quotient(head, lead)
            if monomial is None:
                return None
            factor = normal(Fraction(rest.terms[head]) / Fraction(other.terms[lead]))
            step = Polynomial({monomial: factor})
            quotient, rest = quotient.plus(step), rest.plus(step.times(other), -1)
        return None

    def replaced(self, values: Mapping[str, Value]) -> "Polynomial":
        """Return it with values in the place of arguments; raise ArithmeticError."""
        total = number(0)
        for monomial, coefficient in self.terms.items():
            product = number(coefficient)
            for atom, exponent in monomial:
                factor = _replaced(atom, values)
                for _ in range(exponent):
                    product = product.times(factor)
            total = total.plus(product)
        return total

    def evaluate(self, values: Mapping[str, Value]) -> Value:
        """Return its value where the arguments have these; raise ArithmeticError."""
        total: Value = 0
        known: dict[Atom, Value] = {}
        for monomial, coefficient in self.terms.items():
            product: Value = coefficient
            for atom, exponent in monomial:
                if atom not in known:
                    known[atom] = value_of(atom, values)
                product *= known[atom] ** exponent
            total += product
        return normal(total)


def _replaced(atom: Atom, values: Mapping[str, Value]) -> Polynomial:
    match atom:
        case ArgumentAtom(name):
            return number(values[name]) if name in values else of_atom(atom)
        case AppliedAtom(function, arguments):
            given = tuple(each.replaced(values) for each in arguments)
            made = AppliedAtom(function, given)
            is_known = all(each.constant is not None for each in given)
            return number(value_of(made, {})) if is_known else of_atom(made)
        case _:
            assert_never(atom)


def value_of(atom: Atom, values: Mapping[str, Value]) -> Value:
    """Return the value of an atom where the arguments have these; raise ArithmeticError."""
    match atom:
        case ArgumentAtom(name):
            return values[name]
        case AppliedAtom(function, arguments):
            given = [each.evaluate(values) for each in arguments]
            match function:
                case "reciprocal":
                    return arithmetic("/", 1, *given)
                case "power":
                    return arithmetic("**", *given)
                case _:
                    return apply(function, given)
        case _:
            assert_never(atom)


def names_of(atom: Atom) -> frozenset[str]:
    """Return the arguments that an atom hangs on."""
    match atom:
        case ArgumentAtom(name):
            return frozenset((name,))
        case AppliedAtom(_, arguments):
            return frozenset(name for each in arguments for name in each.names)
        case _:
            assert_never(atom)


def number(value: Value) -> Polynomial:
    """Return a number as a polynomial."""
    return Polynomial({(): normal(value)} if value else {})


def of_atom(atom: Atom) -> Polynomial:
    """Return an atom as a polynomial."""
    return Polynomial({((atom, 1),): 1})


def argument(name: str) -> Polynomial:
    """Return an argument as a polynomial."""
    return of_atom(ArgumentAtom(name))


def content(polynomial: Polynomial) -> tuple[Value, Monomial]:
    """Return the number and the monomial that all terms have as a factor; of no terms, 1.

    What is left has whole coefficients without a common factor.
    """
    if not polynomial.terms:
        return 1, ()
    fractions = [Fraction(c) for c in polynomial.terms.values()]
    whole = gcd(*(each.numerator for each in fractions))
    least = lcm(*(each.denominator for each in fractions))
    powers: list[tuple[Atom, int]] = []
    first, *others = polynomial.terms
    for atom, exponent in first:
        common = min((dict(other).get(atom, 0) for other in others), default=exponent)
        if min(common, exponent):
            powers.append((atom, min(common, exponent)))
    return normal(Fraction(whole, least)), tuple(powers)


def without(polynomial: Polynomial, factor: Value, monomial: Monomial) -> Polynomial:
    """Return the polynomial divided by a number and a monomial that all terms have."""
    terms: dict[Monomial, Value] = {}
    for each, coefficient in polynomial.terms.items():
        left = _quotient(each, monomial)
        assert left is not None
        terms[left] = normal(Fraction(coefficient) / Fraction(factor))
    return Polynomial(terms)


def in_order(polynomial: Polynomial) -> Iterator[tuple[Monomial, Value]]:
    """Yield the terms as people write them: those of the highest degree first."""
    for monomial in sorted(polynomial.terms, key=_order, reverse=True):
        yield monomial, polynomial.terms[monomial]


def _compared(left: Monomial, right: Monomial) -> int:
    """Compare by degree, then by the exponents of the atoms in order: products keep this order."""
    degrees = sum(e for _, e in left) - sum(e for _, e in right)
    if degrees:
        return degrees
    for (one, exponent), (other, another) in zip(left, right, strict=False):
        if one != other:
            return 1 if _key(one) < _key(other) else -1
        if exponent != another:
            return exponent - another
    return len(left) - len(right)


_order = cmp_to_key(_compared)


def _product(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, exponent in right:
        powers[atom] = powers.get(atom, 0) + exponent
        if powers[atom] > MAX_EXPONENT:
            raise TooLongError
    return _sorted(powers.items())


def _quotient(left: Monomial, right: Monomial) -> Monomial | None:
    powers = dict(left)
    for atom, exponent in right:
        found = powers.get(atom, 0) - exponent
        if found < 0:
            return None
        powers[atom] = found
    return _sorted((atom, exponent) for atom, exponent in powers.items() if exponent)


def _sorted(powers: Iterable[tuple[Atom, int]]) -> Monomial:
    return tuple(sorted(powers, key=lambda power: _key(power[0])))


@lru_cache(maxsize=4096)
def _key(atom: Atom) -> tuple[int, str]:
    match atom:
        case ArgumentAtom(name):
            return 0, name
        case AppliedAtom(function, arguments):
            return 1, f"{function}({', '.join(map(key_of, arguments))})"
        case _:
            assert_never(atom)


def key_of(polynomial: Polynomial) -> str:
    """Return a text that equal polynomials have in common, and no others."""
    terms = sorted(
        f"{coefficient}{''.join(f'*{_key(atom)[1]}^{exponent}' for atom, exponent in monomial)}"
        for monomial, coefficient in polynomial.terms.items()
    )
    return " + ".join(terms) or "0"
