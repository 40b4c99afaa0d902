"""A folder of images as a person writes it, in the manner of torchvision's reference.

Each image is read, cropped, flipped, changed in its colours and normalized by itself, with Pillow,
as `ImageFolder` and `transforms.Compose` do.
"""

import math
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import Dataset

MEAN = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
STD = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
EIGENVALUES = torch.tensor((0.2175, 0.0188, 0.0045))
EIGENVECTORS = torch.tensor(
    ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
)


class UsualFolder(Dataset[tuple[Tensor, int]]):
    """Images in a folder for each class, with the transforms of training."""

    def __init__(self, folder: Path, *, with_colours: bool) -> None:
        classes = sorted(path.name for path in folder.iterdir())
        self.files = [
            (path, label)
            for label, name in enumerate(classes)
            for path in sorted((folder / name).iterdir())
        ]
        self.with_colours = with_colours
        self.draw = random.Random(0)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        path, label = self.files[i]
        with path.open("rb") as file:
            image = Image.open(file).convert("RGB")
        image = self.crop(image)
        if self.draw.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.with_colours:
            image = self.jitter(image)
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        if self.with_colours:
            x = x + (EIGENVECTORS @ (torch.randn(3) * 0.1 * EIGENVALUES)).view(3, 1, 1)
        return (x - MEAN) / STD, label

    def crop(self, image: Image.Image) -> Image.Image:
        """RandomResizedCrop(224)."""
        width, height = image.size
        for _ in range(10):
            area = width * height * self.draw.uniform(0.08, 1.0)
            ratio = math.exp(self.draw.uniform(math.log(3 / 4), math.log(4 / 3)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                break
        else:
            w = h = min(width, height)
        left, top = self.draw.randint(0, width - w), self.draw.randint(0, height - h)
        part = image.crop((left, top, left + w, top + h))
        return part.resize((224, 224), Image.Resampling.BILINEAR)

    def jitter(self, image: Image.Image) -> Image.Image:
        """ColorJitter(0.4, 0.4, 0.4)."""
        changes = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
        self.draw.shuffle(changes)
        for change in changes:
            image = change(image).enhance(self.draw.uniform(0.6, 1.4))
        return image
