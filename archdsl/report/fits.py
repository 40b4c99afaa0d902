"""The nearest members of a budget as tables and as JSON."""

from fractions import Fraction

from archdsl.analyses.fitted import Fitted, FittedMember
from archdsl.analyses.measures import title_of
from archdsl.report.document import SCHEMA
from archdsl.report.literal import written
from archdsl.report.sweeps import cell_of, plain
from archdsl.report.table import Column, Format, Table, show


def fit_text(fitted: Fitted) -> str:
    """Return what is wanted, and the nearest members."""
    wanted = ", ".join(f"{goal:,} {title_of(name)}" for name, goal in fitted.wanted.items())
    others = ", ".join(f"{name} = {written(value)}" for name, value in fitted.fixed)
    call = f"{fitted.network}({others})" if others else fitted.network
    table = show(fit_table(fitted), Format.TEXT)
    return f"{call}, nearest to {wanted}\n\n{table}\n{fitted.looked_at:,} values looked at\n"


def fit_table(fitted: Fitted) -> Table:
    """Return a row for each member: what varies, its numbers, how far they are off."""
    heads = [
        *(Column(name, is_number=True) for name in fitted.varied),
        *(Column(title_of(name), is_number=True) for name in fitted.wanted),
        Column("off by", is_number=True),
    ]
    rows = [
        (*map(cell_of, member.values), *member.numbers, off_by(fitted, member))
        for member in fitted.members
    ]
    return Table(tuple(heads), tuple(rows))


def off_by(fitted: Fitted, member: FittedMember) -> str:
    """Return by how many percent a member misses what is wanted, and to which side."""
    numbers = zip(member.numbers, fitted.wanted.values(), strict=True)
    shares = [Fraction(number - goal, goal) for number, goal in numbers]
    worst = max(shares, key=abs)
    return f"{float(100 * worst):+.2f} %" if worst else "0 %"


def fit_document(fitted: Fitted) -> dict[str, object]:
    """Return the object of a fit."""
    return {
        "schema": SCHEMA,
        "network": fitted.network,
        "arguments": dict(fitted.fixed),
        "wanted": dict(fitted.wanted),
        "members": [
            {
                "arguments": dict(zip(fitted.varied, map(plain, member.values), strict=True)),
                **dict(zip(fitted.wanted, member.numbers, strict=True)),
                "error": float(member.error),
            }
            for member in fitted.members
        ],
    }
