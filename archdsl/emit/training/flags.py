"""The flags of a script: those of the recipe, what may change in a run, what numbers may be."""

from collections.abc import Iterator
from typing import TypeAlias, assert_never

from archdsl.emit.python.printer import number
from archdsl.emit.training.readers import Reader
from archdsl.ir.recipe import (
    LEAST_ALPHA,
    AveragedMoments,
    Constant,
    Cosine,
    GrowAt,
    Plateau,
    Recipe,
    Sgd,
    Steps,
    WarmRestarts,
    samples_of,
)
from archdsl.record import Record

_NATURAL, _COUNT, _FRACTION = ("0.0", "math.inf"), ("1", "math.inf"), ("0.0", "1.0")
_NORM = (number(1e-6), "math.inf")  # of 0 nothing would learn
_ALPHA = (number(LEAST_ALPHA), "math.inf")


class ConfigField(Record, kw_only=True):
    """A field of `Config` that stands for a number of the recipe."""

    name: str
    type: str
    value: str
    about: str
    range: tuple[str, str] | None = None  # at least, and below


def recipe_flags(recipe: Recipe) -> Iterator[ConfigField]:
    """Yield the flags of a recipe, in their order; what it does not use has none."""
    samples = samples_of(recipe.data)
    yield ConfigField(
        name="epochs",
        type="int",
        value=str(recipe.epochs),
        about=f"passes over the training {samples}",
        range=_COUNT,
    )
    yield ConfigField(
        name="batch",
        type="int",
        value=str(recipe.batch),
        about=f"{samples} a step, over all processes; an incomplete last batch is left out",
        range=_COUNT,
    )
    if recipe.accumulate:
        about = "parts of it, taken one after the other, that need less memory"
        yield _integer("accumulate", recipe.accumulate, about, _COUNT)
    yield _float("lr", recipe.optimizer.lr, f"the highest, for `batch` {samples}", _NATURAL)
    yield from _schedule_flags(recipe)
    yield from _optimizer_flags(recipe)
    if recipe.label_smoothing:
        about = "probability spread over all classes"
        yield _float("label_smoothing", recipe.label_smoothing, about, _FRACTION)
    if recipe.auxiliary:
        about = "of the loss of each auxiliary head, which is added"
        yield _float("auxiliary", recipe.auxiliary, about, _NATURAL)
    yield from _other_flags(recipe)
    yield from _growth_flags(recipe)


def _growth_flags(recipe: Recipe) -> Iterator[ConfigField]:
    match recipe.grow:
        case GrowAt(at=at):
            about = "epochs, from 1, that begin a phase"
            kind = "tuple[int, ...]"
            yield ConfigField(name="growths", type=kind, value=repr(at), about=about)
        case Plateau(window=window, least=least, cooldown=cooldown):
            about = "epochs: the network grows when their mean loss has not fallen enough"
            yield _integer("window", window, about, _COUNT)
            yield _float("least", least, "of the loss of the window before: enough", _FRACTION)
            about = "epochs of a phase that do not count"
            yield _integer("cooldown", cooldown, about, ("0", "math.inf"))
        case None:
            pass
        case _:
            assert_never(recipe.grow)


def _integer(name: str, value: int, about: str, bounds: tuple[str, str]) -> ConfigField:
    return ConfigField(name=name, type="int", value=str(value), about=about, range=bounds)


def _float(name: str, value: float, about: str, bounds: tuple[str, str]) -> ConfigField:
    return ConfigField(name=name, type="float", value=number(value), about=about, range=bounds)


def _schedule_flags(recipe: Recipe) -> Iterator[ConfigField]:
    schedule = recipe.schedule
    if schedule.warmup:
        about = "epochs of linear rise to lr, at the start"
        yield _float("warmup", schedule.warmup, about, _NATURAL)
    match schedule:
        case WarmRestarts(first=first, growth=growth, min_lr=min_lr):
            about = "epochs of the first cycle, in which lr falls to min_lr"
            yield _integer("cycle", first, about, _COUNT)
            about = "length of each cycle, in lengths of the one before"
            yield _integer("growth", growth, about, _COUNT)
            yield _float("min_lr", min_lr, "", _NATURAL)
        case Steps(at=at, factor=factor):
            yield ConfigField(
                name="milestones",
                type="tuple[int, ...]",
                value=repr(at),
                about="epochs, from 1, that start with a drop of lr",
            )
            yield _float("drop", factor, "factor of lr at each milestone", _NATURAL)
        case Cosine() | Constant():
            pass
        case _:
            assert_never(schedule)


