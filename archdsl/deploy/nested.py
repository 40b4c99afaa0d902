"""The state of a nested network as one of a member of its family: columns become weights."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archdsl.analyses.tensors import Entry, entries
from archdsl.ir.network import Network

if TYPE_CHECKING:
    from torch import Tensor

_COLUMNS = ".columns."


def unnested(state: "Mapping[str, Tensor]", network: Network) -> "Mapping[str, Tensor]":
    """Return the state of a member, which a nested network of this phase or a later one holds.

    Old outputs take nothing from new inputs: there the whole weights are zero. What is not in the
    state is left out, for others to say.
    """
    if not any(_COLUMNS in name for name in state):
        return state
    found = {entry.name: _whole(state, entry) for entry in entries(network)}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _whole(state: "Mapping[str, Tensor]", entry: Entry) -> "Tensor | None":
    """Return a tensor of the member, None where nothing is there of it."""
    if entry.name in state:
        tensor = state[entry.name]
        if tensor.ndim != len(entry.shape):
            return tensor
        return tensor[tuple(slice(0, size) for size in entry.shape)].contiguous()
    module, _, name = entry.name.rpartition(".")
    whole: Tensor | None = None
    outputs, number = 0, 0
    while outputs < entry.shape[0]:
        column = state.get(f"{module}{_COLUMNS}{number}.{name}")
        if column is None or column.ndim != len(entry.shape):
            return None
        if whole is None:
            whole = column.new_zeros(entry.shape)
        place = (slice(outputs, outputs + len(column)), *(slice(0, n) for n in column.shape[1:]))
        if whole[place].shape != column.shape:
            return None
        whole[place] = column
        outputs, number = outputs + len(column), number + 1
    return whole
