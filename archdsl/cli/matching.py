"""The command `match`: a spec and a file of weights in, what of it fits and what does not out."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from archdsl.analyses.renaming import Fit, Named, fit
from archdsl.analyses.tensors import entries
from archdsl.deploy.checkpoint import check_size
from archdsl.deploy.listing import read_names, short
from archdsl.pipeline import Compilation
from archdsl.report.document import SCHEMA, to_json
from archdsl.report.tables import heading
from archdsl.suggest import closest
from archdsl.write import write_files

SHOWN = 20  # lines of each kind


def match_names(compilation: Compilation, arguments: argparse.Namespace) -> bool:
    """Print what fits and write the names; return whether everything fits, with --map by it.

    Raises OSError, DeployError.
    """
    network = compilation.network
    check_size(network, "matched")
    wanted = [Named(entry.name, entry.shape) for entry in entries(network)]
    found = fit(wanted, read_names(arguments.file))
    if arguments.map is not None:
        text = json.dumps(dict(found.renamed), indent=1, ensure_ascii=False) + "\n"
        write_files({Path(arguments.map): text})
    if arguments.format == "json":
        sys.stdout.write(to_json(_document(compilation, found, arguments)))
    else:
        sys.stdout.write("\n".join((heading(network), "\n".join(_lines(found, arguments)), "")))
    return found.complete or (arguments.map is not None and found.complete_by_names)


def _document(
    compilation: Compilation, found: Fit, arguments: argparse.Namespace
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "network": compilation.network.name,
        "file": arguments.file,
        "complete": found.complete,
        "complete_by_names": found.complete or found.complete_by_names,
        "fitting": found.fitting,
        "missing": [_entry(each) for each in found.missing],
        "unexpected": [_entry(each) for each in found.unexpected],
        "reshaped": [
            {"name": mine.name, "network": mine.shape, "file": theirs.shape}
            for mine, theirs in found.reshaped
        ],
        "renamed": dict(found.renamed),
    }


def _entry(entry: Named) -> dict[str, object]:
    return {"name": entry.name, "shape": entry.shape}


def _lines(found: Fit, arguments: argparse.Namespace) -> Iterator[str]:
    """Yield what is printed as text."""
    yield f"{_counted(found.fitting)} {'fits' if found.fitting == 1 else 'fit'}"
    if found.uncounted:
        yield f"{_counted(found.uncounted)} that count batches are not in the file, and need not be"
    old = {new: name for name, new in found.renamed.items()}
    left = [entry.name for entry in found.unexpected if entry.name not in found.renamed]
    yield from _listed(
        "of another shape",
        (f"{short(a.name)}  {_shape(a)}, in the file {_shape(b)}" for a, b in found.reshaped),
        len(found.reshaped),
    )
    yield from _listed(
        "missing in the file",
        (f"{each.name}  {_shape(each)}{_near(each, old, left)}" for each in found.missing),
        len(found.missing),
    )
    yield from _listed(
        "too many in the file",
        (f"{short(each.name)}  {_shape(each)}{_like(each, found)}" for each in found.unexpected),
        len(found.unexpected),
    )
    if found.complete:
        yield "everything fits"
    elif found.complete_by_names:
        yield "everything fits once it is renamed" + _how(arguments)
    elif found.renamed:
        yield f"{_counted(len(found.renamed))} of these fit once renamed" + _how(arguments)


def _how(arguments: argparse.Namespace) -> str:
    if arguments.map is None:
        return ": --map FILE writes the names"
    return f", as {arguments.map} says"


def _counted(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _listed(what: str, lines: Iterable[str], number: int) -> Iterator[str]:
    if not number:
        return
    yield f"{_counted(number)} {what}"
    for place, line in enumerate(lines):
        if place == SHOWN:
            yield f"    .. and {number - SHOWN:,} more, which --format json lists"
            return
        yield f"    {line}"


def _shape(entry: Named) -> str:
    return "" if entry.shape is None else str(list(entry.shape))


def _near(entry: Named, old: dict[str, str], left: list[str]) -> str:
    if entry.name in old:
        return f"  <- {short(old[entry.name])}"
    near = closest(entry.name, left)
    return f"  did you mean {short(near)}?" if near is not None else ""


def _like(entry: Named, found: Fit) -> str:
    new = found.renamed.get(entry.name)
    return "" if new is None else f"  -> {new}"
