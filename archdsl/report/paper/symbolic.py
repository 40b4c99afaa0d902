"""The table of a family: numbers are formulas over its arguments."""

from archdsl.analyses.closed.cases import ClosedForms
from archdsl.analyses.closed.lifting import lift
from archdsl.analyses.counts import count
from archdsl.ir.network import Network
from archdsl.ir.rebuild import replace
from archdsl.report.closed_forms import ways
from archdsl.report.formulas import TEXT
from archdsl.report.paper.table import PaperTable, paper_column, paper_table


def symbolic_table(network: Network, forms: ClosedForms) -> PaperTable:
    """Return the table of the case that the compiled network is of, and where it holds."""
    case = forms.cases[0]
    lifted, trace = lift(network, case.at, case.wholes)
    with trace.silent():
        column = paper_column(lifted, count(lifted), ())
    others = ", ".join(forms.names)
    column = replace(column, title=f"{network.name}, in {others}")
    table = paper_table([column], [network])
    return replace(table, holds=tuple(ways(forms, case, TEXT)))
