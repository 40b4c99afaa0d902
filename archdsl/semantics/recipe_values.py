"""What a recipe's settings may say: data sets, optimizers, schedules, numbers in their range."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NoReturn, TypeVar

from archdsl.ir.datasets import DATA_SETS
from archdsl.ir.initialization import (
    Fan,
    He,
    Initialization,
    PyTorchDefault,
    TruncatedNormal,
    Xavier,
)
from archdsl.ir.numbers import Number, Truth
from archdsl.ir.recipe import (
    AdamW,
    Augmentation,
    Cosine,
    Crop,
    Cutout,
    Data,
    Flip,
    Optimizer,
    Schedule,
    Sgd,
    Steps,
    WarmRestarts,
)
from archdsl.record import Record
from archdsl.semantics.checks import fail
from archdsl.semantics.evaluate import evaluate, truth_of
from archdsl.semantics.signature import place
from archdsl.semantics.values import ListValue, Scope, type_name
from archdsl.source import Span
from archdsl.syntax import tree

Result = TypeVar("Result")

# ---------------------------------------------------------------- words and calls


def choose(
    node: tree.Expression, scope: Scope, what: str, known: Sequence[str]
) -> tuple[str, tree.Call]:
    """Return which of the known words a setting is, as a call; `if .. then .. else` may choose."""
    match node:
        case tree.Conditional(condition=condition, chosen=chosen, otherwise=otherwise):
            taken = chosen if truth_of(condition, scope) else otherwise
            return choose(taken, scope, what, known)
        case tree.Variable(name=name, span=span):
            call = tree.Call(name, None, span)
        case tree.Call():
            call = node
        case _:
            _not_one(node.span, what, known)
    word = call.name.text
    if word not in known:
        message = f"{what} is one of {_listed(known)}, not `{word}`"
        from archdsl.semantics.hints import word_help

        fail("E605", message, call.name.span, word_help(word, known))
    return word, call


def _not_one(span: Span, what: str, known: Sequence[str]) -> NoReturn:
    word = span.text.strip('"')
    help_ = f"write `{word}` without quotes" if word in known else None
    fail("E605", f"{what} is one of {_listed(known)}", span, help_)


def _listed(known: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in known)


DECAYS = ("all", "weights")
MOMENTS = ("running", "averaged")


def read_word(node: tree.Expression, scope: Scope, what: str, known: Sequence[str]) -> str:
    """Return which of the known words a setting is."""
    word, call = choose(node, scope, what, known)
    if call.arguments is not None:
        fail("E311", f"`{word}` takes no arguments", call.span)
    return word


class CallArguments(Record):
    """A call's arguments by name, not yet evaluated."""

    call: tree.Call
    scope: Scope
    placed: Mapping[str, tree.Expression]

    def read(
        self,
        name: str,
        reader: Callable[[tree.Expression, Scope, str], Result],
        default: Result | None = None,
    ) -> Result:
        """Return the value of an argument; without a default it must be given."""
        if name in self.placed:
            return reader(self.placed[name], self.scope, f"`{name}`")
        if default is None:
            word = self.call.name.text
            help_ = f"write `{word}({name} = {_ARGUMENT_EXAMPLES[name]})`"
            fail("E312", f"`{word}` needs `{name}`", self.call.span, help_)
        return default


_ARGUMENT_EXAMPLES = {
    "fan": "fan_out",
    "std": "0.02",
    "lr": "0.1",
    "pad": "4",
    "size": "16",
    "at": "[60, 120, 160]",
    "factor": "0.2",
    "first": "2",
    "augment": "[random_resized_crop(224), flip]",
    "test": "[resize(256), center_crop(224)]",
    "pixels": "224",
    "brightness": "0.4",
    "contrast": "0.4",
    "saturation": "0.4",
}


def arguments_of(call: tree.Call, scope: Scope, *names: str) -> CallArguments:
    """Return what a call gives for these parameters."""
    return CallArguments(call, scope, place(call, names, f"`{call.name.text}`"))


# ---------------------------------------------------------------- initialization

INITIALIZATIONS = ("he", "xavier", "truncated_normal", "default")
_FANS = (str(Fan.OUT), str(Fan.IN))


