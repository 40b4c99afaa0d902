"""What training and running a network takes of memory, in all, and which batch fits."""

from collections.abc import Callable
from typing import assert_never

from archdsl.analyses.memory.forward import forward
from archdsl.analyses.memory.peaks import backward_course, forward_course
from archdsl.analyses.memory.tape import FLOAT32, Setting
from archdsl.analyses.tensors import kept
from archdsl.analyses.walk import root, walk
from archdsl.ir.network import LayerNode, Network, Shared
from archdsl.ir.rebuild import replace
from archdsl.ir.recipe import Adam, AdamW, Recipe, Sgd
from archdsl.record import Record

LARGEST_BATCH = 2**24  # that is looked for


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


def training_memory(network: Network, setting: Setting) -> TrainingMemory:
    """Return what training and running a network takes."""
    held = _held(network)
    training = forward(network, replace(setting, training=True))
    there, back = forward_course(training), backward_course(training)
    running = forward(network, replace(setting, training=False))
    given = sum(each.bytes for each in training.given)
    recipe = network.recipe
    state = 0 if recipe is None else _state(recipe, held.gradients)
    average = held.weights + held.buffers if recipe is not None and recipe.ema else 0
    stays = held.weights + held.buffers + state + average
    in_step = max(there.most, there.change + back.most)
    in_optimizer = held.gradients + sum(each.bytes for each in training.returned)
    return TrainingMemory(
        batch=setting.batch,
        precision=str(setting.precision),
        weights=held.weights,
        gradients=held.gradients,
        optimizer=state,
        average=average,
        buffers=held.buffers,
        input=given,
        activations=training.kept,
        peak=stays + given + max(in_step, in_optimizer),
        inference_peak=held.weights + held.buffers + given + forward_course(running).most,
    )


def largest_batch(of: Callable[[int], int], most: float) -> int:
    """Return the largest batch whose memory is no more than `most` bytes; 0 where none is.

    `of` gives the memory of a batch, which grows with it.
    """
    if of(1) > most:
        return 0
    fits = 1
    while fits < LARGEST_BATCH and of(2 * fits) <= most:
        fits *= 2
    low, high = fits, 2 * fits  # fits, and does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if of(middle) <= most else (low, middle)
    return low


def default_batch(network: Network) -> int:
    """Return the images of a pass over a network: those of its recipe, 1 where it has none."""
    recipe = network.recipe
    if recipe is None:
        return 1
    return -(-recipe.batch // max(recipe.accumulate, 1))


class HeldTensors(Record):
    """Bytes that a network holds."""

    weights: int
    gradients: int
    buffers: int


def _held(network: Network) -> HeldTensors:
    weights = gradients = buffers = 0
    for place in walk(root(network)):
        if not isinstance(place.node, LayerNode | Shared):
            continue
        for tensor in kept(place):
            size = place.copies * tensor.numel
            if tensor.is_parameter:
                weights += FLOAT32 * size
                gradients += 0 if place.node.frozen else FLOAT32 * size
            else:
                buffers += tensor.bits // 8 * size
    return HeldTensors(weights, gradients, buffers)


def _state(recipe: Recipe, gradients: int) -> int:
    """Return the bytes of an optimizer's state; its counts of steps are left out."""
    match recipe.optimizer:
        case Sgd(momentum=momentum):
            return gradients if momentum else 0
        case Adam() | AdamW():
            return 2 * gradients
        case _:
            assert_never(recipe.optimizer)
