"""Weight schemes: what a convolution computes its weight from, where it is not simply learned.

A scheme's class in generated code is `templates/schemes/NAME.py.jinja`, NAME that of its record
here. `docs/extending.md` says how to add one.
"""

from enum import StrEnum
from typing import TypeAlias, assert_never

from archdsl.record import Record
from archdsl.words import AnnotationWord


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


class UnnormalizedDirac(Record, kw_only=True):
    """a * delta + W; a is learned. Source: Zagoruyko & Komodakis 2017, equation 3.

    The paper gives no distribution of W here: N(0, 1) is said of the W that equation 4 divides by
    its norm. `std` is that of BareDirac, small beside a as the text below equation 3 wants it.
    """

    a: float = 5.0  # at the start
    a_per: Per = Per.LAYER
    std: float = 0.01  # of the normal distribution of W at the start
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
    the numbers of a kernel. Source: McDonnell 2018, equation 1; its appendix B has gain = 4.
    """

    scale: BinaryScale = BinaryScale.CONSTANT
    gain: float = 2.0


class Standardized(Record, kw_only=True):
    """(W - mean) / sqrt(var + eps), both per filter, var the biased variance.

    With `gain` this is multiplied with g / sqrt(fan_in), g learned for each filter and 1 at the
    start, fan_in = in_channels / groups * the numbers of a kernel. Sources: Qiao et al. 2019,
    equations 5 to 7; with `gain` Brock et al. 2021 (arXiv:2101.08692), equation 1, where eps is
    added to var as here.
    """

    eps: float = 1e-5
    gain: bool = False


# A new scheme goes into one of these.
Packed: TypeAlias = Binary  # deployed as bits and a scale
# whose weight is computed once, when it is deployed
Computed: TypeAlias = Dirac | UnnormalizedDirac | BareDirac | Standardized
Scheme: TypeAlias = Packed | Computed

# And here where it passes its map on, so that the map must stay as large.
Identity: TypeAlias = Dirac | UnnormalizedDirac | BareDirac


def word(scheme: Scheme) -> AnnotationWord:
    """Return the annotation that a scheme is said by."""
    match scheme:
        case Dirac() | UnnormalizedDirac() | BareDirac():
            return AnnotationWord.DIRAC
        case Binary():
            return AnnotationWord.BINARY
        case Standardized():
            return AnnotationWord.STANDARDIZED
        case _:
            assert_never(scheme)


def bits(scheme: Scheme | None) -> int:
    """Return the bits of an element of the weight, as deployed."""
    match scheme:
        case Binary():
            return 1
        case Dirac() | UnnormalizedDirac() | BareDirac() | Standardized() | None:
            return 32
        case _:
            assert_never(scheme)


def scalars(
    scheme: Scheme | None, out_channels: int, dimensions: int
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the name and shape of what a scheme learns beside the weight of a window."""
    match scheme:
        case Dirac(a_per=a_per, b_per=b_per):
            return ("a", _shape(a_per, out_channels)), ("b", _shape(b_per, out_channels))
        case UnnormalizedDirac(a_per=a_per):
            return (("a", _shape(a_per, out_channels)),)
        case Standardized(gain=True):
            return (("gain", (out_channels, *(1 for _ in range(1 + dimensions)))),)
        case BareDirac() | Binary() | Standardized() | None:
            return ()
        case _:
            assert_never(scheme)


def _shape(per: Per, out_channels: int) -> tuple[int, ...]:
    return (1,) if per is Per.LAYER else (out_channels,)
