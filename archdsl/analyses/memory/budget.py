"""What training and running a network takes of memory, in all, and which batch fits."""

from collections.abc import Callable, Iterable
from typing import assert_never

from archdsl.analyses.memory.forward import forward
from archdsl.analyses.memory.peaks import backward_course, forward_course
from archdsl.analyses.memory.tape import FLOAT32, PassSetting
from archdsl.analyses.tensors import kept
from archdsl.analyses.walk import Place, root, walk
from archdsl.ir.network import LayerNode, Network, Shared
from archdsl.ir.rebuild import replace
from archdsl.ir.recipe import Adam, AdamW, Recipe, Sgd
from archdsl.limits import MAX_BATCH
from archdsl.record import Record


class TrainingMemory(Record, kw_only=True):
    """Bytes of a training step, and of a forward pass in evaluation mode.

    Weights, gradients and the optimizer's state are in float32, under autocast as well.
    """

    batch: int
    precision: str
    weights: int
    gradients: int  # of the weights that training changes
    optimizer: int  # its state, once it has taken a step; 0 where there is no recipe
    average: int  # of the weights, where the recipe has `ema`
    buffers: int
    input: int
    activations: int  # what autograd keeps for the backward pass
    peak: int  # the most at once in a step, all of the above included
    inference_peak: int  # with weights and buffers; maps are there as long as they are read


def training_memory(network: Network, setting: PassSetting) -> TrainingMemory:
    """Return what training and running a network takes."""
    found = held(network, walk(root(network)))
    training = forward(network, replace(setting, training=True))
    there, back = forward_course(training), backward_course(training)
    running = forward(network, replace(setting, training=False))
    given = sum(each.bytes for each in training.given)
    in_step = max(there.most, there.change + back.most)
    in_optimizer = found.gradients + sum(each.bytes for each in training.returned)
    return TrainingMemory(
        batch=setting.batch,
        precision=str(setting.precision),
        weights=found.weights,
        gradients=found.gradients,
        optimizer=found.optimizer,
        average=found.average,
        buffers=found.buffers,
        input=given,
        activations=training.kept,
        peak=found.total - found.gradients + given + max(in_step, in_optimizer),
        inference_peak=found.weights + found.buffers + given + forward_course(running).most,
    )


def largest_batch(of: Callable[[int], int], most: float) -> int:
    """Return the largest batch whose memory is no more than `most` bytes; 0 where none is.

    `of` gives the memory of a batch, which grows with it.
    """
    low, high = Tried(1, of(1)), Tried(2, of(2))
    if low.bytes > most:
        return 0
    while high.bytes <= most:
        if high.batch >= MAX_BATCH:
            return high.batch
        guess = _guess(low, high, most) + 1
        batch = min(max(guess, 2 * high.batch), MAX_BATCH)
        low, high = high, Tried(batch, of(batch))
    while high.batch - low.batch > 1:  # `low` fits and `high` does not
        batch = min(max(_guess(low, high, most), low.batch + 1), high.batch - 1)
        tried = Tried(batch, of(batch))
        low, high = (tried, high) if tried.bytes <= most else (low, tried)
        if high.batch - low.batch > 1 and tried.bytes <= most:  # is that the largest?
            tried = Tried(low.batch + 1, of(low.batch + 1))
            low, high = (tried, high) if tried.bytes <= most else (low, tried)
    return low.batch


class Tried(Record):
    """A batch, and the bytes that it takes."""

    batch: int
    bytes: int


def _guess(low: Tried, high: Tried, most: float) -> int:
    """Return the batch that takes so many bytes, if memory is a line through two."""
    rise = max(high.bytes - low.bytes, 1)
    return low.batch + int((most - low.bytes) * (high.batch - low.batch) / rise)


def default_batch(network: Network) -> int:
    """Return the images of a pass over a network: those of its recipe, 1 where it has none."""
    recipe = network.recipe
    if recipe is None:
        return 1
    return -(-recipe.batch // max(recipe.accumulate, 1))


class HeldTensors(Record, kw_only=True):
    """Bytes that a network holds."""

    weights: int = 0
    gradients: int = 0
    optimizer: int = 0
    average: int = 0
    buffers: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.average + self.buffers


def held(network: Network, places: Iterable[Place]) -> HeldTensors:
    """Return what places of a network hold, all copies together."""
    weights = gradients = buffers = 0
    for place in places:
        if not isinstance(place.node, LayerNode | Shared):
            continue
        for tensor in kept(place):
            size = place.copies * tensor.numel
            if tensor.is_parameter:
                weights += FLOAT32 * size
                gradients += 0 if place.node.frozen else FLOAT32 * size
            else:
                buffers += tensor.bits // 8 * size
    recipe = network.recipe
    return HeldTensors(
        weights=weights,
        gradients=gradients,
        optimizer=0 if recipe is None else _state(recipe, gradients),
        average=weights + buffers if recipe is not None and recipe.ema else 0,
        buffers=buffers,
    )


def _state(recipe: Recipe, gradients: int) -> int:
    """Return the bytes of an optimizer's state; its counts of steps are left out."""
    match recipe.optimizer:
        case Sgd(momentum=momentum):
            return gradients if momentum else 0
        case Adam() | AdamW():
            return 2 * gradients
        case _:
            assert_never(recipe.optimizer)
