"""Which maps train.py computes once for all images, since what gives them is fixed."""

from typing import assert_never

from archdsl.analyses.fixed_run import fixed_run, fixed_run_of_phases
from archdsl.analyses.growth.growing import GrowingNetwork
from archdsl.ir.network import Network
from archdsl.ir.recipe import Data, ImageFolder, Recipe, Sine
from archdsl.record import Record


class Keeping(Record):
    """What kept.py says: maps are kept of columns, or of a run of first modules."""

    first: tuple[str, ...]  # names of modules, () for columns

    @property
    def columns(self) -> bool:
        """Whether they are those of columns in a nested network."""
        return not self.first


def plan_keeping(
    network: Network, recipe: Recipe, growing: GrowingNetwork | None
) -> Keeping | None:
    """Return what maps can be kept, None if none; `growing` are the phases where train.py grows."""
    if not _sees_the_same(recipe):
        return None
    if growing is None:
        first = fixed_run(network)
    elif growing.phases.nested:
        return Keeping(first=()) if growing.caches else None
    else:
        first = fixed_run_of_phases(growing.plain, network)
    return Keeping(first) if first else None


def _sees_the_same(recipe: Recipe) -> bool:
    """Say whether an image is the same in each epoch."""
    match recipe.data:
        case Data(augment=augment):
            return not (augment or recipe.mixup or recipe.cutmix)
        case Sine():
            return True
        case ImageFolder():
            return False
        case _:
            assert_never(recipe.data)
