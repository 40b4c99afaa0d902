"""Did-you-mean."""

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` most likely was meant to be."""
    from difflib import get_close_matches

    lowered = {k.lower(): k for k in sorted(known, reverse=True)}
    found = get_close_matches(word.lower()[:100], lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return "did you mean `..`?", or what there is to choose from."""
    known = tuple(known)
    near = closest(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    if 0 < len(known) <= 12:
        return f"there is {', '.join(f'`{k}`' for k in sorted(known))}"
    return None
