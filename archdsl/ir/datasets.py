"""The data sets that a recipe may name: what their images and labels look like."""

from typing import assert_never

from archdsl.ir.recipe import Data, DataSource, ImageFolder, Sine
from archdsl.record import Record


class DataSet(Record):
    """Labelled images of one size."""

    name: str  # in the language
    title: str  # in prose
    shape: tuple[int, int, int]  # channels, height, width
    num_classes: int
    num_images: tuple[int, int]  # for training and for the test
    levels: int = 256  # values of a pixel, from 0


DATA_SETS: dict[str, DataSet] = {
    data.name: data
    for data in (
        # Alpaydin & Kaynak 1998, as scikit-learn ships it
        DataSet("digits", "scikit-learn's handwritten digits", (1, 8, 8), 10, (1_438, 359), 17),
        # LeCun, Bottou, Bengio & Haffner 1998
        DataSet("mnist", "MNIST", (1, 28, 28), 10, (60_000, 10_000)),
        # Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747
        DataSet("fashion_mnist", "Fashion-MNIST", (1, 28, 28), 10, (60_000, 10_000)),
        # Krizhevsky 2009
        DataSet("cifar10", "CIFAR-10", (3, 32, 32), 10, (50_000, 10_000)),
        DataSet("cifar100", "CIFAR-100", (3, 32, 32), 100, (50_000, 10_000)),
        # Netzer, Wang, Coates, Bissacco, Wu & Ng 2011; with the extra images
        DataSet("svhn", "SVHN", (3, 32, 32), 10, (604_388, 26_032)),
        # Chrabaszcz, Loshchilov & Hutter 2017, arXiv:1707.08819
        DataSet("imagenet32", "ImageNet32", (3, 32, 32), 1000, (1_281_167, 50_000)),
    )
}


def num_samples_of(data: DataSource) -> tuple[int, int]:
    """Return how many images or points there are for training and for the test; 0: nobody knows."""
    match data:
        case Data(name=name):
            return DATA_SETS[name].num_images
        case ImageFolder():
            return 0, 0
        case Sine(train=train, test=test):
            return train, test
        case _:
            assert_never(data)
