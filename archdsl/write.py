"""Files on disk: all of a compilation or none, and only those that changed."""

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path


def write_files(files: Mapping[Path, str | bytes]) -> None:
    """Write files whose content is not there yet; raise OSError before any is replaced.

    Every new content is complete on disk, beside the file it becomes, before the first takes its
    place: nobody ever reads half a file.
    """
    prepared: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            if not _holds(path, data):
                prepared.append((_prepare(path, data), path))
        for ready, path in prepared:
            ready.replace(path)
    finally:
        for ready, _ in prepared:
            ready.unlink(missing_ok=True)


def check_files(files: Mapping[Path, str]) -> str:
    """Return how the files on disk differ from what they should be, "" where they do not."""
    return "".join(line for path, text in files.items() for line in _diff(path, text))


def read(path: Path) -> str | None:
    """Return a file's text, None if there is no such file or it is no text."""
    try:
        return path.read_bytes().decode()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _prepare(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    ready = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        ready.chmod(_mode(path))
    except BaseException:
        ready.unlink()
        raise
    return ready


def _mode(path: Path) -> int:
    """Return the permissions of a file, or those that a new one gets."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _diff(path: Path, text: str) -> Iterator[str]:
    current = read(path)
    if current != text:
        yield difference(path.as_posix(), current, text)


def difference(name: str, current: str | None, text: str) -> str:
    """Return how a text differs from what a file of this name should be."""
    old = [] if current is None else current.splitlines(keepends=True)
    source = "/dev/null" if current is None else name
    lines = difflib.unified_diff(old, text.splitlines(keepends=True), source, name)
    return "".join(line if line.endswith("\n") else f"{line}{_NO_END}" for line in lines)


_NO_END = "\n\\ No newline at end of file\n"  # as diff says it
