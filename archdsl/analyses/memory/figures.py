"""What each row of a table needs of memory and time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from archdsl.analyses.counts import places_by
from archdsl.analyses.macs import macs
from archdsl.analyses.memory.budget import HeldTensors, held
from archdsl.analyses.memory.devices import DeviceFigures
from archdsl.analyses.memory.fields import ReceptiveField
from archdsl.analyses.memory.forward import Forward, forward
from archdsl.analyses.memory.receptive import receptive_fields
from archdsl.analyses.memory.tape import PassSetting
from archdsl.analyses.walk import Place, walk
from archdsl.ir.network import LayerNode, Network
from archdsl.ir.rebuild import replace
from archdsl.record import Record

Kind = TypeVar("Kind")


class RowFigures(Record, kw_only=True):
    """Of a row of a table, all copies together."""

    activations: int = 0  # bytes that autograd keeps for the backward pass
    held: int = 0  # bytes of weights, gradients, the optimizer's state, buffers and activations
    reads: int = 0  # elements, of a forward pass in evaluation mode, operation by operation
    writes: int = 0
    moved: int = 0  # bytes that convolutions and linear layers read and write in it
    operations: int = 0  # multiplications and additions of these
    seconds: float | None = None  # that these take at least; None where no device is given
    field: ReceptiveField | None = None  # of what flows out; None where nothing does

    @property
    def intensity(self) -> Fraction | None:
        """Operations for each byte that is moved."""
        return Fraction(self.operations, self.moved) if self.moved else None


class LayerTraffic(Record):
    """Elements and bytes that a layer moves in a forward pass, all copies together."""

    reads: int = 0
    writes: int = 0
    moved: int = 0


def row_figures(
    network: Network, by: str, setting: PassSetting, device: DeviceFigures | None = None
) -> tuple[RowFigures, ...]:
    """Return the figures of each row of the table by "part", "block" or "layer", in order."""
    training = forward(network, replace(setting, training=True))
    running = forward(network, replace(setting, training=False))
    activations = _by_name(training.tape.names, training.tape.kept_at)
    moved = _by_name(running.tape.names, _traffic(running))
    fields = receptive_fields(network)
    seen: Counter[str] = Counter()
    of_nodes: Counter[str] = Counter()
    found: list[RowFigures] = []
    for places in places_by(network, by):
        total = RowFigures()
        for place in places:
            for leaf in (place, *walk(place, again=True)):
                number = seen[leaf.name]
                kept = _at(activations, leaf.name, number)
                traffic = _at(moved, leaf.name, number)
                if kept is not None or traffic is not None:
                    seen[leaf.name] += 1
                parts = (leaf, kept or 0, traffic or LayerTraffic())
                total = _added(total, *parts, network, setting, device)
        name = places[0].name
        field = _at(fields, name, of_nodes[name])
        of_nodes[name] += 1
        found.append(replace(total, field=field))
    return tuple(found)


def _at(found: Mapping[str, Sequence[Kind]], name: str, number: int) -> Kind | None:
    """Return what is known of a place; of a module that is used again, use by use."""
    known = found.get(name, ())
    return known[number] if number < len(known) else None


def _by_name(names: Iterable[str], values: Iterable[Kind]) -> dict[str, list[Kind]]:
    found: dict[str, list[Kind]] = {}
    for name, value in zip(names, values, strict=True):
        found.setdefault(name, []).append(value)
    return found


def _added(
    total: RowFigures,
    place: Place,
    kept: int,
    traffic: LayerTraffic,
    network: Network,
    setting: PassSetting,
    device: DeviceFigures | None,
) -> RowFigures:
    node = place.node
    tensors = held(network, (place,)) if not place.again else HeldTensors()
    products = macs(node) * place.copies * setting.batch if isinstance(node, LayerNode) else 0
    products = 0 if place.in_training else products
    seconds = None if device is None else _seconds(2 * products, traffic.moved, setting, device)
    return replace(
        total,
        activations=total.activations + kept,
        held=total.held + tensors.total + kept,
        reads=total.reads + traffic.reads,
        writes=total.writes + traffic.writes,
        moved=total.moved + traffic.moved,
        operations=total.operations + 2 * products,
        seconds=None if seconds is None else (total.seconds or 0) + seconds,
    )


def _seconds(
    operations: int, moved: int, setting: PassSetting, device: DeviceFigures
) -> float | None:
    """Return the time by the roofline: that of the operations, or of what they move."""
    speed = device.operations(setting.precision)
    if speed is None or device.bandwidth is None:
        return None
    return max(operations / speed, moved / device.bandwidth)


def _traffic(found: Forward) -> list[LayerTraffic]:
    """Return what each layer moves, those between layers at the one before them."""
    tape = found.tape
    times = [1] * len(tape.entries)
    for run in tape.runs:
        for number in range(run.start, run.stop):
            times[number] *= run.times
    moved = [LayerTraffic() for _ in tape.names]
    for entry, number in zip(tape.entries, times, strict=True):
        if not entry.computes or not moved:
            continue
        at = max(entry.layer, 0)
        before = moved[at]
        size = entry.makes.bytes + entry.weights + sum(each.bytes for each in entry.reads)
        reads = sum(each.numel for each in entry.reads) + entry.weights // 4
        moved[at] = LayerTraffic(
            before.reads + number * reads,
            before.writes + number * entry.makes.numel,
            before.moved + (number * size if entry.is_product else 0),
        )
    return moved
