"""Which input sizes would work, where branches or windows do not fit the one that is written."""

from collections.abc import Callable, Iterator, Sequence

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.layers import Size
from archdsl.ir.rebuild import replace

_ATTEMPTS = 24


class _Attempts:
    """Asks whether sizes work, not too often."""

    def __init__(self, works: Callable[[Size], bool]) -> None:
        self.works = works
        self.left = _ATTEMPTS

    def __call__(self, size: Size) -> bool:
        self.left -= 1
        return self.left >= 0 and self.works(size)


def with_sizes(
    error: SpecError, given: Size, attempt: Callable[[Size], Sequence[Diagnostic]]
) -> SpecError:
    """Return the error with help for its first diagnostic that another input size would mend.

    `attempt` returns the errors of the network with another size of its input, among
    them E309 where all attempts together have done all the work they may.
    """
    for i, found in enumerate(error.diagnostics):
        if found.help is not None or found.span is None:
            continue
        if found.code == "E402" or (found.code == "E330" and "nothing is left" in found.message):
            help_ = _help(found, given, _Attempts(lambda size: _fits(attempt(size))))
            if help_ is None:
                return error
            others = error.diagnostics
            return SpecError((*others[:i], replace(found, help=help_), *others[i + 1 :]))
    return error


def _fits(after: Sequence[Diagnostic]) -> bool:
    """Say whether no mistake is left that a size may make."""
    return all(other.code not in ("E402", "E330", "E309") for other in after)


def _help(found: Diagnostic, given: Size, works: _Attempts) -> str | None:
    if found.code == "E402":
        sizes = sorted(filter(None, (_nearest(given, works, up) for up in (False, True))))
        return f"input sizes that work: {_listed(sizes)}" if sizes else None
    smallest = _smallest(given, works)
    return f"an input of {_shown(smallest)} pixels is large enough" if smallest else None


def _listed(sizes: Sequence[Size]) -> str:
    return " and ".join(map(_shown, sizes))


def _shown(size: Size) -> str:
    return " x ".join(map(str, size))


def _nearest(given: Size, works: _Attempts, up: bool) -> Size | None:
    return next((size for size in _candidates(given, up=up) if works(size)), None)


def _candidates(given: Size, *, up: bool) -> Iterator[Size]:
    """Yield sizes at hand, the nearest first: the next ones, and multiples of powers of two."""
    sign = 1 if up else -1
    steps = [tuple(side + sign * d for side in given) for d in (1, 2, 3)]
    steps += [
        tuple(sign * (sign * side // -power) * -power for side in given)
        for power in (2, 4, 8, 16, 32, 64)
    ]
    for size in sorted(set(steps), reverse=not up):
        if min(size) >= 1 and size != given:
            yield size


def _smallest(given: Size, works: _Attempts) -> Size | None:
    """Return the smallest multiple of the size, side by side, that works."""
    high = next((n for n in (2, 4, 8, 16, 32) if works(_times(given, n, 1))), None)
    if high is None:
        return None
    short = min(given)
    low, top = short * high // 2, short * high
    while top - low > 1:
        middle = (low + top) // 2
        if works(_times(given, middle, short)):
            top = middle
        else:
            low = middle
    return _times(given, top, short)


def _times(size: Size, numerator: int, denominator: int) -> Size:
    return tuple(-(-side * numerator // denominator) for side in size)
