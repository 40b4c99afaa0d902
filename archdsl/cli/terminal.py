"""What the terminal shows besides tables: diagnostics, progress, failures."""

import io
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress

from archdsl.diagnostics import Diagnostic, render
from archdsl.source import shown


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print diagnostics to stderr, in color on a terminal."""
    for diagnostic in diagnostics:
        text = render(diagnostic)
        sys.stderr.write((_colored(text) if _wants_color() else text) + "\n\n")


@contextmanager
def progress() -> Generator[Callable[[str], None], None, None]:
    """Yield what shows, on a terminal, what is being worked on, and wipe that out at the end."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield _show_progress
    finally:
        _show_progress("")


def fail(message: str, status: int) -> int:
    """Say what went wrong, if anybody listens, and return the status."""
    with suppress(OSError):
        sys.stderr.write(f"archdsl: {shown(message)}\n")
        sys.stderr.flush()
    return status


def prepare_streams() -> bool:
    """Let stdout take any file name, and what goes to a closed stderr go nowhere.

    Return whether stdout is open.
    """
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] - closed by the shell
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        return False
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):  # a notebook's is another
        stdout.reconfigure(errors="backslashreplace")
    return True


def abandon_broken_streams() -> None:
    """Let nothing more be written to where nothing can be, not even as Python exits."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _show_progress(message: str) -> None:
    """Replace the line by this one, cut to what fits."""
    width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
    sys.stderr.write(f"\r\x1b[K{message[:width]}")
    sys.stderr.flush()


def _wants_color() -> bool:
    """Whether stderr is a terminal that shows colors; see no-color.org."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not is_plain


def _colored(text: str) -> str:
    """Color the words that begin the lines of a rendered diagnostic, and its carets."""
    for pattern, color in (
        (r"^error\[\w+\]", "1;31"),
        (r"^warning\[\w+\]", "1;33"),
        (r"^(note|help):", "1;36"),
        (r"(?<=\| )[ ]*\^+$", "1;31"),
    ):
        text = re.sub(
            pattern, lambda found, c=color: f"\x1b[{c}m{found[0]}\x1b[m", text, flags=re.MULTILINE
        )
    return text
