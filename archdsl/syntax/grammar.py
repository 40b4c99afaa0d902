"""Finds and loads the grammar."""

from functools import cache
from pathlib import Path


@cache
def grammar_file() -> Path:
    """Return the path of `arch.lark`: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "grammars", package.parent / "grammars"):
        if (folder / "arch.lark").is_file():
            return folder / "arch.lark"
    message = f"arch.lark is neither in {package} nor beside it: broken installation"
    raise FileNotFoundError(message)
