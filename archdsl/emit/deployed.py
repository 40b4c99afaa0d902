"""model.py of a deployed network: plain PyTorch, and a function that loads its file of weights."""

from archdsl.analyses.origins import Deployed, is_binary
from archdsl.emit.model import plan_model
from archdsl.emit.prose.docstrings import Header, module_docstring
from archdsl.emit.render import render_load, render_model
from archdsl.ir.family import Family
from archdsl.ir.layers import Conv, Layer
from archdsl.ir.network import LayerNode, Network, Node, Shared
from archdsl.ir.rebuild import map_children, map_steps, replace


def render_deployed(deployed: Deployed, class_name: str, header: Header) -> str:
    """Return the text of model.py; `header.command` is the one that deploys."""
    network = _plain(deployed.network)
    plan = plan_model(Family(network), class_name, header, initialize=False).plan
    plan = replace(plan, docstring=_docstring(network, header))
    packs = any(is_binary(origin.layer) for origin in deployed.origins)
    name = plan.classes[-1].name
    return render_model(plan, render_load(name, packs=packs))


def _docstring(network: Network, header: Header) -> tuple[str, ...]:
    first, *rest = module_docstring(network, header)
    return first.replace(", compiled by archdsl", " as deployed, compiled by archdsl", 1), *rest


# ---------------------------------------------------------------- without schemes


def _plain(network: Network) -> Network:
    """Return the network with plain convolutions: the weights of binary ones are unpacked."""
    body = map_steps(network.body, _plain_node)
    return replace(network, body=body, owned=tuple(map(_plain_weight, network.owned)))


def _plain_node(node: Node) -> Node:
    node = map_children(node, _plain_node)
    if isinstance(node, LayerNode):
        return replace(node, layer=_plain_layer(node.layer))
    owned: tuple[Shared, ...] = getattr(node, "owned", ())
    return replace(node, owned=tuple(map(_plain_weight, owned))) if owned else node


def _plain_weight(weight: Shared) -> Shared:
    return replace(weight, layer=_plain_layer(weight.layer))


def _plain_layer(layer: Layer) -> Layer:
    return replace(layer, scheme=None) if isinstance(layer, Conv) else layer
