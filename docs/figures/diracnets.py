"""The figures of Zagoruyko & Komodakis 2017 (DiracNets), arXiv:1706.00388v1."""

from collections.abc import Mapping

from docs.figures.kinds import (
    DEEP_1001,
    PREACT,
    RESNET,
    VGG,
    WRN,
    Figure,
    Paper,
    Quantity,
    Size,
    Table,
)

DIRAC, IMAGENET = "specs/diracnet.arch", "specs/diracnet_imagenet.arch"
VGG_CNN_S = "specs/vgg_cnn_s.arch"

CIFAR = Table(
    "Table 2, CIFAR",
    "In millions; the figures stand for both columns. Table 1 has a first convolution of 16 "
    "channels, the authors' code one of 16k, and the text one `a` and one `b` in each layer: the "
    "figures come out either way. 34 layers are 30 with the parameterization, stem and classifier.",
    (
        Figure("DiracNet-34-2, CIFAR-10", "3.7", DIRAC, {}),
        Figure("DiracNet-34-2, CIFAR-100", "3.7", DIRAC, {"classes": 100}),
        Figure(
            "DiracNet-34-2, 16 channels first",
            "3.7",
            DIRAC,
            {"stem_width": 16},
            paper_says_so=False,
        ),
        Figure(
            "DiracNet-34-2, `b` per channel",
            "3.7",
            DIRAC,
            {"b_per": "channel"},
            paper_says_so=False,
        ),
        Figure("DiracNet-34-8, CIFAR-10", "59", DIRAC, {"k": 8}),
        Figure("DiracNet-34-8, CIFAR-100", "59", DIRAC, {"k": 8, "classes": 100}),
        Figure(
            "DiracNet-34-8, 16 channels first",
            "59",
            DIRAC,
            {"k": 8, "stem_width": 16},
            paper_says_so=False,
        ),
        Figure("ResNet-1001-1", "10.2", PREACT, {"depth": 1001}, why=DEEP_1001),
        Figure("WRN-28-10", "36.5", WRN, {"depth": 28, "k": 10}),
        Figure("WRN-28-10, section 3.2", "36", WRN, {"depth": 28, "k": 10}),
    ),
)

RESNET_34 = "the table's figure needs groups of 3, 4, 6 and 5 pairs, which the code had too"
SCALAR = "needs `b` per channel, as in the published weights"


def _readings(
    row: str, printed: str, arguments: Mapping[str, object], scalar: str = ""
) -> tuple[Figure, ...]:
    """Return the row as the authors' weights have it, then as the text and ResNet-34 would."""
    as_resnet = {**arguments, "blocks": [3, 4, 6, 3]}
    return (
        Figure(row, printed, IMAGENET, arguments),
        Figure(
            f"{row}, scalars",
            printed,
            IMAGENET,
            {**arguments, "b_per": "layer"},
            why=scalar,
            paper_says_so=False,
        ),
        Figure(
            f"{row}, blocks as in ResNet-34",
            printed,
            IMAGENET,
            as_resnet,
            why=RESNET_34,
            paper_says_so=False,
        ),
        Figure(
            f"{row}, both",
            printed,
            IMAGENET,
            {**as_resnet, "b_per": "layer"},
            why=RESNET_34,
            paper_says_so=False,
        ),
    )


LARGE = Table(
    "Table 3, ImageNet",
    "In millions. The text has one `a` and one `b` in each layer and as many blocks as ResNet; the "
    "published weights have a `b` for each channel and, in the last group of 34 layers, 5 pairs "
    "instead of 3. Only both together give all three figures.",
    (
        Figure("VGG-CNN-S", "102.9", VGG_CNN_S, {}),
        Figure("VGG-16", "138.4", VGG, {}),
        Figure("DiracNet-18-0.75", "12.8", IMAGENET, {}),
        Figure(
            "DiracNet-18-0.75, scalars", "12.8", IMAGENET, {"b_per": "layer"}, paper_says_so=False
        ),
        *_readings("DiracNet-34-0.5", "15.5", {"depth": 34, "width": 0.5}),
        *_readings("DiracNet-34-0.75", "34.8", {"depth": 34}, SCALAR),
        Figure("ResNet-18", "11.7", RESNET, {"depth": 18}),
        Figure("ResNet-34", "21.8", RESNET, {"depth": 34}),
    ),
)

DOUBLED = "every convolution has twice the inputs, so it is 2; the root is what a width shrinks by"


def _against_wrn(k: int) -> Figure:
    arguments = {"depth": 34, "k": k}
    row = f"DiracNet-34-{k} in WRN-34-{k}"
    return Figure(
        row, "1.41", DIRAC, arguments, Quantity.RATIO, why=DOUBLED, other=(WRN, arguments)
    )


TIMES = Table(
    "Sections 3 and 3.5, times as many",
    "Parameters in those of a network with ReLU: the text says that NCReLU makes them the square "
    "root of 2 times as many.",
    (
        _against_wrn(1),
        _against_wrn(2),
        _against_wrn(8),
        Figure(
            "DiracNet-18-1 in ResNet-18",
            "1.41",
            IMAGENET,
            {"width": 1},
            Quantity.RATIO,
            why=DOUBLED,
            other=(RESNET, {"depth": 18}),
        ),
    ),
)

FOLDED_CIFAR = "tests/specs/folded_diracnet.arch:cifar"
FOLDED_IMAGENET = "tests/specs/folded_diracnet.arch:imagenet"
TO_5 = {"blocks": [3, 4, 6, 5]}

FOLDED = Table(
    "Section 1, folded for inference",
    "The paper has no figures: these are the networks of Tables 2 and 3 as convolutions with "
    "biases, at 32 bits.",
    sizes=(
        Size("DiracNet-34-2, CIFAR-10", FOLDED_CIFAR, {}),
        Size("DiracNet-34-8, CIFAR-10", FOLDED_CIFAR, {"k": 8}),
        Size("DiracNet-18-0.75", FOLDED_IMAGENET, {}),
        Size("DiracNet-34-0.5", FOLDED_IMAGENET, {"width": 0.5, **TO_5}),
        Size("DiracNet-34-0.75", FOLDED_IMAGENET, TO_5),
    ),
)

DIRACNETS = Paper(
    "DiracNets (Zagoruyko & Komodakis 2017, version 1)",
    (CIFAR, LARGE, TIMES, FOLDED),
)
