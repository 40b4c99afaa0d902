"""Names in generated code: unique, readable, and never one that means something else there."""

import builtins
import keyword
from collections.abc import Iterable
from importlib.resources import files

# What torch has no module for: templates/model/NAME.py.jinja, each with what it is called by.
_TEMPLATES = files("archdsl.emit") / "templates" / "model"
_DEFINED = frozenset(path.name.partition(".")[0] for path in _TEMPLATES.iterdir())

# Classes for weight schemes; a second one of a kind has a number after its name.
SCHEMES = frozenset(name for name in _DEFINED if name.endswith("Conv2d"))
HELPERS = _DEFINED - SCHEMES

# Names that generated files give a meaning of their own.
FILE_NAMES = frozenset(
    (
        "Any",
        "Callable",
        "F",
        "FROZEN",
        "Nested",
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
