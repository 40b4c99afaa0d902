"""A file -> the names and shapes of what it holds; nothing in it is run.

.safetensors       its header, which is JSON
what torch.save    as `archdsl deploy` reads it: tensors alone
a list             JSON or lines of text: `name`, `name [64, 3, 7, 7]`
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from archdsl.analyses.renaming import Named
from archdsl.deploy.checkpoint import check_installed, read_state
from archdsl.deploy.errors import DeployError
from archdsl.limits import MAX_LIST_BYTES, MAX_SIZE, MAX_TENSOR_ROWS
from archdsl.source import shown

_TORCH = (b"PK\x03\x04", b"\x80")  # of a zip archive, and of a pickle
_LINE = re.compile(
    r"(?P<name>[^\s:,]+)(?:[\s:,]+(?:torch\.Size)?\(?(?P<shape>[\[(][0-9, ]*[\])])\)?)?"
)


def read_names(path: str) -> list[Named]:
    """Return what a file holds, in its order; raise OSError, DeployError."""
    with Path(path).open("rb") as file:
        start = file.read(4)
    if path.endswith(".safetensors"):
        found = list(_of_header(path))
    elif start.startswith(_TORCH):
        check_installed("reading a checkpoint")
        found = [Named(name, tuple(each.shape)) for name, each in read_state(path).items()]
    else:
        found = list(_of_list(path))
    if len(found) > MAX_TENSOR_ROWS:
        raise DeployError(f"{path} has {len(found):,} entries, and at most {MAX_TENSOR_ROWS:,} fit")
    if not found:
        raise DeployError(f"{path} lists no entry of a state_dict")
    seen: set[str] = set()
    for entry in found:
        if entry.name in seen:
            raise DeployError(f"{path} has `{short(entry.name)}` twice")
        seen.add(entry.name)
    return found


def short(name: str) -> str:
    """Return a name that a file gives as a terminal may show it."""
    return shown(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..")


_LONGEST = 200


def _of_header(path: str) -> Iterator[Named]:
    """Yield the entries that the header of a safetensors file lists."""
    with Path(path).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > MAX_LIST_BYTES:
            raise DeployError(
                f"{path} is no file of safetensors: its header is {size:,} bytes long"
            )
        header = file.read(size)
    if len(header) < size:
        raise DeployError(f"{path} is no file of safetensors: its header is cut off")
    found = _json(path, header)
    if not isinstance(found, dict):
        raise DeployError(f"{path} is no file of safetensors: its header lists no tensors")
    for name, entry in cast("dict[str, object]", found).items():
        if name == "__metadata__":
            continue
        held = cast("Mapping[str, object]", entry if isinstance(entry, dict) else {})
        yield Named(name, _shape(path, name, held.get("shape")))


def _of_list(path: str) -> Iterator[Named]:
    size = Path(path).stat().st_size
    if size > MAX_LIST_BYTES:
        raise DeployError(f"{path} is {size:,} bytes long, and a list {MAX_LIST_BYTES:,} at most")
    text = Path(path).read_bytes()
    if text.lstrip()[:1] in (b"[", b"{"):
        yield from _of_json(path, _json(path, text))
        return
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DeployError(f"{path} is neither a checkpoint nor a list of names") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            message = f"{path}:{number}: this is no `name` or `name [64, 3, 7, 7]`"
            raise DeployError(message)
        shape = match["shape"]
        sizes = None if shape is None else tuple(map(int, re.findall(r"[0-9]{1,19}", shape)))
        yield Named(match["name"], sizes)


def _of_json(path: str, found: object) -> Iterator[Named]:
    """Yield the entries of `["name"]`, `[["name", [64]]]`, `{"name": [64]}` and of --tensors."""
    if isinstance(found, dict):
        held = cast("dict[str, object]", found)
        if not isinstance(held.get("tensors"), list):
            yield from (Named(name, _shape(path, name, shape)) for name, shape in held.items())
            return
        found = held["tensors"]  # what `archdsl params --tensors --format json` prints
    for entry in cast("list[object]", found):
        pair: list[object] = [entry]
        if isinstance(entry, dict):
            held = cast("dict[str, object]", entry)
            pair = [held.get("name"), held.get("shape")]
        elif isinstance(entry, list):
            pair = cast("list[object]", entry)
        match pair:
            case [str() as name]:
                yield Named(name, None)
            case [str() as name, shape]:
                yield Named(name, _shape(path, name, shape))
            case _:
                raise DeployError(f'{path} lists what is no "name" and no ["name", [64, 3, 7, 7]]')


def _json(path: str, text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise DeployError(f"{path} is no JSON that can be read") from None


def _shape(path: str, name: str, shape: object) -> tuple[int, ...]:
    if isinstance(shape, list):
        sizes = cast("Sequence[object]", shape)
        if len(sizes) <= _MOST_DIMS and all(
            type(size) is int and 0 <= size <= MAX_SIZE for size in sizes
        ):
            return tuple(cast("Sequence[int]", sizes))
    raise DeployError(f"{path} gives `{short(name)}` no shape: a list of whole numbers")


_MOST_DIMS = 64  # that a tensor of PyTorch has
