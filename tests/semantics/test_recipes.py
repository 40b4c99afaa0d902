"""Recipes: what a spec says of training, and what it is told when that makes no sense."""

from typing import Any

import pytest

from archdsl.diagnostics import Diagnostics, SpecError
from archdsl.ir.network import FeatureMap, Network
from archdsl.ir.recipe import (
    AdamW,
    AveragedMoments,
    CenterCrop,
    ColorJitter,
    Cosine,
    Crop,
    Cutout,
    Data,
    Flip,
    ImageFolder,
    Lighting,
    RandomResizedCrop,
    Recipe,
    Sgd,
    Sine,
    Steps,
    WarmRestarts,
    task_of,
)
from archdsl.ir.task import Loss, Task
from archdsl.semantics.recipe_checks import check_fit
from archdsl.semantics.recipes import build_recipe
from archdsl.semantics.values import Scope
from archdsl.source import SourceFile, Span
from archdsl.syntax import tree
from archdsl.syntax.files import link_text
from archdsl.syntax.parse import parse_expression

SETTINGS = {
    "data": "cifar10",
    "batch": "128",
    "epochs": "200",
    "optimizer": "sgd(lr = 0.1)",
    "schedule": "cosine",
}


def build(settings, parameters="", call="quick") -> tuple[Any, list[Any]]:
    """Return the recipe and what was said about it as (code, text under the carets)."""
    lines = [f"{name} = {value}" for name, value in settings]
    file = link_text(f"train quick{parameters} {{\n" + "\n".join(lines) + "\n}")
    declaration, _ = file.recipes["quick"]
    node = parse_expression(SourceFile("use", call + ("()" if "(" not in call else "")))
    assert isinstance(node, tree.Call)
    diagnostics = Diagnostics()
    recipe = build_recipe(declaration, node, Scope(file), Scope(file), diagnostics)
    return recipe, list(diagnostics.found)


def with_(**settings):
    return list({**SETTINGS, **settings}.items())


def said(**settings):
    recipe, found = build(with_(**settings))
    assert recipe is None
    return [(d.code, d.span.text) for d in found]


