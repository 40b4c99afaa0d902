"""The weight that a layer applies: its parameter, or what a scheme computes from it."""

from archdsl.analyses.memory import operations as ops
from archdsl.analyses.memory import views
from archdsl.analyses.memory.tape import Tape, TensorView
from archdsl.ir.layers import Conv, Layer, tensors
from archdsl.ir.schemes import (
    BareDirac,
    Binary,
    Dirac,
    Standardized,
    UnnormalizedDirac,
)
from archdsl.record import Record


class AppliedWeight(Record):
    """What is multiplied with the inputs of a layer, and what is added."""

    weight: TensorView
    bias: TensorView | None


def parameters(tape: Tape, layer: Layer, *, learns: bool) -> dict[str, TensorView]:
    """Return a layer's parameters by name."""
    return {
        each.name: tape.given(each.shape, learns=learns)
        for each in tensors(layer)
        if each.is_parameter
    }


def applied(tape: Tape, layer: Layer, *, learns: bool) -> AppliedWeight:
    """Return the weight that a layer applies, computed here if a scheme does."""
    found = parameters(tape, layer, learns=learns)
    weight = found["weight"]
    if isinstance(layer, Conv) and layer.scheme is not None:
        weight = _computed(tape, layer, found)
    return AppliedWeight(weight, found.get("bias"))


def _computed(tape: Tape, layer: Conv, found: dict[str, TensorView]) -> TensorView:
    """Compute a weight as the template of the scheme's class does."""
    weight = found["weight"]
    match layer.scheme:
        case None:
            return weight
        case BareDirac():
            return ops.plus(tape, _delta(tape, weight), weight)
        case UnnormalizedDirac():
            return ops.plus(tape, _scaled(tape, found["a"], _delta(tape, weight)), weight)
        case Dirac():
            identity = _scaled(tape, found["a"], _delta(tape, weight))
            filters = _scaled(tape, found["b"], _of_length_one(tape, weight))
            return ops.plus(tape, identity, filters)
        case Binary():
            signs = ops.elementwise(tape, ops.constant(tape, weight.shape))
            return ops.plus(tape, signs, ops.plus(tape, weight, weight))
        case Standardized(gain=has_gain):
            flat = _rows(tape, weight)
            flat = views.view(tape, flat, (1, *flat.shape))
            gain = [ops.elementwise(tape, _vector(tape, found["gain"]))] if has_gain else []
            outputs = (weight.shape[0],)
            return views.view(tape, ops.normalized(tape, flat, outputs, gain), weight.shape)


def _delta(tape: Tape, weight: TensorView) -> TensorView:
    return ops.constant(tape, weight.shape)


def _scaled(tape: Tape, scalars: TensorView, weight: TensorView) -> TensorView:
    dims = (1,) * (len(weight.shape) - 1)
    return ops.times(tape, views.view(tape, scalars, (*scalars.shape, *dims)), weight)


def _of_length_one(tape: Tape, weight: TensorView) -> TensorView:
    """Divide each filter by its norm, or by eps where that is larger: F.normalize."""
    rows = _rows(tape, weight)
    norms = ops.reduced(tape, rows, (rows.shape[0], 1), keeps=True)
    found = ops.over(tape, rows, ops.elementwise(tape, norms, keeps_input=True))
    return views.view(tape, found, weight.shape)


def _rows(tape: Tape, weight: TensorView) -> TensorView:
    return views.view(tape, weight, (weight.shape[0], weight.numel // weight.shape[0]))


def _vector(tape: Tape, weight: TensorView) -> TensorView:
    return views.view(tape, weight, (weight.numel,))
