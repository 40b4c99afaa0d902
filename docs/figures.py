"""The figures of the papers that the specs answer for, as data; docs/papers.py makes the table.

A printed figure matches where ours, rounded half up to its decimals, prints the same.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Quantity(StrEnum):
    """What a figure counts."""

    PARAMETERS = "parameters"  # printed in millions
    DECREASE = "decrease"  # per cent of the parameters that sharing saves
    CONVOLUTIONS = "convolutions"  # distinct weights


class Figure(NamedTuple):
    """A printed figure and the network that it is about."""

    row: str
    printed: str
    spec: str  # with `:network` where the file has several
    arguments: Mapping[str, object]
    quantity: Quantity = Quantity.PARAMETERS
    projections: int = 0  # left out of the count of convolutions, and the classifier counted
    why: str = ""
    paper_says_so: bool = True  # False: another reading of a row, beside it


class Table(NamedTuple):
    """Figures that stand together."""

    title: str
    note: str
    figures: tuple[Figure, ...]


class Paper(NamedTuple):
    """A paper and its tables."""

    title: str
    tables: tuple[Table, ...]


RESNET, SHARESNET = "specs/resnet.arch", "specs/sharesnet.arch"
PREACT, SHARE_164 = "specs/preact_resnet.arch", "specs/share_resnet164.arch"
WRN, SHARE_WRN, VGG = "specs/wrn.arch", "specs/share_wrn.arch", "specs/vgg16.arch"
RULES = "tests/specs/sharing_rules.arch"

WRN_40_4 = {"depth": 40, "k": 4}
WRN_28_10_C100 = {"depth": 28, "k": 10, "classes": 100}

TRUNCATED = "truncated; the paper rounds its other rows"
DEEP_1001 = "10.2 leaves the scales and offsets of batch normalization out: 10,178,490"

# ---------------------------------------------------------------- ShaResNet

RULED_OUT = "not what the paper's networks do"

ORIGINAL = Table(
    "Table 1, parameters of the originals",
    "In millions. Section 4.1 says that ResNet-164 has basic blocks; it has bottlenecks.",
    (
        Figure("ResNet-164", "1.70", PREACT, {"depth": 164}),
        Figure(
            "ResNet-164 of basic blocks",
            "1.70",
            PREACT,
            {"depth": 164, "bottlenecks": False},
            why=RULED_OUT,
            paper_says_so=False,
        ),
        Figure("WRN-40-4", "8.95", WRN, WRN_40_4),
        Figure("WRN-28-10, CIFAR-100", "36.54", WRN, WRN_28_10_C100),
        Figure("ResNet-34", "21.8", RESNET, {"depth": 34}),
        Figure("ResNet-50", "25.6", RESNET, {"depth": 50}),
        Figure("ResNet-101", "44.5", RESNET, {"depth": 101}),
        Figure("ResNet-152", "60.2", RESNET, {"depth": 152}),
    ),
)

SHARED = Table(
    "Table 1, parameters with sharing",
    "In millions. The paper's section 3.2 lets all blocks of a stage share; its figures need the "
    "first block of each strided stage (CIFAR: of every stage) to keep a convolution of its own.",
    (
        Figure("ResNet-164", "0.93", SHARE_164, {}),
        Figure("WRN-40-4", "5.85", SHARE_WRN, WRN_40_4),
        Figure("WRN-28-10, CIFAR-100", "26.86", SHARE_WRN, WRN_28_10_C100),
        Figure("ResNet-34", "13.6", SHARESNET, {"depth": 34}),
        Figure("ResNet-50", "20.5", SHARESNET, {"depth": 50}),
        Figure("ResNet-101", "29.4", SHARESNET, {"depth": 101}),
        Figure("ResNet-152", "36.8", SHARESNET, {"depth": 152}),
    ),
)

DECREASE = Table(
    "Table 1, decrease",
    "In per cent of the original's parameters. The introduction and the conclusion say 25 % to "
    "45 %; ResNet-50 saves 20 %.",
    (
        Figure("ResNet-164", "45", SHARE_164, {}, Quantity.DECREASE),
        Figure("WRN-40-4", "35", SHARE_WRN, WRN_40_4, Quantity.DECREASE),
        Figure("WRN-28-10, CIFAR-100", "26", SHARE_WRN, WRN_28_10_C100, Quantity.DECREASE),
        Figure("ResNet-34", "37", SHARESNET, {"depth": 34}, Quantity.DECREASE, why=TRUNCATED),
        Figure("ResNet-50", "20", SHARESNET, {"depth": 50}, Quantity.DECREASE),
        Figure("ResNet-101", "33", SHARESNET, {"depth": 101}, Quantity.DECREASE, why=TRUNCATED),
        Figure("ResNet-152", "39", SHARESNET, {"depth": 152}, Quantity.DECREASE),
    ),
)

CONVOLUTIONS_ORIGINAL = Table(
    "Table 1, convolutions of the originals",
    "Ours counts every convolution, projections of shortcuts among them. The paper's ResNet rows "
    "leave projections out and count the classifier; its WRN rows do as we do.",
    (
        Figure("ResNet-164", "164", PREACT, {"depth": 164}, Quantity.CONVOLUTIONS, 3),
        Figure("WRN-40-4", "40", WRN, WRN_40_4, Quantity.CONVOLUTIONS),
        Figure("WRN-28-10", "28", WRN, WRN_28_10_C100, Quantity.CONVOLUTIONS),
        Figure("ResNet-34", "34", RESNET, {"depth": 34}, Quantity.CONVOLUTIONS, 3),
        Figure("ResNet-50", "50", RESNET, {"depth": 50}, Quantity.CONVOLUTIONS, 4),
        Figure("ResNet-101", "101", RESNET, {"depth": 101}, Quantity.CONVOLUTIONS, 4),
        Figure("ResNet-152", "152", RESNET, {"depth": 152}, Quantity.CONVOLUTIONS, 4),
    ),
)

ONE_PER_STAGE = "one convolution per stage; the row's parameters have three first blocks' own too"

CONVOLUTIONS_SHARED = Table(
    "Table 1, convolutions with sharing",
    "Distinct weights, counted as in the column before. Six rows contradict the parameters of "
    "the same rows, by three each.",
    (
        Figure("ResNet-164", "113", SHARE_164, {}, Quantity.CONVOLUTIONS, 3, ONE_PER_STAGE),
        Figure("WRN-40-4", "25", SHARE_WRN, WRN_40_4, Quantity.CONVOLUTIONS, 0, ONE_PER_STAGE),
        Figure(
            "WRN-28-10", "19", SHARE_WRN, WRN_28_10_C100, Quantity.CONVOLUTIONS, 0, ONE_PER_STAGE
        ),
        Figure(
            "ResNet-34",
            "20",
            SHARESNET,
            {"depth": 34},
            Quantity.CONVOLUTIONS,
            3,
            "16 + 4 in the blocks; leaves out stem and classifier, which the other rows count",
        ),
        Figure(
            "ResNet-50", "38", SHARESNET, {"depth": 50}, Quantity.CONVOLUTIONS, 4, ONE_PER_STAGE
        ),
        Figure(
            "ResNet-101", "72", SHARESNET, {"depth": 101}, Quantity.CONVOLUTIONS, 4, ONE_PER_STAGE
        ),
        Figure(
            "ResNet-152", "106", SHARESNET, {"depth": 152}, Quantity.CONVOLUTIONS, 4, ONE_PER_STAGE
        ),
    ),
)

NOT_C100 = "size and accuracy are those for CIFAR-10, as in Tables 1 and 2"

EQUAL_SIZE = Table(
    "Table 3, plain networks of equal size",
    "In millions.",
    (
        Figure("ResNet-164 Share, CIFAR-10", "0.93", SHARE_164, {}),
        Figure("ResNet-92, CIFAR-10", "0.96", PREACT, {"depth": 92}),
        Figure(
            "WRN-40-4 Share, CIFAR-100",
            "5.85",
            SHARE_WRN,
            {**WRN_40_4, "classes": 100},
            why=NOT_C100,
        ),
        Figure("the same for CIFAR-10", "5.85", SHARE_WRN, WRN_40_4, paper_says_so=False),
        Figure(
            "WRN-28-4, CIFAR-100", "5.85", WRN, {"depth": 28, "k": 4, "classes": 100}, why=NOT_C100
        ),
        Figure("the same for CIFAR-10", "5.85", WRN, {"depth": 28, "k": 4}, paper_says_so=False),
        Figure("WRN-28-10 Share, CIFAR-100", "26.86", SHARE_WRN, WRN_28_10_C100),
        Figure(
            "WRN-22-10, CIFAR-100",
            "26.85",
            WRN,
            {"depth": 22, "k": 10, "classes": 100},
            why="truncated instead of rounded",
        ),
    ),
)


def _other_rules(
    row: str, printed: str, network: str, arguments: Mapping[str, object], fits: int | None = None
) -> tuple[Figure, ...]:
    """Return the row under both rules; `fits` is the value of `first` that prints as the paper."""
    return tuple(
        Figure(
            f"{row}, {rule}",
            printed,
            f"{RULES}:{network}",
            {**arguments, "first": first},
            why="" if first == fits else RULED_OUT,
            paper_says_so=False,
        )
        for first, rule in ((2, "first block apart"), (1, "all blocks"))
    )


OTHER_RULES = Table(
    "Table 1, under other rules of sharing",
    "In millions, beside the printed figures: what the parameters would be if the first block of "
    "every stage kept its own convolution, or if all blocks of a stage shared one, whatever "
    "their stride. Neither rule gives all seven figures.",
    (
        *_other_rules("ResNet-164", "0.93", "resnet164", {}, fits=2),
        *_other_rules("WRN-40-4", "5.85", "wrn", WRN_40_4, fits=2),
        *_other_rules("WRN-28-10, CIFAR-100", "26.86", "wrn", WRN_28_10_C100, fits=2),
        *_other_rules("ResNet-34", "13.6", "imagenet", {"depth": 34}, fits=1),
        *_other_rules("ResNet-50", "20.5", "imagenet", {"depth": 50}, fits=2),
        *_other_rules("ResNet-101", "29.4", "imagenet", {"depth": 101}),
        *_other_rules("ResNet-152", "36.8", "imagenet", {"depth": 152}),
    ),
)

DEPTH_OF_VGG = Table(
    "Section 2, depth of VGG",
    "Convolutions.",
    (
        Figure(
            "VGG16",
            "16",
            VGG,
            {},
            Quantity.CONVOLUTIONS,
            why="16 layers with weights: 13 convolutions and 3 linear layers",
        ),
    ),
)

SHARESNET_PAPER = Paper(
    "ShaResNet: reducing residual network parameter number by sharing weights (Boulch 2017)",
    (
        ORIGINAL,
        SHARED,
        DECREASE,
        CONVOLUTIONS_ORIGINAL,
        CONVOLUTIONS_SHARED,
        EQUAL_SIZE,
        OTHER_RULES,
        DEPTH_OF_VGG,
    ),
)

# ---------------------------------------------------------------- wide residual networks

BLOCK_TYPES = Table(
    "Table 2, types of blocks",
    "In millions; CIFAR-10, k = 2. The depth is 6n + 4 for every type, though blocks of three "
    "convolutions have 9n + 4 (projections of shortcuts counted).",
    (
        Figure("B(1,3,1), 40", "1.4", WRN, {"depth": 40, "k": 2, "kernels": [1, 3, 1]}),
        Figure("B(3,1), 40", "1.2", WRN, {"depth": 40, "k": 2, "kernels": [3, 1]}),
        Figure("B(1,3), 40", "1.3", WRN, {"depth": 40, "k": 2, "kernels": [1, 3]}),
        Figure("B(3,1,1), 40", "1.3", WRN, {"depth": 40, "k": 2, "kernels": [3, 1, 1]}),
        Figure("B(3,3), 28", "1.5", WRN, {"depth": 28, "k": 2}),
        Figure("B(3,1,3), 22", "1.1", WRN, {"depth": 22, "k": 2, "kernels": [3, 1, 3]}),
    ),
)

DEEPENING = Table(
    "Table 3, convolutions per block",
    "In millions; WRN-40-2, CIFAR-10. All four have exactly the same number.",
    (
        Figure("l = 1", "2.2", WRN, {"depth": 40, "k": 2, "kernels": [3], "per_block": 1}),
        Figure("l = 2", "2.2", WRN, {"depth": 40, "k": 2}),
        Figure("l = 3", "2.2", WRN, {"depth": 40, "k": 2, "kernels": [3] * 3, "per_block": 3}),
        Figure("l = 4", "2.2", WRN, {"depth": 40, "k": 2, "kernels": [3] * 4, "per_block": 4}),
    ),
)

WIDENING = Table(
    "Table 4, depth and width",
    "In millions; the column is CIFAR-10's.",
    tuple(
        Figure(f"{depth}-{k}", printed, WRN, {"depth": depth, "k": k})
        for depth, k, printed in (
            (40, 1, "0.6"),
            (40, 2, "2.2"),
            (40, 4, "8.9"),
            (40, 8, "35.7"),
            (28, 10, "36.5"),
            (28, 12, "52.5"),
            (22, 8, "17.2"),
            (22, 10, "26.8"),
            (16, 8, "11.0"),
            (16, 10, "17.1"),
        )
    ),
)

OTHER_METHODS = Table(
    "Table 5, other methods",
    "In millions; CIFAR-10. The rows of networks whose shortcuts pad with zeros (original "
    "ResNet and stochastic depth, 110 and 1202) wait for that shortcut; ResNet-1202's 10.2 is "
    "the figure of ResNet-1001.",
    (
        Figure("pre-act ResNet-110", "1.7", PREACT, {"depth": 110}),
        Figure("pre-act ResNet-164", "1.7", PREACT, {"depth": 164}),
        Figure("pre-act ResNet-1001", "10.2", PREACT, {"depth": 1001}, why=DEEP_1001),
        Figure(
            "WRN-40-4", "8.7", WRN, WRN_40_4, why="misprint: Table 4 and the text say 8.9 of it"
        ),
        Figure("WRN-16-8", "11.0", WRN, {"depth": 16, "k": 8}),
        Figure("WRN-28-10", "36.5", WRN, {"depth": 28, "k": 10}),
    ),
)

TEXT = Table(
    "Section 3, text",
    "In millions.",
    (
        Figure("WRN-40-4", "8.9", WRN, WRN_40_4),
        Figure("ResNet-1001", "10.2", PREACT, {"depth": 1001}, why=DEEP_1001),
        Figure("WRN-28-12", "52.5", WRN, {"depth": 28, "k": 12}),
    ),
)

WRN_PAPER = Paper(
    "Wide Residual Networks (Zagoruyko & Komodakis 2016, version 1)",
    (BLOCK_TYPES, DEEPENING, WIDENING, OTHER_METHODS, TEXT),
)

# ---------------------------------------------------------------- rows of two further papers

DIRACNETS = Paper(
    "DiracNets (Zagoruyko & Komodakis 2017, version 1)",
    (
        Table(
            "Tables 2 and 3, networks it compares with",
            "In millions.",
            (
                Figure("ResNet-1001-1", "10.2", PREACT, {"depth": 1001}, why=DEEP_1001),
                Figure("WRN-28-10", "36.5", WRN, {"depth": 28, "k": 10}),
                Figure("VGG-16", "138.4", VGG, {}),
                Figure("ResNet-18", "11.7", RESNET, {"depth": 18}),
                Figure("ResNet-34", "21.8", RESNET, {"depth": 34}),
            ),
        ),
    ),
)

ONE_BIT = Paper(
    "Training Wide Residual Networks for Deployment Using a Single Bit for Each Weight "
    "(McDonnell 2018)",
    (
        Table(
            "Table 3, networks it compares with",
            "In millions.",
            (
                Figure("WRN 22-10", "27", WRN, {"depth": 22, "k": 10}),
                Figure("WRN 28-10, ImageNet32", "37", WRN, {"classes": 1000}),
                Figure(
                    "WRN 28-10 + cutout",
                    "34",
                    WRN,
                    WRN_28_10_C100,
                    why="looks swapped with the 36 of the ResNeXt-29 row, which has 34",
                ),
            ),
        ),
    ),
)

PAPERS = (SHARESNET_PAPER, WRN_PAPER, DIRACNETS, ONE_BIT)
