# pyright: reportOptionalMemberAccess=false, reportArgumentType=false
"""Runs the command line in processes of their own, and measures them: time, memory, what they say.

A server imports archdsl once and forks for every command, so that thousands of them take seconds
and none can spoil the next. Its start, which each real command has besides, is in `START`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SECONDS, MEGABYTES = 2.0, 300  # what no input may take
START = 0.15  # seconds of a cold start, in every command of a user
LOOP = 0.0145  # seconds of `loop()` on the idle machine that the limits were chosen on


class Outcome(NamedTuple):
    """What became of a command."""

    status: int  # as a shell has it; 128 + signal
    out: str
    err: str
    seconds: float  # of CPU time, as if the machine were as quick as that of LOOP
    megabytes: float  # of memory at its height
    limit: float = SECONDS  # more of them are a fault

    def faults(self):
        """Return what is wrong with how the command ended, whatever it was given."""
        found = []
        if self.status not in (0, 1, 2):
            found.append(f"status {self.status}")
        if "Traceback" in self.err or "Error:" in self.err.split("error[")[0]:
            found.append("traceback")
        if self.seconds + START > self.limit:
            found.append(f"{self.seconds:.1f} s")
        if self.megabytes > MEGABYTES:
            found.append(f"{self.megabytes:.0f} MB")
        if self.status == 1 and not self.err:
            found.append("silent")
        return found


class Sandbox:
    """A server and its folder; use it as a context manager.

    `slack` is by how much a command may be too slow: a machine of CI is not to be trusted.
    """

    def __init__(self, slack=1.0):
        self.limit = slack * SECONDS

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self.server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=self.folder.name,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self.server.stdin.close()
        self.server.wait(60)
        self.server.stdout.close()
        self.folder.cleanup()

    def run(self, *words, cwd=None, give=b""):
        """Run `archdsl` with these words in `cwd`; `give` is its standard input."""
        folder = Path(self.folder.name)
        (folder / "stdin").write_bytes(give)
        job = {"words": words, "cwd": str(cwd or folder), "folder": str(folder)}
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()
        status, seconds, megabytes = json.loads(self.server.stdout.readline())
        out, err = ((folder / name).read_bytes().decode("utf-8", "replace") for name in STREAMS)
        return Outcome(status, out, err, seconds, megabytes, self.limit)


STREAMS = ("stdout", "stderr")


def loop():
    """Return how long a piece of Python takes: more on a slow or a busy machine."""
    started = time.process_time()
    total = 0
    for i in range(200_000):
        total += i * i
    return time.process_time() - started


def serve():
    # what every command of a user has loaded when it is measured

    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_work(job))
        before = loop()
        _, state, used = os.wait4(child, 0)
        slowness = max(1.0, min(before, loop()) / LOOP)
        code = os.waitstatus_to_exitcode(state)
        result = (
            code if code >= 0 else 128 - code,
            (used.ru_utime + used.ru_stime) / slowness,
            used.ru_maxrss / 1024,
        )
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def _work(job):
    from archdsl.cli import main

    resource.setrlimit(resource.RLIMIT_CPU, (12, 12))
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder = Path(job["folder"])
    os.dup2(os.open(folder / "stdin", os.O_RDONLY), 0)
    for number, name in enumerate(STREAMS, 1):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(job["cwd"])
    try:
        status = main(job["words"])
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - whatever a command may end in is to be seen
        sys.excepthook(*sys.exc_info())
        status = 99
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = 98
    return status or 0


if __name__ == "__main__":
    serve()
