"""Recipe + network -> the plan of train.py: what is about to be printed, every value decided."""

import re
import textwrap
from decimal import Decimal
from typing import assert_never

from archdsl.analyses.freezing import frozen_modules
from archdsl.emit.python.printer import WIDTH, docstring_text
from archdsl.emit.render import environment
from archdsl.ir.datasets import DATA_SETS
from archdsl.ir.network import Network
from archdsl.ir.recipe import (
    AdamW,
    Augmentation,
    Cosine,
    Crop,
    Cutout,
    Flip,
    Optimizer,
    Recipe,
    Sgd,
    Steps,
    WarmRestarts,
)
from archdsl.record import Record


class Reader(Record, kw_only=True):
    """How the script reads a data set: a template, and the words that fill it."""

    template: str
    folder_holds: str = ""  # what the script looks for in --data; "" where it needs no folder
    modules: tuple[str, ...] = ()
    # CIFAR: the folders of its two layouts, and how a label is found in each
    binary: str = ""
    pickled: str = ""
    archives: str = ""
    label_bytes: str = ""
    record_bytes: int = 0
    from_label: str = ""
    label_key: str = ""
    batches: bool = False  # the training images are in five files


_READERS: dict[str, Reader] = {
    "digits": Reader(template="train/digits.py.jinja"),
    "mnist": Reader(
        template="train/idx.py.jinja", folder_holds="MNIST/raw", modules=("gzip", "math")
    ),
    "fashion_mnist": Reader(
        template="train/idx.py.jinja", folder_holds="FashionMNIST/raw", modules=("gzip", "math")
    ),
    "cifar10": Reader(
        template="train/cifar.py.jinja",
        folder_holds="cifar-10-batches-bin or -py",
        modules=("pickle",),
        binary="cifar-10-batches-bin",
        pickled="cifar-10-batches-py",
        archives="cifar-10-binary.tar.gz or cifar-10-python.tar.gz",
        label_bytes="a label byte",
        record_bytes=1 + 3 * 32 * 32,
        label_key="labels",
        batches=True,
    ),
    "cifar100": Reader(
        template="train/cifar.py.jinja",
        folder_holds="cifar-100-binary or cifar-100-python",
        modules=("pickle",),
        binary="cifar-100-binary",
        pickled="cifar-100-python",
        archives="cifar-100-binary.tar.gz or cifar-100-python.tar.gz",
        label_bytes="a coarse label, a label",
        record_bytes=2 + 3 * 32 * 32,
        from_label="[:, 1:]",
        label_key="fine_labels",
    ),
}

# Names that train.py gives a meaning of its own, which a network's class might have, too.
_TAKEN = frozenset(
    (
        "Any",
        "ArrayUnpickler",
        "Batches",
        "Config",
        "DistributedDataParallel",
        "F",
        "Iterator",
        "Path",
        "RANK",
        "REWIND",
        "Split",
        "Tensor",
    )
)


class TrainPlan(Record, kw_only=True):
    """What train.py says; a text that is "" (or an empty tuple) leaves its passage out."""

    class_name: str  # as train.py calls it
    import_model: str
    origin: tuple[str, ...]  # lines of the docstring
    modules: tuple[str, ...]  # standard modules that are imported whole, beside argparse
    out: str  # folder
    out_comment: str
    image_shape: str
    num_classes: int
    summary: str  # first line of the docstring
    title: str  # of the data set
    data: Reader
    read_argument: str
    augmentations: tuple[str, ...]  # expressions in `x`, in order
    augmented: str
    flips: bool
    crops: bool
    crops_in_noise: bool
    cuts_out: bool
    normalizes: bool
    levels: int  # values of a pixel
    epochs: int
    batch: int
    lr: str
    warmup: str
    restarts: WarmRestarts | None
    min_lr: str
    milestones: str
    drop: str
    schedule: str  # template of `lr_factor`
    momentum: str
    weight_decay: str
    decayed: str
    groups_decay: bool
    averages_moments: bool
    label_smoothing: str
    loss_arguments: str
    seed: int
    may_change: str
    optimizer: str
    optimizer_arguments: tuple[str, ...]


def render_train(network: Network, recipe: Recipe, class_name: str, command: str) -> str:
    """Return the text of train.py, which trains `class_name` of the model.py beside it.

    `command` is what to type to compile again: "archdsl compile specs/wrn.arch".
    """
    plan = plan_train(network, recipe, class_name, command)
    return environment().get_template("train.py.jinja").render(plan=plan)


