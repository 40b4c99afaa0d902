"""Weight schemes: what a convolution computes its weight from, where it is not simply learned."""

from enum import StrEnum
from typing import TypeAlias

from archdsl.record import Record


class Per(StrEnum):
    """How many scalars a layer has: one, or one for each filter."""

    LAYER = "layer"
    CHANNEL = "channel"


class Delta(StrEnum):
    """How the identity of min(in, out) channels becomes a delta of in x out channels."""

    TILED = "tiled"  # repeated, as in the paper's section 2.1
    PADDED = "padded"  # once, the rest zeros: torch.nn.init.dirac_


class Dirac(Record, kw_only=True):
    """a * delta + b * W / max(|W|, eps), |W| per filter; a and b are learned.

    Source: Zagoruyko & Komodakis 2017 (DiracNets), equations 4 and 5.
    """

    a: float = 5.0  # at the start, as are b and std
    b: float = 1e-3
    a_per: Per = Per.LAYER
    b_per: Per = Per.LAYER
    std: float | None = 1.0  # of the normal distribution of W; None: He's, over the inputs
    eps: float = 1e-12
    delta: Delta = Delta.TILED


class BareDirac(Record, kw_only=True):
    """delta + W. Source: Zagoruyko & Komodakis 2017, section 3.6, equation 14."""

    std: float = 0.01  # of the normal distribution of W at the start
    delta: Delta = Delta.TILED


class BinaryScale(StrEnum):
    """What the signs are multiplied with."""

    CONSTANT = "constant"  # sqrt(gain / fan_in), never learned
    MEAN = "mean"  # the mean of |W| in each filter (Rastegari et al. 2016, BWN)


class Binary(Record, kw_only=True):
    """scale * sign(W), whose gradient passes to W as it is.

    W is drawn with a standard deviation of sqrt(gain / fan_in), fan_in = in_channels / groups *
    kernel height * kernel width. Source: McDonnell 2018, equation 1; its appendix B has gain = 4.
    """

    scale: BinaryScale = BinaryScale.CONSTANT
    gain: float = 2.0


Scheme: TypeAlias = Dirac | BareDirac | Binary
