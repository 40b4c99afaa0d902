"""What a network is trained for, and by which loss."""

from enum import StrEnum
from typing import assert_never


class Task(StrEnum):
    """What the outputs of a network are."""

    CLASSIFICATION = "classification"  # a logit for each class
    REGRESSION = "regression"  # the numbers themselves


class Loss(StrEnum):
    """What training makes small."""

    CROSS_ENTROPY = "cross_entropy"  # of the logits and the label
    SQUARED_ERROR = "squared_error"  # the mean over all outputs of (output - target)^2

    @property
    def task(self) -> Task:
        """Return the task that it is a loss of."""
        match self:
            case Loss.CROSS_ENTROPY:
                return Task.CLASSIFICATION
            case Loss.SQUARED_ERROR:
                return Task.REGRESSION
            case _:
                assert_never(self)
