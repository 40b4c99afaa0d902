"""(height, width) pairs that instances of a class differ in, as one argument each."""

from collections.abc import Iterable

from archdsl.emit.plan import Constant


def is_pair(value: Constant | None) -> bool:
    """Whether a value is two whole numbers."""
    return (
        isinstance(value, tuple)
        and len(value) == len(("height", "width"))
        and all(isinstance(member, int) for member in value)
    )


def vary_in_both(values: Iterable[Constant | None]) -> bool:
    """Whether instances differ in the height and in the width."""
    pairs = [value for value in values if isinstance(value, tuple)]
    return all(map(is_pair, pairs)) and all(len(set(side)) > 1 for side in zip(*pairs, strict=True))


def are_half(values: Iterable[Constant | None], others: Iterable[Constant | None]) -> bool:
    """Whether each pair is half the other, rounded down: padding that keeps the size."""
    return all(
        value is None or (is_pair(other) and is_pair(value) and value == _half(other))
        for value, other in zip(values, others, strict=True)
    )


def _half(pair: Constant | None) -> tuple[int, ...]:
    assert isinstance(pair, tuple)
    return tuple(member // 2 for member in pair if isinstance(member, int))
