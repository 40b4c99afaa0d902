"""Receptive fields: which pixels of the input an output pixel depends on.

By axis: the *size* of the field, the *stride* between the fields of neighbouring output pixels, and
the *offset*, the middle of the first field in pixels of the input, counted from 0. Padding lies
outside of the input, so that a field may begin below 0. What a normalization measures over pixels
is left out. Sources: Araujo, Norris & Sim 2019 ("Computing Receptive Fields of Convolutional Neural
Networks", Distill), equations 2 to 5, and their section on several paths, of which this takes the
union; Dumoulin & Visin 2016 (arXiv:1603.07285) for transposed convolutions.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import assert_never

from archdsl.analyses.walk import indices, join
from archdsl.ir.layers import (
    AdaptivePool,
    Blur,
    Conv,
    ConvTranspose,
    Layer,
    LearnedFactor,
    Pad,
    PixelShuffle,
    PixelUnshuffle,
    Pool,
    SamePad,
    Softmax,
    SoftmaxOver,
    Upsample,
    UpsampleMode,
)
from archdsl.ir.network import (
    Block,
    FeatureMap,
    Form,
    Join,
    LayerNode,
    Map,
    Network,
    Node,
    Part,
    Stage,
    Step,
    given_by,
    handed,
    taken_by,
)
from archdsl.record import Record


class AxisField(Record):
    """The field of the first output pixel, on one axis, in pixels of the input."""

    first: Fraction
    last: Fraction
    stride: Fraction

    @property
    def size(self) -> Fraction:
        """The number of pixels."""
        return self.last - self.first + 1

    @property
    def offset(self) -> Fraction:
        """The middle of the field."""
        return (self.first + self.last) / 2

    def window(self, first: Fraction | int, size: Fraction | int, stride: Fraction) -> "AxisField":
        """Return the field behind a window of some pixels, whose first place begins at `first`."""
        begin = self.first + self.stride * first
        end = self.last + self.stride * (first + size - 1)
        return AxisField(begin, end, self.stride * stride)


class ReceptiveField(Record):
    """The field of a map, by axis; () where it is the whole input."""

    axes: tuple[AxisField, ...] = ()


WHOLE = ReceptiveField()


def receptive_fields(network: Network) -> Mapping[str, Sequence[ReceptiveField]]:
    """Return the fields of what each node gives, by its name: those of one name in order."""
    return _Fields().of(network)


class _Fields:
    """Follows fields through a network; `found` are those of nodes."""

    def __init__(self) -> None:
        self.found: dict[str, list[ReceptiveField]] = {}

    def of(self, network: Network) -> Mapping[str, Sequence[ReceptiveField]]:
        self._body(network.body, taken_by(network, _begin), "")
        return self.found

    def _body(self, body: Sequence[Step], maps: dict[Map, ReceptiveField], name: str) -> None:
        for step in body:
            taken = [maps[each] for each in step.takes]
            given = self._node(step.node, taken, join(name, step.node.name))
            maps.update(zip(step.gives, given, strict=True))

    def _node(self, node: Node, taken: list[ReceptiveField], name: str) -> list[ReceptiveField]:
        if isinstance(node, Join):
            return [_union(taken)]
        place = self.found.setdefault(name, [])
        number = len(place)
        place.append(WHOLE)
        match node:
            case LayerNode(layer=layer, input=given, output=made):
                found = [_behind(layer, taken[0], given, made)]
            case Block() | Part():
                maps = handed(node, taken)
                self._body(node.body, maps, name)
                found = given_by(node, maps)
            case Stage():
                found = [self._stage(node, taken[0], name)]
            case _:
                assert_never(node)
        place[number] = found[0]
        return found

    def _stage(self, stage: Stage, given: ReceptiveField, name: str) -> ReceptiveField:
        prefix = "blocks" if stage.form is Form.WRITTEN else ""
        start = 0
        for item in stage.items:
            inner = join(join(name, prefix), indices(start, item))
            before = dict.fromkeys(self.found)
            sizes = {key: len(self.found[key]) for key in before}
            (once,) = self._node(item.node, [given], inner)
            if item.count > 1:
                for key, fields in self.found.items():
                    del fields[sizes.get(key, 0) :]
                (last,) = self._node(item.node, [_moved(given, once, item.count - 1)], inner)
                once = last
            given = once
            start += item.count
        return given


def _moved(given: ReceptiveField, once: ReceptiveField, times: int) -> ReceptiveField:
    """Return what comes out of so many copies, by what one copy does: each does the same."""
    if not given.axes or not once.axes:
        return WHOLE
    return ReceptiveField(
        tuple(
            AxisField(
                a.first + times * (b.first - a.first),
                a.last + times * (b.last - a.last),
                b.stride,
            )
            for a, b in zip(given.axes, once.axes, strict=True)
        )
    )


def _begin(given: FeatureMap) -> ReceptiveField:
    pixel = AxisField(Fraction(0), Fraction(0), Fraction(1))
    return ReceptiveField(tuple(pixel for _ in given.size or ()))


def _union(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    fields = [each for each in fields if each is not CONSTANT]
    if not fields:
        return CONSTANT
    if not all(each.axes for each in fields):
        return WHOLE
    pairs = zip(*(each.axes for each in fields), strict=True)
    return ReceptiveField(
        tuple(
            AxisField(
                min(a.first for a in axes), max(a.last for a in axes), min(a.stride for a in axes)
            )
            for axes in pairs
        )
    )


CONSTANT = ReceptiveField((AxisField(Fraction(0), Fraction(-1), Fraction(0)),))  # of no pixel


def _behind(
    layer: Layer, given: ReceptiveField, taken: FeatureMap, made: FeatureMap
) -> ReceptiveField:
    """Return the field behind a layer."""
    if isinstance(layer, LearnedFactor):
        return CONSTANT
    if not given.axes or made.size is None:
        return WHOLE
    if isinstance(layer, AdaptivePool) and all(n == 1 for n in layer.output_size):
        return WHOLE
    if isinstance(layer, Softmax) and layer.over is SoftmaxOver.PIXELS:
        return WHOLE
    sizes = zip(given.axes, taken.size or (), made.size, strict=True)
    return ReceptiveField(
        tuple(_axis(layer, axis, i, size, new) for i, (axis, size, new) in enumerate(sizes))
    )


def _axis(layer: Layer, axis: AxisField, i: int, size: int, made: int) -> AxisField:
    match layer:
        case Conv() | Pool():
            reach = layer.dilation[i] * (layer.kernel_size[i] - 1) + 1
            return axis.window(-layer.padding[i], reach, Fraction(layer.stride[i]))
        case ConvTranspose():
            stride, reach = layer.stride[i], layer.dilation[i] * (layer.kernel_size[i] - 1)
            first = ceil(Fraction(layer.padding[i] - reach, stride))
            return axis.window(first, reach // stride + 1, Fraction(1, stride))
        case AdaptivePool():
            step = Fraction(size, made)
            return axis.window(0, ceil(step) + (size % made != 0), step)
        case Upsample(mode=mode):
            step = Fraction(size, made)
            if mode is UpsampleMode.NEAREST or size == made:
                return axis.window(0, 1, step)
            return axis.window(-1 if not layer.align_corners else 0, 2, step)
        case Blur(kernel_size=kernel, stride=stride):
            return axis.window(-((kernel - 1) // 2), kernel, Fraction(stride[i]))
        case SamePad():
            return axis.window(-((made - size) // 2), 1, Fraction(1))
        case Pad(left=left, top=top):
            return axis.window(-(top, left)[i], 1, Fraction(1))
        case PixelShuffle(factor=factor):
            return axis.window(0, 1, Fraction(1, factor))
        case PixelUnshuffle(factor=factor):
            return axis.window(0, factor, Fraction(factor))
        case _:
            return axis
