"""Receptive fields: which pixels of the input an output pixel depends on.

By axis: the *size* of the field, the *stride* between the fields of neighbouring output pixels, and
the *offset*, the middle of the first field in pixels of the input, counted from 0. Padding lies
outside of the input, so that a field may begin below 0. Behind an upsampling the fields of
neighbours differ, and repeat after some pixels: the size is the largest of them, the stride their
mean. What a normalization measures over pixels is left out. Sources: Araujo, Norris & Sim 2019
("Computing Receptive Fields of Convolutional Neural Networks", Distill), equations 2 to 5, and
their section on several paths, of which this takes the union; Dumoulin & Visin 2016
(arXiv:1603.07285), chapter 4, for transposed convolutions.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from math import ceil, floor, gcd, lcm
from typing import assert_never

from archdsl.analyses.memory.fields import WHOLE, AxisField, Reads, ReceptiveField
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
    return ReceptiveField(tuple(map(partial(_moved_axis, times=times), given.axes, once.axes)))


def _moved_axis(given: AxisField, once: AxisField, times: int) -> AxisField:
    number = lcm(len(given.fields), len(once.fields))
    pairs = zip(given.repeated(number).fields, once.repeated(number).fields, strict=True)
    fields = ((a[0] + times * (b[0] - a[0]), a[1] + times * (b[1] - a[1])) for a, b in pairs)
    return AxisField(tuple(fields), once.step * number // len(once.fields))


def _begin(given: FeatureMap) -> ReceptiveField:
    return ReceptiveField(tuple(AxisField(((0, 0),), 1) for _ in given.size or ()))


CONSTANT = ReceptiveField((AxisField(((0, -1),), 0),))  # of no pixel


def _union(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    fields = [each for each in fields if each is not CONSTANT]
    if not fields:
        return CONSTANT
    if not all(each.axes for each in fields):
        return WHOLE
    axes = [_union_of(axes) for axes in zip(*(each.axes for each in fields), strict=True)]
    return _bounded(axes)


def _union_of(axes: Sequence[AxisField]) -> AxisField | None:
    number = lcm(*(len(axis.fields) for axis in axes))
    if number > MOST:
        return None
    every = zip(*(axis.repeated(number).fields for axis in axes), strict=True)
    fields = ((min(f for f, _ in each), max(last for _, last in each)) for each in every)
    return AxisField(tuple(fields), axes[0].step * number // len(axes[0].fields))


MOST = 1024  # fields that differ; where there are more it is said to be the whole input


def _bounded(axes: Sequence[AxisField | None]) -> ReceptiveField:
    found = tuple(axis for axis in axes if axis is not None)
    return ReceptiveField(found) if len(found) == len(axes) else WHOLE


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
    axes = [_axis(layer, axis, i, size, new) for i, (axis, size, new) in enumerate(sizes)]
    return _bounded(axes)


def _axis(layer: Layer, axis: AxisField, i: int, size: int, made: int) -> AxisField | None:
    reads = _reads(layer, i, size, made)
    if reads is None:
        return axis
    turns = len(axis.fields) // gcd(len(axis.fields), reads.given)
    return None if reads.made * turns > MOST else axis.behind(reads)


def _reads(layer: Layer, i: int, size: int, made: int) -> Reads | None:
    """Return what a layer reads on an axis of so many pixels; None: each pixel for itself."""
    match layer:
        case Conv() | Pool():
            reach = layer.dilation[i] * (layer.kernel_size[i] - 1)
            return _window(-layer.padding[i], reach, layer.stride[i])
        case ConvTranspose():
            stride, padding = layer.stride[i], layer.padding[i]
            reach = layer.dilation[i] * (layer.kernel_size[i] - 1)
            return Reads(
                lambda o: (-((reach - padding - o) // stride), (o + padding) // stride), stride, 1
            )
        case AdaptivePool():
            part = gcd(size, made)
            return Reads(
                lambda o: (o * size // made, -(-(o + 1) * size // made) - 1),
                made // part,
                size // part,
            )
        case Upsample():
            return None if size == made else _upsampled(layer, size, made)
        case Blur(kernel_size=kernel, stride=stride):
            return _window(-((kernel - 1) // 2), kernel - 1, stride[i])
        case SamePad():
            return _window(-((made - size) // 2), 0, 1)
        case Pad(before=before):
            return _window(-before[i], 0, 1)
        case PixelShuffle(factor=factor):
            return Reads(lambda o: (o // factor, o // factor), factor, 1)
        case PixelUnshuffle(factor=factor):
            return _window(0, factor - 1, factor)
        case _:
            return None


def _window(first: int, reach: int, stride: int) -> Reads:
    return Reads(lambda o: (o * stride + first, o * stride + first + reach), 1, stride)


def _upsampled(layer: Upsample, size: int, made: int) -> Reads:
    """Return the pixels whose values are interpolated (torch.nn.functional.interpolate)."""
    if layer.mode is UpsampleMode.NEAREST:
        part = gcd(size, made)
        return Reads(lambda o: (o * size // made, o * size // made), made // part, size // part)
    if layer.align_corners:
        above, below = size - 1, max(made - 1, 1)
    else:
        above, below = size, made
    part = gcd(above, below) or 1

    def read(pixel: int) -> tuple[int, int]:
        at = Fraction(pixel * above, below)
        at += 0 if layer.align_corners else Fraction(above, 2 * below) - Fraction(1, 2)
        return floor(at), ceil(at)

    return Reads(read, max(below // part, 1), max(above // part, 1))
