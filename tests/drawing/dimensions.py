"""Drawn specs of images as specs of signals and of films.

Layers treat each size by itself, so a spec of [channels, width] has what the one of
[channels, height, width] says of the width, and one of [channels, height, height, width] says twice
what that one says of the height.
"""

import re

_WORD = re.compile(r"\b(conv|conv_transpose|maxpool|avgpool)(\d+)x(\d+)\b")
_LIST = re.compile(
    r"\b((?:kernel|stride|padding|dilation|size|output_padding) = )\[([^,\[\]]+), ([^,\[\]]+)\]"
)
_BORDER = re.compile(r"\bpad\(\[(\d+), (\d+), (\d+), (\d+)\]")
_INPUT = re.compile(r"\binput( \w+)?\((\d+), (\d+), (\d+)\)")
_ONLY_IMAGES = re.compile(r"pixel_|dims = |c\w*\.(height|width)|in_(height|width)|expect ")


def is_of_images(text):
    """Say whether a spec says what only maps of two dimensions have."""
    return bool(_ONLY_IMAGES.search(text))


def of_signals(text):
    """Return a spec with maps of [channels, width]."""
    text = _WORD.sub(r"\1\3", text)
    text = _LIST.sub(r"\1[\3]", text)
    text = _BORDER.sub(r"pad([\3, \4]", text)
    text = _INPUT.sub(r"input\1(\2, \4)", text)
    return text.replace("bilinear", "linear").replace("dropout2d", "dropout1d")


def of_films(text):
    """Return a spec with maps of [channels, height, height, width]."""
    text = _WORD.sub(r"\1\2x\2x\3", text)
    text = _LIST.sub(r"\1[\2, \2, \3]", text)
    text = _BORDER.sub(r"pad([\1, \2, \1, \2, \3, \4]", text)
    text = _INPUT.sub(r"input\1(\2, \3, \3, \4)", text)
    return text.replace("bilinear", "trilinear").replace("dropout2d", "dropout3d")
