"""What `archdsl deploy` writes of weights: the bytes of a .safetensors file."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from archdsl.analyses.origins import Deployed
from archdsl.deploy.checkpoint import check_installed, check_size, check_state, read_state
from archdsl.deploy.folding import deploy_state
from archdsl.ir.network import Network

if TYPE_CHECKING:
    from torch import Tensor


def weights_file(
    network: Network,
    deployed: Deployed,
    checkpoint: "str | Mapping[str, Tensor]",
    progress: Callable[[str], None],
) -> bytes:
    """Return the deployed weights of a checkpoint, a file's path or a state.

    Raises OSError, and DeployError where it is not one of this network.
    """
    check_size(network, "deployed")
    check_installed("deploying")
    from safetensors.torch import save

    is_path = isinstance(checkpoint, str)
    what = checkpoint if is_path else "the checkpoint"
    if is_path:
        progress(f"reading {what}")
    state = read_state(checkpoint) if is_path else checkpoint
    check_state(state, network, what)
    return save(deploy_state(deployed, state, progress), {"format": "pt"})
