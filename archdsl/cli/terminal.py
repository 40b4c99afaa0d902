"""What the terminal shows besides tables: diagnostics, progress, failures."""

import os
import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from archdsl.diagnostics import Diagnostic, render


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
    """Say what went wrong and return the status."""
    sys.stderr.write(f"archdsl: {message}\n")
    return status


def abandon_stdout() -> None:
    """Let nothing more be written to a pipe that nobody reads, not even as Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
