"""The files that a network becomes."""

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.emit.docstrings import Header
from archdsl.emit.render import render_model
from archdsl.emit.train import render_train
from archdsl.ir.network import Block, Combine, LayerNode, Network, Node, Part, Residual, Stage
from archdsl.limits import MAX_WRITTEN_LAYERS


def render_files(network: Network, class_name: str, header: Header) -> dict[str, str]:
    """Return the text of `model.py`, and of `train.py` where the network has a recipe.

    Raises SpecError where the network has more layers outside of blocks than anybody would read.
    """
    if num_written(network) > MAX_WRITTEN_LAYERS:
        message = f"code is generated for at most {MAX_WRITTEN_LAYERS:,} layers outside of blocks"
        help_ = "put what is repeated into a block"
        found = Diagnostic(code="E309", message=message, span=network.span, help=help_)
        raise SpecError([found])
    files = {"model.py": render_model(network, class_name, header)}
    if network.recipe is not None:
        train = render_train(network, network.recipe, class_name, header.command)
        files["train.py"] = train
    return files


def num_written(network: Network) -> int:
    """Return how many layers of a network stand outside of blocks."""
    waiting: list[Node] = list(network.body)
    found = 0
    while waiting:
        match waiting.pop():
            case LayerNode():
                found += 1
            case Part(body=nodes):
                waiting += nodes
            case Stage(items=items):
                waiting += (item.node for item in items)
            case Combine(branches=branches):
                waiting += branches
            case Residual(preactivation=before, residual=nodes, shortcut=shortcut):
                waiting += (*before, *nodes, *(() if shortcut is None else (shortcut,)))
            case Block():
                pass
    return found
