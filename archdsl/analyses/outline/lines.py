"""Layer -> its line in a paper's table."""

from archdsl.analyses.outline.entries import LayerMark, Line, Shown
from archdsl.ir.layers import (
    AdaptivePool,
    Blur,
    ChannelConv,
    ChannelShuffle,
    Conv,
    ConvTranspose,
    Flatten,
    Linear,
    NCReLU,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Pool,
    PoolKind,
    Size,
    Upsample,
    every,
    is_point,
    scheme_of,
)
from archdsl.ir.network import LayerNode
from archdsl.ir.schemes import Binary, Identity, Standardized


def line_of(node: LayerNode, *, in_run: bool) -> Line | None:
    """Return the line of a layer; None where papers do not show it."""
    layer, marks = node.layer, _marks(node)
    match layer:
        case Conv() | ConvTranspose():
            shown = Shown.CONV if isinstance(layer, Conv) else Shown.CONV_TRANSPOSE
            is_depthwise = layer.groups == layer.in_channels and layer.groups > 1
            return Line(
                shown=shown,
                window=layer.kernel_size,
                channels=layer.out_channels,
                stride=() if in_run and shown is Shown.CONV else _stride(layer.stride),
                groups=layer.groups,
                depthwise=is_depthwise,
                marks=marks,
            )
        case Linear(out_features=features, per_pixel=True):
            window = every(1, node.output.dimensions)
            return Line(shown=Shown.CONV, window=window, channels=features, marks=marks)
        case Linear(out_features=features):
            return Line(shown=Shown.LINEAR, channels=features, marks=marks)
        case Pool(kind=kind, kernel_size=kernel, stride=stride):
            shown = Shown.MAX_POOL if kind is PoolKind.MAX else Shown.AVERAGE_POOL
            return Line(shown=shown, window=kernel, stride=_stride(stride))
        case AdaptivePool(kind=kind, output_size=size):
            is_max = kind is PoolKind.MAX
            if is_point(size):
                shown = Shown.GLOBAL_MAX_POOL if is_max else Shown.GLOBAL_AVERAGE_POOL
                return Line(shown=shown)
            shown = Shown.MAX_POOL if is_max else Shown.AVERAGE_POOL
            return Line(shown=shown, word=f"to {'x'.join(map(str, size))}")
        case NCReLU() | ChannelShuffle() | PixelShuffle() | PixelUnshuffle() | Upsample() | Blur():
            return Line(shown=Shown.OTHER, word=node.kind.replace("_", " "))
        case ChannelConv(kernel_size=size):
            return Line(shown=Shown.OTHER, word=f"channel conv {size}")
        case Pad() | Flatten() | _:
            return None


def _stride(stride: Size) -> Size:
    return () if is_point(stride) else stride


def _marks(node: LayerNode) -> frozenset[LayerMark]:
    found: set[LayerMark] = set()
    if node.shared is not None:
        found.add(LayerMark.SHARED)
    if node.frozen:
        found.add(LayerMark.FROZEN)
    scheme = scheme_of(node.layer)
    if isinstance(scheme, Identity):
        found.add(LayerMark.DIRAC)
    elif isinstance(scheme, Binary):
        found.add(LayerMark.BINARY)
    elif isinstance(scheme, Standardized):
        found.add(LayerMark.STANDARDIZED)
    return frozenset(found)
