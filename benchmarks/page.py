"""docs/benchmarks.md: a section for each part, with the machine that it ran on."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import Table, rendered

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HEAD = """\
# Benchmarks

`python -m benchmarks` prints these tables; with `--write` it also puts what it measured into this
page and leaves the other sections as they are. The packages that it compares with come with
`pip install '.[bench]'`.
"""


class Section(NamedTuple):
    """What a run of a part gave."""

    title: str
    tables: tuple[Table, ...]
    command: str

    def text(self) -> str:
        """Return the section as the page has it."""
        when = f"{datetime.now(UTC):%Y-%m-%d}"
        ran = f"`{self.command}`, {when}. {machine()}."
        return "\n\n".join((f"## {self.title}", ran, *map(rendered, self.tables)))


def updated(page: str, sections: dict[str, str], order: list[str]) -> str:
    """Return a page with sections (their texts by title) replaced or added, in this order."""
    found = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    kept = {text.partition("\n")[0].removeprefix("## "): text.strip() for text in found}
    texts = {**kept, **sections}
    titles = [title for title in order if title in texts]
    titles += [title for title in texts if title not in order]
    return "\n\n".join((HEAD.strip(), *(texts[title].strip() for title in titles))) + "\n"


def write(sections: dict[str, str], order: list[str]) -> None:
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(updated(page, sections, order), encoding="utf-8")


def machine() -> str:
    """Return what the figures depend on: processor, Python, PyTorch, accelerator."""
    words = [
        f"{_processor()}, {_cores()} cores",
        f"{platform.system()}, Python {platform.python_version()}",
    ]
    try:
        words.append(f"torch {version('torch')}")
    except PackageNotFoundError:
        words.append("no torch")
    return ", ".join((*words, *_accelerator()))


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = re.findall(r"^model name\s*: (.*)$", text, flags=re.MULTILINE)
    return " ".join(names[0].split()) if names else platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _accelerator() -> list[str]:
    """Return the CUDA device, where torch is loaded and finds one."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"]
