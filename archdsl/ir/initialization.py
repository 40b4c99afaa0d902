"""What weights begin as, where their layer computes nothing from them."""

from enum import StrEnum
from typing import TypeAlias

from archdsl.record import Record


class Fan(StrEnum):
    """Whose variance is kept: that of maps on their way forward, or of gradients on theirs back."""

    IN = "fan_in"
    OUT = "fan_out"


class He(Record):
    """N(0, 2 / n), n the inputs of an output or the outputs of an input (He et al. 2015).

    For layers that a rectifier follows. Source: arXiv:1502.01852, equations 10 and 14. Torch of
    2016, with which its followers trained, began with scales of batch normalization from U(0, 1).
    """

    fan: Fan
    uniform_gains: bool = False  # scales of batch normalization: from U(0, 1), else 1
    zero_biases: bool = False  # of convolutions and linear layers; else PyTorch's default


class Xavier(Record):
    """U(-u, u), u = sqrt(6 / (inputs + outputs)); biases are 0 (Glorot & Bengio 2010, eq. 16)."""


class TruncatedNormal(Record):
    """N(0, std^2), cut off at -2 and 2; biases are 0 (as Liu et al. 2022, arXiv:2201.03545)."""

    std: float


class PyTorchDefault(Record):
    """What the layers of torch.nn begin as: U(-u, u), u = 1 / sqrt(inputs), biases too."""


Initialization: TypeAlias = He | Xavier | TruncatedNormal | PyTorchDefault
