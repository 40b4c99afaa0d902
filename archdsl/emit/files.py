"""The files that a network becomes."""

from archdsl.emit.docstrings import Header
from archdsl.emit.render import render_model
from archdsl.emit.train import render_train
from archdsl.ir.network import Network


def render_files(network: Network, class_name: str, header: Header) -> dict[str, str]:
    """Return the text of `model.py`, and of `train.py` where the network has a recipe."""
    files = {"model.py": render_model(network, class_name, header)}
    if network.recipe is not None:
        train = render_train(network, network.recipe, class_name, header.command)
        files["train.py"] = train
    return files
