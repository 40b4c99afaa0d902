"""The tensors of a checkpoint -> their norms, moments, signs and histograms, in float64."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from archdsl.analyses.weights import BINS, KeptLayer, Measured, Moments, Norms, Statistics
from archdsl.deploy.checkpoint import check_installed, check_size, check_tensors, read_state
from archdsl.deploy.phases import check_phase
from archdsl.ir.layers import Conv, ConvTranspose, Layer, Linear, entry_name
from archdsl.ir.network import Network

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.analyses.growth.growing import GrowingNetwork


def measure(
    network: Network,
    layers: Iterable[KeptLayer],
    checkpoint: str,
    progress: Callable[[str], None],
    growing: "GrowingNetwork | None" = None,
) -> Iterator[Measured]:
    """Yield what the file at a path holds of some layers of a network.

    `growing` is what the network is a phase of. Raises OSError, and DeployError where the file
    holds no state of this network.
    """
    check_size(network, "inspected")
    check_installed("inspecting")
    progress(f"reading {checkpoint}")
    state = read_state(checkpoint)
    if growing is not None:
        check_phase(state, network, growing.networks, growing.phases, checkpoint)
    check_tensors(state, network, checkpoint)
    for layer in layers:
        progress(layer.name)
        for tensor in layer.tensors:
            is_weight = tensor.name == "weight"
            found = statistics(state[entry_name(layer.name, tensor)], layer.layer, is_weight)
            yield Measured(checkpoint=checkpoint, layer=layer, tensor=tensor, statistics=found)


def statistics(tensor: "Tensor", layer: Layer, is_weight: bool) -> Statistics:
    """Return what there is to say about a tensor of a layer; `is_weight`: its `weight`."""
    values = tensor.detach().double()
    nan, is_finite = int(values.isnan().sum()), values.isfinite()
    number = int(is_finite.sum())
    finite = values.flatten() if number == values.numel() else values[is_finite]
    moments = _moments(finite) if number else None
    return Statistics(
        nan=nan,
        infinite=values.numel() - number - nan,
        negative=int((finite < 0).sum()),
        zero=int((finite == 0).sum()),
        positive=int((finite > 0).sum()),
        moments=moments,
        filters=_norms(values, layer) if is_weight else None,
        histogram=_histogram(finite, moments),
    )


def _moments(finite: "Tensor") -> Moments:
    return Moments(
        mean=float(finite.mean()),
        std=float(finite.std(correction=0)),
        norm=float(finite.square().sum().sqrt()),
        least=float(finite.min()),
        largest=float(finite.max()),
    )


def _histogram(finite: "Tensor", moments: Moments | None) -> tuple[int, ...]:
    import torch

    if moments is None or not 0 < (moments.largest - moments.least) / BINS < float("inf"):
        return ()
    counts = torch.histc(finite, BINS, moments.least, moments.largest)
    return tuple(int(count) for count in counts)


def _norms(weight: "Tensor", layer: Layer) -> Norms | None:
    """Return the norms of the filters: what a convolution or linear layer has for each output."""
    match layer:
        case Conv() | Linear():
            filters = weight.flatten(1)
        case ConvTranspose(groups=groups):  # [in_channels, out_channels / groups, *kernel]
            grouped = weight.view(groups, weight.shape[0] // groups, weight.shape[1], -1)
            filters = grouped.transpose(1, 2).flatten(0, 1).flatten(1)
        case _:
            return None
    norms = filters.square().sum(dim=1).sqrt()
    norms = norms[norms.isfinite()]
    if not norms.numel():
        return None
    return Norms(
        least=float(norms.min()),
        mean=float(norms.mean()),
        largest=float(norms.max()),
        zeros=int((norms == 0).sum()),
    )
