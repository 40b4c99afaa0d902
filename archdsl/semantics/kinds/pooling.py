"""Poolings."""

from archdsl.ir.layers import (
    AdaptivePool,
    Pool,
    PoolKind,
)
from archdsl.ir.making import literal
from archdsl.ir.numbers import Number
from archdsl.semantics.checks import fail, fail_here
from archdsl.semantics.flow import Flow
from archdsl.semantics.kinds.parts import (
    BuiltLayer,
    Facts,
    LayerCall,
    Padding,
    each,
    padding_or_same,
    size_of,
    window_of,
    write,
)
from archdsl.semantics.kinds.rows import DILATION, SAME_OR_PADDING, LayerKind, flag
from archdsl.semantics.parameters import Domain, Parameter

_ONE = literal(1)


def maxpool(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a pooling that keeps the largest number."""
    return _pool(use, flow, PoolKind.MAX)


def avgpool(use: LayerCall, flow: Flow, _: Facts) -> BuiltLayer:
    """Return a pooling that takes the mean."""
    return _pool(use, flow, PoolKind.AVG)


def _pool(use: LayerCall, flow: Flow, kind: PoolKind) -> BuiltLayer:
    a = use.arguments
    if use.kernel is None and not a.given("kernel"):
        return _adaptive(use, flow, kind)
    if use.kernel is None and a.given("size"):
        fail("E323", "a pooling takes `kernel` or `size`, not both", use.span)
    kernel = window_of(use, flow)
    stride = each(use, "stride", flow) if a.given("stride") else kernel
    ones = (_ONE,) * len(kernel)
    dilation = each(use, "dilation", flow) if kind is PoolKind.MAX else ones
    before, padding = _padding(use, flow, kind, kernel, stride, dilation)
    for size, border in zip(size_of(kernel), size_of(padding), strict=True):
        if 2 * border > size:
            fail_here("E322", f"padding {border} is more than half the window of {size}", use.span)
    layer = Pool(
        kind=kind,
        kernel_size=size_of(kernel),
        stride=size_of(stride),
        padding=size_of(padding),
        dilation=size_of(dilation),
        ceil_mode=a.flag("ceil"),
        count_include_pad=kind is PoolKind.AVG and a.flag("count_include_pad"),
    )
    fields = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    written = tuple(write(name, numbers) for name, numbers in fields.items())
    return BuiltLayer(layer, written, before=before)


def _padding(
    use: LayerCall,
    flow: Flow,
    kind: PoolKind,
    kernel: tuple[Number, ...],
    stride: tuple[Number, ...],
    dilation: tuple[Number, ...],
) -> tuple[Padding | None, tuple[Number, ...]]:
    """Return the padding: unless told, that of a ResNet's pooling if the window is square, else 0.

    What pools along one side alone, over time or over frequencies, is published without padding.
    """
    if len(set(size_of(kernel))) > 1 and not use.arguments.given("padding"):
        return None, (literal(0),) * len(kernel)
    is_maximum = kind is PoolKind.MAX
    spread = dilation if use.arguments.given("padding") else (_ONE,) * len(kernel)
    before, padding = padding_or_same(use, flow, kernel, stride, spread, of_maxima=is_maximum)
    if before is not None and not is_maximum:
        message = "a mean with `padding = same` would count what is padded"
        help_ = "write the padding as a number, or `pad(..)` before it, which is counted"
        fail("E323", message, use.arguments.place("padding"), help_)
    return before, padding


def _adaptive(use: LayerCall, flow: Flow, kind: PoolKind) -> BuiltLayer:
    for name in ("stride", "padding"):
        if use.arguments.given(name):
            window = "x".join("3" * (flow.map.dimensions or 2))
            help_ = f"write the window, as in `{use.kind}{window}({name} = 2)`"
            fail("E323", f"`{use.word}` without a window has no `{name}`", use.span, help_)
    ones = (_ONE,) * (flow.map.dimensions or 2)
    size = each(use, "size", flow) if use.arguments.given("size") else ones
    layer = AdaptivePool(kind=kind, output_size=size_of(size))
    return BuiltLayer(layer, (write("output_size", size),))


_WINDOW = Parameter("kernel", Domain.SIZES)
_OWN_STRIDE = Parameter("stride", Domain.SIZES)
_CEIL = flag("ceil", default=False)
_SIZE = Parameter("size", Domain.SIZES)
_INCLUDE_PAD = flag("count_include_pad", default=False)

ROWS = {
    "maxpool": LayerKind(
        (_WINDOW, _OWN_STRIDE, SAME_OR_PADDING, DILATION, _CEIL, _SIZE), maxpool, windowed=True
    ),
    "avgpool": LayerKind(
        (_WINDOW, _OWN_STRIDE, SAME_OR_PADDING, _CEIL, _SIZE, _INCLUDE_PAD), avgpool, windowed=True
    ),
}
