"""Repeats an archdsl command in one process, to see what it costs once Python has started.

Run by the Python that has archdsl, as a file: it imports nothing of the other benchmarks.
"""

import contextlib
import io
import json
import statistics
import sys
import time

from archdsl.cli import main

REPEATS = 20


def seconds(words: list[str]) -> float:
    """Return the CPU time of one run."""
    with contextlib.redirect_stdout(io.StringIO()):
        start = time.process_time()
        status = main(words)
        end = time.process_time()
    assert status == 0
    return end - start


if __name__ == "__main__":
    seconds(sys.argv[1:])  # imports and fills what is kept between runs
    taken = statistics.median(seconds(sys.argv[1:]) for _ in range(REPEATS))
    tops = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps({"cpu": taken, "modules": tops}))