def read_initialization(node: tree.Expression, scope: Scope) -> Initialization:
    """Return what weights begin as, which a network or a recipe may say."""
    word, call = choose(node, scope, "`init`", INITIALIZATIONS)
    match word:
        case "he":
            arguments = arguments_of(call, scope, "fan", "gains", "biases")
            return He(
                Fan(arguments.read("fan", _fan)),
                arguments.read("gains", _gains, "ones") == "uniform",
                arguments.read("biases", _biases, "default") == "zeros",
            )
        case "truncated_normal":
            return TruncatedNormal(arguments_of(call, scope, "std").read("std", read_positive))
        case "xavier":
            arguments_of(call, scope)
            return Xavier()
        case _:
            arguments_of(call, scope)
            return PyTorchDefault()


def _fan(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, _FANS)


def _gains(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, ("ones", "uniform"))


def _biases(node: tree.Expression, scope: Scope, what: str) -> str:
    return read_word(node, scope, what, ("default", "zeros"))


# ---------------------------------------------------------------- data


def read_data_set(name: str, call: tree.Call, scope: Scope) -> Data:
    """Return the data set of this name with its augmentation."""
    arguments = arguments_of(call, scope, "augment", "normalize")
    augment = arguments.read("augment", _augmentations, ())
    for augmentation in augment:
        if isinstance(augmentation, Crop) and augmentation.mode == "reflect":
            _check_reflection(augmentation, name, arguments.placed["augment"].span)
    normalize = arguments.read("normalize", read_flag, default=True)
    return Data(name=name, augment=augment, normalize=normalize)


def _check_reflection(crop: Crop, name: str, span: Span) -> None:
    size = DATA_SETS[name].shape[1]
    if crop.pad >= size:
        most = f"at most {size - 1} pixels of `{name}`'s {size} can be reflected"
        fail("E607", f"{most}, not {crop.pad}", span)


def _augmentations(node: tree.Expression, scope: Scope, what: str) -> tuple[Augmentation, ...]:
    if not isinstance(node, tree.ListLiteral):
        fail("E606", f"{what} is a list: `[flip, crop(pad = 4, mode = reflect)]`", node.span)
    read = [(_augmentation(item, scope), item.span) for item in node.items]
    found = [each for each in read if each[0] != Cutout(0)]  # as `dropout(0)`: a spec's "none"
    _check_order(found)
    return tuple(augmentation for augmentation, _ in found)


def _check_order(found: Sequence[tuple[Augmentation, Span]]) -> None:
    """Refuse what is listed twice, and what comes after `cutout`: crops and flips are one step."""
    for i, (augmentation, span) in enumerate(found):
        word = type(augmentation).__name__.lower()
        before = [type(each) for each, _ in found[:i]]
        if type(augmentation) in before:
            fail("E607", f"`{word}` is listed twice", span)
        if Cutout in before:
            fail("E607", f"`{word}` comes before `cutout`", span, "list `cutout` last")


def _augmentation(node: tree.Expression, scope: Scope) -> Augmentation:
    word, call = choose(node, scope, "an augmentation", ("flip", "crop", "cutout"))
    match word:
        case "flip":
            arguments_of(call, scope)
            return Flip()
        case "cutout":
            arguments = arguments_of(call, scope, "size")
            return Cutout(arguments.read("size", lambda n, s, w: read_integer(n, s, w, 0, 512)))
        case _:
            arguments = arguments_of(call, scope, "pad", "mode")
            mode = arguments.read("mode", lambda n, s, w: read_word(n, s, w, _PAD_MODES), "zeros")
            return Crop(arguments.read("pad", _pixels), mode)


_PAD_MODES = ("zeros", "reflect", "noise")


def _pixels(node: tree.Expression, scope: Scope, what: str) -> int:
    return read_integer(node, scope, what, 1, 512)


# ---------------------------------------------------------------- optimizer and schedule


def read_optimizer(node: tree.Expression, scope: Scope) -> Optimizer:
    """Return an optimizer, with PyTorch's defaults but for the learning rate."""
    word, call = choose(node, scope, "`optimizer`", ("sgd", "adamw"))
    if word == "adamw":
        arguments = arguments_of(call, scope, "lr", "betas", "weight_decay")
        return AdamW(
            lr=arguments.read("lr", read_positive),
            betas=arguments.read("betas", _betas, (0.9, 0.999)),
            weight_decay=arguments.read("weight_decay", _natural, 0.01),
        )
    arguments = arguments_of(call, scope, "lr", "momentum", "nesterov", "weight_decay")
    momentum = arguments.read("momentum", read_rate, 0.0)
    nesterov = arguments.read("nesterov", read_flag, default=False)
    if nesterov and momentum == 0:
        message = "`nesterov` needs a momentum"
        fail("E608", message, arguments.placed["nesterov"].span, "write `momentum = 0.9`")
    return Sgd(
        lr=arguments.read("lr", read_positive),
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=arguments.read("weight_decay", _natural, 0.0),
    )


