"""Where a spec lies, as generated files say it: the same from whatever folder it is compiled."""

from pathlib import Path

_ROOTS = (".git", "pyproject.toml")  # a folder that has one of them is a project's


def location(path: str) -> str:
    """Return a spec's path from the folder of its project; its name, where it is in no project.

    What is no file, as a text that was compiled, is called what it was called.
    """
    try:
        file = Path(path).resolve(strict=True)
    except (OSError, RuntimeError):
        return path
    for folder in file.parents:
        if any((folder / root).exists() for root in _ROOTS):
            return file.relative_to(folder).as_posix()
    return file.name
