"""The files that a network becomes."""

from typing import TYPE_CHECKING

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

    Raises SpecError where the network has more layers outside of blocks than anybody would read.
    """
    network = family.network
    if num_written(network) > MAX_WRITTEN_LAYERS:
        message = f"code is generated for at most {MAX_WRITTEN_LAYERS:,} layers outside of blocks"
        help_ = "put what is repeated into a block"
        found = Diagnostic(code="E309", message=message, span=network.span, help=help_)
        raise SpecError([found])
    model = plan_model(family, class_name, header)
    texts = {"model.py": render_model(model.plan)}
    if network.recipe is not None:
        texts |= render_train(network, network.recipe, class_name, header.command, growing)
    return Files(texts, model.open)


def num_written(network: Network) -> int:
    """Return how many layers of a network stand outside of blocks."""
    waiting: list[Node] = [step.node for step in network.body]
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
