"""What papers printed: test errors that stand beside those of runs."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from archdsl.ir.task import Task
from archdsl.limits import MAX_FILE_BYTES
from archdsl.record import Record
from archdsl.results.errors import RunError
from archdsl.results.log import Text
from archdsl.results.rows import RunRow
from archdsl.source import shown


class Figure(Record, kw_only=True, forbid_unknown_fields=True):
    """A printed test error in percent, and which rows it is about: those that all of it fits."""

    network: Text = ""
    recipe: Text = ""
    data: Text = ""
    epochs: Annotated[int, Meta(ge=1)] | None = None
    error: Annotated[float, Meta(ge=0, le=100)]
    source: Annotated[str, Meta(max_length=500)] = ""  # paper, table


def read_figures(words: Iterable[str], networks: Sequence[str]) -> tuple[Figure, ...]:
    """Return what `--published` means: a number, NAME=NUMBER, or a file of figures.

    `networks` has the name of each row. Raises OSError, and RunError where a number fits no row.
    """
    return tuple(figure for word in words for figure in _read(word, networks))


def figure_for(row: RunRow, figures: Iterable[Figure]) -> Figure | None:
    """Return the figure that says most of what the row is.

    Raises RunError where two differ, and where one is about a regression, which has no error.
    """
    fitting = [figure for figure in figures if all(_fits(figure, row))]
    if fitting and row.task is Task.REGRESSION:
        raise RunError(f"a published figure is an error in percent: {row.network} is a regression")
    most = max((_said(figure) for figure in fitting), default=0)
    nearest = [figure for figure in fitting if _said(figure) == most]
    if len({figure.error for figure in nearest}) > 1:
        errors = " and ".join(f"{figure.error:g}" for figure in nearest)
        raise RunError(f"several published figures are about {row.network}: {errors}")
    return nearest[-1] if nearest else None


def _fits(figure: Figure, row: RunRow) -> Iterable[bool]:
    run = row.runs[0]
    yield figure.network in ("", row.network)
    yield figure.recipe in ("", run.start.recipe)
    yield figure.data in ("", run.start.data)
    yield figure.epochs in (None, run.planned)


def _said(figure: Figure) -> int:
    named = (figure.network, figure.recipe, figure.data)
    return sum(name != "" for name in named) + (figure.epochs is not None)


def _read(word: str, networks: Sequence[str]) -> tuple[Figure, ...]:
    name, _, number = word.rpartition("=")
    if re.fullmatch(r"\d{1,3}(\.\d{1,10})?", number):
        _check_name(word, name, networks)
        return (_figure({"network": name, "error": float(number)}, f"--published {word}"),)
    suffix = Path(word).suffix
    if suffix not in (".json", ".csv"):
        raise RunError(
            f"--published {word} is no error in percent, nor NAME=ERROR, nor a .json or .csv file"
        )
    with Path(word).open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise RunError(f"{word} is larger than {MAX_FILE_BYTES // 1024} KiB")
    read = _json_figures if suffix == ".json" else _csv_figures
    return tuple(_printable(figure) for figure in read(content, word))


def _check_name(word: str, name: str, networks: Sequence[str]) -> None:
    if not name and len(networks) != 1:
        raise RunError(
            f"--published {word} is about one row and there are {len(networks)}: "
            f"write {networks[0]}={word}"
        )
    if name and name not in networks:
        from archdsl.suggest import did_you_mean

        raise RunError(f"--published {word}: no row is named so; {did_you_mean(name, networks)}")


def _json_figures(content: bytes, path: str) -> Iterable[Figure]:
    try:
        return msgspec.json.decode(content, type=list[Figure])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RunError(f"{path} is no list of published figures: {error}") from None


def _csv_figures(content: bytes, path: str) -> Iterable[Figure]:
    try:
        text = content.decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        for row in rows:
            if None in row:
                raise RunError(f"{path}:{rows.line_num}: more cells than columns")
            given = {name: cell for name, cell in row.items() if cell}
            yield _figure(given, f"{path}:{rows.line_num}")
    except (csv.Error, UnicodeDecodeError) as error:
        raise RunError(f"{path} is no CSV file: {error}") from None


def _figure(given: object, place: str) -> Figure:
    try:
        return msgspec.convert(given, Figure, strict=False)  # the cells of CSV are texts
    except msgspec.MsgspecError as error:
        raise RunError(f"{place}: no published figure: {error}") from None


def _printable(figure: Figure) -> Figure:
    return msgspec.structs.replace(figure, source=shown(figure.source))
