"""Mistakes, and the bounds of numbers and of work."""

from typing import NoReturn

from archdsl.diagnostics import Diagnostic, Note, SpecError
from archdsl.ir.network import FeatureMap
from archdsl.ir.numbers import Number
from archdsl.ir.numbers import Value as Exact
from archdsl.limits import MAX_INTEGER, MAX_SIZE, MAX_WORK
from archdsl.semantics.values import Scope
from archdsl.source import Span


def fail(
    code: str,
    message: str,
    span: Span,
    help_: str | None = None,
    notes: tuple[Note, ...] = (),
) -> NoReturn:
    """Raise SpecError with one diagnostic."""
    raise SpecError([Diagnostic(code=code, message=message, span=span, help=help_, notes=notes)])


class InstanceError(SpecError):
    """A mistake that one instance of a block may make and another not."""


def fail_here(
    code: str,
    message: str,
    span: Span,
    help_: str | None = None,
    notes: tuple[Note, ...] = (),
) -> NoReturn:
    """Raise InstanceError with one diagnostic; where blocks are called around it, it says so."""
    found = Diagnostic(code=code, message=message, span=span, help=help_, notes=notes)
    raise InstanceError([found])


def spend(amount: int, scope: Scope, span: Span) -> None:
    """Count work; raise SpecError past the limit."""
    work = scope.file.work
    work.done += amount
    if work.done > MAX_WORK:
        message = f"building the networks of this spec takes more than {MAX_WORK:,} steps"
        fail("E309", message, span, "loop less, or put networks into specs of their own")


def check_integer(number: Number, span: Span, what: str, least: int = 0) -> Number:
    """Return the number if it is an integer of at least `least`; `what` is for the message."""
    if not isinstance(number.value, int):
        help_ = f"round it, as `round({span.text})` or `floor({span.text})` does"
        fail_here("E303", f"{what} is an integer, not {number}", span, help_)
    if number.value < least:
        fail_here("E303", f"{what} is at least {least}, not {number}", span)
    return number


def check_size(value: Exact, span: Span) -> None:
    """Raise SpecError for a number beyond the limit, or a fraction as long."""
    if abs(value) > MAX_INTEGER or value.denominator > MAX_INTEGER:
        fail("E306", "numbers go up to 10^30", span)


def check_map(made: FeatureMap, span: Span, what: str) -> FeatureMap:
    """Return a map; raise SpecError where PyTorch has no integer for one of its sizes."""
    for size in made.shape:
        if size > MAX_SIZE:
            message = f"{what} is at most {MAX_SIZE:,} in PyTorch, not {size:,}"
            fail_here("E303", message, span)
    return made
