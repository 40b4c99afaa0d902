"""The networks that every tool counts, and the generated module that stands for each."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import nn

ROOT = Path(__file__).resolve().parents[1]


class Subject(NamedTuple):
    """A network: what archdsl reads, and what it has written for the other tools to count."""

    name: str
    spec: tuple[str, ...]  # words after `archdsl params`
    folder: str  # in generated/
    class_name: str
    image: int  # pixels each way


class Count(NamedTuple):
    """What a tool says of a network."""

    parameters: int
    macs: int


SUBJECTS = (
    Subject("resnet50", ("specs/resnet.arch",), "resnet", "Resnet", 224),
    Subject(
        "resnet152",
        ("specs/resnet.arch", "--set", "depth=152"),
        "resnet_depth152",
        "ResnetDepth152",
        224,
    ),
    Subject("wrn-28-10", ("specs/wrn.arch",), "wrn", "Wrn", 32),
    Subject("sharesnet50", ("specs/sharesnet50.arch",), "sharesnet50", "Sharesnet50", 224),
)


def build(subject: Subject) -> "nn.Module":
    """Return the generated module, built from its file: archdsl is not imported."""
    path = ROOT / "generated" / subject.folder / "model.py"
    spec = importlib.util.spec_from_file_location(subject.folder, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, subject.class_name)()
