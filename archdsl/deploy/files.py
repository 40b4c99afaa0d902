"""What `archdsl deploy` writes of weights: the bytes of a .safetensors file."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from archdsl.analyses.origins import Deployed
from archdsl.deploy.checkpoint import check_installed, check_size, check_state, read_state
from archdsl.deploy.folding import deploy_state
from archdsl.deploy.nested import unnested
from archdsl.deploy.phases import check_phase
from archdsl.ir.network import Network

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.analyses.growth.growing import GrowingNetwork


def weights_file(
    network: Network,
    deployed: Deployed,
    checkpoint: "str | Mapping[str, Tensor]",
    progress: Callable[[str], None],
    growing: "GrowingNetwork | None" = None,
) -> bytes:
    """Return the deployed weights of a checkpoint, a file's path or a state.

    `growing` is what the network is a phase of. Raises OSError, and DeployError where the
    checkpoint is not one of this network.
    """
    check_size(network, "deployed")
    check_installed("deploying")
    from safetensors.torch import save

    is_path = isinstance(checkpoint, str)
    what = checkpoint if is_path else "the checkpoint"
    if is_path:
        progress(f"reading {what}")
    state = read_state(checkpoint) if is_path else checkpoint
    if growing is not None:
        state = unnested(state, network) if growing.phases.nested else state
        check_phase(state, network, growing.plain, growing.phases, what)
    check_state(state, network, what)
    return save(deploy_state(deployed, state, progress), {"format": "pt"})
