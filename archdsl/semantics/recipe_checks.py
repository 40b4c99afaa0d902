"""Whether the settings of a recipe agree with each other, and with the network they train."""

from collections.abc import Mapping
from typing import assert_never

from archdsl.diagnostics import Diagnostic, Diagnostics, Severity
from archdsl.ir.datasets import DATA_SETS, DataSet
from archdsl.ir.network import FeatureMap, Network
from archdsl.ir.recipe import (
    Data,
    ImageFolder,
    Optimizer,
    Recipe,
    Schedule,
    Sgd,
    Sine,
    Steps,
    WarmRestarts,
    samples_of,
    task_of,
)
from archdsl.ir.task import Task
from archdsl.semantics.recipe_ends import ends_mistakes
from archdsl.source import Span
from archdsl.syntax import tree


def check_recipe(
    recipe: Recipe, nodes: Mapping[str, tree.Expression], diagnostics: Diagnostics
) -> None:
    """Report settings that do not agree; `nodes` is what was written for each."""
    _check_length(nodes["schedule"], recipe.schedule, recipe.epochs, diagnostics)
    _check_rates(nodes["schedule"], recipe.schedule, recipe.optimizer, diagnostics)
    _check_parts(nodes, recipe, diagnostics)
    _check_task(nodes, recipe, diagnostics)


def _check_length(
    node: tree.Expression, schedule: Schedule, epochs: int, diagnostics: Diagnostics
) -> None:
    """Warn where the training ends before its schedule gets anywhere."""
    match schedule:
        case Steps(at=at) if at[-1] > epochs:
            late = next(epoch for epoch in at if epoch > epochs)
            message = f"the training ends after epoch {epochs}, before the step at {late}"
            _warn("W601", message, node.span, diagnostics)
        case _ if schedule.warmup >= epochs:
            message = f"the warm-up of {schedule.warmup:g} epochs fills all {epochs} epochs"
            _warn("W601", message, node.span, diagnostics)
        case WarmRestarts():
            before, after = _ends(schedule, epochs)
            if epochs != after:
                message = f"the training ends after epoch {epochs}, in the middle of a cycle"
                ends = f"{before} and {after} epochs" if before else f"{after} epochs"
                help_ = f"a cycle ends after {ends}"
                _warn("W601", message, node.span, diagnostics, help_)
        case _:
            pass


def _ends(schedule: WarmRestarts, epochs: int) -> tuple[int, int]:
    """Return the last end of a cycle before `epochs`, and the first one there or later."""
    if schedule.growth == 1:
        cycles = (epochs - 1) // schedule.first
        return cycles * schedule.first, (cycles + 1) * schedule.first
    before, length = 0, schedule.first
    while before + length < epochs:
        before, length = before + length, length * schedule.growth
    return before, before + length


def _check_rates(
    node: tree.Expression, schedule: Schedule, optimizer: Optimizer, diagnostics: Diagnostics
) -> None:
    """Report a schedule that falls to a rate above the first one, or resets what is not there."""
    if isinstance(schedule, WarmRestarts) and schedule.min_lr >= optimizer.lr:
        message = f"`min_lr` is below `lr`, which is {optimizer.lr:g}, not {schedule.min_lr:g}"
        diagnostics.add(Diagnostic(code="E607", message=message, span=node.span))
    has_momentum = isinstance(optimizer, Sgd) and optimizer.momentum > 0
    if isinstance(schedule, WarmRestarts) and schedule.reset_momentum and not has_momentum:
        message = "`reset_momentum` needs an `sgd` with a momentum"
        diagnostics.add(Diagnostic(code="E611", message=message, span=node.span))


def _check_parts(
    nodes: Mapping[str, tree.Expression], recipe: Recipe, diagnostics: Diagnostics
) -> None:
    """Report parts of a batch that are not equal, and what cannot be held out."""
    if recipe.accumulate and recipe.batch % recipe.accumulate:
        samples = samples_of(recipe.data)
        message = f"a batch of {recipe.batch} {samples} has no {recipe.accumulate} equal parts"
        diagnostics.add(Diagnostic(code="E607", message=message, span=nodes["accumulate"].span))
    match recipe.data:
        case ImageFolder() if recipe.held_out:
            message = "images of a folder are held out by moving them to another folder"
            diagnostics.add(Diagnostic(code="E611", message=message, span=nodes["held_out"].span))
        case ImageFolder():
            pass
        case Data(name=name):
            _check_number(nodes, recipe, name, DATA_SETS[name].num_images[0], diagnostics)
        case Sine(train=train):
            _check_number(nodes, recipe, "sine", train, diagnostics)
        case _:
            assert_never(recipe.data)


