"""What annotations have said about a place, and which of them have reached something."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction

from archdsl.diagnostics import Diagnostic, Severity
from archdsl.ir.layers import Weighted
from archdsl.ir.network import Fixed, FixedOld
from archdsl.record import Record
from archdsl.semantics.kinds.fitting import SaidScheme
from archdsl.semantics.kinds.parts import Bn
from archdsl.source import Span
from archdsl.suggest import did_you_mean


class Applied(ABC):
    """An annotation as it applies to one instance of what it is written on."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.reached = False  # there is something that it is about

    @abstractmethod
    def unreached(self) -> Diagnostic:
        """Return what is said where it reached nothing in any instance."""


class ShareScope(Applied):
    """`share(..)` as it applies."""

    def __init__(
        self, span: Span, selectors: tuple[str, ...], *, start: int, any_stride: bool, level: int
    ) -> None:
        super().__init__(span)
        self.selectors = selectors
        self.start = start  # the first block of each run that takes part, from 1
        self.any_stride = any_stride
        self.level = level  # runs around it
        self.seen: set[str] = set()  # words for the layers that it did not mean

    def unreached(self) -> Diagnostic:
        """Return what is said where no layer is meant."""
        what = ", ".join(f"`{s}`" for s in self.selectors)
        help_ = did_you_mean(self.selectors[0], self.seen)
        return Diagnostic(
            code="E507",
            message=f"no layer here is {what}: nothing is shared",
            span=self.span,
            help=help_ or "name a kind such as `conv3x3`, or a layer's written name",
        )


class DropScope(Applied):
    """`stochastic_depth(..)` as it applies; on a stage or network it `grows` by branch."""

    def __init__(self, span: Span, rate: Fraction, *, grows: bool) -> None:
        super().__init__(span)
        self.rate = rate
        self.grows = grows
        self.places = 0  # of branches so far
        self.around = 0  # of these, before the block that is elaborated
        self.run: int | None = None  # its place among the runs, once it has a branch or a block

    def unreached(self) -> Diagnostic:
        """Return what is said where no branch is dropped."""
        return _doubt("W502", "there is no residual branch here to drop", self.span)


class SchemeScope(Applied):
    """A weight scheme or `plain` as it applies."""

    def __init__(self, said: SaidScheme) -> None:
        super().__init__(said.span)
        self.said = said

    def unreached(self) -> Diagnostic:
        """Return what is said where no layer has the scheme."""
        return _doubt("W503", "no convolution here has its weight from this", self.span)


class FixedScope(Applied):
    """`freeze(grown)` or `freeze(outputs = 48)` as it applies."""

    def __init__(self, span: Span, fixed: Fixed) -> None:
        super().__init__(span)
        self.fixed = fixed

    def unreached(self) -> Diagnostic:
        """Return what is said where no layer learns."""
        return _doubt("W504", "no layer here has channels that could be fixed", self.span)


def _doubt(code: str, message: str, span: Span) -> Diagnostic:
    return Diagnostic(code=code, message=message, span=span, severity=Severity.WARNING)


class Context(Record, kw_only=True):
    """All that annotations have said about a place."""

    bn: Bn = Bn.LEARNED
    scheme: SchemeScope | None = None
    frozen: bool = False
    fixed: FixedScope | None = None  # a part that is fixed, where not all is frozen
    shares: tuple[ShareScope, ...] = ()  # outermost first
    drop: DropScope | None = None
    in_run: bool = False  # inside a block that `drop` is about
    level: int = 0  # runs around this place
    index: int = 1  # place of the block in its run, from 1


class Reach:
    """The annotations of a network as they apply, and the weights that layers would share."""

    def __init__(self) -> None:
        self.is_member = False  # of a growing family, and does not grow itself
        self._applied: list[Applied] = []
        self._keys: dict[tuple[ShareScope, Weighted], int] = {}
        self._scopes: dict[int, ShareScope] = {}  # by key

    def add(self, applied: Applied) -> None:
        """Expect an annotation to reach something."""
        self._applied.append(applied)

    def unreached(self) -> Iterator[Diagnostic]:
        """Yield what is said of each annotation that reached nothing anywhere it applied."""
        done = {applied.span for applied in self._applied if applied.reached}
        for applied in self._applied:
            if applied.span not in done:
                done.add(applied.span)
                yield applied.unreached()

    @property
    def grown(self) -> tuple[Span, ...]:
        """Each `freeze(grown)`, once."""
        scopes = (applied for applied in self._applied if isinstance(applied, FixedScope))
        return tuple(dict.fromkeys(s.span for s in scopes if isinstance(s.fixed, FixedOld)))

    @property
    def shares(self) -> tuple[ShareScope, ...]:
        """Each `share` as it applies."""
        return tuple(applied for applied in self._applied if isinstance(applied, ShareScope))

    def key(self, scope: ShareScope, geometry: Weighted) -> int:
        """Return the key of the weight that layers of one geometry would share."""
        key = self._keys.setdefault((scope, geometry), len(self._keys) + 1)
        self._scopes[key] = scope
        return key

    @property
    def geometries(self) -> tuple[tuple[int, Weighted], ...]:
        """What layers have that are shared, with the number of the `share`; equal ones are one."""
        numbers: dict[ShareScope, int] = {}
        for scope, _ in self._keys:
            numbers.setdefault(scope, len(numbers))
        return tuple((numbers[scope], layer) for scope, layer in self._keys)

    def scope(self, key: int) -> ShareScope:
        """Return the `share` that a key comes from."""
        return self._scopes[key]
