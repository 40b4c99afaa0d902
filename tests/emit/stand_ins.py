# pyright: reportAttributeAccessIssue=false
"""Networks of a few layers with recipes of any kind, their scripts, and runs of these."""

import gzip
import json
import os
import struct
import subprocess
import sys

import torch

from archdsl.emit.training.script import render_train
from archdsl.ir.layers import Conv
from archdsl.ir.network import FeatureMap, LayerNode, Network, Step
from archdsl.ir.recipe import Cosine, Data, Recipe, Sgd
from archdsl.source import SourceFile, Span

NOWHERE = Span(SourceFile("test.arch", ""), 0, 0)
SHAPES = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "cifar100": (3, 32, 32),
    "svhn": (3, 32, 32),
}
MODEL = '''"""A stand-in for a generated model."""

from torch import nn


class {name}(nn.Sequential):
    """Image classifier with batch norm and dropout, so that it has buffers and draws numbers."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d({channels}, 8, kernel_size=3, stride=2, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(32, {classes}),
        )
'''
HEADS = """
    def forward(self, input):
        logits = super().forward(input)
        return (logits, logits / 2) if self.training else logits
"""


def network(data="digits", frozen=False):
    channels, height, width = SHAPES[data]
    image, classes = FeatureMap(channels, (height, width)), 100 if data == "cifar100" else 10
    conv = Conv(in_channels=channels, out_channels=8, kernel_size=(3, 3))
    node = LayerNode(
        kind="conv",
        label=None,
        name="conv1",
        layer=conv,
        input=image,
        output=FeatureMap(8, (height - 2, width - 2)),
        frozen=frozen,
        span=NOWHERE,
    )
    return Network(
        name="tiny",
        file="tiny.arch",
        arguments=(),
        defaults=(),
        input=image,
        output=FeatureMap(classes),
        body=(Step(node=node, site=(0,)),),
        span=NOWHERE,
    )


def recipe(data: "str | Data" = "digits", augment=(), **settings):
    plain = {
        "name": "quick",
        "data": Data(name=data, augment=augment) if isinstance(data, str) else data,
        "batch": 32,
        "epochs": 3,
        "optimizer": Sgd(lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
        "schedule": Cosine(),
    }
    return Recipe(**{**plain, **settings})


def scripts(recipe, class_name="Tiny", **facts):
    """Return the texts of data.py and train.py."""
    return render_train(
        network(recipe.data.name, **facts), recipe, class_name, "archdsl compile tiny.arch"
    )


def script(recipe, class_name="Tiny", **facts):
    """Return both as one text."""
    return "".join(scripts(recipe, class_name, **facts).values())


def write(folder, recipe, class_name="Tiny", **facts):
    """Write a folder such as `archdsl compile` makes."""
    folder.mkdir(parents=True, exist_ok=True)
    channels = SHAPES[recipe.data.name][0]
    classes = network(recipe.data.name).output.channels
    model = MODEL.format(name=class_name, channels=channels, classes=classes)
    model += HEADS if recipe.auxiliary else ""
    (folder / "model.py").write_text(model)
    for name, text in scripts(recipe, class_name, **facts).items():
        (folder / name).write_text(text)
    return folder


# ---------------------------------------------------------------- runs

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(folder, *flags):
    command = [sys.executable, folder / "train.py", *map(str, flags)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, **pipes)


def train(folder, *flags):
    """Run a script and return its exit status, stdout and stderr."""
    process = start(folder, *flags)
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, stderr


def log_of(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def quick(module, out, **flags):
    module.main(module.Config(out=str(out), synthetic=True, epochs=2, device="cpu", **flags))


def without_time(records):
    timed = ("seconds", "images_per_second")
    return [{k: v for k, v in record.items() if k not in timed} for record in records]


def checkpoint_of(out):
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    state["config"] |= {"out": "", "resume": False}
    return state | {"log_size": 0}  # the log holds seconds, which vary in length


def load_batches(module, *folder, size=32, limit=0, synthetic=False, **verify):
    return module.load_batches(
        *folder,
        size=size,
        limit=limit,
        device=torch.device("cpu"),
        synthetic=synthetic,
        **verify,
    )


def write_idx(path, array):
    """Write a file as MNIST has them."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))
