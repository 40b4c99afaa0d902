"""The training script: recipe + network -> the texts of data.py, train.py and what they import."""

import re
import textwrap
from typing import assert_never

from archdsl.analyses.fingerprint import fingerprint
from archdsl.analyses.freezing import frozen_modules
from archdsl.analyses.growth.growing import GrowingNetwork
from archdsl.emit.python.printer import WIDTH, docstring_text
from archdsl.emit.render import environment
from archdsl.emit.training.fixed_parts import fixed_parts
from archdsl.emit.training.flags import (
    ConfigField,
    data_arguments,
    hangs,
    may_change,
    ranges,
    recipe_flags,
)
from archdsl.emit.training.folder import FolderPlan, plan_folder
from archdsl.emit.training.growth import GrowthPlan, plan_growth
from archdsl.emit.training.readers import Reader, levels_of, reader_of, title_of
from archdsl.ir.datasets import num_samples_of
from archdsl.ir.network import Network
from archdsl.ir.recipe import (
    Adam,
    AdamW,
    Constant,
    Cosine,
    Crop,
    Cutout,
    Data,
    Flip,
    ImageFolder,
    Recipe,
    Sgd,
    Steps,
    Views,
    WarmRestarts,
    samples_of,
)
from archdsl.ir.task import Task
from archdsl.record import Record

