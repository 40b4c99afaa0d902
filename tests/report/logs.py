"""Logs of runs as train.py writes them, with numbers that are chosen."""

import json
from pathlib import Path

CONFIG = {"out": "runs/net", "epochs": 3, "lr": 0.1, "seed": 0, "limit": 0, "device": "cpu"}
ABOUT = {"torch": "2.13.0", "device": "x86_64", "threads": 1, "processes": 1, "parameters": 1234}


def start(seed=0, about=(), **flags):
    return {"config": {**CONFIG, "seed": seed, **flags}, **ABOUT, **dict(about)}


def epoch(number, test_accuracy, **others):
    return {
        "epoch": number,
        "lr": 0.1,
        "train_loss": 1 / number,
        "train_accuracy": 0.75,
        "test_loss": 0.5,
        "test_accuracy": test_accuracy,
        "images_per_second": 100 * number,
        "seconds": 2.5,
        **others,
    }


def write(folder, *lines):
    """Write a log of these lines; one that is no text is written as JSON."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    Path(folder, "log.jsonl").write_text("".join(f"{text}\n" for text in texts), "utf-8")


def run(folder, accuracies, seed=0, about=(), **flags):
    """Write the log of a run with this test accuracy in each epoch."""
    epochs = (epoch(number, each) for number, each in enumerate(accuracies, start=1))
    write(folder, start(seed, about, **flags), *epochs)


def regression(folder, losses, seed=0, **flags):
    """Write the log of a regression with this test loss in each epoch."""
    epochs = [
        {
            "epoch": number,
            "lr": 0.1,
            "train_loss": loss,
            "test_loss": loss,
            "points_per_second": 1000 * number,
            "seconds": 0.5,
        }
        for number, loss in enumerate(losses, start=1)
    ]
    about = [("task", "regression"), ("data", "the sine")]
    write(folder, start(seed, about, **flags), *epochs)
