"""How a script reads each data set: a template, and the words that fill it."""

from typing import assert_never

from archdsl.ir.datasets import DATA_SETS
from archdsl.ir.recipe import Data, DataSource, ImageFolder, Sine
from archdsl.record import Record


class Reader(Record, kw_only=True):
    """How the script reads a data set: a template, and the words that fill it."""

    template: str
    is_page: bool = False  # whether that is all of data.py
    has_images: bool = True  # not rows of numbers, whose place in memory is always the same
    folder_holds: str = ""  # what the script looks for in --data; "" where it needs no folder
    verifies: bool = False  # whether the images are exactly the publisher's
    summed: bool = False  # and whether it is known what `checksum` gives for them
    flags: tuple[str, ...] = ()  # of its own, in `Config`: name, type, default and comment
    modules: tuple[str, ...] = ()
    # CIFAR: the folders of its two layouts, and how a label is found in each
    binary: str = ""
    pickled: str = ""
    archives: str = ""
    label_bytes: str = ""
    record_bytes: int = 0
    from_label: str = ""
    label_key: str = ""
    batches: bool = False  # the training images are in five files
    sums: tuple[int, int] = (0, 0)  # checksums in the script, of training and test images

    @property
    def flag_names(self) -> tuple[str, ...]:
        """Return the names of its own flags."""
        return tuple(flag.partition(":")[0] for flag in self.flags)


# The checksums are those of files whose md5 is that of the publishers; of CIFAR-100 all records
# are there in another order, on which the checksum does not hang.
READERS: dict[str, Reader] = {
    "digits": Reader(template="train/digits.py.jinja"),
    "mnist": Reader(
        template="train/idx.py.jinja",
        folder_holds="MNIST/raw",
        verifies=True,
        summed=True,
        modules=("gzip", "math", "zlib"),
        sums=(3_461_494_716_690, 586_578_337_654),
    ),
    "fashion_mnist": Reader(
        template="train/idx.py.jinja",
        folder_holds="FashionMNIST/raw",
        verifies=True,
        summed=True,
        modules=("gzip", "math", "zlib"),
        sums=(7_931_795_172_685, 1_326_718_993_349),
    ),
    "cifar10": Reader(
        template="train/cifar.py.jinja",
        modules=("math", "pickle"),
        folder_holds="cifar-10-batches-bin or -py",
        verifies=True,
        summed=True,
        binary="cifar-10-batches-bin",
        pickled="cifar-10-batches-py",
        archives="cifar-10-binary.tar.gz or cifar-10-python.tar.gz",
        label_bytes="a label byte",
        record_bytes=1 + 3 * 32 * 32,
        label_key="labels",
        batches=True,
        sums=(150_386_778_726_606, 30_263_231_057_635),
    ),
    "cifar100": Reader(
        template="train/cifar.py.jinja",
        modules=("math", "pickle"),
        folder_holds="cifar-100-binary or cifar-100-python",
        verifies=True,
        summed=True,
        binary="cifar-100-binary",
        pickled="cifar-100-python",
        archives="cifar-100-binary.tar.gz or cifar-100-python.tar.gz",
        label_bytes="a coarse label, a label",
        record_bytes=2 + 3 * 32 * 32,
        from_label="[:, 1:]",
        label_key="fine_labels",
        sums=(1_379_589_175_816_102, 277_048_398_865_815),
    ),
    "svhn": Reader(
        template="train/svhn.py.jinja",
        modules=("zlib",),
        folder_holds="the three files of SVHN",
        verifies=True,  # how many images there are
    ),
    "imagenet32": Reader(
        template="train/imagenet32.py.jinja",
        modules=("pickle",),
        folder_holds="imagenet32",
        verifies=True,  # how many images there are
    ),
}

_IMAGE_FOLDER = Reader(
    template="folder/data.py.jinja",
    is_page=True,
    folder_holds="train/ and val/, of images or shards",
    flags=("workers: int = -1  # processes that read, for each that trains; -1: one a core",),
)
_SINE = Reader(template="sine/data.py.jinja", is_page=True, has_images=False)


def reader_of(data: DataSource) -> Reader:
    """Return how images are read, or points made."""
    match data:
        case Data(name=name):
            return READERS[name]
        case ImageFolder():
            return _IMAGE_FOLDER
        case Sine():
            return _SINE
        case _:
            assert_never(data)


def title_of(data: DataSource) -> str:
    """Return what is trained on, in prose."""
    match data:
        case Data(name=name):
            return DATA_SETS[name].title
        case ImageFolder():
            return "a folder of images"
        case Sine():
            return "the sine"
        case _:
            assert_never(data)


def levels_of(data: DataSource) -> int:
    """Return how many values a pixel has, from 0."""
    return DATA_SETS[data.name].levels if isinstance(data, Data) else 256
