"""What a recipe says of a data set: which one, how large it is, how its images are changed."""

from collections.abc import Callable, Sequence
from typing import assert_never

from archdsl.ir.datasets import DATA_SETS
from archdsl.ir.recipe import Augmentation, Crop, Cutout, Data, Flip, Sine, Views
from archdsl.semantics.checks import fail
from archdsl.semantics.recipe_values import (
    CallArguments,
    arguments_of,
    choose,
    read_flag,
    read_integer,
    read_word,
)
from archdsl.semantics.values import Scope
from archdsl.source import Span
from archdsl.syntax import tree

SINE = "sine"
MAX_POINTS = 10_000_000  # of either split: 80 MB


def read_sine(call: tree.Call, scope: Scope) -> Sine:
    """Return how many points of the sine there are to train on and to test on."""
    arguments = arguments_of(call, scope, "train", "test")
    train = arguments.read("train", _points(1))
    return Sine(train=train, test=arguments.read("test", _points(2)))  # both ends


def _points(least: int) -> Callable[[tree.Expression, Scope, str], int]:
    return lambda node, scope, what: read_integer(node, scope, what, least, MAX_POINTS)


def read_data_set(name: str, call: tree.Call, scope: Scope) -> Data:
    """Return the data set of this name with its augmentation."""
    arguments = arguments_of(call, scope, "augment", "normalize", "whiten", "views")
    augment = arguments.read("augment", _augmentations, ())
    for augmentation in augment:
        if isinstance(augmentation, Crop) and augmentation.mode == "reflect":
            _check_reflection(augmentation, name, arguments.placed["augment"].span)
    normalize = arguments.read("normalize", _normalization, "moments")
    whiten = arguments.read("whiten", read_flag, default=False)
    if whiten:
        _check_whitening(name, arguments, augment)
    views = arguments.read("views", _views) if "views" in arguments.placed else None
    if views is not None and views.shift >= DATA_SETS[name].shape[1]:
        message = f"`{name}` has no {views.shift} pixels to be shifted by"
        fail("E607", message, arguments.placed["views"].span)
    return Data(
        name=name,
        augment=augment,
        normalize=normalize != "none" and not whiten,
        unit=normalize == "unit",
        whiten=whiten,
        views=views,
    )


_WHITENED = ("cifar10", "cifar100")  # colours of 32 x 32 pixels, whose checksum is known


def _check_whitening(name: str, arguments: CallArguments, augment: Sequence[Augmentation]) -> None:
    """Refuse what whitened images are not: normalized, of another data set, amid random pixels."""
    if "normalize" in arguments.placed:
        fail("E611", "whitened images are not normalized again", arguments.placed["normalize"].span)
    if name not in _WHITENED:
        known = " and ".join(f"`{each}`" for each in _WHITENED)
        fail("E611", f"{known} can be whitened, not `{name}`", arguments.placed["whiten"].span)
    if any(map(_has_noise, augment)):
        message = "random pixels, from 0 to 255, have no place in whitened images"
        fail("E611", message, arguments.placed["augment"].span)


def _has_noise(augmentation: Augmentation) -> bool:
    match augmentation:
        case Crop(mode=mode):
            return mode == "noise"
        case Cutout():
            return True
        case Flip():
            return False
        case _:
            assert_never(augmentation)


def _normalization(node: tree.Expression, scope: Scope, what: str) -> str:
    if isinstance(node, tree.Variable) and node.name.text not in scope.values:
        return read_word(node, scope, what, ("true", "false", "unit"))  # the others are no names
    return "moments" if read_flag(node, scope, what) else "none"


def _views(node: tree.Expression, scope: Scope, what: str) -> Views:
    if not isinstance(node, tree.ListLiteral) or not node.items:
        fail("E606", f"{what} is a list: `[flip, shift(1)]`", node.span)
    views = Views()
    for item in node.items:
        word, call = choose(item, scope, "a view", ("flip", "shift"))
        if views.flip if word == "flip" else views.shift:
            fail("E607", f"`{word}` is listed twice", item.span)
        if word == "flip":
            arguments_of(call, scope)
            views = Views(flip=True, shift=views.shift)
        else:
            arguments = arguments_of(call, scope, "pixels")
            views = Views(flip=views.flip, shift=arguments.read("pixels", _pixels))
    return views


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
            arguments = arguments_of(call, scope, "alternate")
            return Flip(arguments.read("alternate", read_flag, default=False))
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