def _optimizer_flags(recipe: Recipe) -> Iterator[ConfigField]:
    optimizer = recipe.optimizer
    if isinstance(optimizer, Sgd) and optimizer.momentum:
        yield _float("momentum", optimizer.momentum, "", _FRACTION)
    yield _float("weight_decay", optimizer.weight_decay, _DECAYED[recipe.decay], _NATURAL)
    if optimizer.factors is not None:
        norms, biases = optimizer.factors.norms, optimizer.factors.biases
        if norms != 1:
            yield _float("norm_factor", norms, "of lr, for the scales of normalization", _NATURAL)
        if biases != 1:
            yield _float("bias_factor", biases, "of lr, for biases and offsets", _NATURAL)


_DECAYED = {
    "all": "for every learned parameter",
    "weights": "for weights of two or more dimensions, not for norms and biases",
}


def _other_flags(recipe: Recipe) -> Iterator[ConfigField]:
    if recipe.clip:
        about = "longer gradients, of all parameters together, are made as long"
        yield _float("clip", recipe.clip, about, _NORM)
    if recipe.ema:
        about = "what remains each step of the average of the weights, which is tested"
        yield _float("ema", recipe.ema, about, _FRACTION)
    if recipe.mixup:
        about = "alpha: images are mixed in shares from Beta(alpha, alpha)"
        yield _float("mixup", recipe.mixup, about, _ALPHA)
    if recipe.cutmix:
        about = "alpha: patches of images are pasted, of shares from Beta(alpha, alpha)"
        yield _float("cutmix", recipe.cutmix, about, _ALPHA)
    if recipe.held_out:
        about = f"training {samples_of(recipe.data)} that are for a test after each epoch"
        yield _integer("held_out", recipe.held_out, about, _COUNT)
    match recipe.moments:
        case AveragedMoments(between=between) if between:
            about = "batches to measure moments on, after all epochs but the last"
            yield _integer("between", between, about, _COUNT)
        case _:
            pass


# ---------------------------------------------------------------- what flags may be

Ranges: TypeAlias = Iterator[tuple[str, tuple[str, str]]]


def ranges(recipe: Recipe, reader: Reader) -> Ranges:
    """Yield the flags that are numbers with what they are at least, and what they stay below."""
    for flag in recipe_flags(recipe):
        if flag.range is not None:
            yield flag.name, flag.range
    yield from (("seed", ("0", "2**63")), ("limit", ("0", "math.inf")))
    yield from (("save_minutes", _NATURAL), ("minutes", _NATURAL))
    for name in reader.flag_names:
        yield name, ("-1", "math.inf")


def may_change(recipe: Recipe, reader: Reader) -> tuple[str, ...]:
    """Return the flags that may differ when a run goes on, as sets that fit a line each."""
    names = ["data"] if reader.folder_holds else []
    names += ["verify"] if reader.verifies else []
    names += [*reader.flag_names, "out", "epochs", "device", "amp"]
    names += [*(["channels_last"] if reader.has_images else []), "compile"]
    later = ["save_minutes", "minutes", "resume", "responses"]
    later += ["reschedule"] if hangs(recipe) else []
    return tuple("{" + ", ".join(f'"{name}"' for name in each) + "}" for each in (names, later))


def hangs(recipe: Recipe) -> bool:
    """Whether the rate of every epoch hangs on how many there are."""
    return isinstance(recipe.schedule, Cosine)


def data_arguments(reader: Reader) -> Iterator[str]:
    """Yield what `load_batches` is given of the flags, besides what each reader takes."""
    for name in (*(("verify",) if reader.verifies else ()), *reader.flag_names):
        yield f"{name}=config.{name}"
