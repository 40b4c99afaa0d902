"""Closed forms as people and programs read them: text, LaTeX, tables and JSON."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias, assert_never

from archdsl.analyses.closed.cases import ClosedForms, FormCase
from archdsl.analyses.closed.conditions import Alike, Compared, Condition, Flagged, Whole
from archdsl.analyses.closed.domain import DomainBound, Limit, Progression, limits
from archdsl.analyses.closed.polynomial import Polynomial, in_order
from archdsl.analyses.measures import MEASURES
from archdsl.ir.network import ArgumentValue
from archdsl.ir.numbers import Value
from archdsl.ir.showing import show_value
from archdsl.report.document import SCHEMA
from archdsl.report.formulas import LATEX, TEXT, Notation, atom_text, formula
from archdsl.report.literal import written
from archdsl.report.table import Column, Table

_Forms: TypeAlias = Mapping[str, Polynomial]

MOST_WAYS = 4  # in which a case is said to hold


# ---------------------------------------------------------------- text


def closed_text(forms: ClosedForms, *, by_part: bool = False) -> str:
    """Return the forms of each case, then where it holds."""
    blocks = [_heading(forms)]
    blocks += ["".join(_case_lines(forms, case, by_part=by_part)) for case in forms.cases]
    blocks += _last_lines(forms)
    return "\n".join(blocks)


def _heading(forms: ClosedForms) -> str:
    others = ", ".join(f"{name} = {written(value)}" for name, value in forms.others)
    call = f"{forms.network}({others})" if others else forms.network
    return f"{call}, in {_listed(forms.names)}\n"


def _case_lines(forms: ClosedForms, case: FormCase, *, by_part: bool) -> Iterator[str]:
    rows: list[tuple[str, Polynomial]] = [
        (MEASURES[name].title, form) for name, form in said(case.forms)
    ]
    if by_part:
        rows = [
            (f"{part.name}: {MEASURES[name].title}", form)
            for part in case.parts
            for name, form in said(part.forms, everything=False)
        ]
    width = max((len(title) for title, _ in rows), default=0)
    for title, form in rows:
        yield f"{title:{width}} = {formula(form, TEXT)}\n"
    for i, way in enumerate(ways(forms, case, TEXT)):
        yield f"    {'or ' if i else 'for '}{way}\n"


def said(forms: _Forms, *, everything: bool = True) -> Iterator[tuple[str, Polynomial]]:
    """Yield the forms that say something: not that what is not there is 0, nor the same twice."""
    total = forms["parameters"]
    silent = {
        "learned": forms["learned"] == total,
        "unshared": forms["unshared"] == total,
        "deployed_bits": forms["deployed_bits"] == total.scaled(32),
    }
    for name, form in forms.items():
        is_asked = everything or name in ("parameters", "macs")
        if is_asked and form.terms and not silent.get(name):
            yield name, form


def _last_lines(forms: ClosedForms) -> list[str]:
    lines = [f"no closed form for {_arguments(each.at)}: {each.reason}\n" for each in forms.unsaid]
    if not forms.complete:
        lines.append("there are more cases: these are those of members that are near\n")
    return ["".join(lines)] if lines else []


def _arguments(values: Mapping[str, Value | bool]) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in values.items())


def _value(value: Value | bool) -> str:
    return written(value) if isinstance(value, bool) else show_value(value)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


# ---------------------------------------------------------------- where they hold


def ways(forms: ClosedForms, case: FormCase, notation: Notation) -> list[str]:
    """Return where a case holds: any of these."""
    found = [
        ", ".join(_limit(limit, notation, forms.names) for limit in _limits(forms, case, way))
        for way in case.ways[:MOST_WAYS]
    ]
    found = list(dict.fromkeys(way or notation.everywhere for way in found))
    more = len(case.ways) - MOST_WAYS
    return [*found, notation.more(more)] if more > 0 else found


def _limits(forms: ClosedForms, case: FormCase, way: Sequence[Condition]) -> tuple[Limit, ...]:
    return limits((*way, *case.facts), forms.wholes, forms.names)


def _limit(limit: Limit, notation: Notation, names: Sequence[str]) -> str:
    match limit:
        case Progression(name, step, offset):
            number = next(n for n in "nmjpq" if n not in names)
            sign = f" + {show_value(offset)}" if offset else ""
            multiple = f"{show_value(step)}{number}" if step != 1 else number
            return f"{notation.name(name)} = {multiple}{sign}"
        case DomainBound(name, operator, value):
            return f"{notation.name(name)} {notation.operators[operator]} {notation.value(value)}"
        case Compared(operator, polynomial):
            left, right = _sides(polynomial)
            return (
                f"{formula(left, notation)} {notation.operators[operator]} "
                f"{formula(right, notation)}"
            )
        case Whole(polynomial):
            return f"{formula(polynomial, notation)} {notation.whole}"
        case Flagged(name, value):
            return (
                f"{notation.name(name)} {notation.operators['==']} {notation.word(written(value))}"
            )
        case Alike(polynomials):
            parts = (_limit(Compared("!=", each), notation, names) for each in polynomials)
            return notation.either.join(parts)
        case _:
            assert_never(limit)


def _sides(polynomial: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Return what is to be compared: terms with a minus stand at the right."""
    left = {m: c for m, c in polynomial.terms.items() if c > 0 and m}
    right = {m: -c for m, c in polynomial.terms.items() if c < 0 and m}
    constant = polynomial.terms.get((), 0)
    if constant:
        (right if left else left)[()] = -constant if left else constant
    return Polynomial(left), Polynomial(right)


