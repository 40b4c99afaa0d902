"""archdsl as its users have it: a wheel in a virtual environment with nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import ROOT, Command, CommandError, cost
from benchmarks.table import Unavailable

MAIN = (
    "import sys; from archdsl.cli import main; sys.exit(main())"  # what the script `archdsl` does
)
NOT_IMPORTED = ("jinja2", "lark", "numpy", "torch")  # by `archdsl params`


class Warm(NamedTuple):
    """A command repeated in one process."""

    cpu: float  # seconds, the median
    imported: tuple[str, ...]  # of NOT_IMPORTED


class Installation(NamedTuple):
    """Where archdsl and its Python are."""

    python: str
    archdsl: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    described: str

    def command(self, *words: str) -> Command:
        """Return `archdsl` with these words after it."""
        return Command((*self.archdsl, *words), self.variables)

    def bare(self) -> Command:
        """Return what all else is compared with: Python's own start."""
        return Command((self.python, "-c", "pass"), self.variables)

    def warm(self, *words: str) -> Warm:
        """Repeat a command in one process."""
        program = str(ROOT / "benchmarks" / "warm.py")
        found = cost(Command((self.python, "-P", program, *words), self.variables))
        answer = json.loads(found.output)
        return Warm(answer["cpu"], tuple(n for n in NOT_IMPORTED if n in answer["modules"]))


def install(folder: Path, *, in_place: bool) -> Installation:
    """Return archdsl installed in a folder, or as it is imported here."""
    return _here() if in_place else _installed(folder)


def _installed(folder: Path) -> Installation:
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python, script = folder / "bin" / "python", folder / "bin" / "archdsl"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    constraints = str(ROOT / "constraints.txt")
    _run(*pip, "install", "--quiet", "--compile", "-c", constraints, str(ROOT))
    described = "a wheel in a new virtual environment, byte code compiled"
    return Installation(str(python), (str(script),), (), described)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise Unavailable(
            f"archdsl could not be installed in a new environment ({said[-1]}); "
            "`--in-place` measures the checkout with this Python"
        )


def _here() -> Installation:
    python, variables = sys.executable, (("PYTHONPATH", str(ROOT)),)
    here = Installation(python, (python, "-c", MAIN), variables, "the checkout, byte code compiled")
    try:
        cost(here.command("--version"))
    except CommandError as error:
        raise Unavailable(f"archdsl does not run here: {error}") from None
    return here
