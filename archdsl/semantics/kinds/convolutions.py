"""Convolutions and `linear`: the layers whose weight may be shared."""

from archdsl.ir.layers import (
    ChannelConv,
    Conv,
    ConvTranspose,
    Linear,
)
from archdsl.ir.making import literal
from archdsl.semantics.checks import fail_here
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.fitting import check_scheme, refuse_transposed
from archdsl.semantics.kinds.parts import (
    BuiltLayer,
    Facts,
    LayerCall,
    check_groups,
    each,
    padding_of,
    padding_or_same,
    size_of,
    window_of,
    write,
)
from archdsl.semantics.kinds.rows import (
    DILATION,
    PADDING,
    SAME_OR_PADDING,
    STRIDE,
    Keeps,
    LayerKind,
    flag,
)
from archdsl.semantics.parameters import Domain, Parameter, count, default_count


def conv(use: LayerCall, flow: Flow, facts: Facts) -> BuiltLayer:
    """Return a convolution."""
    a = use.arguments
    kernel = window_of(use, flow)
    stride, dilation = each(use, "stride", flow), each(use, "dilation", flow)
    out, groups = a.number("out_channels"), a.number("groups")
    before, padding = padding_or_same(use, flow, kernel, stride, dilation)
    check_groups(a.integer("groups"), (flow.channels, out), a.place("groups"))
    layer = Conv(
        in_channels=int(flow.channels.value),
        out_channels=a.integer("out_channels"),
        kernel_size=size_of(kernel),
        stride=size_of(stride),
        padding=size_of(padding),
        dilation=size_of(dilation),
        groups=a.integer("groups"),
        bias=a.flag("bias"),
        scheme=facts.scheme.scheme if facts.scheme else None,
    )
    if facts.scheme is not None:
        check_scheme(layer, facts.scheme, (flow.channels, out), use.span)
    written = (
        write("in_channels", flow.channels),
        write("out_channels", out),
        write("kernel_size", kernel),
        write("stride", stride),
        write("padding", padding),
        write("dilation", dilation),
        write("groups", groups),
    )
    return BuiltLayer(layer, written, out, before)


def conv_transpose(use: LayerCall, flow: Flow, facts: Facts) -> BuiltLayer:
    """Return a transposed convolution."""
    a = use.arguments
    if facts.scheme is not None and facts.scheme.scheme is not None:
        refuse_transposed(facts.scheme, use.span)
    kernel = window_of(use, flow)
    stride, dilation = each(use, "stride", flow), each(use, "dilation", flow)
    out, extra = a.number("out_channels"), each(use, "output_padding", flow)
    padding = padding_of(use, flow, kernel, dilation)
    check_groups(a.integer("groups"), (flow.channels, out), a.place("groups"))
    layer = ConvTranspose(
        in_channels=int(flow.channels.value),
        out_channels=a.integer("out_channels"),
        kernel_size=size_of(kernel),
        stride=size_of(stride),
        padding=size_of(padding),
        output_padding=size_of(extra),
        dilation=size_of(dilation),
        groups=a.integer("groups"),
        bias=a.flag("bias"),
    )
    for given, step, spread in zip(layer.output_padding, layer.stride, layer.dilation, strict=True):
        if given >= max(step, spread):
            fail_here(
                "E322", "`output_padding` must be smaller than the stride or the dilation", use.span
            )
    written = (
        write("in_channels", flow.channels),
        write("out_channels", out),
        write("kernel_size", kernel),
        write("stride", stride),
        write("padding", padding),
        write("output_padding", extra),
        write("dilation", dilation),
        write("groups", a.number("groups")),
    )
    return BuiltLayer(layer, written, out)


def linear(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a fully connected layer."""
    out = use.arguments.number("out_features")
    layer = Linear(
        in_features=int(flow.channels.value),
        out_features=use.arguments.integer("out_features"),
        bias=use.arguments.flag("bias"),
        per_pixel=use.arguments.flag("per_pixel"),
    )
    written = (write("in_features", flow.channels), write("out_features", out))
    return BuiltLayer(layer, written, out)


def channel_conv(use: LayerCall, _: Flow, __: Facts) -> BuiltLayer:
    """Return a 1-d convolution along the channels."""
    kernel = use.arguments.number("kernel")
    if int(kernel.value) % 2 == 0:
        message = f"`kernel` is odd, so that there are as many channels as before, not {kernel}"
        fail_here("E303", message, use.arguments.place("kernel"))
    return BuiltLayer(ChannelConv(kernel_size=int(kernel.value)), (write("kernel_size", kernel),))


_KERNEL = Parameter("kernel", Domain.SIZES, required=True)
_GROUPS = default_count("groups", 1)
_NO_BIAS = flag("bias", default=False)
_CONV = (count("out_channels"), _KERNEL, STRIDE, SAME_OR_PADDING, DILATION, _GROUPS, _NO_BIAS)
_TRANSPOSED = (count("out_channels"), _KERNEL, STRIDE, PADDING, DILATION, _GROUPS, _NO_BIAS)
_OUTPUT_PADDING = Parameter("output_padding", Domain.NATURAL_SIZES, literal(0))
_LINEAR = (count("out_features"), flag("bias", default=True), flag("per_pixel", default=False))
_WINDOW = Parameter("kernel", Domain.WINDOW, required=True)

ROWS = {
    "conv": LayerKind(_CONV, conv, keeps=Keeps.WEIGHT, windowed=True),
    "conv_transpose": LayerKind(
        (*_TRANSPOSED, _OUTPUT_PADDING), conv_transpose, keeps=Keeps.WEIGHT, windowed=True
    ),
    "linear": LayerKind(_LINEAR, linear, keeps=Keeps.WEIGHT),
    "channel_conv": LayerKind((_WINDOW,), channel_conv, Keeps.SCALARS),
}
