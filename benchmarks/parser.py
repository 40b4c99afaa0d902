"""What reading a spec costs: lark at each start, against the tables that lark made.

`python -m benchmarks.parser` prints milliseconds, each the best of several new processes.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
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


def best(program: str) -> list[float]:
    """Return milliseconds for the import, the parser and one spec, each the least of the runs."""
    runs: list[list[float]] = []
    for _ in range(PROCESSES):
        command = [sys.executable, "-c", SHARED + TEXT + program]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        runs.append([1000 * float(seconds) for seconds in done.stdout.split()])
    return [min(column) for column in zip(*runs, strict=True)]


def main() -> None:
    """Print a table of both ways."""
    print("way     import  parser  one spec   (ms)")
    for name, program in (("lark", LARK), ("tables", TABLES)):
        imported, built, parsed = best(program)
        print(f"{name:6} {imported:7.0f} {built:7.0f} {parsed:9.0f}")


if __name__ == "__main__":
    main()
