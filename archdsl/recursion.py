"""Room for walks that recurse into what a spec nests."""

import sys
from _thread import allocate_lock  # `threading` takes a millisecond to import
from collections.abc import Generator
from contextlib import contextmanager

_FRAMES = 20_000  # blocks nest to 100 and each level takes some ten Python frames


class _Limit:
    """The recursion limit of the process, raised while anybody needs it."""

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.users = 0  # walks inside one another or in several threads: the limit is for all
        self.before = 0
        self.raised = 0

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.before = sys.getrecursionlimit()
                self.raised = max(self.before, _FRAMES)
                sys.setrecursionlimit(self.raised)
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0 and sys.getrecursionlimit() == self.raised:  # else somebody set it
                sys.setrecursionlimit(self.before)


_LIMIT = _Limit()


@contextmanager
def deep_recursion() -> Generator[None, None, None]:
    """Let what is inside recurse as deeply as a spec may nest; also a decorator of functions.

    The limit is as it was when the last of several has left.
    """
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()
