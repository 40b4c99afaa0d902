"""The first modules of a network that are fixed: what they give for an input stays the same."""

from collections import Counter
from collections.abc import Container, Sequence
from itertools import pairwise, takewhile

from archdsl.analyses.walk import Place, leaves_below, walk
from archdsl.ir.layers import Activation, Idle, Tensor, tensors
from archdsl.ir.network import MAIN, FixedOld, LayerNode, Network, Node, Shared, SharedWeight


def fixed_run(network: Network) -> tuple[str, ...]:
    """Return the names of the first modules of a network that are frozen, in a row."""
    return tuple(_run(network, grows=False))


def fixed_run_of_phases(phases: Sequence[Network], last: Network) -> tuple[str, ...]:
    """Return the names of the first modules that are fixed in some phase, those in most of them.

    `phases` are members of the family, and `last` is the last of them with what is fixed in it.
    """
    names = _run(last, grows=True)
    found = (len(_unchanged(names, before, now)) for before, now in pairwise(phases))
    return tuple(names[: max(found, default=0)])


def _run(network: Network, *, grows: bool) -> list[str]:
    """Return the names of the first modules that are fixed, or, of a network that grows, may be.

    What they give hangs on nothing but the input and what is fixed. The last of them keeps tensors;
    in between there may be activations that are no modules of their own.
    """
    owned = {shared.id for shared in network.owned}
    times = Counter(step.node.name for step in network.body)
    names: list[str] = []
    for step in network.body:
        node = step.node
        found = list(leaves_below(node))
        in_row = step.takes == step.gives == (MAIN,)
        if not in_row or not all(_is_fixed(leaf, owned, grows=grows) for leaf in found):
            break
        if any(map(_keeps, found)) and times[node.name] == 1:
            names.append(node.name)
        elif not _is_activation(node):
            break
    return names


def _unchanged(names: Sequence[str], before: Network, now: Network) -> list[str]:
    """Return the first of these modules to which a growth adds nothing."""
    old, new = ({s.node.name: _kept(s.node) for s in each.body} for each in (before, now))
    return list(takewhile(lambda name: name not in new or old.get(name) == new[name], names))


def _kept(node: Node) -> list[tuple[str, tuple[Tensor, ...]]]:
    """Return what a node keeps, copies folded."""
    top = Place(node, node.name, 1)
    places = ((place.name, place.node) for place in (top, *walk(top)))
    return [(n, tensors(each.layer)) for n, each in places if isinstance(each, LayerNode | Shared)]


def _is_fixed(leaf: LayerNode | Shared, owned: Container[int], *, grows: bool) -> bool:
    if isinstance(leaf, LayerNode) and isinstance(leaf.shared, SharedWeight):
        return leaf.shared.id not in owned  # who else uses it may come later
    if leaf.frozen or (grows and isinstance(leaf.fixed, FixedOld) and _keeps(leaf)):
        return True
    return not _keeps(leaf) and not isinstance(leaf.layer, Idle)


def _keeps(leaf: LayerNode | Shared) -> bool:
    return bool(tensors(leaf.layer))


def _is_activation(node: Node) -> bool:
    return isinstance(node, LayerNode) and isinstance(node.layer, Activation)
