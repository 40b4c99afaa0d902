"""What the files of a training script say, decided before they are written."""

import re
import textwrap
from typing import assert_never

from archdsl.analyses.fingerprint import fingerprint
from archdsl.analyses.freezing import frozen_modules, frozen_parameters
from archdsl.analyses.growth.growing import GrowingNetwork
from archdsl.emit.python.printer import WIDTH, docstring_text
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
from archdsl.emit.training.keeping import Keeping, plan_keeping
from archdsl.emit.training.optimization import optimizer_of, schedule_of
from archdsl.emit.training.readers import Reader, levels_of, reader_of, title_of
from archdsl.ir.datasets import num_samples_of
from archdsl.ir.network import Network
from archdsl.ir.recipe import (
    Augmentation,
    Crop,
    Cutout,
    Data,
    Flip,
    ImageFolder,
    Recipe,
    Views,
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
        "Growing",
        "Iterator",
        "Kept",
        "Part",
        "PartOptimizer",
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
    """What the files say; a text that is "" (or an empty tuple) leaves its passage out.

    Fields hang on the network or on where it was compiled; what the recipe alone decides is a
    property.
    """

    recipe: Recipe
    class_name: str  # as train.py calls it
    network: str  # as the log calls it
    import_model: str
    origin: tuple[str, ...]  # lines of the docstring
    out: str  # folder
    image_shape: str
    channels: int  # of an image
    num_classes: int
    fingerprint: str
    growth: GrowthPlan | None  # of a network that grows
    fixed_parts: tuple[str, ...]  # lines of a table of what is fixed where nothing grows
    keeping: Keeping | None  # of maps that are computed once
    optimizer: str  # class in torch.optim
    optimizer_arguments: tuple[str, ...]

    @property
    def parts(self) -> bool:
        """Whether the optimizer is handed parts of parameters."""
        return self.growth is not None or bool(self.fixed_parts)

    @property
    def auxiliary(self) -> bool:
        """Whether the network has auxiliary heads."""
        return self.recipe.auxiliary > 0

    @property
    def title(self) -> str:
        """Return the data set's."""
        return title_of(self.recipe.data)

    @property
    def summary(self) -> str:
        """Return the first line of the docstring."""
        summary = f"Train {self.class_name} on {self.title}."
        fits = len(summary) + len('"""') <= WIDTH
        return summary if fits else f"Train the network of model.py on {self.title}."

    @property
    def out_comment(self) -> str:
        """Return what `out` is, where that fits beside it."""
        comment = "  # folder of the log and the checkpoint"
        return comment if len(self.out) + len(comment) <= 80 else ""

    # ------------------------------------------------------------ data

    @property
    def data(self) -> Reader:
        """Return how the data is read."""
        return reader_of(self.recipe.data)

    @property
    def folder(self) -> FolderPlan | None:
        """Return what is said of a folder of images, which has a data.py of its own."""
        data = self.recipe.data
        return plan_folder(data) if isinstance(data, ImageFolder) else None

    @property
    def data_modules(self) -> tuple[str, ...]:
        """Return the standard modules that data.py imports whole."""
        return self.data.modules

    @property
    def data_summary(self) -> str:
        """Return the first line of data.py's docstring."""
        return f"Read {self.title} and cut it into batches, for train.py."

    @property
    def data_arguments(self) -> tuple[str, ...]:
        """Return those of `load_batches`, for the flags of the reader."""
        return tuple(data_arguments(self.data))

    @property
    def samples(self) -> str:
        """Return what a batch is a batch of: "images"."""
        return samples_of(self.recipe.data)

    @property
    def targets(self) -> str:
        """Return what they have: "labels"."""
        match self.recipe.loss.task:
            case Task.CLASSIFICATION:
                return "labels"
            case Task.REGRESSION:
                return "targets"
            case _:
                assert_never(self.recipe.loss.task)

    @property
    def num_samples(self) -> tuple[str, ...]:
        """Return how many there are in the training and the test split."""
        return tuple(f"{number:_}" for number in num_samples_of(self.recipe.data))

    @property
    def checksums(self) -> tuple[str, ...]:
        """Return those of both splits, with these numbers."""
        return tuple(
            f"({number}, {sum_:_})"
            for number, sum_ in zip(self.num_samples, self.data.sums, strict=True)
        )

    @property
    def levels(self) -> int:
        """Return how many values a pixel has."""
        return levels_of(self.recipe.data)

    @property
    def crop(self) -> Crop | None:
        """Return the crop of a data set's images."""
        return next((each for each in self._augment if isinstance(each, Crop)), None)

    @property
    def flip(self) -> Flip | None:
        """Return the flip of a data set's images."""
        return next((each for each in self._augment if isinstance(each, Flip)), None)

    @property
    def cutout(self) -> Cutout | None:
        """Return the squares of a data set's images."""
        return next((each for each in self._augment if isinstance(each, Cutout)), None)

    @property
    def _augment(self) -> tuple[Augmentation, ...]:
        data = self.recipe.data
        return data.augment if isinstance(data, Data) else ()

    @property
    def noise(self) -> bool:
        """Whether something is filled with random pixels."""
        has_noisy_crop = self.crop is not None and self.crop.mode == "noise"
        return self.cutout is not None or has_noisy_crop

    @property
    def views(self) -> Views | None:
        """Return in how many ways a test sees an image of a data set."""
        return self.recipe.data.views if isinstance(self.recipe.data, Data) else None

    # ------------------------------------------------------------ training

    @property
    def is_regression(self) -> bool:
        """Whether there are no classes, and no accuracy."""
        return self.recipe.loss.task is Task.REGRESSION

    @property
    def top5(self) -> bool:
        """Whether the log has the share of labels among the five largest logits."""
        return not self.is_regression and self.num_classes >= 100

    @property
    def flags(self) -> tuple[ConfigField, ...]:
        """Return those of the recipe."""
        return tuple(recipe_flags(self.recipe))

    @property
    def may_change(self) -> tuple[str, ...]:
        """Return the flags that may differ when a run goes on."""
        return may_change(self.recipe, self.data)

    @property
    def ranges(self) -> tuple[tuple[str, tuple[str, str]], ...]:
        """Return what flags may be: at least, and below."""
        return tuple(ranges(self.recipe, self.data))

    @property
    def hangs(self) -> bool:
        """Whether the rate of every epoch hangs on how many there are."""
        return hangs(self.recipe)

    @property
    def schedule(self) -> str:
        """Return the template of `lr_factor`; "" where the rate is always the same."""
        return schedule_of(self.recipe)

    @property
    def rate(self) -> str:
        """Return the factor of `lr` at the step `{}`, as an expression."""
        return " * lr_factor({}, {}, config)" if self.schedule else ""


def plan_train(
    network: Network,
    recipe: Recipe,
    class_name: str,
    command: str,
    growing: GrowingNetwork | None = None,
) -> TrainPlan:
    """Decide every value of the files; `growing` are the phases of a network that has some."""
    model = f"{class_name}Network" if class_name in _TAKEN else class_name
    growing = growing if recipe.grow else None
    growth = plan_growth(growing, recipe.grow) if growing and recipe.grow else None
    fixed = tuple(fixed_parts(network)) if growth is None else ()
    optimizer, arguments = optimizer_of(
        recipe,
        any_frozen=bool(frozen_modules(network) or frozen_parameters(network)),
        has_parts=growth is not None or bool(fixed),
    )
    return TrainPlan(
        recipe=recipe,
        class_name=model,
        network=_snake(class_name),
        import_model=_import_model(class_name, model),
        origin=_origin(recipe, command),
        out=f"runs/{_snake(class_name)}",
        image_shape=repr(network.input.shape),
        channels=network.input.channels,
        num_classes=network.output.channels,
        fingerprint=fingerprint(network, recipe),
        growth=growth,
        fixed_parts=fixed,
        keeping=plan_keeping(network, recipe, growing),
        optimizer=optimizer,
        optimizer_arguments=arguments,
    )


def _import_model(class_name: str, model: str) -> str:
    """Return the import of the network's class, laid out as `ruff format` does."""
    imported = class_name if model == class_name else f"{class_name} as {model}"
    line = f"from model import {imported}"
    return line if len(line) <= WIDTH else f"from model import (\n    {imported},\n)"


def _origin(recipe: Recipe, command: str) -> tuple[str, ...]:
    return _wrapped(
        f"Compiled by `{docstring_text(command)}` from the recipe `{recipe.name}`; "
        "change the spec, not this file."
    )


def _wrapped(text: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def _snake(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()
