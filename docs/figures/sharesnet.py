"""The figures of Boulch 2017 (ShaResNet), arXiv:1702.08782."""

from collections.abc import Mapping

from docs.figures.kinds import (
    PREACT,
    RESNET,
    SHARE_164,
    SHARE_WRN,
    SHARESNET,
    VGG,
    WRN,
    WRN_28_10_C100,
    WRN_40_4,
    Figure,
    Paper,
    Quantity,
    Table,
)

RULES = "tests/specs/sharing_rules.arch"

TRUNCATED = "truncated; the paper rounds its other rows"
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

SAVED = Table(
    "Introduction and conclusion, decrease",
    "In per cent of the original's parameters: 25 to 45, say both.",
    (
        Figure(
            "the least, ResNet-50",
            "25",
            SHARESNET,
            {"depth": 50},
            Quantity.DECREASE,
            why="Table 1 and section 4.2 have 20",
        ),
        Figure("the most, ResNet-164", "45", SHARE_164, {}, Quantity.DECREASE),
    ),
)

SMALL = Table(
    "Section 4.3, the networks for CIFAR-10",
    "In millions.",
    (
        Figure("ResNet-164", "< 10", PREACT, {"depth": 164}),
        Figure("WRN-40-4", "< 10", WRN, WRN_40_4),
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
        SAVED,
        SMALL,
        DEPTH_OF_VGG,
    ),
)
