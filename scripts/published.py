"""Write tests/published/: the names and shapes of torchvision's convolutional networks.

Needs torchvision, which the project does not: run it where `import torchvision` works, or beside
a PyTorch that torchvision's compiled part was not built for, in whose place a stand-in is put.

    python -m scripts.published
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "tests" / "published"

# The members of each family; of the first, all names are kept, of the others a checksum of them.
FAMILIES: dict[str, tuple[str, ...]] = {
    "alexnet": ("alexnet",),
    "vgg": tuple(f"vgg{n}{bn}" for bn in ("", "_bn") for n in (16, 11, 13, 19)),
    "resnet": tuple(f"resnet{n}" for n in (50, 18, 34, 101, 152)),
    "resnext": (
        "resnext50_32x4d",
        "resnext101_32x8d",
        "resnext101_64x4d",
        "wide_resnet50_2",
        "wide_resnet101_2",
    ),
    "squeezenet": ("squeezenet1_1", "squeezenet1_0"),
    "densenet": tuple(f"densenet{n}" for n in (121, 161, 169, 201)),
    "googlenet": ("googlenet",),
    "inception_v3": ("inception_v3",),
    "shufflenet_v2": tuple(f"shufflenet_v2_x{w}" for w in ("1_0", "0_5", "1_5", "2_0")),
    "mobilenet_v2": ("mobilenet_v2",),
    "mobilenet_v3": ("mobilenet_v3_large", "mobilenet_v3_small"),
    "mnasnet": tuple(f"mnasnet{w}" for w in ("1_0", "0_5", "0_75", "1_3")),
    "efficientnet": tuple(f"efficientnet_b{n}" for n in range(8)),
    "efficientnet_v2": tuple(f"efficientnet_v2_{size}" for size in "sml"),
    "regnet": (
        "regnet_y_400mf",
        *(f"regnet_y_{size}" for size in ("800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")),
        "regnet_y_128gf",
        *(f"regnet_x_{size}" for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf")),
        "regnet_x_32gf",
    ),
    "convnext": tuple(f"convnext_{size}" for size in ("tiny", "small", "base", "large")),
    "fcn": ("fcn_resnet50", "fcn_resnet101"),
    "deeplabv3": ("deeplabv3_resnet50", "deeplabv3_resnet101", "deeplabv3_mobilenet_v3_large"),
    "lraspp": ("lraspp_mobilenet_v3_large",),
    "video_resnet": ("r3d_18", "mc3_18", "r2plus1d_18"),
}


def torchvision() -> Any:
    """Return torchvision; raise ImportError where there is none.

    Its operators for detection are compiled for one PyTorch, and no network here calls them.
    """
    try:
        return import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        sys.modules.pop("torchvision", None)
        _LIBRARIES.append(library)
        return import_module("torchvision")


_LIBRARIES: list[torch.library.Library] = []  # alive as long as what they define


def model(name: str, *, heads: bool = False) -> torch.nn.Module:
    """Return a network without weights of its own; `heads` are auxiliary classifiers."""
    more: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        more = {"aux_logits": heads, "init_weights": False}
    elif name.startswith(("fcn", "deeplabv3")):
        more = {"aux_loss": heads, "weights_backbone": None}
    elif name.startswith("lraspp"):
        more = {"weights_backbone": None}
    return torchvision().models.get_model(name, weights=None, **more)


def entries(network: torch.nn.Module) -> Iterator[str]:
    """Yield `name [shape]` of each entry of a state_dict, in order."""
    for name, tensor in network.state_dict().items():
        yield f"{name} {list(tensor.shape)}"


def checksum(lines: list[str]) -> str:
    """Return the SHA-256 of lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def main() -> int:
    """Write the lists and the checksums."""
    TARGET.mkdir(exist_ok=True)
    sums: dict[str, Any] = {"torchvision": torchvision().__version__.partition("+")[0]}
    for family, names in FAMILIES.items():
        for name in names:
            heads = (False, True) if _has_heads(name) else (False,)
            for with_heads in heads:
                lines = _listed(name, heads=with_heads)
                key = f"{name}+aux" if with_heads else name
                sums[key] = {"entries": len(lines), "sha256": checksum(lines)}
                print(key, len(lines))
                if name == names[0] and with_heads == heads[-1]:
                    text = "\n".join([f"# torchvision {sums['torchvision']}, {key}", *lines, ""])
                    (TARGET / f"{family}.txt").write_text(text, encoding="utf-8")
    (TARGET / "sums.json").write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")
    return 0


def _has_heads(name: str) -> bool:
    return name.startswith(("googlenet", "inception", "fcn", "deeplabv3"))


def _listed(name: str, *, heads: bool) -> list[str]:
    """Return the entries of a network, built without memory where it can be."""
    if name.startswith("regnet"):  # its widths are computed with tensors
        params: Any = torchvision().models.regnet.BlockParams
        make = params.from_init_params.__func__

        def on_cpu(cls: Any, *args: Any, **kwargs: Any) -> Any:
            with torch.device("cpu"):
                return make(cls, *args, **kwargs)

        params.from_init_params = classmethod(on_cpu)
        try:
            with torch.device("meta"):
                return list(entries(model(name)))
        finally:
            params.from_init_params = classmethod(make)
    with torch.device("meta"):
        return list(entries(model(name, heads=heads)))


if __name__ == "__main__":
    sys.exit(main())