def test_a_recipe_is_read_as_written():
    recipe, found = build(
        with_(
            data="cifar10(augment = [flip, crop(pad = 4, mode = reflect)])",
            optimizer="sgd(lr = 0.1, momentum = 0.9, nesterov = true, weight_decay = 5e-4)",
            schedule="steps(at = [60, 120, 160], factor = 0.2)",
            label_smoothing="0.1",
            clip="2.5",
            decay="weights",
            moments="averaged",
            seed="7",
        )
    )
    assert found == []
    assert recipe == Recipe(
        name="quick",
        data=Data(name="cifar10", augment=(Flip(), Crop(4, "reflect"))),
        batch=128,
        epochs=200,
        optimizer=Sgd(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        schedule=Steps(at=(60, 120, 160), factor=0.2),
        label_smoothing=0.1,
        clip=2.5,
        decay="weights",
        moments=AveragedMoments(),
        seed=7,
    )


def test_what_is_not_written_is_pytorchs_default():
    recipe, _ = build(with_(optimizer="adamw(lr = 1e-3)"))
    assert recipe.optimizer == AdamW(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.01)
    assert recipe.schedule == Cosine(warmup=0.0)
    assert (recipe.label_smoothing, recipe.decay, recipe.seed) == (0.0, "all", 0)
    assert recipe.moments is None


def test_adamw_takes_betas():
    recipe, _ = build(with_(optimizer="adamw(lr = 1e-3, betas = [0.9, 0.95])"))
    assert recipe.optimizer == AdamW(lr=1e-3, betas=(0.9, 0.95), weight_decay=0.01)


def test_warm_restarts_double_and_fall_to_zero_unless_said_otherwise():
    recipe, found = build(with_(epochs="126", schedule="warm_restarts(first = 2)"))
    assert (recipe.schedule, found) == (WarmRestarts(first=2, growth=2, min_lr=0.0), [])
    told, _ = build(with_(epochs="13", schedule="warm_restarts(1, growth = 3, min_lr = 1e-4)"))
    assert told.schedule == WarmRestarts(first=1, growth=3, min_lr=1e-4)


def test_images_may_stay_as_they_are_and_get_noise():
    augment = "[crop(pad = 4, mode = noise), cutout(18), cutout(size = 0)]"
    recipe, found = build(with_(data=f"cifar10(normalize = false, augment = {augment})"))
    augment = (Crop(4, "noise"), Cutout(18))  # and a square of no pixels is none
    assert recipe.data == Data(name="cifar10", augment=augment, normalize=False)
    assert found == []


FOLDER = "image_folder(augment = {}, test = [resize(256), center_crop(224)]{})"


def test_a_folder_of_images_is_read_as_written():
    augment = "[random_resized_crop(224), flip, color_jitter(0.4, 0.3, 0.2), lighting(0.1)]"
    written = FOLDER.format(augment, ", mean = [0.5, 0.4, 0.3], std = [0.25, 0.2, 0.1]")
    recipe, found = build(with_(data=written))
    assert found == []
    assert recipe.data == ImageFolder(
        crop=RandomResizedCrop(224),
        augment=(Flip(), ColorJitter(0.4, 0.3, 0.2), Lighting(0.1)),
        test=CenterCrop(256, 224),
        mean=(0.5, 0.4, 0.3),
        std=(0.25, 0.2, 0.1),
    )


def test_a_folder_of_images_has_the_colours_of_imagenet_unless_told():
    """The constants of fb.resnet.torch and torchvision."""
    recipe, _ = build(with_(data=FOLDER.format("[random_resized_crop(224)]", "")))
    assert recipe.data.mean == (0.485, 0.456, 0.406)
    assert recipe.data.std == (0.229, 0.224, 0.225)
    plain, _ = build(with_(data=FOLDER.format("[random_resized_crop(9)]", ", normalize = false")))
    assert (plain.data.normalize, plain.data.crop.size, plain.data.augment) == (False, 9, ())


def network(image, output):
    """Return a network with nothing between what it takes and what it gives."""
    span = Span(SourceFile("x", ""), 0, 0)
    ends = {"input": image, "output": output}
    return Network(name="n", file="x", arguments=(), defaults=(), body=(), span=span, **ends)


def test_networks_and_folders_that_do_not_fit_are_warned_of():
    recipe, _ = build(with_(data=FOLDER.format("[random_resized_crop(192)]", "")))
    span, found = Span(SourceFile("test.arch", ""), 0, 0), Diagnostics()
    check_fit(recipe, network(FeatureMap(3, (224, 224)), FeatureMap(7)), span, found)
    (small,) = found.found  # any number of classes is right: the folder has as many
    assert (small.code, small.severity) == ("W602", "warning")
    assert small.message.startswith("`image_folder` is cropped to [3, 192, 192]")
    assert small.help == "write `input(3, 192, 192)`, or train on other data"


def test_points_of_the_sine_and_their_loss_are_read_as_written():
    recipe, found = build(with_(data="sine(4_096, test = 2_001)", loss="squared_error"))
    assert found == []
    assert recipe.data == Sine(train=4096, test=2001)
    assert recipe.loss is Loss.SQUARED_ERROR
    assert recipe.loss.task is task_of(recipe.data) is Task.REGRESSION


def test_the_loss_is_the_cross_entropy_unless_told():
    recipe, _ = build(with_())
    assert recipe.loss is Loss.CROSS_ENTROPY
    assert recipe.loss.task is task_of(recipe.data) is Task.CLASSIFICATION


def test_a_recipe_has_parameters_with_defaults():
    settings = with_(epochs="epochs", data="if classes == 100 then cifar100 else cifar10")
    parameters = "(classes = 10, epochs = 200)"
    default, _ = build(settings, parameters)
    assert (default.data.name, default.epochs) == ("cifar10", 200)
    given, _ = build(settings, parameters, "quick(100, epochs = 10)")
    assert (given.data.name, given.epochs) == ("cifar100", 10)


@pytest.mark.parametrize(
    ("parameters", "call", "code"),
    [
        ("(epochs = 200)", "quick(epoch = 3)", "E310"),
        ("(epochs = 200)", "quick(3, 4)", "E311"),
        ("(epochs)", "quick", "E312"),
        ("(epochs = 200)", "quick(3, epochs = 4)", "E313"),
        ("(epochs = 200, epochs = 3)", "quick", "E315"),
    ],
)
def test_a_call_must_fit_the_parameters(parameters, call, code):
    with pytest.raises(SpecError) as raised:
        build(with_(), parameters, call)
    assert [d.code for d in raised.value.diagnostics] == [code]


@pytest.mark.parametrize(
    ("name", "value", "code", "where"),
    [
        ("batchsize", "128", "E602", "batchsize"),
        ("data", "cifar", "E605", "cifar"),
        ("data", "128", "E605", "128"),
        ("data", "cifar10(augment = flip)", "E606", "flip"),
        ("data", "cifar10(augment = [flop])", "E605", "flop"),
        ("data", "cifar10(augment = [flip(0.5)])", "E606", "0.5"),
        ("data", "cifar10(augment = [crop])", "E312", "crop"),
        ("data", "cifar10(augment = [crop(pad = 0)])", "E607", "0"),
        ("data", "cifar10(augment = [crop(pad = 2, mode = mirror)])", "E605", "mirror"),
        ("data", "digits(augment = [crop(pad = 8, mode = reflect)])", "E607", None),
        ("data", "cifar10(augmentation = [flip])", "E310", "augmentation"),
        ("batch", "0", "E607", "0"),
        ("batch", "12.5", "E606", "12.5"),
        ("batch", "true", "E606", "true"),
        ("epochs", "-1", "E607", "-1"),
        ("optimizer", "rmsprop(lr = 0.1)", "E605", "rmsprop"),
        ("optimizer", "sgd", "E312", "sgd"),
        ("optimizer", "sgd(lr = 0)", "E607", "0"),
        ("optimizer", "sgd(lr = 0.1, momentum = 1)", "E607", "1"),
        ("optimizer", "sgd(lr = 0.1, momentum = 0.9, nesterov = 1)", "E606", "1"),
        ("optimizer", "sgd(lr = 0.1, nesterov = true)", "E608", "true"),
        ("optimizer", "sgd(lr = 0.1, weight_decay = -1)", "E607", "-1"),
        ("optimizer", "adamw(lr = 0.1, betas = [0.9])", "E606", "[0.9]"),
        ("optimizer", "adamw(lr = 0.1, momentum = 0.9)", "E310", "momentum"),
        ("schedule", "steps(at = 60, factor = 0.2)", "E606", "60"),
        ("schedule", "steps(at = [60, 0.5], factor = 0.2)", "E606", "[60, 0.5]"),
        ("schedule", "steps(at = [60, 30], factor = 0.2)", "E607", "[60, 30]"),
        ("schedule", "cosine(warmup = -1)", "E607", "-1"),
        ("schedule", "warm_restarts", "E312", "warm_restarts"),
        ("schedule", "steps(at = [60], factor = 0.2, warmup = -1)", "E607", "-1"),
        ("schedule", "warm_restarts(2, warmup = -1)", "E607", "-1"),
        ("schedule", "warm_restarts(first = 0)", "E607", "0"),
        ("schedule", "warm_restarts(2, growth = 1.5)", "E606", "1.5"),
        ("schedule", "warm_restarts(2, min_lr = -1)", "E607", "-1"),
        ("data", "cifar10(augment = [cutout])", "E312", "cutout"),
        ("data", "cifar10(augment = [cutout(size = -1)])", "E607", "-1"),
        ("data", "cifar10(normalize = 0)", "E606", "0"),
        ("label_smoothing", "1", "E607", "1"),
        ("clip", "0", "E607", "0"),
        ("clip", "true", "E606", "true"),
        ("decay", "some", "E605", "some"),
        ("decay", "all()", "E311", "all()"),
        ("moments", "mean", "E605", "mean"),
        ("seed", "9223372036854775808", "E607", "9223372036854775808"),
    ],
)
def test_a_mistake_is_reported_where_it_stands(name, value, code, where):
    found = said(**{name: value}) if name in SETTINGS else said_besides(name, value)
    assert [c for c, _ in found] == [code]
    assert where is None or found[0][1] == where


def said_besides(name, value):
    """What is said of a setting that is not needed."""
    _, found = build([*with_(), (name, value)])
    return [(d.code, d.span.text) for d in found]


def test_help_can_be_typed():
    _, (unknown,) = build([*with_(), ("lable_smoothing", "0.1")])
    assert unknown.help == "did you mean `label_smoothing`?"
    _, (data,) = build(with_(data="cifar"))
    assert data.message.endswith("`svhn`, `imagenet32`, `image_folder`, `sine`, not `cifar`")
    assert data.help == "did you mean `cifar10`?"
    _, (missing,) = build([s for s in with_() if s[0] not in ("batch", "epochs")])
    assert missing.message == "recipe `quick` does not set `batch` and `epochs`"
    assert missing.help == "write `batch = 128`"


def test_mistakes_of_several_settings_are_reported_together():
    assert [code for code, _ in said(batch="0", epochs="0", optimizer="rmsprop")] == [
        "E607",
        "E607",
        "E605",
    ]


def test_a_setting_that_stands_twice_is_an_error():
    _, (twice,) = build([*with_(), ("batch", "64")])
    assert (twice.code, twice.notes[0].span.text) == ("E603", "batch")


def test_a_schedule_that_the_training_never_reaches_is_a_warning():
    recipe, (late,) = build(with_(epochs="10", schedule="steps(at = [60, 120], factor = 0.2)"))
    assert recipe is not None
    assert (late.code, late.severity) == ("W601", "warning")
    assert late.message == "the training ends after epoch 10, before the step at 60"
    _, (warm,) = build(with_(epochs="5", schedule="cosine(warmup = 5)"))
    assert warm.code == "W601"


@pytest.mark.parametrize(
    ("epochs", "schedule", "ends"),
    [
        ("1", "warm_restarts(2)", "2 epochs"),
        ("100", "warm_restarts(2)", "62 and 126 epochs"),
        ("255", "warm_restarts(2)", "254 and 510 epochs"),
        ("15", "warm_restarts(10, growth = 1)", "10 and 20 epochs"),
    ],
)
def test_training_that_ends_in_the_middle_of_a_cycle_is_a_warning(epochs, schedule, ends):
    _, (cut,) = build(with_(epochs=epochs, schedule=schedule))
    assert (cut.code, cut.help) == ("W601", f"a cycle ends after {ends}")
    assert cut.message == f"the training ends after epoch {epochs}, in the middle of a cycle"


@pytest.mark.parametrize("epochs", ["2", "6", "14", "30", "62", "126", "254"])
def test_cycles_of_two_epochs_and_twice_as_many_end_where_the_paper_says(epochs):
    _, found = build(with_(epochs=epochs, schedule="warm_restarts(2)"))  # McDonnell 2018, 3.3.1
    assert found == []


def test_a_rate_falls_below_the_one_it_begins_with():
    settings = with_(epochs="2", schedule="warm_restarts(2, min_lr = 0.1)")
    _, (found,) = build(settings)
    assert (found.code, found.message) == ("E607", "`min_lr` is below `lr`, which is 0.1, not 0.1")


@pytest.mark.parametrize(
    ("image", "output", "code"),
    [
        (FeatureMap(3, (32, 32)), FeatureMap(10), None),
        (FeatureMap(3, (32, 32)), FeatureMap(100), "W602"),
        (FeatureMap(3, (32, 32)), FeatureMap(5), "W602"),
        (FeatureMap(1, (8, 8)), FeatureMap(10), "W602"),
        (FeatureMap(3, (32, 32)), FeatureMap(10, (32, 32)), "E609"),
    ],
)
def test_a_network_must_fit_the_data_it_is_trained_on(image, output, code):
    recipe, _ = build(with_())
    diagnostics = Diagnostics()
    span = Span(SourceFile("x", ""), 0, 0)
    check_fit(recipe, network(image, output), span, diagnostics)
    assert [d.code for d in diagnostics.found] == ([code] if code else [])
