"""Names in generated code: unique, readable, and never one that means something else there."""

import builtins
import keyword
from collections.abc import Iterable
from importlib.resources import files

# What torch has no module for: templates/model/NAME.py.jinja, each with what it is called by.
_TEMPLATES = files("archdsl.emit") / "templates"
_STEMS = tuple(path.name.partition(".")[0] for path in (_TEMPLATES / "model").iterdir())
_DIMENSIONS = (1, 2, 3)


def in_dimensions(name: str, dimensions: int) -> str:
    """Return the name of a helper that has none of PyTorch's: of images it is the plain one."""
    return name if dimensions == 2 else f"{name}{dimensions}d"


# Template and dimensions by name: `LayerNormNd` gives LayerNorm1d, LayerNorm2d and LayerNorm3d,
# `BlurN` gives Blur1d, Blur and Blur3d.
HELPERS = {
    **{stem: (stem, 0) for stem in _STEMS if not stem.endswith(("N", "Nd"))},
    **{in_dimensions(s[:-1], n): (s, n) for s in _STEMS if s[-1] == "N" for n in _DIMENSIONS},
    **{f"{s[:-2]}{n}d": (s, n) for s in _STEMS if s.endswith("Nd") for n in _DIMENSIONS},
}


def scheme_class(kind: str, dimensions: int) -> str:
    """Return the name of the class of a weight scheme; a second one has a number after it."""
    return f"{kind}Conv{dimensions}d"


SCHEMES = frozenset(
    scheme_class(path.name.partition(".")[0], n)
    for path in (_TEMPLATES / "schemes").iterdir()
    for n in _DIMENSIONS
)

# Names that generated files give a meaning of their own.
FILE_NAMES = frozenset(
    (
        "Any",
        "Callable",
        "F",
        "FROZEN",
        "Column",
        "Nested",
        "TypeAlias",
        "column",
        "size_of",
        "OrderedDict",
        "Self",
        "Tensor",
        "nn",
        "torch",
        "math",
        "module",
        "name",
        *HELPERS,
        *SCHEMES,
    )
)

_WORDS = frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
_BUILTINS = frozenset(dir(builtins))
_TAKEN = _WORDS | _BUILTINS | FILE_NAMES | {"self"}


class Names:
    """Gives out names, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken) | _TAKEN
        self._last: dict[str, int] = {}

    def unique(self, wish: str) -> str:
        """Return the wish, or with the first number from 2 that makes it new."""
        if wish in _TAKEN:
            wish = f"{wish}_"
        name, number = wish, self._last.get(wish, 1)
        while name in self._taken:
            number += 1
            name = f"{wish}{number}"
        self._last[wish] = number
        self._taken.add(name)
        return name

    def unique_class(self, wish: str, kind: str = "Block") -> str:
        """Return a class name like the wish: `Tensor` as a block is `TensorBlock`."""
        is_taken = wish in _TAKEN or wish.rstrip("0123456789") in SCHEMES
        return self.unique(f"{wish}{kind}" if is_taken else wish)
