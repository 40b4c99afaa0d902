"""A checkpoint -> the trained network's `state_dict`, every tensor of it checked.

A checkpoint comes from anywhere: nothing in it is run, and no tensor is larger than its storage.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from archdsl.analyses.origins import COUNTER
from archdsl.analyses.tensors import entries, num_tensors
from archdsl.deploy.errors import DeployError
from archdsl.ir.network import Network
from archdsl.limits import MAX_TENSOR_ROWS

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 3  # names in a message
# what torch.load raises of files that are cut off or changed, as tests/deploy tries them
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,  # the file itself has been opened before
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def check_installed(doing: str) -> None:
    """Raise DeployError where torch or safetensors is missing; `doing` needs them."""
    from importlib.util import find_spec

    if find_spec("torch") is None or find_spec("safetensors") is None:
        message = f"{doing} needs torch and safetensors: pip install 'archdsl[deploy]'"
        raise DeployError(message)


def check_size(network: Network, done: str) -> None:
    """Raise DeployError for a network of more tensors than are unfolded; `done`: "deployed"."""
    number = num_tensors(network)
    if number > MAX_TENSOR_ROWS:
        raise DeployError(
            f"the network has {number:,} tensors, and at most {MAX_TENSOR_ROWS:,} are {done}"
        )


def read_state(path: str) -> "dict[str, Tensor]":
    """Return the state that a file holds; raise OSError, DeployError.

    It is one of .safetensors, or what torch.save made of a `state_dict`, bare or as `average`,
    `model` or `state_dict` in a dict: the generated train.py saves `model`, and of recipes with
    `ema` the `average` that it tests.
    """
    with Path(path).open("rb"):
        pass  # an OSError that names the file
    if path.endswith(".safetensors"):
        return _read_safetensors(path)
    _refuse_packed(path)
    return _state_in(path, _read_pickled(path))


def _read_safetensors(path: str) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]

    try:
        return load_file(path)
    except SafetensorError as error:
        raise DeployError(f"{path} is no file of safetensors: {error}") from None


def _refuse_packed(path: str) -> None:
    """Raise DeployError for an archive that unpacks to more than its size, as torch's never does.

    torch.load unpacks one all the same, and a megabyte may become a gigabyte.
    """
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (BadZipFile, NotImplementedError, ValueError):
        return  # of before torch 1.6, or damaged: torch.load says so
    if unpacked > Path(path).stat().st_size:
        raise DeployError(f"{path} is compressed, as no checkpoint of torch.save is")


def _read_pickled(path: str) -> object:
    import pickle
    import warnings

    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats: what cannot be read is said below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise DeployError(
            f"{path} is no checkpoint of tensors alone, and what else it holds is not run; "
            "save `model.state_dict()`"
        ) from None
    except _DAMAGED:
        raise DeployError(f"{path} is no checkpoint that torch.load can read") from None


def _state_in(path: str, found: object) -> "dict[str, Tensor]":
    inside = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    for state in (inside, *map(inside.get, ("average", "model", "state_dict"))):
        if _is_state(state):
            return cast("dict[str, Tensor]", state)
    raise DeployError(f"{path} has no `state_dict`, neither as it is nor as its `model`")


def _is_state(found: object) -> bool:
    from torch import Tensor

    if not isinstance(found, Mapping) or not found:
        return False
    items = cast("Mapping[object, object]", found).items()
    return all(isinstance(key, str) and isinstance(value, Tensor) for key, value in items)


# ---------------------------------------------------------------- checks


def check_state(state: "Mapping[str, Tensor]", network: Network, what: str) -> None:
    """Raise DeployError unless the state is one that can be deployed; `what` names it."""
    import torch

    check_tensors(state, network, what)
    for name in _needed(network):
        if not bool(torch.isfinite(state[name]).all()):
            raise DeployError(f"`{name}` of {what} holds numbers that are not finite")


def check_tensors(state: "Mapping[str, Tensor]", network: Network, what: str) -> None:
    """Raise DeployError unless the state has this network's tensors; `what` names it."""
    wanted, needed = {entry.name: entry.shape for entry in entries(network)}, _needed(network)
    missing = [name for name in needed if name not in state]
    unexpected = [name for name in state if name not in wanted]
    other = [
        f"`{name}` is {list(state[name].shape)} and should be {list(wanted[name])}"
        for name in needed
        if name in state and tuple(state[name].shape) != wanted[name]
    ]
    found = [
        *([_listed("missing", [f"`{name}`" for name in missing])] if missing else []),
        *([_listed("not of it", [f"`{name}`" for name in unexpected])] if unexpected else []),
        *([_listed("of another shape", other)] if other else []),
    ]
    if found:
        raise DeployError(
            f"{what} is no state of `{network.name}` with these arguments: "
            f"{'; '.join(found)}{_advice(unexpected)}"
        )
    for name in needed:
        _check_tensor(name, state[name], what)


def _needed(network: Network) -> list[str]:
    """Return the names of the tensors that inference needs."""
    names = (entry.name for entry in entries(network))
    return [name for name in names if not name.endswith(f".{COUNTER}")]


def _listed(what: str, names: list[str]) -> str:
    more = ", .." if len(names) > SHOWN else ""
    return f"{len(names):,} {what}, {', '.join(names[:SHOWN])}{more}"


def _advice(unexpected: list[str]) -> str:
    for prefix in ("module.", "_orig_mod."):
        if unexpected and all(name.startswith(prefix) for name in unexpected):
            inner = prefix.removesuffix(".")
            return f"; save the `state_dict` of `model.{inner}`, the network itself"
    return "; `--set` gives the arguments that it was trained with"


def _check_tensor(name: str, tensor: "Tensor", what: str) -> None:
    import torch

    if tensor.layout is not torch.strided or tensor.is_meta or not tensor.is_floating_point():
        raise DeployError(f"`{name}` of {what} holds no real numbers, one for each weight")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise DeployError(f"`{name}` of {what} is larger than what is stored of it")
