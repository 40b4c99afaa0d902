"""A folder of images + recipe -> the plan of its data.py: every value decided."""

from typing import assert_never

from archdsl.ir.recipe import ColorJitter, Flip, ImageFolder, Lighting
from archdsl.record import Record


class FolderPlan(Record, kw_only=True):
    """What data.py says of images in a folder; "" (or an empty tuple) leaves a passage out."""

    train_size: int
    test_resize: int
    test_size: int
    mean: str
    std: str
    finished: str
    uniform: int  # how many numbers in [0, 1) a worker draws for each image,
    normal: int  # and behind them of N(0, 1)
    flip: str  # the one of them that says so, on the device
    jitter: str
    lighting: str
    colors: tuple[str, ...]  # expressions in `colors`, in order


def plan_folder(data: ImageFolder) -> FolderPlan:
    """Decide every value of data.py."""
    kinds = tuple(map(type, data.augment))
    before_jitter = _UNIFORM[Flip] if Flip in kinds else 0
    uniform = sum(_UNIFORM[kind] for kind in kinds)
    jitter, lighting = "", ""
    colors: list[str] = []
    for augmentation in data.augment:
        match augmentation:
            case Flip():
                pass
            case ColorJitter(brightness, contrast, saturation):
                jitter = repr((brightness, contrast, saturation))
                drawn = f"draws[:, {before_jitter}:{before_jitter + 6}]"
                colors.append(f"color_jitter(colors, x.mean(2, keepdim=True), {drawn})")
            case Lighting(std):
                lighting = repr(std)
                colors.append(f"lighting(colors, draws[:, {uniform}:])")
            case _:
                assert_never(augmentation)
    return FolderPlan(
        train_size=data.crop.size,
        test_resize=data.test.resize,
        test_size=data.test.size,
        mean=repr(data.mean) if data.normalize else "",
        std=repr(data.std) if data.normalize else "",
        finished=", of mean 0 and deviation 1" if data.normalize else "",
        uniform=uniform,
        normal=3 if lighting else 0,
        flip="draws[:, 0].view(-1, 1, 1, 1)" if Flip in kinds else "",
        jitter=jitter,
        lighting=lighting,
        colors=tuple(colors),
    )


_UNIFORM: dict[type, int] = {Flip: 1, ColorJitter: 6, Lighting: 0}  # in [0, 1), for each image
