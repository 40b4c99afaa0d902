"""Checkpoints of runs, compared bit by bit."""

import torch


def same(left: object, right: object) -> bool:
    """Whether two checkpoints hold the same bits."""
    match left:
        case torch.Tensor():
            assert isinstance(right, torch.Tensor)
            return left.dtype == right.dtype and torch.equal(left, right)
        case dict():
            assert isinstance(right, dict)
            return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
        case list() | tuple():
            assert isinstance(right, list | tuple)
            return len(left) == len(right) and all(map(same, left, right))
        case _:
            return left == right
