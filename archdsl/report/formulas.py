r"""Polynomials as text and as LaTeX: what all terms have in common stands before brackets."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import assert_never

from archdsl.analyses.closed.polynomial import (
    AppliedAtom,
    ArgumentAtom,
    Atom,
    Monomial,
    Polynomial,
    content,
    in_order,
    without,
)
from archdsl.ir.numbers import Value
from archdsl.record import Record


class Notation(Record, kw_only=True):
    """How formulas are written."""

    name: Callable[[str], str]
    value: Callable[[Value], str]
    power: Callable[[str, int], str]
    product: Callable[[str, str], str]
    quotient: Callable[[str, int], str]
    applied: Callable[[str, tuple[str, ...]], str]
    word: Callable[[str], str]
    operators: Mapping[str, str]
    whole: str
    either: str
    everywhere: str
    more: Callable[[int], str]
    escaped: Callable[[str], str]


def formula(polynomial: Polynomial, notation: Notation) -> str:
    """Return a polynomial as a formula."""
    if not polynomial.terms:
        return notation.value(0)
    factor, monomial = content(polynomial)
    if len(polynomial.terms) == 1:
        return _term(monomial, polynomial.terms[monomial], notation)
    if polynomial.lead < 0 and all(c <= 0 for c in polynomial.terms.values()):
        factor = -factor
    inner = _sum(without(polynomial, factor, monomial), notation)
    if factor == 1 and not monomial:
        return inner
    above, below = Fraction(factor).as_integer_ratio()
    text = f"({inner})"
    if above != 1 or monomial:
        text = notation.product(_term(monomial, above, notation), text)
    return text if below == 1 else notation.quotient(text, below)


def _sum(polynomial: Polynomial, notation: Notation) -> str:
    text = ""
    for monomial, coefficient in in_order(polynomial):
        term = _term(monomial, abs(coefficient), notation)
        sign = "-" if coefficient < 0 else "+"
        if not text:
            text = f"-{term}" if coefficient < 0 else term
        else:
            text += f" {sign} {term}"
    return text


def _term(monomial: Monomial, coefficient: Value, notation: Notation) -> str:
    if not monomial:
        return notation.value(coefficient)
    product = _product(monomial, notation)
    above, below = Fraction(coefficient).as_integer_ratio()
    if abs(above) == 1:
        product = product if coefficient > 0 else f"-{product}"
    else:
        product = notation.product(notation.value(above), product)
    return product if below == 1 else notation.quotient(product, below)


def _product(monomial: Monomial, notation: Notation) -> str:
    """Return atoms with their exponents, the highest first, as in `k^2 depth`."""
    text = ""
    for atom, exponent in sorted(monomial, key=lambda power: -power[1]):
        factor = atom_text(atom, notation)
        factor = notation.power(factor, exponent) if exponent > 1 else factor
        text = notation.product(text, factor) if text else factor
    return text


def atom_text(atom: Atom, notation: Notation) -> str:
    """Return an atom as it stands in a formula."""
    match atom:
        case ArgumentAtom(name):
            return notation.name(name)
        case AppliedAtom(function, arguments):
            return notation.applied(function, tuple(formula(each, notation) for each in arguments))
        case _:
            assert_never(atom)


def _text_applied(function: str, arguments: tuple[str, ...]) -> str:
    match function, arguments:
        case "reciprocal", (below,):
            return f"(1/({below}))"
        case "power", (base, exponent):
            return f"({base})^({exponent})"
        case _:
            return f"{function}({', '.join(arguments)})"


def _latex_applied(function: str, arguments: tuple[str, ...]) -> str:
    match function, arguments:
        case "floor", (inner,):
            return rf"\left\lfloor {inner} \right\rfloor"
        case "reciprocal", (below,):
            return rf"\frac{{1}}{{{below}}}"
        case "power", (base, exponent):
            return rf"\left({base}\right)^{{{exponent}}}"
        case _:
            name = function.replace("_", r"\_")
            return rf"\operatorname{{{name}}}({', '.join(arguments)})"


def _text_value(value: Value) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value.numerator:,}/{value.denominator:,}"


def _latex_value(value: Value) -> str:
    if isinstance(value, int):
        return f"{value:,}".replace(",", r"\,")
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _latex_name(name: str) -> str:
    if len(name) == 1:
        return name
    return rf"\mathit{{{_latex_escaped(name)}}}"


def _latex_escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "&%$#_{}" else c for c in text)


TEXT = Notation(
    name=lambda name: name,
    value=_text_value,
    power=lambda base, exponent: f"{base}^{exponent}",
    product=lambda left, right: f"{left} {right}",
    quotient=lambda above, below: f"{above} / {below:,}",
    applied=_text_applied,
    word=lambda text: text,
    operators={"==": "=", "!=": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<="},
    whole="whole",
    either=" or ",
    everywhere="all values",
    more=lambda number: f"{number} more such",
    escaped=lambda text: text,
)
LATEX = Notation(
    name=_latex_name,
    value=_latex_value,
    power=lambda base, exponent: f"{base}^{{{exponent}}}",
    product=lambda left, right: rf"{left}\,{right}",
    quotient=lambda above, below: rf"\frac{{{above}}}{{{below}}}",
    applied=_latex_applied,
    word=lambda text: rf"\text{{{text}}}",
    operators={
        "==": "=",
        "!=": r"\neq",
        ">": ">",
        ">=": r"\geq",
        "<": "<",
        "<=": r"\leq",
    },
    whole=r"\in \mathbb{Z}",
    either=r" \text{ or } ",
    everywhere=r"\text{all values}",
    more=lambda number: rf"\text{{{number} more such}}",
    escaped=_latex_escaped,
)
