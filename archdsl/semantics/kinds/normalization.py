"""Normalizations."""

from archdsl.ir.layers import (
    BatchNorm,
    GlobalResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import Bn, BuiltLayer, Facts, LayerCall, check_divides, write
from archdsl.semantics.kinds.rows import EPS, Keeps, LayerKind, flag, number
from archdsl.semantics.parameters import Domain, count, default_count


def bn(use: LayerCall, flow: Flow, facts: Facts) -> BuiltLayer:
    """Return a batch normalization."""
    layer = BatchNorm(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        dimensions=flow.map.dimensions or 2,
        affine=facts.bn in (Bn.LEARNED, Bn.SCALE),
        offset=facts.bn is not Bn.SCALE,
        moments=facts.bn is not Bn.FIXED,
        eps=use.arguments.real("eps"),
        momentum=use.arguments.real("momentum"),
    )
    return BuiltLayer(layer, (write("num_features", flow.channels),))


def layernorm(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a normalization over the channels."""
    layer = LayerNorm(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        dimensions=flow.map.dimensions or 2,
        bias=use.arguments.flag("bias"),
        eps=use.arguments.real("eps"),
    )
    return BuiltLayer(layer, (write("num_features", flow.channels),))


def rmsnorm(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a division by the root of the mean square of the channels."""
    layer = RMSNorm(
        num_features=int(flow.channels.value),
        spatial=flow.size is not None,
        dimensions=flow.map.dimensions or 2,
        eps=use.arguments.real("eps"),
    )
    return BuiltLayer(layer, (write("num_features", flow.channels),))


def groupnorm(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a normalization over groups of channels."""
    groups = use.arguments.number("groups")
    check_divides(groups, flow, use.arguments.place("groups"), "groups")
    layer = GroupNorm(
        num_groups=use.arguments.integer("groups"),
        num_features=int(flow.channels.value),
        eps=use.arguments.real("eps"),
    )
    return BuiltLayer(layer, (write("num_groups", groups), write("num_features", flow.channels)))


def instancenorm(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a normalization over the positions of one example."""
    layer = InstanceNorm(
        num_features=int(flow.channels.value),
        dimensions=flow.map.dimensions or 2,
        affine=use.arguments.flag("affine"),
        eps=use.arguments.real("eps"),
    )
    return BuiltLayer(layer, (write("num_features", flow.channels),))


def local_response_norm(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a normalization over neighbouring channels."""
    a = use.arguments
    layer = LocalResponseNorm(
        size=a.integer("size"), alpha=a.real("alpha"), beta=a.real("beta"), k=a.real("k")
    )
    return BuiltLayer(layer)


def grn(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a normalization by the norms of all channels."""
    layer = GlobalResponseNorm(
        num_features=int(flow.channels.value),
        eps=use.arguments.real("eps"),
        dimensions=flow.map.dimensions or 2,
    )
    return BuiltLayer(layer, (write("num_features", flow.channels),))


_SMALL_EPS = number("eps", "1e-6", Domain.TINY)
_LOCAL_RESPONSE_NORM = (
    default_count("size", 5),
    number("alpha", "1e-4", Domain.POSITIVE),
    number("beta", "0.75", Domain.POSITIVE),
    number("k", "1", Domain.POSITIVE),
)

ROWS = {
    "bn": LayerKind((EPS, number("momentum", "0.1", Domain.SHARE)), bn, Keeps.NORMALIZATION),
    "layernorm": LayerKind((EPS, flag("bias", default=True)), layernorm, Keeps.NORMALIZATION),
    "rmsnorm": LayerKind((_SMALL_EPS,), rmsnorm, Keeps.NORMALIZATION),
    "instancenorm": LayerKind(
        (flag("affine", default=False), EPS), instancenorm, Keeps.NORMALIZATION
    ),
    "groupnorm": LayerKind((count("groups"), EPS), groupnorm, Keeps.NORMALIZATION),
    "local_response_norm": LayerKind(_LOCAL_RESPONSE_NORM, local_response_norm),
    "grn": LayerKind((_SMALL_EPS,), grn, Keeps.NORMALIZATION),
}