def plan_train(network: Network, recipe: Recipe, class_name: str, command: str) -> TrainPlan:
    """Decide every value of train.py."""
    model = f"{class_name}Network" if class_name in _TAKEN else class_name
    reader, schedule = _READERS[recipe.data.name], recipe.schedule
    out = f"runs/{_snake(class_name)}"
    data, augment = DATA_SETS[recipe.data.name], recipe.data.augment
    steps = schedule if isinstance(schedule, Steps) else None
    restarts = schedule if isinstance(schedule, WarmRestarts) else None
    warmup = schedule.warmup if isinstance(schedule, Cosine) else 0.0
    smoothing = recipe.label_smoothing
    optimizer, arguments = _optimizer(recipe, any_frozen=bool(frozen_modules(network)))
    return TrainPlan(
        class_name=model,
        import_model=_import_model(class_name, model),
        origin=_origin(recipe, command),
        modules=_modules(reader),
        out=out,
        out_comment=_OUT_COMMENT if len(out) + len(_OUT_COMMENT) <= 80 else "",
        image_shape=repr(network.input.shape),
        num_classes=network.output.channels,
        summary=_summary(model, data.title),
        title=data.title,
        data=reader,
        read_argument="Path(config.data)" if reader.folder_holds else "",
        augmentations=tuple(map(_augmentation, augment)),
        augmented=" and augmentation" if augment else "",
        flips=any(isinstance(a, Flip) for a in augment),
        crops=any(isinstance(a, Crop) and a.mode != "noise" for a in augment),
        crops_in_noise=any(isinstance(a, Crop) and a.mode == "noise" for a in augment),
        cuts_out=any(isinstance(a, Cutout) for a in augment),
        normalizes=recipe.data.normalize,
        levels=data.levels,
        epochs=recipe.epochs,
        batch=recipe.batch,
        lr=number(recipe.optimizer.lr),
        warmup=_unless_zero(warmup),
        restarts=restarts,
        min_lr=number(restarts.min_lr) if restarts else "",
        milestones=repr(steps.at) if steps else "",
        drop=number(steps.factor) if steps else "",
        schedule=f"train/{_schedule(recipe)}.py.jinja",
        momentum=_unless_zero(_momentum(recipe.optimizer)),
        weight_decay=number(recipe.optimizer.weight_decay),
        decayed=_DECAYED[recipe.decay],
        groups_decay=recipe.decay == "weights",
        averages_moments=recipe.moments == "averaged",
        label_smoothing=_unless_zero(smoothing),
        loss_arguments="model(x), y"
        + (", label_smoothing=config.label_smoothing" if smoothing else ""),
        seed=recipe.seed,
        may_change=_may_change(reader),
        optimizer=optimizer,
        optimizer_arguments=arguments,
    )


_OUT_COMMENT = "  # folder of the log and the checkpoint"

_DECAYED = {
    "all": "for every learned parameter",
    "weights": "for weights of two or more dimensions, not for norms and biases",
}


def number(value: float) -> str:
    """Return a float as one writes it: 0.1, 200.0, 5e-4."""
    if 0 < abs(value) < 1e-3:
        return format(Decimal(repr(value)).normalize(), "e")
    return repr(value)


def _unless_zero(value: float) -> str:
    return number(value) if value else ""


# ---------------------------------------------------------------- header


def _import_model(class_name: str, model: str) -> str:
    """Return the import of the network's class, laid out as `ruff format` does."""
    imported = class_name if model == class_name else f"{class_name} as {model}"
    line = f"from model import {imported}"
    return line if len(line) <= WIDTH else f"from model import (\n    {imported},\n)"


def _summary(model: str, title: str) -> str:
    summary = f"Train {model} on {title}."
    fits = len(summary) + len('"""') <= WIDTH
    return summary if fits else f"Train the network of model.py on {title}."


def _origin(recipe: Recipe, command: str) -> tuple[str, ...]:
    text = (
        f"Compiled by `{docstring_text(command)}` from the recipe `{recipe.name}`; "
        "change the spec, not this file."
    )
    return tuple(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def _modules(reader: Reader) -> tuple[str, ...]:
    return tuple(sorted({"gc", "json", "math", "os", "platform", "sys", "time", *reader.modules}))


def _snake(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()


def _may_change(reader: Reader) -> str:
    """Return the flags that may differ when a run goes on, as a set on one line."""
    names = ["data"] if reader.folder_holds else []
    names += ["out", "epochs", "device", "amp", "channels_last", "compile", "resume"]
    return "{" + ", ".join(f'"{name}"' for name in names) + "}"


# ---------------------------------------------------------------- data


def _augmentation(augmentation: Augmentation) -> str:
    match augmentation:
        case Flip():
            return "flip(x)"
        case Crop(pad, "noise"):
            return f"crop_in_noise(x, self.noise(x, pad={pad}))"
        case Cutout(size):
            return f"cutout(x, self.noise(x), size={size})"
        case Crop(pad, mode):
            return f'crop(x, pad={pad}, mode="{"constant" if mode == "zeros" else mode}")'
        case _:
            assert_never(augmentation)


# ---------------------------------------------------------------- optimization


def _schedule(recipe: Recipe) -> str:
    match recipe.schedule:
        case Steps():
            return "steps"
        case Cosine(warmup=warmup):
            return "warmup_cosine" if warmup else "cosine"
        case WarmRestarts():
            return "warm_restarts"
        case _:
            assert_never(recipe.schedule)


def _momentum(optimizer: Optimizer) -> float:
    return optimizer.momentum if isinstance(optimizer, Sgd) else 0.0


def _optimizer(recipe: Recipe, *, any_frozen: bool) -> tuple[str, tuple[str, ...]]:
    """Return the optimizer's class in torch.optim and the arguments of its constructor."""
    params = _params(recipe.decay, any_frozen=any_frozen)
    match recipe.optimizer:
        case Sgd(momentum=momentum, nesterov=nesterov):
            chosen = (
                *(("momentum=config.momentum",) if momentum else ()),
                *(("nesterov=True",) if nesterov else ()),
            )
            name = "SGD"
        case AdamW(betas=betas):
            chosen = () if betas == (0.9, 0.999) else (f"betas={betas}",)
            name = "AdamW"
        case _:
            assert_never(recipe.optimizer)
    return name, (params, "lr=config.lr", *chosen, "weight_decay=config.weight_decay")


def _params(decay: str, *, any_frozen: bool) -> str:
    if decay == "weights":
        return "param_groups(model, config.weight_decay)"
    return (
        "[p for p in model.parameters() if p.requires_grad]" if any_frozen else "model.parameters()"
    )