def _check_number(
    nodes: Mapping[str, tree.Expression],
    recipe: Recipe,
    name: str,
    number: int,
    diagnostics: Diagnostics,
) -> None:
    """Report data that has too few images or points for a batch, or to be held out."""
    left = number - recipe.held_out
    has = f"`{name}` has {number:,} training {samples_of(recipe.data)}"
    if recipe.held_out and left <= 0:
        message = f"{has}, of which some must be left"
        diagnostics.add(Diagnostic(code="E607", message=message, span=nodes["held_out"].span))
    elif recipe.batch > left:
        others = f", {recipe.held_out:,} of them held out" if recipe.held_out else ""
        message = f"{has}{others}: a batch of {recipe.batch:,} is too large"
        diagnostics.add(Diagnostic(code="E607", message=message, span=nodes["batch"].span))


def _check_task(
    nodes: Mapping[str, tree.Expression], recipe: Recipe, diagnostics: Diagnostics
) -> None:
    """Report a loss that is not of the data's task, and what needs classes where there are none."""
    task = task_of(recipe.data)
    if recipe.loss.task is not task:
        diagnostics.add(_loss_of_another_task(nodes, task))
    for name in (
        ("label_smoothing", "auxiliary", "mixup", "cutmix") if task is Task.REGRESSION else ()
    ):
        if getattr(recipe, name):
            message = f"`{name}` needs classes, and the data has numbers"
            diagnostics.add(Diagnostic(code="E611", message=message, span=nodes[name].span))


def _loss_of_another_task(nodes: Mapping[str, tree.Expression], task: Task) -> Diagnostic:
    match task:
        case Task.CLASSIFICATION:
            span = nodes["loss"].span
            message = "the data has classes, and `squared_error` compares numbers"
            help_ = "drop `loss`, or train on `sine(train = 4_096, test = 2_001)`"
        case Task.REGRESSION:
            span = nodes.get("loss", nodes["data"]).span
            message = "the data has numbers, and `cross_entropy`, the default, compares classes"
            help_ = "write `loss = squared_error`"
        case _:
            assert_never(task)
    return Diagnostic(code="E611", message=message, span=span, help=help_)


def check_fit(recipe: Recipe, network: Network, span: Span, diagnostics: Diagnostics) -> None:
    """Say where a recipe and its data do not fit the network that is to be trained."""
    for found in ends_mistakes(recipe, network, span):
        diagnostics.add(found)
        return
    image, output = network.input, network.output
    match recipe.data:
        case Sine():
            _check_numbers(image, output, span, diagnostics)
        case Data(name=name):
            _check_classes(DATA_SETS[name], output, span, diagnostics)
            what = f"`{name}` has images"
            _check_image(what, DATA_SETS[name].shape, image, span, diagnostics)
        case ImageFolder(crop=crop, test=test):
            _check_is_classifier(output, span, diagnostics)
            for size in sorted({crop.size, test.size}):
                what = "`image_folder` is cropped to"
                _check_image(what, (3, size, size), image, span, diagnostics)
        case _:
            assert_never(recipe.data)


def _check_numbers(
    image: FeatureMap, output: FeatureMap, span: Span, diagnostics: Diagnostics
) -> None:
    """Report a network that is no function of one number; it would be compared all the same."""
    if image.shape != (1,):
        message = f"a point of `sine` is one number, the network takes {image}"
        help_ = "write `input(1)`, or train on other data"
        diagnostics.add(Diagnostic(code="E609", message=message, span=span, help=help_))
    if output.shape != (1,):
        message = f"the sine is one number, the network gives {output}"
        help_ = "end the network with `linear(1)`, or train on other data"
        diagnostics.add(Diagnostic(code="E609", message=message, span=span, help=help_))


def _check_is_classifier(output: FeatureMap, span: Span, diagnostics: Diagnostics) -> bool:
    if output.size is not None:
        message = f"a classifier gives one number for each class, this network gives {output}"
        help_ = "end the network with `avgpool linear(classes)`, or drop `train =`"
        diagnostics.add(Diagnostic(code="E609", message=message, span=span, help=help_))
    return output.size is None


def _check_classes(data: DataSet, output: FeatureMap, span: Span, diagnostics: Diagnostics) -> None:
    if _check_is_classifier(output, span, diagnostics) and output.channels != data.num_classes:
        message = f"`{data.name}` has {data.num_classes} classes, the network gives {output}"
        help_ = f"end the network with `linear({data.num_classes})`, or train on other data"
        _warn("W602", message, span, diagnostics, help_)


def _check_image(
    what: str,
    shape: tuple[int, int, int],
    image: FeatureMap,
    span: Span,
    diagnostics: Diagnostics,
) -> None:
    if image.shape != shape:
        message = f"{what} {list(shape)}, the network takes {image}"
        sizes = ", ".join(map(str, shape))
        _warn("W602", message, span, diagnostics, f"write `input({sizes})`, or train on other data")


def _warn(
    code: str, message: str, span: Span, diagnostics: Diagnostics, help_: str | None = None
) -> None:
    diagnostics.add(
        Diagnostic(code=code, message=message, span=span, help=help_, severity=Severity.WARNING),
    )
