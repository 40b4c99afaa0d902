"""Finds the logs in the folders that a report is about."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from archdsl.limits import MAX_RUNS
from archdsl.results.errors import RunError
from archdsl.results.log import Log, read_log

LOG = "log.jsonl"


def read_runs(folders: Iterable[str]) -> tuple[Log, ...]:
    """Return the runs in some folders, in order, each once; raise OSError, RunError.

    A folder that holds no log but `seed0`, `seed1`, .. stands for those of them that hold one.
    """
    found: dict[str, Log] = {}
    for folder in folders:
        for path in _runs_in(Path(folder)):
            key = os.path.realpath(path)
            if key not in found:
                if len(found) == MAX_RUNS:
                    raise RunError(f"a report is about {MAX_RUNS:,} runs at most")
                found[key] = read_log(path / LOG)
    return tuple(found.values())


def _runs_in(folder: Path) -> Iterator[Path]:
    if os.path.lexists(folder / LOG):
        yield folder
        return
    seeds = [path for path in folder.iterdir() if re.fullmatch(r"seed\d{1,20}", path.name)]
    seeds = [path for path in seeds if os.path.lexists(path / LOG)]
    if not seeds:
        raise RunError(f"{folder} holds no {LOG}, nor have folders seed0, seed1, .. in it one")
    yield from sorted(seeds, key=lambda path: int(path.name.removeprefix("seed")))
