"""The files that a network becomes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archdsl.analyses.walk import root, walk
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.emit.model import plan_model
from archdsl.emit.prose.docstrings import Header
from archdsl.emit.render import render_model
from archdsl.emit.training.script import render_train
from archdsl.ir.family import Family
from archdsl.ir.network import Block, Join, LayerNode, Network, Node, Part, Stage
from archdsl.limits import MAX_WRITTEN_LAYERS
from archdsl.record import Record

if TYPE_CHECKING:
    from archdsl.analyses.growth.growing import GrowingNetwork


class Files(Record):
    """The texts of files by name, and the arguments that the class in model.py takes."""

    texts: dict[str, str]
    open: tuple[str, ...]


def render_files(
    family: Family, class_name: str, header: Header, growing: "GrowingNetwork | None" = None
) -> Files:
    """Return the text of `model.py`; of `train.py` and what it imports if there is a recipe.

    Raises SpecError where one class would have more layers than anybody would read.
    """
    network = family.network
    for owner in (network, *_blocks(network)):
        if num_written(owner) > MAX_WRITTEN_LAYERS:
            where = "outside of blocks" if isinstance(owner, Network) else "of a block"
            message = f"code is generated for at most {MAX_WRITTEN_LAYERS:,} layers {where}"
            help_ = "put what is repeated into a block"
            found = Diagnostic(code="E309", message=message, span=owner.span, help=help_)
            raise SpecError([found])
    model = plan_model(family, class_name, header)
    texts = {"model.py": render_model(model.plan)}
    if network.recipe is not None:
        texts |= render_train(network, network.recipe, class_name, header.command, growing)
    return Files(texts, model.open)


def _blocks(network: Network) -> Iterator[Block]:
    return (p.node for p in walk(root(network)) if isinstance(p.node, Block))


def num_written(owner: Network | Block) -> int:
    """Return how many layers of a network, or of a block, stand outside of blocks in it."""
    waiting: list[Node] = [step.node for step in owner.body]
    found = 0
    while waiting:
        match waiting.pop():
            case LayerNode():
                found += 1
            case Part(body=body):
                waiting += (step.node for step in body)
            case Stage(items=items):
                waiting += (item.node for item in items)
            case Block() | Join():
                pass
    return found