# Names that train.py gives a meaning of its own, which a network's class might have, too.
_TAKEN = frozenset(
    (
        "Any",
        "Batches",
        "Callable",
        "Captured",
        "Clock",
        "Config",
        "Dirichlet",
        "DistributedDataParallel",
        "F",
        "Iterator",
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
    """What the files say; a text that is "" (or an empty tuple) leaves its passage out."""

    recipe: Recipe
    class_name: str  # as train.py calls it
    network: str  # as the log calls it
    import_model: str
    origin: tuple[str, ...]  # lines of the docstring
    data_modules: tuple[str, ...]  # standard modules that data.py imports whole
    data_summary: str
    out: str  # folder
    out_comment: str
    image_shape: str
    channels: int  # of an image
    num_classes: int
    samples: str  # what a batch is a batch of: "images"
    targets: str  # and what they have: "labels"
    is_regression: bool
    views: Views | None
    summary: str  # first line of the docstring
    title: str  # of the data set
    data: Reader
    folder: FolderPlan | None  # of images, which has a data.py of its own
    data_arguments: tuple[str, ...]  # of `load_batches`, for the flags of the reader
    crop: Crop | None
    flip: Flip | None
    cutout: Cutout | None
    noise: bool  # whether something is filled with random pixels
    levels: int  # values of a pixel
    flags: tuple[ConfigField, ...]  # of the recipe
    may_change: tuple[str, ...]
    ranges: tuple[tuple[str, tuple[str, str]], ...]  # of flags: at least, and below
    hangs: bool  # the rate of every epoch, on how many there are
    top5: bool  # whether the log has the share of labels among the five largest logits
    growth: GrowthPlan | None  # of a network that grows
    parts: bool  # whether the optimizer is handed parts of parameters
    fixed_parts: tuple[str, ...]  # lines of a table of what is fixed where nothing grows
    fingerprint: str
    num_samples: tuple[str, ...]  # in the training and the test split
    checksums: tuple[str, ...]  # of both, with these numbers
    schedule: str  # template of `lr_factor`; "" where the rate is always the same
    optimizer: str  # class in torch.optim
    optimizer_arguments: tuple[str, ...]

    @property
    def rate(self) -> str:
        """Return the factor of `lr` at the step `{}`, as an expression."""
        return " * lr_factor({}, {}, config)" if self.schedule else ""


def render_train(
    network: Network,
    recipe: Recipe,
    class_name: str,
    command: str,
    growing: GrowingNetwork | None = None,
) -> dict[str, str]:
    """Return train.py, which trains `class_name` of the model.py beside it, and what it imports.

    `command` is what to type to compile again: "archdsl compile specs/wrn.arch".
    """
    plan = plan_train(network, recipe, class_name, command, growing)
    templates = environment()
    names = ["checkpoint.py", "data.py", "processes.py", "responses.py", "train.py"]
    names += ["parts.py"] if plan.parts else []
    names += ["growth.py"] if plan.growth is not None else []
    pages = {name: f"{name}.jinja" for name in sorted(names)}
    if plan.data.is_page:
        pages["data.py"] = plan.data.template
    return {
        name: templates.get_template(page)
        .render(plan=plan, folder=plan.folder, growth=plan.growth)
        .rstrip("\n")
        + "\n"
        for name, page in pages.items()
    }


def plan_train(
    network: Network,
    recipe: Recipe,
    class_name: str,
    command: str,
    growing: GrowingNetwork | None = None,
) -> TrainPlan:
    """Decide every value of the files."""
    grows = growing is not None and recipe.grow is not None
    growth = plan_growth(growing, recipe, recipe.grow) if growing and recipe.grow else None
    fixed = () if grows else tuple(fixed_parts(network))
    has_parts = growth is not None or bool(fixed)
    model = f"{class_name}Network" if class_name in _TAKEN else class_name
    reader, title, data = reader_of(recipe.data), title_of(recipe.data), recipe.data
    numbers = num_samples_of(data)
    out = f"runs/{_snake(class_name)}"
    augment = data.augment if isinstance(data, Data) else ()
    crop = next((a for a in augment if isinstance(a, Crop)), None)
    cutout = next((a for a in augment if isinstance(a, Cutout)), None)
    any_frozen = bool(frozen_modules(network))
    optimizer, arguments = _optimizer(recipe, any_frozen=any_frozen, has_parts=has_parts)
    return TrainPlan(
        recipe=recipe,
        class_name=model,
        network=_snake(class_name),
        import_model=_import_model(class_name, model),
        origin=_origin(recipe, command),
        data_modules=reader.modules,
        data_summary=_data_summary(title),
        out=out,
        out_comment=_OUT_COMMENT if len(out) + len(_OUT_COMMENT) <= 80 else "",
        image_shape=repr(network.input.shape),
        channels=network.input.channels,
        num_classes=network.output.channels,
        samples=samples_of(data),
        targets=_targets(recipe.loss.task),
        is_regression=recipe.loss.task is Task.REGRESSION,
        views=data.views if isinstance(data, Data) else None,
        summary=_summary(model, title),
        title=title,
        data=reader,
        folder=plan_folder(data) if isinstance(data, ImageFolder) else None,
        data_arguments=tuple(data_arguments(reader)),
        crop=crop,
        flip=next((a for a in augment if isinstance(a, Flip)), None),
        cutout=cutout,
        noise=cutout is not None or (crop is not None and crop.mode == "noise"),
        levels=levels_of(data),
        flags=tuple(recipe_flags(recipe)),
        may_change=may_change(recipe, reader),
        ranges=tuple(ranges(recipe, reader)),
        hangs=hangs(recipe),
        top5=recipe.loss.task is Task.CLASSIFICATION and network.output.channels >= 100,
        growth=growth,
        parts=has_parts,
        fixed_parts=fixed,
        fingerprint=fingerprint(network, recipe),
        checksums=tuple(f"({n:_}, {sum_:_})" for n, sum_ in zip(numbers, reader.sums, strict=True)),
        num_samples=tuple(f"{n:_}" for n in numbers),
        schedule=_schedule(recipe),
        optimizer=optimizer,
        optimizer_arguments=arguments,
    )


_OUT_COMMENT = "  # folder of the log and the checkpoint"


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


def _snake(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()


# ---------------------------------------------------------------- data


def _targets(task: Task) -> str:
    match task:
        case Task.CLASSIFICATION:
            return "labels"
        case Task.REGRESSION:
            return "targets"
        case _:
            assert_never(task)


# ---------------------------------------------------------------- optimization


def _schedule(recipe: Recipe) -> str:
    match recipe.schedule:
        case Steps():
            return "steps"
        case Cosine(warmup=warmup):
            return "warmup_cosine" if warmup else "cosine"
        case WarmRestarts():
            return "warm_restarts"
        case Constant(warmup=warmup):
            return "warmup_constant" if warmup else ""
        case _:
            assert_never(recipe.schedule)


def _optimizer(recipe: Recipe, *, any_frozen: bool, has_parts: bool) -> tuple[str, tuple[str, ...]]:
    """Return the optimizer's class in torch.optim and the arguments of its constructor."""
    match recipe.optimizer:
        case Sgd(momentum=momentum, nesterov=nesterov):
            chosen = (
                *(("momentum=config.momentum",) if momentum else ()),
                *(("nesterov=config.momentum > 0",) if nesterov else ()),
            )
        case Adam(betas=betas) | AdamW(betas=betas):
            given = () if betas == (0.9, 0.999) else (f"betas={betas}",)
            chosen = (*given, 'capturable=device.type == "cuda"')
        case _:
            assert_never(recipe.optimizer)
    params, decay = _params(recipe, any_frozen=any_frozen), "weight_decay=config.weight_decay"
    if has_parts and not params.startswith("param_groups"):
        params = f'[{{"params": {params if any_frozen else f"[*{params}]"}}}]'
    name = "SGD" if isinstance(recipe.optimizer, Sgd) else type(recipe.optimizer).__name__
    return name, (
        params,
        "lr=config.lr",
        *chosen,
        decay,
        "foreach=True" if has_parts else "fused=True",
    )


def _params(recipe: Recipe, *, any_frozen: bool) -> str:
    if recipe.decay == "weights" or recipe.optimizer.factors is not None:
        return "param_groups(model, config)"
    return (
        "[p for p in model.parameters() if p.requires_grad]" if any_frozen else "model.parameters()"
    )
