"""The table of docs/results.md: between `<!-- results -->` and `<!-- end -->` stand the records."""

import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from archdsl.report.table import Cell, Column, Format, Table, show
from docs.results.records import Entry

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parent / "results.md"
_START, _END = "<!-- results -->\n", "<!-- end -->"
_PLACE = re.compile(f"{re.escape(_START)}.*?{re.escape(_END)}", re.DOTALL)

_COLUMNS = (  # title, whether it is a number
    *(("network", False), ("data", False), ("seeds", True), ("epochs", True)),
    *(("test error %", True), ("paper %", True), ("difference", True)),
    *(("parameters", True), ("seconds", True), ("machine", False)),
)


def updated(text: str, entries: Sequence[Entry]) -> str:
    """Return the page with the table of these records, and how each was made."""
    new = f"{_START}\n{''.join(_body(entries))}\n{_END}"
    text, found = _PLACE.subn(lambda _: new, text)
    assert found == 1, "the page has one place for the results"
    return text


def _body(entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        yield "There is no record yet.\n"
        return
    columns = tuple(Column(title, is_number=is_number) for title, is_number in _COLUMNS)
    yield show(Table(columns, tuple(map(_row, entries))), Format.MARKDOWN)
    for entry in entries:
        yield f"\n{_made(entry)}"


def _row(entry: Entry) -> tuple[Cell, ...]:
    mean, paper = statistics.fmean(entry.errors), entry.published
    return (
        entry.network,
        entry.data,
        len(entry.seeds),
        entry.epochs,
        f"{mean:.2f}" + (f" ± {statistics.stdev(entry.errors):.2f}" if entry.errors[1:] else ""),
        paper and f"{paper.error:.2f}",
        paper and f"{mean - paper.error:+.2f}",
        entry.parameters,
        None if entry.seconds is None else round(entry.seconds),
        entry.machine,
    )


def _made(entry: Entry) -> str:
    """Return, as a paragraph and a block, how a row came about."""
    settings = "".join(f", {flag} = {value}" for flag, value in entry.settings.items())
    seeds = ", ".join(map(str, entry.seeds))
    errors = ", ".join(f"{error:.2f}" for error in entry.errors)
    facts = [f"`{entry.network}`{settings}: seeds {seeds} end at {errors} %"]
    facts += [f"the paper's figure: {entry.published.source}"] if entry.published else []
    facts += [f"commit {entry.commit}"]
    facts += [f"started {entry.started}"] if entry.started else []
    facts += [f"torch {entry.torch}"] if entry.torch else []
    facts += [entry.note] if entry.note else []
    commands = "".join(f"    {command}\n" for command in entry.commands)
    return f"{'; '.join(facts)}.\n\n{commands}"
