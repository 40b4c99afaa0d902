"""Parts of layers that are fixed: what `freeze(..)` says, and what of a layer that is."""

from typing import NoReturn, assert_never

from archdsl.diagnostics import Note
from archdsl.ir.fixing import channels_of
from archdsl.ir.layers import BatchNorm, Layer
from archdsl.ir.network import Channels, Fixed, FixedOld, FixedPart
from archdsl.ir.numbers import Number
from archdsl.ir.rebuild import replace
from archdsl.semantics.checks import check_integer, fail, fail_here
from archdsl.semantics.context import Context
from archdsl.semantics.evaluate import evaluate, integer_of
from archdsl.semantics.signature import place
from archdsl.semantics.values import ListValue, Scope, type_name
from archdsl.source import Span
from archdsl.syntax import tree

FREEZE_FORMS = ("freeze(grown, epochs = n)", "freeze(outputs = n, inputs = [from, to])")


def read_fixed(call: tree.Call, scope: Scope) -> Fixed:
    """Return what the arguments of `freeze(..)` say."""
    given = call.arguments or ()
    if any(a.name is None or a.name.text in ("grown", "epochs") for a in given):
        placed = place(call, ("grown", "epochs"), "`freeze`")
        _check_grown(placed.get("grown"), call)
        epochs = placed.get("epochs")
        return FixedOld(None if epochs is None else _epochs(epochs, scope))
    placed = place(call, ("outputs", "inputs"), "`freeze`")
    ranges = {name: _channels(node, scope, name) for name, node in placed.items()}
    return FixedPart(**ranges)


def _check_grown(node: tree.Expression | None, call: tree.Call) -> None:
    match node:
        case tree.Variable(name=tree.Name(text="grown")):
            return
        case _:
            known = " or ".join(f"`{form}`" for form in ("freeze", *FREEZE_FORMS))
            fail("E314", f"`freeze` is {known}", call.span)


def _epochs(node: tree.Expression, scope: Scope) -> int:
    return int(integer_of(node, scope, "`epochs`", 1).value)


def _channels(node: tree.Expression, scope: Scope, name: str) -> Channels:
    """Return the channels that `48`, the first ones, or `[16, 32]` means."""
    value = evaluate(node, scope)
    match value:
        case Number():
            return ((0, _bound(value, node.span, name, 1)),)
        case ListValue(items=(Number() as first, Number() as end)):
            start, stop = _bound(first, node.span, name, 0), _bound(end, node.span, name, 1)
            if stop <= start:
                message = f"`{name}` goes from {start:,} up to {stop:,}, which is none"
                help_ = f"write `{name} = [16, 32]` for those from 16 up to 31"
                fail("E303", message, node.span, help_)
            return ((start, stop),)
        case ListValue():
            help_ = f"write `{name} = [16, 32]` for those from 16 up to 31"
            fail("E302", f"`{name}` is a number or [from, to]", node.span, help_)
        case _:
            message = f"`{name}` is a number or [from, to], not {type_name(value)}"
            fail("E302", message, node.span)


def _bound(number: Number, span: Span, name: str, least: int) -> int:
    return int(check_integer(number, span, f"`{name}`", least).value)


def fixed_of(layer: Layer, context: Context, span: Span) -> Fixed | None:
    """Return the part of a layer that is fixed here; raise SpecError where it has no such part."""
    scope = context.fixed
    if scope is None:
        return None
    found = channels_of(layer)
    if found is None:  # it keeps nothing
        return None
    scope.reached = True
    if isinstance(scope.fixed, FixedOld):
        return scope.fixed
    if found.inputs is None and scope.fixed.outputs is None:
        return None  # there is one of everything for each output
    for name, given, there in (
        ("outputs", scope.fixed.outputs, found.outputs),
        ("inputs", scope.fixed.inputs, found.inputs),
    ):
        if given is not None and there is not None and given[-1][1] > there:
            _beyond(name, given[-1][1], there, scope.span, span)
    return scope.fixed


def with_fixed(layer: Layer, fixed: Fixed | None) -> Layer:
    """Return a layer that keeps the moments of its fixed channels, if it measures any."""
    if not isinstance(layer, BatchNorm) or not layer.moments:
        return layer
    match fixed:
        case FixedOld():
            return replace(layer, fixed=())
        case FixedPart(outputs=outputs):
            return replace(layer, fixed=outputs)
        case None:
            return layer
        case _:
            assert_never(fixed)


def _beyond(name: str, given: int, there: int, annotation: Span, layer: Span) -> NoReturn:
    message = f"{given:,} {name} are to be fixed, and this layer has {there:,}"
    notes = (Note("said here", annotation),)
    help_ = f"write `freeze({name} = n)` with n of at most {there:,}, on the layers that it is for"
    fail_here("E807", message, layer, help_, notes)
