"""Networks that these tests use as a user does: each in a folder of its own, imported from it."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import archdsl

ROOT = Path(__file__).parents[2]

# the tests share the processors: a second thread would wait for the first one most of the time
torch.set_num_threads(1)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a network without our compiler."""

    spec: str
    arguments: dict[str, Any]
    image: tuple[int, int, int]  # (C, H, W); small where the network takes any size
    outputs: int
    numel: int  # elements of parameters
    parameters: int
    buffers: int
    convolutions: int  # uses
    weights: int  # of convolutions, each once
    shared: dict[str, int]  # uses of each shared weight, by name


FACTS = {
    # torchvision's resnet18: 20 convolutions, 20 batch norms, a linear layer
    "resnet18": Facts(
        spec="resnet",
        arguments={"depth": 18},
        image=(3, 64, 64),
        outputs=1000,
        numel=11_689_512,
        parameters=62,
        buffers=60,
        convolutions=20,
        weights=20,
        shared={},
    ),
    # Boulch 2017, the reading of Table 1 where all 3x3s of stride 1 share: of 16 in (3, 4, 6, 3)
    # blocks three have a stride, 13 share 4 weights. 53 batch norms.
    "sharesnet50": Facts(
        spec="sharesnet50",
        arguments={},
        image=(3, 64, 64),
        outputs=1000,
        numel=20_469_800,
        parameters=152,
        buffers=159,
        convolutions=53,
        weights=44,
        shared={
            "conv2.shared_conv2.weight": 3,
            "conv3.shared_conv2.weight": 3,
            "conv4.shared_conv2.weight": 5,
            "conv5.shared_conv2.weight": 2,
        },
    ),
    # By hand: 3 x 3 blocks of two 3x3s, of which the second ones of two blocks share in each stage:
    # 272,282 - 9 * (16**2 + 32**2 + 64**2). 19 batch norms.
    "share_wrn22": Facts(
        spec="share_wrn",
        arguments={"depth": 22, "k": 1},
        image=(3, 32, 32),
        outputs=10,
        numel=223_898,
        parameters=58,
        buffers=57,
        convolutions=21,
        weights=18,
        shared={f"conv{stage}.shared_spatial.weight": 2 for stage in (2, 3, 4)},
    ),
    # By hand: stem 432, blocks 4,672 + 14,432 + 57,536, head 778. 7 batch norms.
    "wrn10": Facts(
        spec="wrn",
        arguments={"depth": 10, "k": 1},
        image=(3, 32, 32),
        outputs=10,
        numel=77_850,
        parameters=25,
        buffers=21,
        convolutions=9,
        weights=9,
        shared={},
    ),
}
# A network with a recipe; without batch norm, which measures the part that a process is given.
PLAIN = """
network plain {
    input(1, 8, 8)
    stem { conv3x3(8) relu }
    stage body = 3 * unit(8) with share(conv3x3)
    head { avgpool linear(10) }
    train = quick
}
block unit(width) { residual { conv3x3(width) relu conv1x1(width) } }
train quick {
    data      = digits
    batch     = 32
    epochs    = 2
    optimizer = sgd(lr = 0.05, momentum = 0.9)
    schedule  = cosine
}
"""
SHARING = [name for name, facts in FACTS.items() if facts.shared]
SMALL = ["share_wrn22", "wrn10"]


def write(folder: Path, name: str) -> Path:
    """Compile a network into a folder; return its model.py."""
    facts = FACTS[name]
    files = archdsl.compile(ROOT / f"specs/{facts.spec}.arch", **facts.arguments).files()
    path = folder / name / "model.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(files["model.py"])
    return path


def network_class(path: Path) -> type[nn.Module]:
    """Import a model.py; return the class of its network, the last one that it defines."""
    name = f"{path.parent.parent.name}_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == name]
    return classes[-1]


def scattered(module: nn.Module) -> nn.Module:
    """Move scales, offsets and moments from where they begin, as training would."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.ndim == 1 and name.endswith(("weight", "running_var")):
                tensor.uniform_(0.5, 1.0, generator=generator)
            elif tensor.ndim == 1:
                tensor.uniform_(-0.2, 0.2, generator=generator)
    return module


def build(network: type[nn.Module]) -> nn.Module:
    """Return a module with the same random state at each call."""
    torch.manual_seed(0)
    return scattered(network())


def images(name: str, batch: int = 2, seed: int = 2) -> Tensor:
    """Return inputs (batch, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *FACTS[name].image, generator=generator)


def loss_of(output: Tensor) -> Tensor:
    """Return a mean over the batch, so that the mean over equal parts of it is the same."""
    direction = torch.linspace(-1, 1, output.shape[1], dtype=output.dtype)
    return (output * direction).sum(1).square().mean()


def step_size(gradients: dict[str, Tensor]) -> float:
    """Return a learning rate whose first step moves the weights by 0.001 at most."""
    return 1e-3 / max(float(gradient.abs().max()) for gradient in gradients.values())


def gradients(module: nn.Module) -> dict[str, Tensor]:
    """Return the gradients by name; every parameter has one."""
    return {name: found(p.grad) for name, p in module.named_parameters()}


def found(gradient: Tensor | None) -> Tensor:
    """Return what must be there."""
    assert gradient is not None
    return gradient


def assert_each_close(actual: dict[str, Tensor], expected: dict[str, Tensor], rtol: float) -> None:
    """Hold tensors against others of the same names, relative to the largest element of each."""
    assert list(actual) == list(expected)
    for name, tensor in expected.items():
        scale = float(tensor.abs().max())
        difference = float((actual[name] - tensor).abs().max())
        assert difference <= rtol * scale + 1e-12, (name, difference, scale)
