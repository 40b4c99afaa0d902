"""Photographs that nobody took: JPEGs in a folder for each class, for the tests of readers.

A class is told by the direction and the width of stripes, in colours at random amid noise.
"""

import math

import numpy as np
from PIL import Image

SIZES = ((160, 120), (120, 160), (128, 128), (200, 110))  # width, height


def write_photos(folder, *, classes=20, train=200, test=40, sizes=SIZES, quality=90):
    """Write so many images of each split, spread over all classes."""
    draw = np.random.default_rng(0)
    for split, count in (("train", train), ("val", test)):
        for i in range(count):
            label = i % classes
            inside = folder / split / f"class{label:02d}"
            inside.mkdir(parents=True, exist_ok=True)
            pixels = photo(draw, label, sizes[draw.integers(len(sizes))])
            Image.fromarray(pixels).save(inside / f"{i:05d}.jpg", quality=quality)
    return folder


def photo(draw, label, size):
    """Return pixels (height, width, 3): stripes in one of five directions and four widths."""
    width, height = size
    angle, wave = math.pi * (label % 5) / 5, 6.0 * 1.6 ** (label // 5 % 4)
    y, x = np.mgrid[:height, :width]
    phase = (x * math.cos(angle) + y * math.sin(angle)) / wave + draw.random()
    stripes = np.sin(2 * math.pi * phase)[..., None]
    colour, middle = draw.uniform(-60, 60, 3), draw.uniform(100, 156, 3)
    noise = draw.normal(0, 8, (height, width, 3))
    return (middle + stripes * (colour + 30) + noise).clip(0, 255).astype(np.uint8)
