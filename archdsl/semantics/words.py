"""The words that name layers: a kind, and for kernels a suffix such as `3x3`."""

import re
from functools import lru_cache

from archdsl.ir.layers import ActivationKind

KERNEL_WORDS = ("conv", "conv_transpose", "maxpool", "avgpool")
PLAIN_WORDS = (
    "linear",
    "bn",
    "layernorm",
    "groupnorm",
    "instancenorm",
    "local_response_norm",
    *(str(kind) for kind in ActivationKind),
    "ncrelu",
    "prelu",
    "dropout",
    "dropout2d",
    "stochastic_depth",
    "flatten",
    "pad",
    "pad_channels",
    "channel_shuffle",
    "channel_split",
    "upsample",
    "pixel_shuffle",
    "scale",
    "factor",
)
WEIGHTLESS_WORDS = frozenset(
    {*KERNEL_WORDS, *PLAIN_WORDS}
    - {"conv", "conv_transpose", "linear", "bn", "layernorm", "groupnorm", "instancenorm"}
    - {"prelu", "scale"}
)
_KERNEL = re.compile(r"(conv_transpose|conv|maxpool|avgpool)([1-9][0-9]{0,2})x([1-9][0-9]{0,2})")


@lru_cache(maxsize=256)
def split_word(word: str) -> tuple[str, tuple[int, int] | None] | None:
    """Return the kind a word names and its (height, width) suffix; None if it names no layer."""
    if word in PLAIN_WORDS or word in KERNEL_WORDS:
        return word, None
    match = _KERNEL.fullmatch(word)
    return (match[1], (int(match[2]), int(match[3]))) if match else None


def is_layer_word(word: str) -> bool:
    """Say whether a word names a layer."""
    return split_word(word) is not None


def layer_words() -> tuple[str, ...]:
    """Return words to suggest from."""
    return (*KERNEL_WORDS, *PLAIN_WORDS, "conv1x1", "conv3x3", "maxpool2x2", "avgpool2x2")
