"""What a recipe's `data` may say: a data set by its name, a folder of photographs, a function."""

from collections.abc import Sequence

from archdsl.ir.datasets import DATA_SETS
from archdsl.ir.recipe import (
    CenterCrop,
    ColorJitter,
    DataSource,
    Flip,
    ImageFolder,
    Lighting,
    PhotoAugmentation,
    RandomResizedCrop,
)
from archdsl.semantics.checks import fail
from archdsl.semantics.data_sets import SINE, read_data_set, read_sine
from archdsl.semantics.recipe_values import (
    CallArguments,
    arguments_of,
    choose,
    read_flag,
    read_integer,
    read_positive,
    read_rate,
)
from archdsl.semantics.values import Scope
from archdsl.syntax import tree

FOLDER = "image_folder"
AUGMENTATIONS = ("random_resized_crop", "flip", "color_jitter", "lighting")
MAX_PIXELS = 4096  # of a side that an image is brought to


def read_data(node: tree.Expression, scope: Scope) -> DataSource:
    """Return what is trained on: where it comes from, and what is done with it."""
    word, call = choose(node, scope, "`data`", (*DATA_SETS, FOLDER, SINE))
    if word == FOLDER:
        return _image_folder(call, scope)
    return read_sine(call, scope) if word == SINE else read_data_set(word, call, scope)


def _image_folder(call: tree.Call, scope: Scope) -> ImageFolder:
    arguments = arguments_of(call, scope, "augment", "test", "normalize", "mean", "std")
    crop, augment = arguments.read("augment", _augmentations)
    test = arguments.read("test", _test)
    normalize = arguments.read("normalize", read_flag, default=True)
    plain = ImageFolder(crop=crop, augment=augment, test=test)
    for name in ("mean", "std"):
        if name in arguments.placed and not normalize:
            message = f"`normalize = false` leaves pixels as they are, without a `{name}`"
            fail("E610", message, arguments.placed[name].span)
    return ImageFolder(
        crop=crop,
        augment=augment,
        test=test,
        normalize=normalize,
        mean=arguments.read("mean", _means, plain.mean),
        std=arguments.read("std", _deviations, plain.std),
    )


# ---------------------------------------------------------------- training


def _augmentations(
    node: tree.Expression, scope: Scope, what: str
) -> tuple[RandomResizedCrop, tuple[PhotoAugmentation, ...]]:
    items = _items(node, what, "[random_resized_crop(224), flip]")
    found = [(_augmentation(item, scope), item.span) for item in items]
    crop, span = found[0] if found else (None, node.span)
    if not isinstance(crop, RandomResizedCrop):
        message = f"{what} begins with a crop, which makes all images of a folder one size"
        fail("E610", message, span, "write `random_resized_crop(224)` first")
    rest: list[PhotoAugmentation] = []
    for each, where in found[1:]:
        if isinstance(each, RandomResizedCrop):
            fail("E610", "an image is cropped once, at first", where)
        if type(each) in map(type, rest):
            fail("E610", f"`{where.text}` comes twice in {what}", where)
        rest.append(each)
    return crop, tuple(rest)


def _augmentation(node: tree.Expression, scope: Scope) -> RandomResizedCrop | PhotoAugmentation:
    word, call = choose(node, scope, f"an augmentation of `{FOLDER}`", AUGMENTATIONS)
    match word:
        case "random_resized_crop":
            return RandomResizedCrop(_pixels_of(call, scope))
        case "flip":
            arguments_of(call, scope)
            return Flip()
        case "lighting":
            return Lighting(arguments_of(call, scope, "std").read("std", read_positive))
        case _:
            return _color_jitter(arguments_of(call, scope, "brightness", "contrast", "saturation"))


def _color_jitter(arguments: CallArguments) -> ColorJitter:
    return ColorJitter(
        brightness=arguments.read("brightness", read_rate),
        contrast=arguments.read("contrast", read_rate),
        saturation=arguments.read("saturation", read_rate),
    )


# ---------------------------------------------------------------- test


def _test(node: tree.Expression, scope: Scope, what: str) -> CenterCrop:
    example = "[resize(256), center_crop(224)]"
    items = _items(node, what, example)
    known = ("resize", "center_crop")
    found = [choose(item, scope, f"a step of {what}", known) for item in items]
    if tuple(word for word, _ in found) != known:
        message = f"{what} is a `resize` of the shorter side, then a `center_crop`"
        fail("E610", message, node.span, f"write `{example}`")
    resize, crop = (_pixels_of(call, scope) for _, call in found)
    if crop > resize:
        message = f"a shorter side of {resize} pixels has no middle of {crop}"
        fail("E607", message, found[1][1].span)
    return CenterCrop(resize=resize, size=crop)


# ---------------------------------------------------------------- values


def _items(node: tree.Expression, what: str, example: str) -> Sequence[tree.Expression]:
    if not isinstance(node, tree.ListLiteral):
        fail("E606", f"{what} is a list: `{example}`", node.span)
    return node.items


def _pixels_of(call: tree.Call, scope: Scope) -> int:
    return arguments_of(call, scope, "pixels").read("pixels", _pixels)


def _pixels(node: tree.Expression, scope: Scope, what: str) -> int:
    return read_integer(node, scope, what, 1, MAX_PIXELS)


def _means(node: tree.Expression, scope: Scope, what: str) -> tuple[float, float, float]:
    red, green, blue = _channels(node, what)
    return read_rate(red, scope, what), read_rate(green, scope, what), read_rate(blue, scope, what)


def _deviations(node: tree.Expression, scope: Scope, what: str) -> tuple[float, float, float]:
    red, green, blue = (read_positive(each, scope, what) for each in _channels(node, what))
    return red, green, blue


def _channels(node: tree.Expression, what: str) -> Sequence[tree.Expression]:
    if not isinstance(node, tree.ListLiteral) or len(node.items) != 3:
        message = f"{what} is a list of three numbers, of red, green and blue from 0 to 1"
        fail("E606", message, node.span, "write `[0.485, 0.456, 0.406]`, or leave it out")
    return node.items