def _betas(node: tree.Expression, scope: Scope, what: str) -> tuple[float, float]:
    if not isinstance(node, tree.ListLiteral) or len(node.items) != 2:
        fail("E606", f"{what} is a list of two numbers: `[0.9, 0.999]`", node.span)
    first, second = node.items
    return read_rate(first, scope, what), read_rate(second, scope, what)


def read_schedule(node: tree.Expression, scope: Scope) -> Schedule:
    """Return a schedule of the learning rate."""
    word, call = choose(node, scope, "`schedule`", ("steps", "cosine", "warm_restarts"))
    match word:
        case "cosine":
            return Cosine(warmup=arguments_of(call, scope, "warmup").read("warmup", _natural, 0.0))
        case "warm_restarts":
            arguments = arguments_of(call, scope, "first", "growth", "min_lr", "warmup")
            return WarmRestarts(
                first=arguments.read("first", _length),
                growth=arguments.read("growth", _length, 2),
                min_lr=arguments.read("min_lr", _natural, 0.0),
                warmup=arguments.read("warmup", _natural, 0.0),
            )
        case _:
            arguments = arguments_of(call, scope, "at", "factor", "warmup")
            return Steps(
                at=arguments.read("at", _epochs),
                factor=arguments.read("factor", read_positive),
                warmup=arguments.read("warmup", _natural, 0.0),
            )


def _length(node: tree.Expression, scope: Scope, what: str) -> int:
    return read_integer(node, scope, what, 1, 1_000_000)


def _epochs(node: tree.Expression, scope: Scope, what: str) -> tuple[int, ...]:
    value = evaluate(node, scope)
    if not isinstance(value, ListValue) or not value.items:
        fail("E606", f"{what} is a list of epochs: `[60, 120, 160]`", node.span)
    numbers = [v.value for v in value.items if isinstance(v, Number)]
    epochs = tuple(n for n in numbers if isinstance(n, int) and n >= 1)
    if len(epochs) != len(value.items):
        fail("E606", f"{what} lists epochs, which are integers from 1", node.span)
    if any(left >= right for left, right in pairwise(epochs)):
        fail("E607", f"the epochs of {what} must rise", node.span)
    return epochs


# ---------------------------------------------------------------- numbers


def _number(node: tree.Expression, scope: Scope, what: str) -> Number:
    value = evaluate(node, scope)
    if not isinstance(value, Number):
        fail("E606", f"{what} is a number, not {type_name(value)}", node.span)
    return value


def read_flag(node: tree.Expression, scope: Scope, what: str) -> bool:
    """Return true or false; `what` names it in messages."""
    value = evaluate(node, scope)
    if not isinstance(value, Truth):
        fail("E606", f"{what} is true or false, not {type_name(value)}", node.span)
    return value.value


def read_integer(
    node: tree.Expression, scope: Scope, what: str, least: int, most: int | None = None
) -> int:
    """Return an integer within these bounds; `what` names it in messages."""
    number = _number(node, scope, what)
    if not isinstance(number.value, int):
        fail("E606", f"{what} is an integer, not {number}", node.span)
    if number.value < least:
        fail("E607", f"{what} is at least {least}, not {number}", node.span)
    if most is not None and number.value > most:
        fail("E607", f"{what} is at most {most}, not {number}", node.span)
    return number.value


def read_positive(node: tree.Expression, scope: Scope, what: str) -> float:
    """Return a number above 0; `what` names it in messages."""
    number = _number(node, scope, what)
    if number.value <= 0:
        fail("E607", f"{what} is above 0, not {number}", node.span)
    return float(number.value)


def _natural(node: tree.Expression, scope: Scope, what: str) -> float:
    number = _number(node, scope, what)
    if number.value < 0:
        fail("E607", f"{what} is at least 0, not {number}", node.span)
    return float(number.value)


def read_rate(node: tree.Expression, scope: Scope, what: str) -> float:
    """Return a number of at least 0 and below 1."""
    number = _number(node, scope, what)
    if not 0 <= number.value < 1:
        fail("E607", f"{what} is at least 0 and below 1, not {number}", node.span)
    return float(number.value)
