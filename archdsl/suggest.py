"""Did-you-mean."""

from collections.abc import Iterable

MAX_SUGGESTED = 100  # names that a mistaken one is compared with
MAX_COMPARED = 40  # characters of a name that is compared


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` most likely was meant to be."""
    from difflib import get_close_matches

    if len(word) > MAX_COMPARED:
        return None
    lowered = {k.lower(): k for k in sorted(known, reverse=True) if len(k) <= MAX_COMPARED}
    nearest = lowered if len(lowered) <= MAX_SUGGESTED else _nearest(word.lower(), lowered)
    found = get_close_matches(word.lower(), nearest, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    """Return MAX_SUGGESTED of the words, those that begin and end most like `word`."""
    from heapq import nsmallest

    return nsmallest(MAX_SUGGESTED, known, key=lambda other: _distance(word, other))


def _distance(word: str, other: str) -> int:
    """Return how many letters stand between a common beginning and a common end."""
    return max(len(word), len(other)) - _common(word, other) - _common(word[::-1], other[::-1])


def _common(word: str, other: str) -> int:
    pairs = enumerate(zip(word, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(word), len(other)))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return "did you mean `..`?", or what there is to choose from."""
    known = tuple(known)
    near = closest(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    if 0 < len(known) <= 12:
        return f"there is {', '.join(f'`{k}`' for k in sorted(known))}"
    return None
