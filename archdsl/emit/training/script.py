"""Recipe + network -> the plan of data.py and train.py: every value decided."""

import re
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from typing import assert_never

from archdsl.analyses.fingerprint import fingerprint
from archdsl.analyses.freezing import frozen_modules
from archdsl.emit.python.printer import WIDTH, docstring_text
from archdsl.emit.render import environment
from archdsl.emit.training.folder import FolderPlan, plan_folder
from archdsl.ir.datasets import DATA_SETS
from archdsl.ir.network import Network
from archdsl.ir.recipe import (
    AdamW,
    Cosine,
    Crop,
    Cutout,
    Data,
    DataSource,
    Flip,
    ImageFolder,
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
    verifies: bool = False  # whether the images are exactly the publisher's
    summed: bool = False  # and whether it is known what `checksum` gives for them
    flags: tuple[str, ...] = ()  # of its own, in `Config`: name, type, default and comment
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
    train: tuple[int, int] = (0, 0)  # how many images there are, and their checksum in the script
    test: tuple[int, int] = (0, 0)


# The checksums are those of files whose md5 is that of the publishers; of CIFAR-100 all records
# are there in another order, on which the checksum does not hang.
_READERS: dict[str, Reader] = {
    "digits": Reader(template="train/digits.py.jinja"),
    "mnist": Reader(
        template="train/idx.py.jinja",
        folder_holds="MNIST/raw",
        verifies=True,
        summed=True,
        modules=("gzip", "math", "zlib"),
        train=(60_000, 3_461_494_716_690),
        test=(10_000, 586_578_337_654),
    ),
    "fashion_mnist": Reader(
        template="train/idx.py.jinja",
        folder_holds="FashionMNIST/raw",
        verifies=True,
        summed=True,
        modules=("gzip", "math", "zlib"),
        train=(60_000, 7_931_795_172_685),
        test=(10_000, 1_326_718_993_349),
    ),
    "cifar10": Reader(
        template="train/cifar.py.jinja",
        modules=("math", "pickle"),
        folder_holds="cifar-10-batches-bin or -py",
        verifies=True,
        summed=True,
        binary="cifar-10-batches-bin",
        pickled="cifar-10-batches-py",
        archives="cifar-10-binary.tar.gz or cifar-10-python.tar.gz",
        label_bytes="a label byte",
        record_bytes=1 + 3 * 32 * 32,
        label_key="labels",
        batches=True,
        train=(50_000, 150_386_778_726_606),
        test=(10_000, 30_263_231_057_635),
    ),
    "cifar100": Reader(
        template="train/cifar.py.jinja",
        modules=("math", "pickle"),
        folder_holds="cifar-100-binary or cifar-100-python",
        verifies=True,
        summed=True,
        binary="cifar-100-binary",
        pickled="cifar-100-python",
        archives="cifar-100-binary.tar.gz or cifar-100-python.tar.gz",
        label_bytes="a coarse label, a label",
        record_bytes=2 + 3 * 32 * 32,
        from_label="[:, 1:]",
        label_key="fine_labels",
        train=(50_000, 1_379_589_175_816_102),
        test=(10_000, 277_048_398_865_815),
    ),
    "imagenet32": Reader(
        template="train/imagenet32.py.jinja",
        modules=("pickle",),
        folder_holds="imagenet32",
        verifies=True,  # how many images there are
    ),
}

_IMAGE_FOLDER = Reader(
    template="folder/data.py.jinja",
    folder_holds="train/ and val/, of images or shards",
    flags=("workers: int = -1  # processes that read, for each that trains; -1: one a core",),
)

# Names that train.py gives a meaning of its own, which a network's class might have, too.
_TAKEN = frozenset(
    (
        "Any",
        "Batches",
        "Callable",
        "Captured",
        "Clock",
        "Config",
        "F",
        "Path",
        "RANGES",
        "RANK",
        "REWIND",
        "SPEC",
        "Saver",
        "Step",
        "Tensor",
        "TypeAlias",
    )
)


class TrainPlan(Record, kw_only=True):
    """What train.py says; a text that is "" (or an empty tuple) leaves its passage out."""

    class_name: str  # as train.py calls it
    network: str  # as the log calls it
    recipe: str
    import_model: str
    origin: tuple[str, ...]  # lines of the docstring
    data_modules: tuple[str, ...]  # standard modules that data.py imports whole
    data_summary: str
    out: str  # folder
    out_comment: str
    image_shape: str
    num_classes: int
    summary: str  # first line of the docstring
    title: str  # of the data set
    data: Reader
    folder: FolderPlan | None  # of images, which has a data.py of its own
    data_arguments: tuple[str, ...]  # of `load_batches`, for the flags of the reader
    augmented: str
    augments: bool
    crop: Crop | None
    cutout: Cutout | None
    flips: bool
    noise: bool  # whether something is filled with random pixels
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
    clip: str
    top5: bool  # whether the log has the share of labels among the five largest logits
    seed: int
    may_change: tuple[str, ...]
    ranges: tuple[tuple[str, tuple[str, str]], ...]  # of flags: at least, and below
    rates_hang_on_epochs: bool
    fingerprint: str
    checksums: tuple[str, str]  # of the training and the test split, with numbers of images
    rate: str  # of a step, as an expression
    optimizer: str
    optimizer_arguments: tuple[str, ...]


def render_train(network: Network, recipe: Recipe, class_name: str, command: str) -> dict[str, str]:
    """Return train.py, which trains `class_name` of the model.py beside it, and what it imports.

    `command` is what to type to compile again: "archdsl compile specs/wrn.arch".
    """
    plan = plan_train(network, recipe, class_name, command)
    templates = environment()
    names = ("checkpoint.py", "data.py", "processes.py", "train.py")
    pages = {name: f"{name}.jinja" for name in names}
    if plan.folder is not None:
        pages["data.py"] = plan.data.template
    return {
        name: templates.get_template(page).render(plan=plan, folder=plan.folder).rstrip("\n") + "\n"
        for name, page in pages.items()
    }


def plan_train(network: Network, recipe: Recipe, class_name: str, command: str) -> TrainPlan:
    """Decide every value of train.py."""
    model = f"{class_name}Network" if class_name in _TAKEN else class_name
    reader, schedule = _reader(recipe.data), recipe.schedule
    out, title = f"runs/{_snake(class_name)}", _title(recipe.data)
    augment = recipe.data.augment if isinstance(recipe.data, Data) else ()
    crop = next((a for a in augment if isinstance(a, Crop)), None)
    cutout = next((a for a in augment if isinstance(a, Cutout)), None)
    steps = schedule if isinstance(schedule, Steps) else None
    restarts = schedule if isinstance(schedule, WarmRestarts) else None
    smoothing = recipe.label_smoothing
    optimizer, arguments = _optimizer(recipe, any_frozen=bool(frozen_modules(network)))
    return TrainPlan(
        class_name=model,
        network=_snake(class_name),
        recipe=recipe.name,
        import_model=_import_model(class_name, model),
        origin=_origin(recipe, command),
        data_modules=_modules(reader),
        data_summary=_data_summary(title),
        out=out,
        out_comment=_OUT_COMMENT if len(out) + len(_OUT_COMMENT) <= 80 else "",
        image_shape=repr(network.input.shape),
        num_classes=network.output.channels,
        summary=_summary(model, title),
        title=title,
        data=reader,
        folder=plan_folder(recipe.data) if isinstance(recipe.data, ImageFolder) else None,
        data_arguments=tuple(_data_arguments(reader)),
        augmented=" and augmentation" if augment else "",
        augments=bool(augment),
        crop=crop,
        cutout=cutout,
        flips=any(isinstance(a, Flip) for a in augment),
        noise=cutout is not None or (crop is not None and crop.mode == "noise"),
        normalizes=recipe.data.normalize,
        levels=_levels(recipe.data),
        epochs=recipe.epochs,
        batch=recipe.batch,
        lr=number(recipe.optimizer.lr),
        warmup=_unless_zero(schedule.warmup),
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
        clip=_unless_zero(recipe.clip),
        loss_arguments="logits, y"
        + (", label_smoothing=config.label_smoothing" if smoothing else ""),
        top5=network.output.channels >= 100,
        seed=recipe.seed,
        may_change=_may_change(reader, hang=isinstance(schedule, Cosine)),
        ranges=tuple(_ranges(recipe, reader)),
        rates_hang_on_epochs=isinstance(schedule, Cosine),
        fingerprint=fingerprint(network, recipe),
        checksums=(_checksum(reader.train), _checksum(reader.test)),
        rate="config.lr * lr_factor(done, len(batches), config)",
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
    return _wrapped(
        f"Compiled by `{docstring_text(command)}` from the recipe `{recipe.name}`; "
        "change the spec, not this file."
    )


def _data_summary(title: str) -> str:
    return f"Read {title} and cut it into batches, for train.py."


def _wrapped(text: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def _modules(reader: Reader) -> tuple[str, ...]:
    return tuple(sorted(reader.modules))


def _snake(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()


def _checksum(known: tuple[int, int]) -> str:
    return f"({known[0]:_}, {known[1]:_})"


def _may_change(reader: Reader, *, hang: bool) -> tuple[str, ...]:
    """Return the flags that may differ when a run goes on, as sets that fit a line each."""
    names = ["data"] if reader.folder_holds else []
    names += ["verify"] if reader.verifies else []
    names += [_flag_name(flag) for flag in reader.flags]
    names += ["out", "epochs", "device", "amp", "channels_last", "compile"]
    later = ["save_minutes", "minutes", "resume", *(["reschedule"] if hang else [])]
    return tuple("{" + ", ".join(f'"{name}"' for name in each) + "}" for each in (names, later))


def _ranges(recipe: Recipe, reader: Reader) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the flags that are numbers with what they are at least, and what they stay below."""
    yield from (("epochs", ("1", "math.inf")), ("batch", ("1", "math.inf")))
    yield "lr", ("0.0", "math.inf")
    match recipe.schedule:
        case Cosine():
            pass
        case WarmRestarts():
            yield from (("cycle", ("1", "math.inf")), ("growth", ("1", "math.inf")))
            yield "min_lr", ("0.0", "math.inf")
        case Steps():
            yield "drop", ("0.0", "math.inf")
        case _:
            assert_never(recipe.schedule)
    if recipe.schedule.warmup:
        yield "warmup", ("0.0", "math.inf")
    if _momentum(recipe.optimizer):
        yield "momentum", ("0.0", "1.0")
    yield "weight_decay", ("0.0", "math.inf")
    if recipe.label_smoothing:
        yield "label_smoothing", ("0.0", "1.0")
    if recipe.clip:
        yield "clip", ("0.0", "math.inf")
    yield from (("seed", ("0", "2**63")), ("limit", ("0", "math.inf")))
    yield from (("save_minutes", ("0.0", "math.inf")), ("minutes", ("0.0", "math.inf")))
    for flag in reader.flags:
        yield _flag_name(flag), ("-1", "math.inf")


# ---------------------------------------------------------------- data


def _reader(data: DataSource) -> Reader:
    match data:
        case Data(name=name):
            return _READERS[name]
        case ImageFolder():
            return _IMAGE_FOLDER
        case _:
            assert_never(data)


def _title(data: DataSource) -> str:
    match data:
        case Data(name=name):
            return DATA_SETS[name].title
        case ImageFolder():
            return "a folder of images"
        case _:
            assert_never(data)


def _levels(data: DataSource) -> int:
    return DATA_SETS[data.name].levels if isinstance(data, Data) else 256


def _flag_name(flag: str) -> str:
    return flag.partition(":")[0]


def _data_arguments(reader: Reader) -> Iterator[str]:
    """Yield what `load_batches` is given of the flags, besides what each reader takes."""
    names = ["verify"] if reader.verifies else []
    for name in (*names, *map(_flag_name, reader.flags)):
        yield f"{name}=config.{name}"


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
    decay = "weight_decay=config.weight_decay"
    return name, (params, "lr=config.lr", *chosen, decay, "fused=True")


def _params(decay: str, *, any_frozen: bool) -> str:
    if decay == "weights":
        return "param_groups(model, config.weight_decay)"
    return (
        "[p for p in model.parameters() if p.requires_grad]" if any_frozen else "model.parameters()"
    )
