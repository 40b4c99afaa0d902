"""Which phase of a growing network a checkpoint is of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archdsl.deploy.checkpoint import check_tensors
from archdsl.deploy.errors import DeployError
from archdsl.ir.network import Network, Phases
from archdsl.ir.showing import show_value

if TYPE_CHECKING:
    from torch import Tensor


def check_phase(
    state: "Mapping[str, Tensor]",
    network: Network,
    members: Sequence[Network],
    phases: Phases,
    what: str,
) -> None:
    """Raise DeployError where a state is of another phase than this network; `what` names it.

    `members` are those of the phases.

    A state that is of none of them is for others to refuse.
    """
    if _fits(state, network):
        return
    for phase, member in enumerate(members):
        if _fits(state, member):
            values = zip(phases.names, phases.values[phase], strict=True)
            said = ", ".join(f"{name} = {show_value(value)}" for name, value in values)
            raise DeployError(f"{what} is of phase {phase} ({said}); write `--phase {phase}`")


def _fits(state: "Mapping[str, Tensor]", network: Network) -> bool:
    try:
        check_tensors(state, network, "")
    except DeployError:
        return False
    return True
