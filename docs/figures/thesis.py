"""The figures of the unfinished thesis on dynamic network capacity: those of layers, no network."""

from docs.figures.kinds import Figure, Paper, Quantity, Table

SPEC = "tests/specs/thesis.arch"


def _filters(row: str, printed: str, kernels: list[list[int]]) -> Figure:
    return Figure(row, printed, f"{SPEC}:filters", {"kernels": kernels}, Quantity.ELEMENTS)


THESIS = Paper(
    "Dynamic network capacity (thesis, unfinished, 2017)",
    (
        Table(
            "Section 2.1, a dense layer",
            "In millions, without biases. The 10 millions that the text gives modern networks are "
            "those of no network in particular.",
            (Figure("10,000 nodes to 10,000", "100", f"{SPEC}:dense", {}),),
        ),
        Table(
            "Section 3.2, factors of filters",
            "Weights of one channel. A 3x1 and a 1x3 need a third less than a 3x3: 6 of 9.",
            (
                _filters("5x5", "25", [[5, 5]]),
                _filters("two 3x3", "18", [[3, 3], [3, 3]]),
            ),
        ),
    ),
)
