"""Normalizations."""

from archdsl.ir.layers import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
)
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import Bn, Built, Facts, Use, check_divides, write


def bn(use: Use, flow: Flow, facts: Facts) -> Built:
    """Return a batch normalization."""
    layer = BatchNorm(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        affine=facts.bn in (Bn.LEARNED, Bn.SCALE),
        offset=facts.bn is not Bn.SCALE,
        moments=facts.bn is not Bn.FIXED,
        eps=use.arguments.real("eps"),
        momentum=use.arguments.real("momentum"),
    )
    return Built(layer, (write("num_features", flow.channels),))


def layernorm(use: Use, flow: Flow, _: Facts) -> Built:
    """Return a normalization over the channels."""
    layer = LayerNorm(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        eps=use.arguments.real("eps"),
    )
    return Built(layer, (write("num_features", flow.channels),))


def groupnorm(use: Use, flow: Flow, _: Facts) -> Built:
    """Return a normalization over groups of channels."""
    groups = use.arguments.number("groups")
    check_divides(groups, flow, use.arguments.place("groups"), "groups")
    layer = GroupNorm(
        num_groups=use.arguments.integer("groups"),
        num_features=int(flow.channels.value),
        eps=use.arguments.real("eps"),
    )
    return Built(layer, (write("num_groups", groups), write("num_features", flow.channels)))


def instancenorm(use: Use, flow: Flow, _: Facts) -> Built:
    """Return a normalization over the positions of one example."""
    layer = InstanceNorm(
        num_features=int(flow.channels.value),
        affine=use.arguments.flag("affine"),
        eps=use.arguments.real("eps"),
    )
    return Built(layer, (write("num_features", flow.channels),))


def local_response_norm(use: Use, _: Flow, __: Facts) -> Built:
    """Return a normalization over neighbouring channels."""
    a = use.arguments
    layer = LocalResponseNorm(
        size=a.integer("size"), alpha=a.real("alpha"), beta=a.real("beta"), k=a.real("k")
    )
    return Built(layer)
