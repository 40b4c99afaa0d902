"""Help for words that PyTorch, Keras and papers use and this language has not.

Looked at only where a word is unknown: a spec that is right never comes here.
"""

import re
from collections.abc import Iterable

from archdsl.semantics.other_names import (
    ADVICE,
    ANNOTATIONS,
    ARGUMENTS,
    FUNCTIONS,
    LAYERS,
    SETTINGS,
    VALUES,
    WORDS,
)
from archdsl.suggest import closest, did_you_mean
from archdsl.syntax import tree


def layer_help(name: str, call: tree.Call | None, known: Iterable[str]) -> str | None:
    """Return what to write instead of a layer or block that does not exist."""
    key = name.lower().replace("_", "")
    if key in ADVICE:
        return ADVICE[key]
    known = tuple(known)
    near = closest(name, known)
    if near is not None and near.lower().replace("_", "") == key:
        return f"did you mean `{near}`?"
    if key in LAYERS:
        return f"write `{_translated(name, call) or LAYERS[key]}`"
    short = (k for k in sorted(known) if len(name) == len(k) <= 3 and _one_apart(name, k))
    return did_you_mean(next(short, name), known)


def _one_apart(left: str, right: str) -> bool:
    return sum(a != b for a, b in zip(left, right, strict=True)) == 1


def _translated(name: str, call: tree.Call | None) -> str | None:
    """Return `Conv2d(3, 64, 3)` in this language, where its numbers are written out."""
    if call is None or name.lower() not in ("conv2d", "dense", "fc"):
        return None
    given = [a.value.span.text for a in call.arguments or () if a.name is None]
    if name == "Conv2d" and len(given) >= 3 and re.fullmatch(r"\d{1,2}", given[2]):
        return f"conv{given[2]}x{given[2]}({given[1]})"
    if name == "Conv2D" and len(given) >= 2 and re.fullmatch(r"\d{1,2}", given[1]):
        return f"conv{given[1]}x{given[1]}({given[0]})"
    if name.lower() in ("dense", "fc") and given:
        return f"linear({given[-1]})"
    return None


def annotation_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of an annotation that does not exist."""
    return ANNOTATIONS.get(name) or did_you_mean(name, known)


def value_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of a name that nothing has."""
    if name in VALUES:
        return VALUES[name]
    near = closest(name, known)
    return f"did you mean `{near}`?" if near else None


def function_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of a function that does not exist."""
    return FUNCTIONS.get(name) or did_you_mean(name, known)


def argument_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of an argument that a callee does not have."""
    known = tuple(known)
    if name == "kernel_size" and "kernel" in known:
        return "write `kernel`"
    return ARGUMENTS.get(name) or did_you_mean(name, known)


def setting_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of a setting that a recipe does not have."""
    return SETTINGS.get(name) or did_you_mean(name, known)


def word_help(name: str, known: Iterable[str]) -> str | None:
    """Return what to write instead of an unknown word of a setting."""
    known = tuple(known)
    advice, near = WORDS.get(name, ""), closest(name, known)  # the message lists all of them
    if advice.startswith(tuple(f"write `{word}" for word in known)):  # of this setting
        return advice
    return f"did you mean `{near}`?" if near else None
