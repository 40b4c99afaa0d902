"""What annotations say, their arguments read, and what each does to the context."""

from abc import abstractmethod
from fractions import Fraction

from archdsl.ir.network import Fixed, FixedOld
from archdsl.ir.rebuild import replace
from archdsl.record import Record
from archdsl.semantics.checks import fail
from archdsl.semantics.context import (
    Context,
    DropScope,
    FixedScope,
    Reach,
    SchemeScope,
    ShareScope,
)
from archdsl.semantics.fixing import read_fixed
from archdsl.semantics.kinds.fitting import SaidScheme
from archdsl.semantics.kinds.parts import Bn
from archdsl.semantics.parameters import Domain, Parameter
from archdsl.semantics.signature import bind
from archdsl.semantics.values import Scope
from archdsl.source import Span
from archdsl.syntax import tree


class Meaning(Record):
    """What an annotation says."""

    @abstractmethod
    def enter(self, context: Context, reach: Reach, *, grows: bool) -> Context:
        """Return what holds inside; where a drop rate `grows` it does so by branch."""


class SetBn(Meaning):
    """`bn(frozen)`."""

    bn: Bn

    def enter(self, context: Context, reach: Reach, *, grows: bool) -> Context:  # noqa: ARG002
        """Return what holds inside."""
        return replace(context, bn=self.bn)


class SetFrozen(Meaning):
    """`freeze`, or `trainable`, which takes it off."""

    frozen: bool

    def enter(self, context: Context, reach: Reach, *, grows: bool) -> Context:  # noqa: ARG002
        """Return what holds inside."""
        return replace(context, frozen=self.frozen, fixed=None)


class SetFixed(Meaning):
    """`freeze(grown)`, or `freeze(outputs = 48)`."""

    fixed: Fixed
    span: Span

    def enter(self, context: Context, reach: Reach, *, grows: bool) -> Context:  # noqa: ARG002
        """Return what holds inside."""
        if isinstance(self.fixed, FixedOld) and reach.is_member:
            return replace(context, frozen=False, fixed=None)
        scope = FixedScope(self.span, self.fixed)
        reach.add(scope)
        return replace(context, frozen=False, fixed=scope)


class SetScheme(Meaning):
    """`dirac(..)` or another weight scheme, or `plain`, which takes them off."""

    said: SaidScheme

    def enter(self, context: Context, reach: Reach, *, grows: bool) -> Context:  # noqa: ARG002
        """Return what holds inside."""
        scope = SchemeScope(self.said)
        if self.said.scheme is not None:
            reach.add(scope)
        return replace(context, scheme=scope)


class Share(Meaning):
    """`share(conv3x3, from = 2, strides = any)`."""

    selectors: tuple[str, ...]
    start: int  # the first block of each run that takes part, from 1
    any_stride: bool
    span: Span

    def enter(self, context: Context, reach: Reach, *, grows: bool) -> Context:  # noqa: ARG002
        """Return what holds inside: those around it hold too."""
        scope = ShareScope(
            self.span,
            self.selectors,
            start=self.start,
            any_stride=self.any_stride,
            level=context.level,
        )
        reach.add(scope)
        return replace(context, shares=(*context.shares, scope))


class DropBranches(Meaning):
    """`stochastic_depth(0.2)`."""

    rate: Fraction
    span: Span

    def enter(self, context: Context, reach: Reach, *, grows: bool) -> Context:
        """Return what holds inside."""
        scope = DropScope(self.span, self.rate, grows=grows)
        reach.add(scope)
        return replace(context, drop=scope, in_run=False)


# ---------------------------------------------------------------- reading


def read_bn(call: tree.Call, scope: Scope) -> SetBn:
    """Return what `bn(..)` says."""
    arguments = call.arguments or ()
    if len(arguments) == 1 and arguments[0].name is None:
        word = _word(arguments[0].value, scope)
        if word in tuple(Bn):
            return SetBn(Bn(word))
    known = " or ".join(f"`bn({word})`" for word in Bn)
    fail("E314", f"`bn` is {known}", call.span)


def _word(node: tree.Expression, scope: Scope) -> object:
    """Return a word as it stands, or the string that a parameter of this name holds."""
    if isinstance(node, tree.Variable):
        word = node.name.text
        return word if word in tuple(Bn) else scope.find(word)
    return None


def read_freeze(call: tree.Call, scope: Scope) -> SetFrozen | SetFixed:
    """Return what `freeze`, `freeze(grown)` or `freeze(outputs = 48)` says."""
    if not call.arguments:
        return SetFrozen(frozen=True)
    return SetFixed(read_fixed(call, scope), call.span)


def read_trainable(_: tree.Call, __: Scope) -> SetFrozen:
    """Return what `trainable` says."""
    return SetFrozen(frozen=False)


RATE = Parameter("rate", Domain.RATE, required=True)


def read_rate(call: tree.Call, scope: Scope) -> DropBranches:
    """Return what `stochastic_depth(..)` says."""
    bound = bind(call, (RATE,), scope, "`stochastic_depth`")
    return DropBranches(Fraction(bound.number("rate").value), call.span)
