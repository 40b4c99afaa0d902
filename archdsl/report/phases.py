"""The phases of a growing network: a row for each, and what growing saves."""

from collections.abc import Iterable, Sequence

from archdsl.analyses.counts import Counts
from archdsl.analyses.growth.costs import training_macs
from archdsl.ir.network import Network, Phases
from archdsl.ir.recipe import GrowAt
from archdsl.report.document import GrowthReport, PhaseReport, Report
from archdsl.report.table import Column, Format, Table, show


def phase_reports(
    phases: Phases, members: Iterable[tuple[Network, Counts]]
) -> tuple[PhaseReport, ...]:
    """Return the rows of the phases, from the network of each and what it counts."""
    return tuple(
        PhaseReport(
            phase=number,
            arguments={name: dict(network.arguments)[name] for name in phases.names},
            parameters=counts.sums.total,
            learned=counts.sums.learned,
            fixed=counts.sums.frozen,
            macs=counts.sums.macs,
        )
        for number, (network, counts) in enumerate(members)
    )


def growth_report(network: Network, rows: Sequence[PhaseReport]) -> GrowthReport | None:
    """Return what the training of a growing network costs; None where that is not known before."""
    recipe = network.recipe
    if recipe is None or not isinstance(recipe.grow, GrowAt):
        return None
    return GrowthReport(
        at=recipe.grow.at,
        epochs=recipe.epochs,
        macs=training_macs(recipe.grow, recipe.epochs, [row.macs for row in rows]),
        static_macs=recipe.epochs * rows[-1].macs,
    )


def phases_table(rows: Sequence[PhaseReport]) -> Table:
    """Return the table of the phases; they are no parts, and do not add up."""
    names = tuple(rows[0].arguments)
    titles = ("phase", *names, "parameters", "learned", "fixed", "MACs")
    return Table(
        tuple(Column(title, is_number=True) for title in titles),
        tuple(
            (row.phase, *_cells(row), row.parameters, row.learned, row.fixed, row.macs)
            for row in rows
        ),
    )


def _cells(row: PhaseReport) -> tuple[int | str, ...]:
    values = row.arguments.values()
    return tuple(value if isinstance(value, int) else str(value) for value in values)


def phases_text(report: Report) -> tuple[str, ...]:
    """Return the table of a network's phases and what growing saves, for a terminal."""
    if not report.phases:
        return ()
    said = _said(report.growth)
    return (show(phases_table(report.phases), Format.TEXT), *([said] if said else []))


def _said(growth: GrowthReport | None) -> str:
    """Return what there is to say of a growth at given epochs: nothing, or a sentence."""
    if growth is None or not growth.static_macs:
        return ""
    percent = 100 * growth.macs / growth.static_macs
    return (
        f"grown at {_epochs(growth.at)} of {growth.epochs:,}: {percent:.1f} % of the "
        "multiply-accumulates of training the last phase alone\n"
    )


def _epochs(at: Sequence[int]) -> str:
    """Return "epochs 3, 5 and 7"; only how many where they are too many for a line."""
    *first, last = at
    if not first:
        return f"epoch {last}"
    few = f"epochs {', '.join(map(str, first))} and {last}"
    return few if len(few) <= _FEW else f"{len(at)} epochs"


_FEW = 40  # characters
