"""Members of families, and whether closed forms give what counting them gives."""

import random
import zlib
from fractions import Fraction

from archdsl.analyses.counts import count
from archdsl.analyses.measures import MEASURES
from archdsl.ir.numbers import normal

STEPS = (0, 1, 2, 3, 4, 6, 8, 12, 16, -1, -2, -6)


def values_of(network, names, number, seed=""):
    """Return arguments of members of a family, near those of a network; the same each time."""
    draw = random.Random(zlib.crc32(f"{network.name} {names} {seed}".encode()))
    compiled = dict(network.values)
    return [{name: _another(compiled[name], draw) for name in names} for _ in range(number)]


def _another(value, draw):
    if isinstance(value, bool):
        return draw.random() < 0.5
    if isinstance(value, int):
        return draw.choice((*(max(1, value + step) for step in STEPS), 2 * value, 1, 2, 3))
    return normal(draw.choice((1, Fraction(1, 2), Fraction(3, 2), 2)) * value)


def check_forms(forms, members, every):
    """Hold forms against the counts of members; return how many of them they are for."""
    compared = 0
    for values in every:
        case, network = forms.case(values), members.at(values)
        if case is None:
            continue
        assert case.exists(values) is (network is not None), values
        if network is None:
            continue
        sums = count(network).sums
        numbers = {n: v for n, v in values.items() if not isinstance(v, bool)}
        for name, form in case.forms.items():
            assert form.evaluate(numbers) == MEASURES[name].of(network, sums), (values, name)
        rows = {}
        for row in count(network).parts:
            rows.setdefault(row.name, []).append(row.sums.total)
        for part in case.parts:
            assert part.forms["parameters"].evaluate(numbers) in rows[part.name], part.name
        compared += 1
    return compared
