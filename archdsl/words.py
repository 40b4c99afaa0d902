"""Words of the language that are no keywords, for all who must know them."""

from enum import StrEnum


class AnnotationWord(StrEnum):
    """What may stand behind `with`; semantics/annotations.py has what each means."""

    SHARE = "share"
    BN = "bn"
    FREEZE = "freeze"
    TRAINABLE = "trainable"
    STOCHASTIC_DEPTH = "stochastic_depth"
    DIRAC = "dirac"
    BINARY = "binary"
    STANDARDIZED = "standardized"
    PLAIN = "plain"
