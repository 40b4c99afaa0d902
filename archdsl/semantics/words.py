"""The words of bodies: those that name layers, with a suffix for kernels, and all others."""

import re
from functools import lru_cache

from archdsl.ir.layers import Size
from archdsl.ir.network import Operator
from archdsl.semantics.catalogue import ROWS
from archdsl.semantics.parameters import Parameter
from archdsl.semantics.values import SIZES

IMPLIED = ("in_channels", "stride", *SIZES)  # every block has these
RESIDUAL_WORDS = ("preactivation", "residual", "shortcut")
COMBINE_WORDS = tuple(str(operator) for operator in Operator)
PART_WORDS = ("stem", "head")
CONSTRUCTS = (*RESIDUAL_WORDS, *COMBINE_WORDS, *PART_WORDS, "branch", "identity", "input")

_WINDOWED = tuple(word for word, kind in ROWS.items() if kind.windowed)
_PLAIN = tuple(word for word, kind in ROWS.items() if not kind.windowed)
_KERNEL = re.compile(f"({'|'.join(_WINDOWED)})([1-9][0-9]{{0,2}}(?:x[1-9][0-9]{{0,2}}){{0,2}})")


@lru_cache(maxsize=256)
def split_word(word: str) -> tuple[str, Size | None] | None:
    """Return the kind a word names and the window it says; None if it names no layer."""
    if word in ROWS:
        return word, None
    match = _KERNEL.fullmatch(word)
    return (match[1], tuple(map(int, match[2].split("x")))) if match else None


def is_layer_word(word: str) -> bool:
    """Say whether a word names a layer."""
    return split_word(word) is not None


def is_reserved(word: str) -> bool:
    """Say whether a word always names a layer; `conv2` is what papers call a stage, too."""
    split = split_word(word)
    return split is not None and (split[1] is None or len(split[1]) > 1)


def layer_words() -> tuple[str, ...]:
    """Return words to suggest from."""
    return (*_WINDOWED, *_PLAIN, "conv1x1", "conv3x3", "maxpool2x2", "avgpool2x2")


@lru_cache(maxsize=256)
def layer_parameters(word: str) -> tuple[Parameter, ...]:
    """Return the parameters of a layer; one that says its window takes none."""
    split = split_word(word)
    assert split is not None, word
    kind, kernel = split
    parameters = ROWS[kind].parameters
    if kernel is None:
        return parameters
    return tuple(p for p in parameters if p.name not in ("kernel", "size"))