# ---------------------------------------------------------------- tables


def closed_table(forms: ClosedForms, notation: Notation, *, by_part: bool = False) -> Table:
    """Return a row for each form of each case."""
    titles = ("holds for", *(("part",) if by_part else ()), "measure", "form")
    rows: list[tuple[str, ...]] = []
    for case in forms.cases:
        where = "; ".join(ways(forms, case, notation))
        if by_part:
            rows += [
                (where, part.name, MEASURES[name].title, formula(form, notation))
                for part in case.parts
                for name, form in said(part.forms, everything=False)
            ]
        else:
            rows += [
                (where, MEASURES[name].title, formula(form, notation))
                for name, form in said(case.forms)
            ]
    return Table(tuple(map(Column, titles)), tuple(rows))


def closed_latex(forms: ClosedForms, *, by_part: bool = False) -> str:
    r"""Return an `align*` of amsmath for each case."""
    blocks: list[str] = []
    for case in forms.cases:
        rows = [(rf"\text{{{MEASURES[name].title}}}", form) for name, form in said(case.forms)]
        if by_part:
            rows = [
                (rf"\text{{{LATEX.escaped(part.name)}: {MEASURES[name].title}}}", form)
                for part in case.parts
                for name, form in said(part.forms, everything=False)
            ]
        lines = [rf"{title} &= {formula(form, LATEX)}" for title, form in rows]
        where = r" \text{ or } ".join(ways(forms, case, LATEX))
        lines.append(rf"&\quad\text{{for }} {where}")
        blocks.append("\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}\n")
    return "".join(blocks)


# ---------------------------------------------------------------- JSON


def closed_document(forms: ClosedForms) -> dict[str, object]:
    """Return the object of closed forms."""
    return {
        "schema": SCHEMA,
        "network": forms.network,
        "arguments": dict[str, ArgumentValue](forms.others),
        "symbolic": forms.names,
        "complete": forms.complete,
        "cases": [
            {
                "holds": ways(forms, case, TEXT),
                "at": {name: _plain(value) for name, value in case.at.items()},
                "forms": _forms(case.forms),
                "parts": [{"name": part.name, "forms": _forms(part.forms)} for part in case.parts],
            }
            for case in forms.cases
        ],
        "unsaid": [
            {"at": {n: _plain(v) for n, v in each.at.items()}, "reason": each.reason}
            for each in forms.unsaid
        ],
    }


def _forms(forms: _Forms) -> dict[str, object]:
    return {
        name: {
            "text": formula(form, TEXT),
            "terms": [
                {"coefficient": str(coefficient), "powers": powers}
                for powers, coefficient in terms(form)
            ],
        }
        for name, form in forms.items()
    }


def terms(form: Polynomial) -> Iterator[tuple[dict[str, int], Value]]:
    """Yield the terms of a form: the exponents of what is multiplied, and the coefficient."""
    for monomial, coefficient in in_order(form):
        yield {atom_text(atom, TEXT): exponent for atom, exponent in monomial}, coefficient


def _plain(value: Value | bool) -> int | float | bool:
    return float(value) if isinstance(value, Fraction) else value
