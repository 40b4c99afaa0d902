"""Training on small images as it is written by hand most of the time, to time a script by."""

from typing import TYPE_CHECKING

import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterable


class PerSample(Dataset[tuple[Tensor, int]]):
    """Images that are cropped, mirrored and normalized one by one, as PIL's."""

    def __init__(self, images: Tensor, labels: Tensor, mean: Tensor, std: Tensor) -> None:
        """Hold images, uint8 (N, C, H, W), and mean and deviation of the channels, (C,)."""
        self.images = images.permute(0, 2, 3, 1).numpy()
        self.labels = labels.tolist()
        self.mean, self.std = mean.view(-1, 1, 1) / 255, std.view(-1, 1, 1) / 255

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image as a person's transforms leave it: padded, cropped, mirrored."""
        image = Image.fromarray(self.images[index])
        width, height = image.size
        padded = ImageOps.expand(image, border=4)
        left, top = torch.randint(0, 9, (2,)).tolist()
        image = padded.crop((left, top, left + width, top + height))
        if torch.rand(1) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        x = pixels.view(height, width, -1).permute(2, 0, 1).float().div(255)
        return (x - self.mean) / self.std, self.labels[index]


def loader(data: PerSample, batch: int, workers: int, *, pinned: bool) -> "DataLoader[object]":
    """Return what shuffles and batches them."""
    return DataLoader(
        data,
        batch,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        pin_memory=pinned,
        persistent_workers=workers > 0,
    )


def epoch(
    model: nn.Module,
    batches: "Iterable[object]",
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> float:
    """Train on all batches; return the mean loss, which each step waits for."""
    model.train()
    total, count = 0.0, 0
    for x, y in batches:  # pyright: ignore[reportGeneralTypeIssues] - a loader's batch
        images, labels = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        total, count = total + loss.item(), count + 1
    return total / count
