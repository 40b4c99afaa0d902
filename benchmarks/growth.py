"""How the cost of archdsl grows: with the number of different blocks, and with depth."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.installation import Installation, install
from benchmarks.processes import Command, Cost, Median, Progress, interleaved, median
from benchmarks.table import Table, mebibytes, milliseconds, times

ROUNDS = 3
BLOCKS = (10, 100, 1_000, 3_000)  # the last is about the most that archdsl takes
DEPTHS = (28, 1_000, 6_000_004)
BARE = "python -c pass"
COMMANDS = ("params", "compile")

# Every block has more channels than the one before it, so none is equal to another.
CHAIN = """\
network chain(blocks) {
    input(3, 32, 32)
    for i in range(blocks) { dense(12) }
    head { avgpool linear(10) }
}

block dense(growth) {
    concat {
        identity
        branch { conv3x3(growth) }
    }
}
"""


class Point(NamedTuple):
    """A network of a family, `size` being its blocks or its depth."""

    spec: str
    parameter: str
    size: int
    folder: Path  # where its files go

    def words(self, command: str) -> tuple[str, ...]:
        """Return what follows `archdsl`."""
        out = ("--out", str(self.folder), "--name", self.name) if command == "compile" else ()
        return (command, self.spec, "--set", f"{self.parameter}={self.size}", *out)

    @property
    def name(self) -> str:
        """The folder of its files."""
        return f"{self.parameter}{self.size}"

    def lines(self) -> int:
        """Return how long its generated `model.py` is."""
        text = (self.folder / self.name / "model.py").read_text(encoding="utf-8")
        return text.count("\n")


def tables(
    progress: Progress,
    rounds: int = ROUNDS,
    blocks: Sequence[int] = BLOCKS,
    depths: Sequence[int] = DEPTHS,
    *,
    in_place: bool = False,
) -> list[Table]:
    """Measure `params` and `compile` on networks of growing size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progress("installing archdsl")
        installation = install(folder / "environment", in_place=in_place)
        chain = folder / "chain.arch"
        chain.write_text(CHAIN, encoding="utf-8")
        by_blocks = [Point(str(chain), "blocks", size, folder) for size in blocks]
        by_depth = [Point("specs/wrn.arch", "depth", size, folder) for size in depths]
        points = (*by_blocks, *by_depth)
        costs = interleaved(dict(_commands(installation, points)), rounds, progress)
        return [
            _different_blocks(by_blocks, costs, rounds, installation),
            _depth(by_depth, costs, rounds),
        ]


def _commands(installation: Installation, points: Sequence[Point]) -> Iterator[tuple[str, Command]]:
    yield BARE, installation.bare()
    for point in points:
        for command in COMMANDS:
            yield _named(command, point), installation.command(*point.words(command))


def _named(command: str, point: Point) -> str:
    return f"{command} of {point.name}"


def _medians(point: Point, costs: dict[str, list[Cost]]) -> list[Median]:
    return [median(costs[_named(command, point)], costs[BARE]) for command in COMMANDS]


def _different_blocks(
    points: Sequence[Point],
    costs: dict[str, list[Cost]],
    rounds: int,
    installation: Installation,
) -> Table:
    note = (
        "A chain of dense blocks, each of which concatenates a 3x3 convolution to what "
        "it was given: no two are equal. Per block: what one more than in the row above takes. "
        f"{installation.described.capitalize()}; cold, medians of {rounds} interleaved rounds."
    )
    header = ("different blocks", *_columns("per block, ms"), "lines of model.py")
    rows: list[tuple[str, ...]] = []
    before: Point | None = None
    for point in points:
        cells: list[str] = []
        for command, found in zip(COMMANDS, _medians(point, costs), strict=True):
            each = ""
            if before is not None:
                low = median(costs[_named(command, before)], costs[BARE])
                each = milliseconds((found.cpu - low.cpu) / (point.size - before.size))
            cells += (milliseconds(found.cpu), each, mebibytes(found.peak))
        rows.append((f"{point.size:,}", *cells, f"{point.lines():,}"))
        before = point
    return Table("Growth: different blocks", note, header, tuple(rows))


def _depth(points: Sequence[Point], costs: dict[str, list[Cost]], rounds: int) -> Table:
    note = (
        "Wide residual networks, `specs/wrn.arch`: equal blocks are one block with a count. "
        f"Cold, medians of {rounds} interleaved rounds."
    )
    header = ("depth", *_columns("x bare"), "lines of model.py")
    rows: list[tuple[str, ...]] = []
    for point in points:
        cells: list[str] = []
        for found in _medians(point, costs):
            cells += (milliseconds(found.cpu), times(found.ratio), mebibytes(found.peak))
        rows.append((f"{point.size:,}", *cells, f"{point.lines():,}"))
    return Table("Growth: depth", note, header, tuple(rows))


def _columns(second: str) -> Iterator[str]:
    for command in COMMANDS:
        yield f"{command}, ms CPU"
        yield second
        yield "peak MiB"
