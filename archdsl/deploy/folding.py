"""The trained tensors -> those of the deployed file.

Weights are folded in float64 and stored as they were trained. Signs are packed eight in a byte, the
first in its highest bit, as numpy.packbits does it; each layer begins a byte.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, assert_never

from archdsl.analyses.origins import Deployed, Origin, file_tensors, names
from archdsl.ir.layers import BatchNorm, Conv, ConvTranspose, Layer, entry_name, scheme_of
from archdsl.ir.schemes import (
    BareDirac,
    Binary,
    BinaryScale,
    Computed,
    Delta,
    Dirac,
    Standardized,
    UnnormalizedDirac,
)

if TYPE_CHECKING:
    from torch import Tensor


def deploy_state(
    deployed: Deployed, state: "Mapping[str, Tensor]", progress: Callable[[str], None]
) -> "dict[str, Tensor]":
    """Return the tensors of the deployed file by name, from a state that has been checked."""
    found: dict[str, Tensor] = {}
    for origin in deployed.origins:
        norms = names(origin.norm_path) if origin.norm is not None else None
        for name, trained in zip(names(origin.path), names(origin.trained_path), strict=True):
            progress(trained)
            norm = "" if norms is None else next(norms)
            for tensor, value in _layer(origin, state, trained, norm):
                found[f"{name}.{tensor}" if tensor else name] = value.contiguous()
    return found


def _layer(
    origin: Origin, state: "Mapping[str, Tensor]", trained: str, norm: str
) -> "Iterator[tuple[str, Tensor]]":
    """Yield the tensors of a copy of a layer, by their names in it."""
    scheme = scheme_of(origin.trained)
    if scheme is None and origin.norm is None:
        for tensor in file_tensors(origin.layer):
            yield tensor.name, state[entry_name(trained, tensor)]
    elif scheme is None or isinstance(scheme, Computed):
        yield from _computed(origin, state, trained, norm)
    else:
        yield from _packed(origin, scheme, state, trained)


def _computed(
    origin: Origin, state: "Mapping[str, Tensor]", trained: str, norm: str
) -> "Iterator[tuple[str, Tensor]]":
    """Yield the weight that a layer applies and its bias, with the normalization behind it."""
    weight, bias = _effective(origin.trained, state, trained), state.get(f"{trained}.bias")
    dtype = state[f"{trained}.weight"].dtype
    bias = None if bias is None else bias.double()
    if origin.norm is not None:
        weight, bias = _folded(origin.trained, weight, bias, _affine(origin.norm, state, norm))
    yield "weight", weight.to(dtype)
    if bias is not None:
        yield "bias", bias.to(dtype)


# ---------------------------------------------------------------- batch normalization


def _affine(norm: BatchNorm, state: "Mapping[str, Tensor]", name: str) -> "tuple[Tensor, Tensor]":
    """Return what the normalization multiplies with and adds, for each channel."""
    import torch

    mean, var = state[f"{name}.running_mean"].double(), state[f"{name}.running_var"].double()
    scale = torch.rsqrt(var + norm.eps)
    if norm.affine:
        scale = scale * state[f"{name}.weight"].double()
    offset = -mean * scale
    if norm.affine and norm.offset:
        offset = offset + state[f"{name}.bias"].double()
    return scale, offset


def _folded(
    layer: Layer, weight: "Tensor", bias: "Tensor | None", affine: "tuple[Tensor, Tensor]"
) -> "tuple[Tensor, Tensor]":
    scale, offset = affine
    bias = offset if bias is None else bias * scale + offset
    if isinstance(layer, ConvTranspose):  # [in_channels, out_channels / groups, *kernel]
        inputs, outputs, *kernel = weight.shape
        grouped = weight.view(layer.groups, inputs // layer.groups, outputs, *kernel)
        return (grouped * scale.view(layer.groups, 1, outputs, *[1] * len(kernel))).view_as(
            weight
        ), bias
    return weight * scale.view(-1, *[1] * (weight.ndim - 1)), bias


# ---------------------------------------------------------------- weight schemes


def _effective(layer: Layer, state: "Mapping[str, Tensor]", name: str) -> "Tensor":
    """Return the weight that a layer applies, in float64."""
    weight = state[f"{name}.weight"].double()
    if not isinstance(layer, Conv):
        return weight
    match layer.scheme:
        case Dirac(eps=eps, delta=delta):
            a, b = (_each(state[f"{name}.{factor}"].double(), weight) for factor in "ab")
            norm = _each(weight.flatten(1).square().sum(dim=1).sqrt().clamp(min=eps), weight)
            return a * _delta(layer, delta, weight) + b * weight / norm
        case UnnormalizedDirac(delta=delta):
            a = _each(state[f"{name}.a"].double(), weight)
            return a * _delta(layer, delta, weight) + weight
        case BareDirac(delta=delta):
            return _delta(layer, delta, weight) + weight
        case Standardized(eps=eps, gain=has_gain):
            filters = _standardized(weight, eps)
            if not has_gain:
                return filters
            return state[f"{name}.gain"].double() * weight[0].numel() ** -0.5 * filters
        case Binary() | None:
            return weight
        case _:
            assert_never(layer.scheme)


def _each(numbers: "Tensor", weight: "Tensor") -> "Tensor":
    """Return a number for each filter, or one, in a shape that a weight is multiplied with."""
    return numbers.view(-1, *[1] * (weight.ndim - 1))


def _delta(layer: Conv, delta: Delta, weight: "Tensor") -> "Tensor":
    """Return the weight that passes the channels on, in each group."""
    import torch

    made = torch.zeros_like(weight)
    outputs, inputs = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    n = min(outputs, inputs)
    is_tiled = delta is Delta.TILED
    centre = tuple(size // 2 for size in layer.kernel_size)
    for channel in range(layer.out_channels):
        row = channel % outputs
        if is_tiled:
            made[(channel, slice(row % n, None, n), *centre)] = 1
        elif row < n:
            made[(channel, row, *centre)] = 1
    return made


def _standardized(weight: "Tensor", eps: float) -> "Tensor":
    """Return the weight less its mean, over its deviation, for each filter."""
    centred = weight - _each(weight.flatten(1).mean(dim=1), weight)
    return centred / _each(centred.flatten(1).square().mean(dim=1) + eps, weight).sqrt()


def _packed(
    origin: Origin, scheme: Binary, state: "Mapping[str, Tensor]", name: str
) -> "Iterator[tuple[str, Tensor]]":
    """Yield the signs of a binary convolution, its scale, and its bias if it has one."""
    weight = state[f"{name}.weight"]
    assert isinstance(origin.layer, Conv)
    yield "bits", pack(weight >= 0)
    yield "scale", _scale(scheme, weight)
    if origin.layer.bias:
        yield "bias", state[f"{name}.bias"]


def _scale(scheme: Binary, weight: "Tensor") -> "Tensor":
    """Return what the signs are multiplied with, to the bit what training computes."""
    if scheme.scale is BinaryScale.MEAN:
        return weight.abs().flatten(1).mean(dim=1)
    return (scheme.gain / weight[0].numel()) ** 0.5 * weight.new_ones(1)


def pack(signs: "Tensor") -> "Tensor":
    """Return booleans as bits, eight in a byte, the last byte filled with zeros."""
    import torch

    bits = signs.flatten().to(torch.uint8)
    bits = torch.cat((bits, bits.new_zeros(-len(bits) % 8))).view(-1, 8)
    places = torch.arange(7, -1, -1, dtype=torch.uint8)
    return (bits << places).sum(dim=1, dtype=torch.uint8)
