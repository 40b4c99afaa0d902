"""What reading a spec costs: lark at each start, against the tables that lark made.

`python -m benchmarks parser` prints milliseconds, each the best of several new processes.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.processes import Progress
from benchmarks.table import Table, Unavailable

ROOT = Path(__file__).resolve().parents[1]
PROCESSES = 7
SHARED = "import time, typing, re, enum, fractions, msgspec\nnow = time.perf_counter\n"
TEXT = "text = open('specs/resnet.arch').read()\n"
LARK = """a = now()
from lark import Lark
b = now()
parser = Lark.open('grammars/arch.lark', start=['spec'], parser='lalr', keep_all_tokens=True)
c = now()
parser.parse(text)
d = now()
print(b - a, c - b, d - c)
"""
TABLES = """from archdsl.source import SourceFile
import archdsl.diagnostics, archdsl.syntax.tree
a = now()
from archdsl.syntax.parse import parse
b = now()
parse(SourceFile('resnet', text))
c = now()
print(b - a, 0.0, c - b)
"""
WAYS = {"lark, grammar compiled at each start": LARK, "tables and driver": TABLES}


def tables(progress: Progress, rounds: int = PROCESSES) -> list[Table]:
    """Measure both ways."""
    if find_spec("lark") is None:
        raise Unavailable("lark is not installed here: nothing to compare the parser's tables with")
    rows: list[tuple[str, ...]] = []
    for name, program in WAYS.items():
        progress(name)
        rows.append((name, *(f"{time:.0f}" for time in best(program, rounds))))
    note = (
        f"`specs/resnet.arch` in a new process, byte code compiled: milliseconds, the least of "
        f"{rounds}. lark's last column is a parse without a tree of ours, the tables' one with it."
    )
    header = ("way", "import", "parser ready", "first parse")
    return [Table("Reading a spec", note, header, tuple(rows))]


def best(program: str, processes: int) -> list[float]:
    """Return milliseconds for the import, the parser and one spec, each the least of the runs."""
    runs: list[list[float]] = []
    for _ in range(processes):
        command = [sys.executable, "-c", SHARED + TEXT + program]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        runs.append([1000 * float(seconds) for seconds in done.stdout.split()])
    return [min(column) for column in zip(*runs, strict=True)]
